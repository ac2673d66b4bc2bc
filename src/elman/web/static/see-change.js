// See: units of the state or of a gate held, taken out or taken from another text, and what the answer is then.
import { ask, make, percent, short, start, still, visible } from "./api.js";
import { frame, names, svg } from "./charts.js";
import { sequence, state } from "./strip.js";

const $ = (id) => document.getElementById(id);
const meter = ([label, share]) => typeof share === "number" && share >= 0 && share <= 1 && label !== "value"
  ? make("li", {}, make("span", {}, visible(label)), make("i", { style: { width: `${Math.max(0.5, 100 * share)}%` } }), make("b", {}, percent(share)))
  : make("li", {}, make("span", {}, label), make("span", {}), make("b", {}, short(share)));

function compare(place, before, after, name, steps) {
  const numbers = [...before.values, ...after.values], low = Math.min(...numbers), high = Math.max(...numbers), pad = (high - low || 1) * 0.08;
  const f = frame(place, { low: low - pad, high: high + pad, title: `${name} before and after the change`, label: "" });
  const wide = f.plot / Math.max(1, Math.max(...before.at) - before.at[0]), x = (at) => f.left + (at - before.at[0]) * wide;
  for (const [one, kind] of [[before, "line-before"], [after, "line-after"]]) f.root.append(svg("path", { class: kind, d: one.values.map((value, k) => `${k ? "L" : "M"}${x(one.at[k]).toFixed(1)} ${f.y(value).toFixed(1)}`).join("") }));
  const shown = names(steps, f.plot / Math.max(1, steps.length - 1));
  shown.forEach((step, k) => { if (step) f.root.append(svg("text", { x: x(before.at[k]), y: f.height - 6, class: "tick step", "text-anchor": k ? "middle" : "start" }, step)); });
  place.replaceChildren(make("h3", { class: "minor" }, `${name[0].toUpperCase()}${name.slice(1)} after each step`), f.root, make("p", { class: "soft key" }, make("span", { class: "k ahead" }, "after the change"), make("span", { class: "k before" }, "before")));
}

function tell(found) {
  const { before, after, moved, control, unit } = found, share = unit === "share";
  const said = share ? `${(100 * moved).toFixed(moved < 0.1 ? 2 : 0)} points` : short(moved);
  const bits = before.bits !== null && before.bits !== undefined ? ` Over the whole text it was surprised by ${before.bits.toFixed(2)} bits a step, now by ${after.bits.toFixed(2)}.` : "";
  $("moved").textContent = moved === 0 ? "The answer stays as it is." : `The answer moved by ${said}${before.series ? " (mean over the horizon, in the network's own scale)" : ""}.${bits}`;
  $("moved-badges").replaceChildren(...control === null ? [] : [make("li", { title: "control: the same done to as many other units of this part" }, make("span", {}, "other units drawn at random "), share ? `${(100 * control).toFixed(control < 0.1 ? 2 : 0)} points` : short(control))]);
  const place = $("both"), chart = $("compare");
  chart.replaceChildren(); place.replaceChildren();
  if (before.answer) place.append(make("div", { class: "both" }, ...[["before", before], ["after", after]].map(([name, each]) => make("div", { id: name }, make("h3", {}, name), make("ul", { class: "meters" }, ...each.answer.map(meter))))));
  if (before.line?.values.length > 1) compare(chart, { values: before.line.values, at: before.at }, { values: after.line.values, at: after.at }, before.line.name, before.at.map((at) => visible(state.answer.steps[at] ?? "")));
  if (before.series) {
    const [name] = Object.keys(before.series), at = before.series[name].prediction.map((_, k) => k + 1);
    compare(chart, { values: before.series[name].prediction, at }, { values: after.series[name].prediction, at }, `forecast of ${name}`, at.map(String));
  }
  if (before.top && !before.answer) place.append(make("p", {}, ...before.top.map(([[tag]], k) => {
    const now = after.top[k][0][0];
    return make("span", {}, `${state.answer.steps[k]}: `, now === tag ? tag : make("mark", {}, `${tag} → ${now}`), "  ");
  })));
}

export function watchChange(unit) {
  const form = $("change");
  if (still && start.change) document.addEventListener("sequence", () => tell(start.change.found));
  if (!form) return;
  const how = () => { $("value-label").hidden = $("how").value !== "clamp"; $("other-label").hidden = $("how").value !== "patch"; };
  $("how").addEventListener("change", how);
  how();
  const hint = $("moved").textContent;
  let own = false; // whether the user chose the units
  $("units").addEventListener("input", () => { own = true; });
  const follow = () => { if (!own) $("units").value = String(unit()); };
  document.addEventListener("step", follow);
  $("one").addEventListener("input", follow);
  document.addEventListener("sequence", (event) => {
    const count = Math.max(1, event.detail.steps.length);
    $("moved").textContent = hint; // what moved was of another sequence
    for (const each of ["moved-badges", "both", "compare"]) $(each).replaceChildren();
    for (const name of ["first", "last"]) $(name).max = count;
    if (!$("last").touched || Number($("last").value) > count) $("last").value = count;
    if (Number($("first").value) > count) $("first").value = 1;
  });
  $("last").addEventListener("input", () => { $("last").touched = true; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const units = [...new Set($("units").value.split(/[\s,]+/).filter(Boolean).map(Number))];
    const found = await ask("see/change", {
      ...sequence(), part: $("part").value, units, first: Number($("first").value) - 1, last: Number($("last").value) - 1,
      how: $("how").value, value: Number($("value").value), other: $("other")?.value,
    });
    if (found) tell(found);
  });
}
