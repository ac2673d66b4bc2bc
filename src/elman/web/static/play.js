// Play: the answer forms as the user types.
import { make, percent, short, visible } from "./api.js";
import { stairs } from "./charts.js";
import { state } from "./strip.js";

const place = document.getElementById("line"), said = document.getElementById("answer"), classes = document.getElementById("classes");
const note = document.getElementById("line-note");

function show() {
  const { answer } = state;
  if (!answer) return;
  if (answer.line) {
    const { name, values } = answer.line, share = name.startsWith("p(");
    const counts = name === "expected count";
    const high = share ? 1 : counts ? Math.max(3, Math.ceil(Math.max(...values))) : undefined;
    stairs(place, { at: answer.at, values, steps: answer.steps.map(visible), name, low: share || counts ? 0 : undefined, high, chosen: state.chosen });
    note.textContent = `${name[0].toUpperCase()}${name.slice(1)}, if the sequence ended after that step.`
      + (answer.at.length < answer.steps.length ? ` It reads from both ends, so it was asked anew about ${answer.at.length} beginnings.` : "");
    said.textContent = answer.classes ? `${visible(answer.classes.labels[0])} ${percent(answer.classes.shares[0])}` : short(values.at(-1));
  }
  if (answer.classes) {
    classes.replaceChildren(make("ul", { class: "meters" }, ...answer.classes.labels.map((label, k) => make("li", {},
      make("span", {}, visible(label)), make("i", { style: { width: `${Math.max(0.5, 100 * answer.classes.shares[k])}%` } }), make("b", {}, percent(answer.classes.shares[k]))))));
  }
  requestAnimationFrame(() => { performance.mark("painted"); });
}

document.addEventListener("sequence", show);
document.addEventListener("step", show);
addEventListener("resize", show);
show();
