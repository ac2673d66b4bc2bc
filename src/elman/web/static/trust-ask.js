// Trust, for a model of the user's own: a question is asked, and its finding stands below.
import { ask, base, make } from "./api.js";
import { job } from "./jobs.js";

const form = document.getElementById("ask"), place = document.getElementById("asking");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = document.getElementById("question").value, button = form.querySelector("button");
  button.disabled = true;
  const found = await job(`${base}/trust/ask`, { question }, place, `asking ${question}`);
  button.disabled = false;
  if (!found) return;
  const section = await ask("trust/section", { part: "findings" }, { alone: false });
  if (section?.html.trim()) document.getElementById("part-findings").innerHTML = section.html;
  place.replaceChildren(make("p", { class: "soft" }, `${question[0].toUpperCase()}${question.slice(1)} stands below.`));
});
