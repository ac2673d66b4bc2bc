// Play, for a forecast: the fan follows what is changed of the past and of what is known ahead.
import { ask, later, make, short, start, still, visible } from "./api.js";
import { fan } from "./series.js";
import { state, take } from "./strip.js";

const $ = (id) => document.getElementById(id), place = $("fan"), columns = start.columns;
let first = null, found = null, before = null, origin = null;
const name = () => $("series").value;
const shown = () => Math.min(columns.context, origin.past[columns.time].length);

async function ahead() {
  const pick = state.pick;
  const answer = await ask("play/forecast", { past: pick.past, future: pick.future });
  if (!answer) return;
  found = answer.series;
  if (!state.edited) before = null; else before ??= first;
  if (!state.edited) first = found;
  draw();
}

function draw() {
  if (!found) return;
  const pick = state.pick, each = found[name()], n = shown(), past = pick.past[name()].slice(-n);
  const stamps = [...pick.past[columns.time].slice(-n), ...each.times];
  const mean = (values) => { const known = values.filter((one) => one !== null); return known.reduce((sum, one) => sum + one, 0) / known.length; };
  const moved = before ? mean(each.prediction) - mean(before[name()].prediction) : 0;
  const told = `${each.prediction.length} steps after ${visible(String(stamps[n - 1]))}: ${short(each.prediction[0])} next (${short(each.low[0])} to ${short(each.high[0])}), ${short(mean(each.prediction))} on average`;
  $("answer").textContent = `${told}${before ? `, ${moved >= 0 ? "+" : ""}${short(moved)} by your changes` : ""}.`;
  fan(place, { past, stamps, found: each, came: pick.came?.[name()] ?? null, before: before?.[name()].prediction ?? null, title: told, drag, chosen: state.chosen });
  for (const [kind, there] of [["before", before], ["came", pick.came]]) document.querySelector(`.key .${kind}`).hidden = !there;
  $("undo").hidden = !state.edited;
  requestAnimationFrame(() => { performance.mark("painted"); });
}

const again = later(15, (changed) => take(changed, true));
function change(side, column, k, value) {
  const pick = state.pick, values = [...pick[side][column]];
  values[k] = value;
  state.pick = { ...pick, [side]: { ...pick[side], [column]: values } };
  again(state.pick);
}
function drag(k, value) {
  step(k);
  if (value === null || still) return;
  $("value").value = Number(value.toPrecision(4));
  change("past", name(), state.pick.past[name()].length - shown() + k, Number(value.toPrecision(4)));
}
function step(k) {
  const box = $("value");
  state.chosen = k;
  box.disabled = k === null;
  if (k === null) { $("value-of").textContent = "no step chosen"; return; }
  const at = state.pick.past[name()].length - shown() + k, value = state.pick.past[name()][at];
  if (document.activeElement !== box) box.value = value ?? "";
  $("value-of").textContent = `${name()} at ${visible(String(state.pick.past[columns.time][at]))}`;
}

function covariates() {
  const table = $("known"), { future } = state.pick;
  if (!table || !future) return;
  const head = make("tr", {}, make("th", { scope: "col" }, columns.time), ...future[columns.time].map((stamp) => make("th", { scope: "col" }, visible(String(stamp)))));
  const rows = columns.known.map((each) => make("tr", {}, make("th", { scope: "row" }, each), ...future[columns.time].map((stamp, k) => make("td", {}, make("input", {
    type: "number", step: "any", value: future[each][k], "aria-label": `${each} at ${stamp}`,
    oninput: (event) => { if (event.target.value !== "") change("future", each, k, Number(event.target.value)); },
  })))));
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
}

if (place) {
  document.addEventListener("sequence", () => {
    if (!state.edited) { origin = state.pick; step(null); covariates(); }
    ahead();
  });
  document.addEventListener("step", () => { if (found) { step(state.chosen); draw(); } });
  $("series").addEventListener("change", draw);
  $("undo").addEventListener("click", () => take(origin));
  $("value").addEventListener("input", (event) => { if (state.chosen !== null && event.target.value !== "") change("past", name(), state.pick.past[name()].length - shown() + state.chosen, Number(event.target.value)); });
  addEventListener("resize", later(60, draw));
}
