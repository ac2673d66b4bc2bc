// The strip: the user's own sequence, coloured, and what the network says after the step that is pointed at.
import { ask, base, forget, later, make, outdate, percent, problem, short, start, visible } from "./api.js";
import { HUES, track } from "./series.js";

const $ = (id) => document.getElementById(id);
const tokens = $("tokens"), text = $("text"), line = $("track");
const inspector = $("inspector"), legend = $("legend"), offered = $("offered");
const KEY = `elman:${base}`;
export const FOR = "217,112,15", AGAINST = "47,125,209"; // orange: for it, or above 0; blue: against it, or below
export const state = { answer: null, chosen: null, colour: "none", pick: null, edited: false };
const kept = JSON.parse(sessionStorage.getItem(KEY) || "{}");
const keep = (facts) => { Object.assign(kept, facts); try { sessionStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* a full store forgets */ } };
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

// What a question is about, as the server reads it.
export function sequence() {
  if (text) return { text: text.value, true: kept.true && kept.of === text.value ? kept.true : null };
  const { series, past, future, true: truth } = state.pick ?? {};
  return series ? { series, true: truth ?? null } : { past, future };
}
export function write(value, truth = null) { text.value = value; keep({ true: truth, of: value }); grow(); return read(); }
// A series or a past to forecast from, given or changed.
export function take(pick, edited = false) { state.pick = pick; state.edited = edited; keep({ pick }); return read(); }

function grow() { text.style.height = "auto"; text.style.height = `${Math.min(text.scrollHeight + 2, 260)}px`; }

async function read() {
  if (!text && !state.pick) return;
  if (text) keep({ text: text.value });
  performance.mark("keystroke");
  outdate();
  // An empty text is asked nothing; a question that is still on its way is forgotten.
  const answer = text?.value === "" ? await forget("strip/read", { steps: [], unknown: [], at: [], top: [], loss: [], count: 0 }) : await ask("strip/read", sequence());
  if (!answer) return;
  state.answer = answer;
  if (state.chosen !== null && state.chosen >= answer.steps.length) state.chosen = null;
  draw();
  tell("sequence", answer);
  colour();
}

