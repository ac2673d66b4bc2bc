// Play: the answer forms as the user types.
import { make, percent, short, start, visible } from "./api.js";
import { stairs } from "./charts.js";
import { state } from "./strip.js";
import "./play-write.js";
import "./play-forecast.js";

const $ = (id) => document.getElementById(id);
const place = $("line"), said = $("answer"), classes = $("classes"), tags = $("tags");
const meter = (label, share, value = percent(share)) => make("li", {}, make("span", {}, visible(label)), make("i", { style: { width: `${Math.max(0.5, 100 * share)}%` } }), make("b", {}, value));

const big = (label, share) => said.replaceChildren(visible(label), " ", make("small", { class: "soft" }, percent(share)));

function show() {
  const { answer } = state;
  if (!answer || start.kind === "forecast") return;
  if (!answer.steps.length) { // nothing was read
    said.textContent = "–";
    for (const each of [place, classes, tags, $("line-note")]) each?.replaceChildren();
    return;
  }
  if (answer.line && place) {
    const { name, values } = answer.line, share = name.startsWith("p(");
    const counts = name === "expected count";
    const high = share ? 1 : counts ? Math.max(3, Math.ceil(Math.max(...values))) : undefined;
    stairs(place, { at: answer.at, values, steps: answer.steps.map(visible), name, low: share || counts ? 0 : undefined, high, chosen: state.chosen });
    $("line-note").textContent = `${name[0].toUpperCase()}${name.slice(1)}, if the sequence ended after that step.`
      + (start.steps_read ? "" : ` It answers a whole sequence, so it was asked anew about ${answer.at.length} beginning${answer.at.length === 1 ? "" : "s"}.`);
    if (answer.classes) big(answer.classes.labels[0], answer.classes.shares[0]); else said.textContent = short(values.at(-1));
  }
  if (answer.classes) classes.replaceChildren(make("ul", { class: "meters" }, ...answer.classes.labels.map((label, k) => meter(label, answer.classes.shares[k]))));
  if (answer.outputs) classes.replaceChildren(make("ul", { class: "meters" }, ...answer.outputs.at(-1).map((value, n) => make("li", {}, make("span", {}, `output ${n + 1}`), make("span", {}), make("b", {}, short(value))))));
  if (start.task === "language_modelling" && answer.top?.length) {
    const k = state.chosen ?? answer.top.length - 1, top = answer.top[k] ?? answer.top.at(-1);
    big(...top[0]);
    classes.replaceChildren(make("ul", { class: "meters" }, ...top.map(([label, share]) => meter(label, share))));
  }
  if (tags) {
    const seen = new Map();
    for (const [[tag]] of answer.top) seen.set(tag, (seen.get(tag) ?? 0) + 1);
    said.textContent = `${answer.steps.length} word${answer.steps.length === 1 ? "" : "s"}, ${seen.size} tag${seen.size === 1 ? "" : "s"}`;
    const most = Math.max(...seen.values());
    classes.replaceChildren(make("ul", { class: "meters" }, ...[...seen].sort((a, b) => b[1] - a[1]).map(([tag, count]) => meter(tag, count / most, String(count)))));
    tags.replaceChildren(...answer.steps.map((word, k) => make("span", { class: k === state.chosen ? "here" : "" }, make("b", {}, word), make("small", {}, `${answer.top[k]?.[0][0] ?? ""} ${answer.top[k] ? percent(answer.top[k][0][1]) : ""}`))));
  }
  requestAnimationFrame(() => { performance.mark("painted"); });
}

document.addEventListener("sequence", show);
document.addEventListener("step", show);
addEventListener("resize", show);
show();
