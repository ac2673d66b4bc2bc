// Space: panels of runs side by side, linked by the step that is pointed at.
import { ask, base, make, short, start } from "./api.js";
import { frame, svg } from "./charts.js";
import { job } from "./jobs.js";
import { circle, plane } from "./plane.js";
import { inspect, sequence, state } from "./strip.js";

const place = document.getElementById("panels"), beside = document.getElementById("beside");
const KEY = "elman:space", panels = [];
const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEY) || "[]"); } catch { return []; } };
const keep = () => { try { sessionStorage.setItem(KEY, JSON.stringify(panels.filter((one) => !one.first).map((one) => one.address))); } catch { /* a full store forgets */ } };

function offer() {
  const free = start.subjects.filter(({ address }) => !panels.some((one) => one.address === address));
  beside.replaceChildren(make("option", { value: "" }, "another network …"), ...free.map(({ address, title }) => make("option", { value: address }, title)));
  place.classList.toggle("several", panels.length > 1);
}

async function add({ address, title, given, run }, first = false) {
  const panel = { address, title, given, run, first, found: null, own: null, light: () => {} };
  panel.figure = make("figure", { class: "plane" });
  panel.body = make("div", {});
  const remove = make("button", { type: "button", "aria-label": `Remove ${title}`, onclick: () => { panels.splice(panels.indexOf(panel), 1); panel.card.remove(); offer(); keep(); panels.forEach(draw); } }, "Remove");
  panel.card = make("section", { class: "card panel", "aria-label": title, "data-address": address },
    make("div", { class: "row apart" }, make("h2", {}, title), first ? "" : remove), panel.body);
  panels.push(panel);
  place.append(panel.card);
  offer(); keep();
  panels.forEach(draw); // those that stood here are narrower now
  let reason = ""; // why it has no space, which another try does not change
  panel.found = await job(`${address}/space/look`, {}, panel.body, `looking at ${title}`, { failed: (error) => { reason = error; } });
  if (reason) { panel.body.replaceChildren(make("p", { role: "status" }, reason)); return; }
  if (!panel.found) {
    panel.body.replaceChildren(make("p", { class: "soft" }, "Not looked at. ", make("button", { type: "button", onclick: () => { panels.splice(panels.indexOf(panel), 1); panel.card.remove(); add({ address, title, given, run }, first); } }, "Try again")));
    return;
  }
  fill(panel);
  await follow(panel);
}

function fill(panel) {
  const { found } = panel, count = (test) => found.points.filter(test).length;
  const key = [["stable", "stable point", (one) => one.kind === "fixed" && one.stable], ["unstable", "unstable point", (one) => one.kind === "fixed" && !one.stable], ["slow", "slow point", (one) => one.kind === "slow"]];
  const eigen = make("figure", {}), spectrum = make("figure", {});
  panel.note = make("p", { class: "soft" });
  panel.body.replaceChildren(panel.figure,
    make("p", { class: "soft axes" }, `First component across (${(100 * found.variance[0]).toFixed(0)}% of the variance)${found.variance.length > 1 ? `, second upwards (${(100 * found.variance[1]).toFixed(0)}%)` : ""}.`),
    make("ul", { class: "names" }, make("li", { class: "key-own" }, panel.given ? "the sequence above" : "your sequence"), make("li", { class: "key-other" }, panel.given ? "its sequences" : "validation sequences"), ...key.filter(([, , test]) => count(test)).map(([kind, words, test]) => make("li", { class: `key-${kind}` }, `${count(test)} ${words}${count(test) > 1 ? "s" : ""}`))),
    panel.note,
    make("p", {}, `${found.sentence} ${found.cut ?? ""}`),
    make("ul", { class: "badges" }, ...found.badges.map(([label, value, why]) => make("li", { title: why }, make("span", {}, label), ` ${value}`))),
    make("details", {}, make("summary", {}, "Eigenvalues, exponents and points in numbers"),
      make("div", { class: "row spectra" }, make("div", {}, make("h3", { class: "minor" }, "Eigenvalues: outside the circle grows"), eigen), make("div", { class: "grow" }, make("h3", { class: "minor" }, "Lyapunov exponents (nats per step), largest first"), spectrum)),
      make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "points" }, found.table.length ? make("table", {}, make("thead", {}, make("tr", {}, ...columns(found.table).map((head) => make("th", { scope: "col", class: typeof found.table[0][head] === "number" ? "n" : null }, head)))),
        make("tbody", {}, ...found.table.map((row) => make("tr", {}, ...columns(found.table).map((head) => typeof row[head] === "number" ? make("td", { class: "n" }, short(row[head])) : make("td", {}, String(row[head]))))))) : found.sought ? "No points were found." : `Points of rest were not sought: the state holds ${found.size.toLocaleString("en")} numbers.${panel.run ? ` elman explain ${panel.run} dynamics seeks them.` : ""}`)));
  circle(eigen, found.points);
  panel.body.querySelector("details").addEventListener("toggle", () => bars(spectrum, found.exponents));
  draw(panel);
}

