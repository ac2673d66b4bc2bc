// See: a span of the sequence, and where in the validation split the state is like it.
import { ask, make, visible } from "./api.js";
import { sequence, state } from "./strip.js";

const $ = (id) => document.getElementById(id);

function choose(a, b) {
  $("from").value = Math.min(a, b) + 1;
  $("to").value = Math.max(a, b) + 1;
}

export function watchLike(reading) {
  const form = $("like");
  if (!form) return;
  const hint = $("like-said").textContent;
  let begun = null;
  const place = $("tokens") ?? $("track");
  const at = (event) => place.at ? place.at(event.clientX) : Number(event.target.closest("li")?.dataset.step ?? NaN);
  place.addEventListener("pointerdown", (event) => { begun = at(event); });
  place.addEventListener("pointerup", (event) => { const end = at(event); if (Number.isInteger(begun) && Number.isInteger(end)) choose(begun, end); begun = null; });
  document.addEventListener("sequence", (event) => { const count = Math.max(1, event.detail.steps.length); $("like-said").textContent = hint; $("like-badges").replaceChildren(); $("found").replaceChildren(); for (const name of ["from", "to"]) { $(name).max = count; if (Number($(name).value) > count) $(name).value = count; } });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    $("like-said").textContent = "Reading the run's data …";
    const places = state.answer?.places ?? [], a = Number($("from").value) - 1, b = Number($("to").value) - 1;
    const found = await ask("see/like", { ...sequence(), reading: reading(), first: a ? places[a - 1] + 1 : 0, last: places[b] });
    $("like-said").textContent = "";
    if (!found) return;
    const best = found.found[0].likeness;
    $("like-said").textContent = best > found.hundredth ? `The most alike span of ${found.sequences} validation sequences has a likeness of ${best.toFixed(2)}.` : "No span is more alike than spans usually are.";
    $("like-badges").replaceChildren(make("li", { title: "control: all spans of that length" }, make("span", {}, "mean of all spans "), found.mean.toFixed(2).replace(/^-(0\.00)$/, "$1")), make("li", {}, make("span", {}, "1 in 100 has more than "), found.hundredth.toFixed(2)), make("li", {}, make("span", {}, "sample "), `${found.spans.toLocaleString("en")} spans`));
    const apart = found.found.some((each) => each.steps.some((step) => [...step].length > 1 && !step.startsWith("<"))) ? " " : "";
    $("found").replaceChildren(...found.found.map((each) => make("li", {}, make("b", {}, each.likeness.toFixed(2)), make("span", {},
      each.steps.slice(0, each.first).map(visible).join(apart), each.first ? apart : "", make("mark", {}, each.steps.slice(each.first, each.first + each.length).map(visible).join(apart)), apart, each.steps.slice(each.first + each.length).map(visible).join(apart)))));
  });
}
