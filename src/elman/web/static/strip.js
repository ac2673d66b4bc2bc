// The strip: the user's own sequence, coloured, and what the network says after the step that is pointed at.
import { ask, later, make, percent, problem, short, start, visible } from "./api.js";

const run = document.body.dataset.run, tokens = document.getElementById("tokens"), text = document.getElementById("text");
const inspector = document.getElementById("inspector"), legend = document.getElementById("legend");
const KEY = `elman:${run}`, FOR = "217,112,15", AGAINST = "47,125,209";
export const state = { answer: null, chosen: null, colour: "none" };
const kept = JSON.parse(sessionStorage.getItem(KEY) || "{}");
const keep = (facts) => { Object.assign(kept, facts); try { sessionStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* a full store forgets */ } };
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

export function sequence() { return { text: text.value, true: kept.true && kept.of === text.value ? kept.true : null }; }
export function write(value, truth = null) { text.value = value; keep({ true: truth, of: value }); grow(); return read(); }

function grow() { text.style.height = "auto"; text.style.height = `${Math.min(text.scrollHeight + 2, 260)}px`; }

async function read() {
  keep({ text: text.value });
  performance.mark("keystroke");
  const answer = await ask("strip/read", sequence());
  if (!answer) return;
  state.answer = answer;
  if (state.chosen !== null && state.chosen >= answer.steps.length) state.chosen = null;
  draw();
  tell("sequence", answer);
  colour();
}

function draw() {
  const { steps, unknown } = state.answer;
  const had = tokens.contains(document.activeElement);
  const focus = state.chosen ?? Math.max(0, steps.length - 1);
  tokens.replaceChildren(...steps.map((step, k) => make("li", {
    tabindex: k === focus ? 0 : -1, class: `${unknown[k] ? "unknown " : ""}${/^\s*$/.test(step) ? "blank" : ""}`,
    title: unknown[k] ? "not in the vocabulary" : null, "data-step": k,
  }, step === "\n" ? "↵\n" : visible(step))));
  tokens.classList.toggle("letters", steps.every((step) => [...step].length <= 1 || step.startsWith("<")));
  if (had) tokens.children[focus]?.focus();
  inspect(state.chosen);
}

function paint(values, sentence, { signed = false, unit = "" } = {}) {
  const at = state.answer.at ?? values.map((_, k) => k);
  const most = Math.max(...values.filter(Number.isFinite).map(Math.abs), 1e-12);
  for (const item of tokens.children) { item.style.background = ""; delete item.dataset.value; }
  values.forEach((value, k) => {
    const item = tokens.children[values.length === tokens.children.length ? k : at[k]];
    if (!item || !Number.isFinite(value)) return;
    item.style.background = `rgba(${signed && value < 0 ? AGAINST : FOR},${(0.6 * Math.abs(value) / most).toFixed(3)})`;
    item.dataset.value = `${short(value)}${unit}`;
  });
  legend.replaceChildren(...[sentence].flat());
  inspect(state.chosen);
}

const swatch = (rgb, words) => make("span", { class: "swatch", style: { background: `rgba(${rgb},.6)` } }, words);

async function colour() {
  document.getElementById("unit-choice").hidden = state.colour !== "unit";
  const { answer } = state;
  if (!answer) return;
  if (state.colour === "none") {
    paint([], answer.unknown.some(Boolean) ? "Underlined: not in the vocabulary, read as <unk>." : "");
  } else if (state.colour === "loss") {
    if (!answer.loss) return paint([], "This network has no loss at a step.");
    const known = answer.loss.filter(Number.isFinite), mean = known.reduce((sum, one) => sum + one, 0) / Math.max(1, known.length);
    const language = start.task === "language_modelling" || document.body.dataset.task === "language_modelling";
    paint(answer.loss, language ? `The darker, the more it was surprised: ${mean.toFixed(2)} bits a step on average.`
      : `The darker, the further from ${sequence().true ? "the true answer" : "its last answer"} after that step, in bits.`, { unit: " bits" });
  } else if (state.colour === "credit") {
    const found = await ask("strip/credit", sequence());
    if (!found || state.colour !== "credit") return;
    const beside = found.likeness === null ? "" : ` The same with shuffled weights looks ${found.likeness > 0.7 ? "much alike, so beware" : found.likeness < 0.3 ? "unlike it, as it should" : "partly alike"} (correlation ${found.likeness.toFixed(2)}).`;
    paint(found.credit, [`For ${visible(found.label)}: `, swatch(FOR, "spoke for it"), " ", swatch(AGAINST, "against"), `. Adds up to the answer within ${percent(Math.max(found.residual, 0.001))}.${beside}`], { signed: true });
  } else await unit();
}

