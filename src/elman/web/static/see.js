// See: the cell step by step, and a map of all units. Changes and spans are in files of their own.
import { ask, later, make, short, start, visible } from "./api.js";
import { names } from "./charts.js";
import { AGAINST, FOR, colourBy, inspect, sequence, state } from "./strip.js";
import { watchChange } from "./see-change.js";
import { watchLike } from "./see-like.js";

const $ = (id) => document.getElementById(id), cell = $("cell"), map = $("map");
const layer = () => start.layers.find((each) => each.name === $("layer").value), unit = () => Number($("one").value);
let found = null, cells = null, timer = null;

const plain = (words) => words.replace(/^.*layer \d+ /, ""); // where the layer stands beside it

// Nothing was read: what stood here was of another sequence.
function empty() {
  found = cells = null;
  cell.replaceChildren();
  $("map-frame").hidden = true;
  $("at").max = 0;
  for (const said of ["cell-said", "map-said"]) $(said).textContent = "Give it a sequence above.";
}

async function look() {
  if (!state.answer) return;
  if (!state.answer.steps.length) { empty(); return; }
  $("one").max = layer().units - 1;
  if (unit() > layer().units - 1 || unit() < 0 || !Number.isInteger(unit())) return;
  const answer = await ask("see/look", { ...sequence(), layer: layer().name, unit: unit() });
  if (!answer) return;
  found = answer;
  $("at").max = found.steps.length - 1;
  show();
}

const here = () => Math.min(state.chosen ?? Infinity, (found?.steps.length ?? 1) - 1);

function gauge(each, k) {
  const value = each.values[k], signed = !each.name.endsWith("gate"), most = signed ? Math.max(1, each.most) : 1;
  const place = (one) => signed ? 50 + (50 * one) / most : 100 * one;
  const [low, high] = [Math.min(place(0), place(value)), Math.max(place(0), place(value))];
  const box = make("div", { class: `gauge${signed ? " signed" : ""}`, role: "img", "aria-label": `${each.words} ${short(value)}, mean of all units ${short(each.mean[k])}` },
    make("i", { class: value < 0 ? "minus" : "", style: { left: `${low}%`, width: `${Math.max(0.6, high - low)}%` } }), make("s", { style: { left: `${place(each.mean[k])}%` } }));
  return [box, make("b", {}, value.toFixed(2))];
}

function show() {
  if (!found) return;
  const k = here(), left = new Map(found.readings.map((each) => [each.name, each])), rows = [];
  $("at").value = k;
  for (const line of layer().equations) {
    // "f = sigmoid(...)        forget_gate": an equation, and behind a gap the name of its reading or a remark.
    const [text, ...remark] = line.split(/\s{4,}/), name = remark.at(-1);
    const each = left.get(name) ?? (text.includes("'") ? left.get(text.split("'")[0]) : undefined);
    if (!each) { rows.push(make("code", { class: "plain" }, text)); continue; }
    left.delete(each.name);
    rows.push(make("code", {}, text, make("small", { class: "soft" }, plain(each.words))), ...gauge(each, k));
  }
  for (const each of left.values()) rows.push(make("code", {}, plain(each.words)), ...gauge(each, k));
  cell.replaceChildren(...rows);
  const off = found.readings.map((each) => [Math.abs(each.values[k] - each.mean[k]) / Math.max(each.most, 1e-9), each]).sort((a, b) => b[0] - a[0])[0][1];
  const apart = Math.abs(off.values[k] - off.mean[k]) > 1e-6; // a layer of one unit has no others
  $("cell-said").textContent = `After ${visible(found.steps[k])} (step ${(state.answer.places?.[k] ?? k) + 1}), ${apart ? `unit ${unit()} differs most from the others in its ${plain(off.words)}: ${off.values[k].toFixed(2)}, where their mean is ${off.mean[k].toFixed(2)}.` : `unit ${unit()} stands out in nothing: its ${plain(off.words)} is ${off.values[k].toFixed(2)}.`}`;
  mark();
  requestAnimationFrame(() => { performance.mark("painted"); });
}

async function whole() {
  const readings = layer().readings.map((name) => `${layer().name}.${name}`), select = $("map-reading");
  if (select.dataset.layer !== layer().name) {
    select.replaceChildren(...layer().readings.map((name, k) => make("option", { value: readings[k] }, name.length > 1 ? name.replaceAll("_", " ") : `state ${name}`)));
    select.value = readings[Math.max(0, layer().readings.indexOf("h"))];
    select.dataset.layer = layer().name;
  }
  if (!state.answer?.steps.length) return;
  const answer = await ask("see/map", { ...sequence(), reading: select.value });
  if (!answer) return;
  cells = answer;
  mark();
}