function draw() {
  const { steps, unknown, channels } = state.answer;
  if (line) {
    line.setAttribute("aria-valuemax", steps.length);
    name(channels);
    track(line, { channels, steps, paint: null, chosen: state.chosen });
    return inspect(state.chosen);
  }
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

// Which line is which; of many channels those that have a colour are drawn.
function name(channels) {
  const drawn = channels.slice(0, HUES.length), place = $("channels");
  place.hidden = channels.length < 2;
  place.replaceChildren(...drawn.map((each, k) => make("li", {}, make("i", { style: { background: HUES[k] } }), each.name)),
    ...drawn.length < channels.length ? [make("li", { class: "soft" }, `the first ${drawn.length} of ${channels.length}; all are read`)] : []);
}

let told = [], colours = null;
function paint(values, sentence, { signed = false, unit = "" } = {}) {
  const { steps, at: asked } = state.answer, whole = values.length === steps.length;
  const most = Math.max(...values.filter(Number.isFinite).map(Math.abs), 1e-12);
  told = steps.map(() => null); colours = steps.map(() => null);
  values.forEach((value, k) => {
    const place = whole ? k : asked[k];
    if (place === undefined || !Number.isFinite(value)) return;
    colours[place] = `rgba(${signed && value < 0 ? AGAINST : FOR},${(0.6 * Math.abs(value) / most).toFixed(3)})`;
    told[place] = `${short(value)}${unit}`;
  });
  if (line) { if (!values.length) colours = null; track(line, { channels: state.answer.channels, steps, paint: colours, chosen: state.chosen }); }
  else for (const [k, item] of [...tokens.children].entries()) {
    item.style.background = colours[k] ?? "";
    if (told[k] === null) delete item.dataset.value; else item.dataset.value = told[k];
  }
  legend.replaceChildren(...[sentence].flat());
  inspect(state.chosen);
}

export const swatch = (rgb, words) => make("span", { class: "swatch", style: { background: `rgba(${rgb},.6)` } }, words);

const HINT = `Point at a step, or move along with the arrow keys, to read ${document.body.dataset.kind === "forecast" ? "its value" : "what the network says after it"}.`;
let turn = 0; // of colouring: one that was left says nothing more
async function colour() {
  const mine = ++turn;
  $("unit-choice").hidden = state.colour !== "unit";
  const { answer } = state;
  if (!answer) return;
  if (state.colour === "none" || !answer.steps.length) {
    paint([], answer.unknown.some(Boolean) ? "Underlined: not in the vocabulary, read as <unk>." : answer.count > answer.steps.length ? `${answer.count.toLocaleString("en")} steps; ${answer.steps.length} are shown.`
      : answer.steps.length ? HINT : "Type something, and what the network makes of it stands below.");
  } else if (state.colour === "loss") {
    if (!answer.loss) return paint([], "This network has no loss at a step.");
    const known = answer.loss.filter(Number.isFinite), mean = known.reduce((sum, one) => sum + one, 0) / Math.max(1, known.length);
    const language = document.body.dataset.task === "language_modelling";
    paint(answer.loss, language ? `The darker, the more it was surprised: ${mean.toFixed(2)} bits a step on average.`
      : `The darker, the further from ${sequence().true ? "the true answer" : "its last answer"} after that step, in bits.`, { unit: " bits" });
  } else if (state.colour === "credit") {
    const slow = setTimeout(() => { if (mine === turn) legend.textContent = "What spoke for its answer? …"; }, 400);
    const found = await ask("strip/credit", sequence());
    clearTimeout(slow);
    if (mine !== turn) return;
    if (!found) { if (legend.textContent.endsWith("…")) legend.textContent = ""; return; }
    const beside = found.likeness === null ? "" : ` The same with shuffled weights looks ${found.likeness > 0.7 ? "much alike, so beware" : found.likeness < 0.3 ? "unlike it, as it should" : "partly alike"} (correlation ${found.likeness.toFixed(2)}).`;
    paint(found.credit, [`For ${visible(found.label)}: `, swatch(FOR, "spoke for it"), " ", swatch(AGAINST, "against"), `. Adds up to the answer within ${percent(Math.max(found.residual, 0.001))}.${beside}`], { signed: true });
  } else await unit();
}

async function readings() {
  const reading = $("reading");
  if (reading.options.length) return true;
  const found = await ask("strip/units", sequence());
  if (!found) return false;
  if (reading.options.length) return true;
  for (const each of found.readings) reading.append(make("option", { value: each.name, "data-units": each.units }, each.words));
  const names = [...reading.options].map((each) => each.value);
  reading.selectedIndex = Math.max(0, names.includes(kept.reading) ? names.indexOf(kept.reading) : names.findIndex((each) => /\.h$|\.c$/.test(each)));
  $("unit").value = kept.unit ?? 0;
  return true;
}

async function unit() {
  if (!await readings()) return;
  const reading = $("reading"), number = $("unit"), slide = $("unit-slide");
  const units = Number(reading.selectedOptions[0].dataset.units);
  number.max = slide.max = units - 1;
  number.value = slide.value = Math.min(units - 1, Math.max(0, Number(number.value) || 0));
  keep({ reading: reading.value, unit: Number(number.value) });
  const found = await ask("strip/unit", { ...sequence(), reading: reading.value, unit: Number(number.value) });
  if (found && state.colour === "unit") paint(found.values, [`${found.words}: `, swatch(FOR, "above 0"), " ", swatch(AGAINST, "below 0")], { signed: true });
}

// Colour by a unit that was picked elsewhere on the page.
export async function colourBy(reading, number) {
  state.colour = "unit"; keep({ colour: "unit", reading, unit: number });
  document.querySelector('#colour input[value="unit"]').checked = true;
  if (!await readings()) return;
  $("reading").value = reading; $("unit").value = number;
  await colour();
}

export function inspect(step) {
  state.chosen = step;
  const { answer } = state;
  if (line && answer) {
    if (step !== null) { line.setAttribute("aria-valuenow", step + 1); line.setAttribute("aria-valuetext", answer.steps[step] ?? ""); }
    track(line, { channels: answer.channels, steps: answer.steps, paint: colours, chosen: step });
  } else if (tokens) for (const item of tokens.children) item.classList.toggle("here", Number(item.dataset.step) === step);
  if (step === null || !answer || step >= answer.steps.length) { inspector.hidden = true; tell("step", null); return; }
  const k = answer.at.indexOf(step), said = [];
  const head = make("p", {}, "after ", make("b", {}, visible(answer.steps[step])), ` (step ${(answer.places?.[step] ?? step) + 1})`, told[step] ? `: ${told[step]}` : "");
  const meter = (label, share) => make("li", {}, make("span", {}, visible(label)), make("i", { style: { width: `${Math.max(1, 100 * share)}%` } }), make("b", {}, percent(share)));
  if (k >= 0 && answer.top) for (const [label, share] of answer.top[k]) said.push(meter(label, share));
  else if (k >= 0 && answer.outputs) said.push(...answer.outputs[k].map((value, n) => make("li", {}, make("span", {}, `output ${n + 1}`), make("span", {}), make("b", {}, short(value)))));
  else if (k >= 0 && answer.values) said.push(make("li", {}, make("span", {}, "value"), make("b", {}, short(answer.values[k]))));
  for (const each of answer.channels ?? []) head.append(make("br"), `${each.name} ${short(each.high[step])}`);
  inspector.replaceChildren(head, make("ul", { class: "meters" }, ...said));
  inspector.hidden = false;
  tell("step", step);
}

// When the document is ready, all that is deferred has run: the page's own script listens by then.
function begin(job) {
  let begun = false;
  const once = () => { if (!begun) { begun = true; job(); } };
  if (document.readyState === "complete") once();
  else for (const [target, name] of [[document, "DOMContentLoaded"], [window, "load"]]) target.addEventListener(name, once);
}

const moved = (event, last) => {
  const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
  return move ? Math.min(last, Math.max(0, (state.chosen ?? 0) + move)) : event.key === "Home" ? 0 : event.key === "End" ? last : null;
};

// What is said of the choices stands in a place of its own: the legend is written anew whenever a reading or a colouring ends.
function offer(found) {
  if (!found) return;
  const choices = $("choices"), words = (each) => `${each.error !== undefined && each.true !== "" && each.said !== "" ? `${each.true} read as ${each.said}: ` : ""}${each.words}`;
  choices.replaceChildren(...found.choices.map((each) => make("option", {}, words(each).replace(/\s+/g, " "))));
  choices.offered = found.choices;
  $("choice").hidden = !found.choices.length;
  offered.textContent = found.choices.length ? found.said ?? "" : "There are none.";
  const at = Math.max(0, found.choices.findIndex((one) => one.series && one.series === kept.pick?.series));
  if (found.choices.length) { choices.selectedIndex = at; choose(at); }
}
function choose(k) {
  const each = $("choices").offered[k];
  return text ? write(each.text, each.true || null) : take(each);
}
async function errors() {
  offered.textContent = "Reading the data …";
  const found = await ask("strip/errors", {});
  if (found) offer(found); else offered.textContent = "";
}
// Where no first text is known, the network's worst error is one, unless the user was faster.
async function greet() {
  const found = await ask("strip/errors", {});
  problem("", "strip/errors");
  if (found?.choices.length && !text.value) offer(found);
}
async function open(file) {
  if (!file) return;
  if (file.size > 7.5e6) return problem(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; 7.5 MB are read here at most.`, "strip/file");
  offer(await ask("strip/file", { name: file.name, content: await file.text() }));
}

if ($("file")) {
  const strip = $("strip");
  $("errors").addEventListener("click", errors);
  $("file").addEventListener("change", (event) => { open(event.target.files[0]); event.target.value = ""; });
  for (const name of ["dragover", "dragleave", "drop"]) strip.addEventListener(name, (event) => {
    event.preventDefault();
    strip.classList.toggle("over", name === "dragover");
    if (name === "drop") open(event.dataTransfer.files[0]);
  });
}
if (tokens || line) {
  $("choices").addEventListener("change", (event) => choose(event.target.selectedIndex));
  $("colour").addEventListener("change", (event) => { state.colour = event.target.value; keep({ colour: state.colour }); problem(""); colour(); });
  const again = later(30, unit);
  $("reading").addEventListener("change", again);
  $("unit").addEventListener("input", again);
  $("unit-slide").addEventListener("input", (event) => { $("unit").value = event.target.value; again(); });
  if (kept.colour) { const there = document.querySelector(`#colour input[value="${CSS.escape(kept.colour)}"]`); if (there) { state.colour = kept.colour; there.checked = true; } }
}
if (tokens) {
  tokens.addEventListener("pointerover", (event) => { const item = event.target.closest("li"); if (item) inspect(Number(item.dataset.step)); });
  tokens.addEventListener("click", (event) => { const item = event.target.closest("li"); if (item) { item.focus(); inspect(Number(item.dataset.step)); } });
  tokens.addEventListener("focusin", (event) => inspect(Number(event.target.dataset.step)));
  tokens.addEventListener("keydown", (event) => {
    const to = moved(event, tokens.children.length - 1);
    if (to === null) return;
    event.preventDefault();
    for (const item of tokens.children) item.tabIndex = -1;
    tokens.children[to].tabIndex = 0;
    tokens.children[to].focus();
  });
}
if (text) {
  text.value = kept.text ?? start.first ?? "";
  grow();
  text.addEventListener("input", () => { grow(); read(); });
  begin(async () => { await read(); if (!text.value && $("errors")) greet(); });
}
if (line) {
  line.addEventListener("pointermove", (event) => { if (state.answer) { const k = line.at(event.clientX); if (k !== state.chosen) inspect(k); } });
  line.addEventListener("keydown", (event) => {
    const to = state.answer && moved(event, state.answer.steps.length - 1);
    if (to === null) return;
    event.preventDefault();
    inspect(to);
  });
  addEventListener("resize", later(60, () => { if (state.answer) inspect(state.chosen); }));
}
if (!text && (tokens || line)) begin(async () => {
  if (kept.pick && $("errors")) { await take(kept.pick); if (state.answer) return; problem(""); }
  errors();
});
