// Trust: the report's sections, and why the network answers what it does about the sequence at hand.
import { ask, later, make, percent, short, still, visible } from "./api.js";
import { frame, svg } from "./charts.js";
import { sequence, state } from "./strip.js";
import "./trust-ask.js";

const $ = (id) => document.getElementById(id);

// The server made this HTML from the report's templates, which escape every text; scripts in it would not run (policy, innerHTML).
for (const name of still ? [] : ["results", "where", "findings"]) ask("trust/section", { part: name }, { alone: false }).then((found) => { if (found?.html.trim()) $(`part-${name}`).innerHTML = found.html; });

function curve(found) {
  const place = $("curve"), all = [...found.named, ...found.low, ...found.high], n = found.gone.at(-1);
  const low = found.shares ? 0 : Math.min(...all), high = found.shares ? 1 : Math.max(...all);
  const f = frame(place, { height: 220, low, high, title: `The answer as steps are taken out: from ${short(found.named[0])} to ${short(found.named.at(-1))}`, label: `steps taken out, 0 to ${n}` });
  $("curve-title").textContent = `${found.shares ? `Probability of ${visible(found.label)}` : "The answer"} as steps are taken out`;
  const x = (k) => f.left + (f.plot * found.gone[k]) / Math.max(1, n), line = (values) => values.map((y, k) => `${k ? "L" : "M"}${x(k).toFixed(1)} ${f.y(y).toFixed(1)}`).join("");
  const back = found.low.map((y, k) => `L${x(k).toFixed(1)} ${f.y(y).toFixed(1)}`).reverse().join("");
  f.root.append(svg("path", { d: `${line(found.high)}${back}Z`, class: "spread" }), svg("path", { d: line(found.random), class: "random" }), svg("path", { d: line(found.named), class: "named" }));
  place.replaceChildren(f.root);
}

const why = later(150, async () => {
  if (!$("why-said") || !state.answer) return;
  if (!state.answer.steps.length) { $("why-said").textContent = "Give it a sequence above."; $("why-found").hidden = true; $("why-badges").replaceChildren(); return; }
  const slow = setTimeout(() => { $("why-said").textContent = "Taking its steps out …"; }, 400), before = $("why-said").textContent;
  const found = await ask("trust/why", sequence());
  clearTimeout(slow);
  if (!found) { if ($("why-said").textContent.endsWith("…")) $("why-said").textContent = before.endsWith("…") ? "" : before; return; }
  $("why-found").hidden = false;
  const few = found.draws < 10 ? [["random orders", String(found.draws), `a long sequence is read fewer times: ${found.gone.length} points of the curve, ${found.points} of the attribution`]] : [];
  const all = [...found.named, ...found.low, ...found.high], firm = found.shares && Math.max(...all) - Math.min(...all) < 0.02; // of the answer, whatever is taken out
  const faster = firm ? "hardly moves, whatever is taken out: no step matters to it" : found.area > 0.02 ? "falls faster than in random order, so these steps do matter" : found.area < -0.02 ? "falls slower than in random order: do not believe this attribution" : "falls no faster than in random order: this attribution names nothing that matters";
  $("why-said").textContent = `For ${visible(found.label)}${found.shares ? ` (${percent(found.named[0])})` : ""}: ${firm ? "it" : "as the steps that spoke loudest are taken out, it"} ${faster}.`;
  $("why-badges").replaceChildren(...[["below random order by", percent(Math.max(0, found.area)), "mean distance of the two curves, as a share of their range"], ["residual", percent(Math.max(found.residual, 0.001)), "the part of the answer that the attribution does not add up to"], ...few].map(([label, value, title]) => make("li", { title }, make("span", {}, `${label} `), value)));
  const most = Math.max(...found.loudest.map(([, value]) => value), 1e-12);
  if (!found.loudest.length) $("loudest").replaceChildren(make("p", { class: "soft" }, "No step spoke for it."));
  else $("loudest").replaceChildren(make("ul", { class: "meters" }, ...found.loudest.map(([step, value]) => make("li", {}, make("span", {}, visible(step)), make("i", { style: { width: `${(100 * value) / most}%` } }), make("b", {}, short(value))))));
  curve(found);
  state.why = found;
});
document.addEventListener("sequence", why);
addEventListener("resize", later(60, () => { if (state.why) curve(state.why); }));