function bars(figure, values) {
  const finite = values.filter((one) => one !== null && Number.isFinite(one));
  if (!finite.length) { figure.replaceChildren(make("p", { class: "soft" }, "Every direction is lost at once.")); return; }
  const f = frame(figure, { low: Math.min(0, ...finite), high: Math.max(0.02, ...finite), title: `${finite.length} exponents from ${short(finite[0])} to ${short(finite.at(-1))}`, height: 240 });
  const wide = f.plot / values.length;
  values.forEach((value, k) => { if (value !== null) f.root.append(svg("rect", { x: f.left + k * wide + wide * 0.12, width: Math.max(1, wide * 0.76), y: Math.min(f.y(0), f.y(value)), height: Math.max(1, Math.abs(f.y(value) - f.y(0))), class: value > 0 ? "grows" : "fades" })); });
  figure.replaceChildren(f.root);
}

async function follow(panel) {
  const own = sequence().series || panel.given; // kept on the server for the network that it was picked of
  if (!panel.found || !state.answer) return;
  if (!state.answer.steps.length) { panel.own = null; panel.steps = []; draw(panel); return; }
  if (own && panel.address !== base) { panel.note.textContent = "A sequence that was picked here is followed in this network's own panel alone."; return; }
  const found = await ask(`${panel.address}/space/path`, sequence());
  if (!found) return;
  panel.own = found.path; panel.steps = found.steps;
  panel.note.textContent = found.steps.length === state.answer.steps.length ? "" : "It cuts this sequence into other steps; they light up by their place in it.";
  draw(panel);
}

function draw(panel) {
  if (!panel.found) return;
  const { paths, points } = panel.found;
  panel.light = plane(panel.figure, { paths, points, own: panel.own, steps: panel.steps ?? [], title: `the state of ${panel.title} in its two largest components, ${paths.length} sequences, ${points.length} points`,
    pick: (k) => inspect(across(k, panel.steps.length, state.answer.steps.length)) });
  panel.light(state.chosen === null ? null : across(state.chosen, state.answer?.steps.length, panel.steps?.length));
}

// What is the same in every row goes without saying.
const columns = (rows) => Object.keys(rows[0]).filter((key) => key !== "input" || rows.some((row) => row.input !== rows[0].input));
const across = (step, from, to) => !from || !to ? null : from === to ? step : Math.min(to - 1, Math.round(step * to / from));

document.addEventListener("sequence", () => panels.forEach(follow));
document.addEventListener("step", ({ detail }) => panels.forEach((panel) => panel.light(detail === null ? null : across(detail, state.answer?.steps.length, panel.steps?.length))));
beside.addEventListener("change", () => { const one = start.subjects.find(({ address }) => address === beside.value); if (one) add(one); });
let wait; addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(() => panels.forEach(draw), 80); });

const own = start.subjects.find(({ address }) => address === base), others = kept();
if (own) add(own, true);
else document.getElementById("space-note").textContent = "This run has no checkpoint yet.";
for (const each of start.subjects) if (each !== own && others.includes(each.address)) add(each);
