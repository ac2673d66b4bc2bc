// Trust: a question is asked of the network, its cost told before; its finding then stands below.
import { ask, base, make } from "./api.js";
import { job } from "./jobs.js";

const form = document.getElementById("ask"), place = document.getElementById("asking"), select = document.getElementById("question"), told = document.getElementById("ask-cost");

async function cost() {
  const question = select.value;
  told.textContent = "What does it take? Reading the data …";
  const found = await ask("trust/cost", { question });
  if (question === select.value) told.textContent = found ? `${found.cost[0].toUpperCase()}${found.cost.slice(1)}.` : "";
}

if (form) {
  select.addEventListener("change", cost);
  select.addEventListener("focus", cost, { once: true });
}
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = select.value, button = form.querySelector("button");
  button.disabled = true;
  place.replaceChildren();
  const found = await job(`${base}/trust/ask`, { question }, place, `asking ${question}`);
  button.disabled = false;
  if (!found) return;
  const section = await ask("trust/section", { part: "findings" }, { alone: false });
  if (section?.html.trim()) document.getElementById("part-findings").innerHTML = section.html;
  place.replaceChildren(make("p", { class: "soft" }, `${question[0].toUpperCase()}${question.slice(1)} stands below.`));
  const option = select.selectedOptions[0];
  if (option.value === question) option.textContent = `${question}, answered`;
});