async function unit() {
  const reading = document.getElementById("reading"), number = document.getElementById("unit"), slide = document.getElementById("unit-slide");
  if (!reading.options.length) {
    const found = await ask("strip/units", { text: text.value });
    if (!found) return;
    for (const each of found.readings) reading.append(make("option", { value: each.name, "data-units": each.units }, each.words));
    const state_ = [...reading.options].findIndex((each) => /\.h$|\.c$/.test(each.value));
    reading.selectedIndex = Math.max(0, kept.reading ? [...reading.options].findIndex((each) => each.value === kept.reading) : state_);
    number.value = kept.unit ?? 0;
  }
  const units = Number(reading.selectedOptions[0].dataset.units);
  number.max = slide.max = units - 1;
  number.value = slide.value = Math.min(units - 1, Math.max(0, Number(number.value) || 0));
  keep({ reading: reading.value, unit: Number(number.value) });
  const found = await ask("strip/unit", { ...sequence(), reading: reading.value, unit: Number(number.value) });
  if (found && state.colour === "unit") paint(found.values, [`${found.words}: `, swatch(FOR, "above 0"), " ", swatch(AGAINST, "below 0")], { signed: true });
}

export function inspect(step) {
  state.chosen = step;
  for (const item of tokens.children) item.classList.toggle("here", Number(item.dataset.step) === step);
  const { answer } = state;
  if (step === null || !answer || step >= answer.steps.length) { inspector.hidden = true; tell("step", null); return; }
  const k = answer.at.indexOf(step), item = tokens.children[step];
  const head = make("p", {}, "after ", make("b", {}, visible(answer.steps[step])), ` (step ${step + 1})`, item?.dataset.value ? `: ${item.dataset.value}` : "");
  const said = [];
  if (k >= 0 && answer.top) for (const [label, share] of answer.top[k]) said.push(make("li", {}, make("span", {}, visible(label)), make("i", { style: { width: `${Math.max(1, 100 * share)}%` } }), make("b", {}, percent(share))));
  else if (k >= 0 && answer.values) said.push(make("li", {}, make("span", {}, "value"), make("b", {}, short(answer.values[k]))));
  inspector.replaceChildren(head, make("ul", { class: "meters" }, ...said));
  inspector.hidden = false;
  tell("step", step);
}

if (text) {
  text.value = kept.text ?? start.first ?? "";
  grow();
  text.addEventListener("input", () => { grow(); read(); });
  tokens.addEventListener("pointerover", (event) => { const item = event.target.closest("li"); if (item) inspect(Number(item.dataset.step)); });
  tokens.addEventListener("click", (event) => { const item = event.target.closest("li"); if (item) { item.focus(); inspect(Number(item.dataset.step)); } });
  tokens.addEventListener("focusin", (event) => inspect(Number(event.target.dataset.step)));
  tokens.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key], last = tokens.children.length - 1;
    const to = move ? Math.min(last, Math.max(0, (state.chosen ?? 0) + move)) : event.key === "Home" ? 0 : event.key === "End" ? last : null;
    if (to === null) return;
    event.preventDefault();
    for (const item of tokens.children) item.tabIndex = -1;
    tokens.children[to].tabIndex = 0;
    tokens.children[to].focus();
  });
  document.getElementById("colour").addEventListener("change", (event) => { state.colour = event.target.value; keep({ colour: state.colour }); problem(""); colour(); });
  const again = later(30, unit);
  document.getElementById("reading").addEventListener("change", again);
  document.getElementById("unit").addEventListener("input", again);
  document.getElementById("unit-slide").addEventListener("input", (event) => { document.getElementById("unit").value = event.target.value; again(); });
  if (kept.colour) { state.colour = kept.colour; document.querySelector(`#colour input[value="${CSS.escape(kept.colour)}"]`)?.click(); }
  // The page's own script listens by now: modules run in order.
  queueMicrotask(() => setTimeout(read));
}