function mark() {
  if (!cells) return;
  $("map-frame").hidden = false;
  const rows = cells.cells.length, columns = cells.cells[0].length, high = 4 * Math.ceil(260 / 4), scale = Math.max(1, Math.floor(1200 / columns)), tall = Math.max(1, Math.floor(high * 2 / rows));
  map.width = columns * scale; map.height = rows * tall;
  const draw = map.getContext("2d");
  cells.cells.forEach((row, r) => row.forEach((value, c) => {
    if (!value) return;
    draw.fillStyle = `rgba(${value < 0 ? AGAINST : FOR},${Math.abs(value) / 100})`;
    draw.fillRect(c * scale, r * tall, scale, tall);
  }));
  const at = (list, one) => list.findLastIndex((first) => first <= one), r = at(cells.units, unit()), c = at(cells.places, here());
  draw.strokeStyle = getComputedStyle(document.body).color; draw.lineWidth = 2;
  draw.strokeRect(1, r * tall, map.width - 2, tall); draw.strokeRect(c * scale, 1, scale, map.height - 2);
  const thin = cells.cells.length < cells.count ? ` ${cells.count.toLocaleString("en")} units in ${cells.cells.length} rows: each shows the strongest of its units.` : "";
  $("map-said").textContent = `${cells.words}: rows are units, columns steps.${thin} Choose a place to look at that unit there.`;
  axes();
}

// What the rows, the columns and the colours are.
function axes() {
  const { places, units, most, count } = cells, { steps } = state.answer, signed = cells.cells.some((row) => row.some((value) => value < 0));
  $("map-units").replaceChildren(make("span", {}, `unit ${units[0]}`), count > 1 ? make("span", {}, String(count - 1)) : "");
  const shown = names(places.map((place) => visible(steps[place] ?? "")), map.clientWidth / places.length, true);
  const all = shown.every(Boolean), place = (c) => (100 * (c + 0.5)) / shown.length; // where some are left out, those at the ends stay inside
  $("map-steps").replaceChildren(...shown.map((step, c) => step ? make("span", { style: { left: `${place(c)}%`, transform: `translateX(-${all ? 50 : place(c)}%)` } }, step) : ""));
  $("map-key").replaceChildren(signed ? `−${short(most)}` : "0", make("i", { class: signed ? "signed" : "" }), short(most));
}

function pick(number, step, paint = true) {
  $("one").value = Math.min(layer().units - 1, Math.max(0, number));
  inspect(Math.min(found.steps.length - 1, Math.max(0, step)));
  look();
  if (paint) colourBy($("map-reading").value, unit());
}

const through = () => {
  if (timer) { clearInterval(timer); timer = null; $("run-through").textContent = "Run through"; return; }
  $("run-through").textContent = "Stop";
  if (here() >= found.steps.length - 1) inspect(0);
  timer = setInterval(() => { if (here() >= found.steps.length - 1) through(); else inspect(here() + 1); }, 450);
};

if (cell) {
  const both = () => { look(); whole(); };
  document.addEventListener("sequence", both);
  document.addEventListener("step", show);
  $("layer").addEventListener("change", both);
  $("one").addEventListener("input", later(20, look));
  $("map-reading").addEventListener("change", whole);
  $("at").addEventListener("input", (event) => inspect(Number(event.target.value)));
  $("back").addEventListener("click", () => found && inspect(Math.max(0, here() - 1)));
  $("on").addEventListener("click", () => found && inspect(Math.min(found.steps.length - 1, here() + 1)));
  $("run-through").addEventListener("click", () => found && through());
  $("paint").addEventListener("click", () => colourBy(`${layer().name}.${layer().readings.includes("h") ? "h" : layer().readings.at(-1)}`, unit()));
  map.addEventListener("click", (event) => {
    if (!cells || !found) return;
    const box = map.getBoundingClientRect(), share = (value, size, count) => Math.min(count - 1, Math.max(0, Math.floor((value / size) * count)));
    pick(cells.units[share(event.clientY - box.top, box.height, cells.units.length)], cells.places[share(event.clientX - box.left, box.width, cells.places.length)]);
  });
  map.addEventListener("keydown", (event) => {
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], Enter: [0, 0] }[event.key] ?? [null];
    if (down === null || !found) return;
    event.preventDefault();
    pick(unit() + down, here() + right, event.key === "Enter");
  });
  addEventListener("resize", later(60, () => cells && axes()));
  watchChange(unit);
  watchLike(() => `${layer().name}.${layer().readings.includes("h") ? "h" : layer().readings.at(-1)}`);
}
