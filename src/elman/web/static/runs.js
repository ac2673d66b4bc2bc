// Runs: the table, curves that grow while a training goes on, runs side by side, a run's recipe, and its end.
import { ask, go, look, make, start } from "./api.js";
import { COLOURS, legend, lines } from "./lines.js";

const MOST = COLOURS.length, here = start.chosen, at = (id) => document.getElementById(id);
const body = document.querySelector("#runs tbody"), chosen = new Map([[start.chosen, 0]]);
let runs = start.runs, drawn = null, open = null, compared = "";
const names = () => [...chosen.keys()];
const colour = (name) => COLOURS[chosen.get(name)];

const FURTHER = { better: " than its best rival", worse: " than its best rival", undecided: " from its best rival" }; // where no head stands above

function row(run) {
  const box = make("input", { type: "checkbox", "aria-label": `draw and compare ${run.name}`, checked: chosen.has(run.name), onchange: (event) => tick(run.name, event.target) });
  const share = run.state === "training" ? make("progress", { max: 1, value: run.share ?? null, "aria-label": `training of ${run.name}` }) : "";
  const cell = (name, ...within) => make("td", { role: "cell", class: name }, ...within), under = (words) => make("small", { class: "under" }, words ?? "");
  // Roles stand here in words: on a narrow page a row is laid out anew, and would be no row any more.
  return make("tr", { role: "row", "data-run": run.name, class: open === run.name ? "network" : null },
    cell("pick", make("label", { class: "tick-box", style: chosen.has(run.name) ? { background: colour(run.name) } : {} }, box)),
    make("th", { scope: "row", role: "rowheader" }, make("button", { type: "button", class: "link", "aria-expanded": String(open === run.name), onclick: () => details(run.name) }, run.name)),
    cell("at", make("span", { class: `state ${run.state}` }, run.state), share, under(run.words)),
    cell("net", run.network, under(run.parameters ? `${run.parameters.toLocaleString("en")} weights` : "")),
    cell("of", run.data, under(run.task)),
    cell("n score", run.score || "–", under(run.interval), under(run.metric)),
    cell(`versus ${run.outcome === "better" || run.outcome === "worse" ? run.outcome : ""}`, run.outcome_words, make("span", { class: "narrow" }, FURTHER[run.outcome] ?? "")),
    cell("when", run.started.split(" ")[0], under(run.started.split(" ").slice(1).join(" ")), under(run.took ? `took ${run.took}` : "")));
}

function table() {
  const focus = document.activeElement?.closest("#runs tr")?.dataset.run, kind = document.activeElement?.type;
  body.replaceChildren(...runs.map(row));
  if (focus !== undefined) [...body.rows].find((one) => one.dataset.run === focus)?.querySelector(kind === "checkbox" ? "input" : "button")?.focus();
}

function tick(name, box) {
  if (chosen.has(name)) chosen.delete(name);
  else if (chosen.size < MOST) chosen.set(name, [...COLOURS.keys()].find((k) => ![...chosen.values()].includes(k)));
  else { box.checked = false; at("runs-note").textContent = `${MOST} runs at most are drawn at once.`; return; }
  table(); curves(); side();
}

async function curves() {
  if (!chosen.size) { drawn = null; draw(); return; }
  const found = await ask("runs/curves", { runs: names(), axis: at("axis").value });
  if (!found) return;
  drawn = found;
  const had = at("measure").value, keys = Object.keys(found.curves);
  at("measure").replaceChildren(...keys.map((key) => make("option", { value: key }, found.words[key])));
  at("measure").value = keys.includes(had) ? had : keys.find((key) => key === "train_loss") ?? keys[0] ?? "";
  draw();
}

function draw() {
  const key = at("measure").value, lists = drawn?.curves[key] ?? [];
  legend(at("names"), names().map((name) => ({ name, colour: colour(name), note: drawn?.training.includes(name) ? " in training" : "" })));
  const measure = drawn?.words[key] ?? "", over = at("axis").selectedOptions[0].textContent;
  lines(at("curves"), lists.filter((one) => chosen.has(one.run)).map((one) => ({ ...one, name: one.run, colour: colour(one.run) })),
    { title: `${measure} over ${over} of ${names().join(", ")}`, over, told: at("curves-note") });
  if (!lists.length) at("curves-note").textContent = chosen.size ? "Nothing has been measured yet." : "Tick a run to see its curves.";
  else if (/^(Nothing|Tick)/.test(at("curves-note").textContent)) at("curves-note").textContent = "";
}

// Those that have scores are compared; the others are named.
async function side() {
  const scored = names().filter((name) => runs.find((run) => run.name === name)?.score), others = names().filter((name) => !scored.includes(name));
  at("compare").hidden = scored.length < 2;
  const asked = JSON.stringify([scored, others, at("split").value]);
  if (scored.length < 2 || asked === compared) { if (scored.length < 2) compared = ""; return; }
  compared = asked;
  // Runs are ticked to be drawn, too: that some cannot be compared is no mistake, and is told where the comparison would stand.
  const failed = (error) => { if (compared === asked) at("compared").replaceChildren(make("p", { class: "soft" }, `Not to be compared: ${error}`)); };
  const found = await ask("runs/compare", { runs: scored, split: at("split").value }, { failed });
  if (!found) return;
  at("compared").replaceChildren(
    make("p", {}, found.metric),
    make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "comparison" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["run", "value, 95% interval", "against the first (positive: better)"].map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...found.rows.map((one) => make("tr", {}, make("th", { scope: "row" }, one.run), ...[[one.value, one.interval], [one.difference, one.p]].map(([text, under]) => make("td", {}, text, make("small", { class: "under" }, under)))))))),
    ...others.length ? [make("p", { class: "soft" }, `Not evaluated yet: ${others.join(", ")}.`)] : [],
    ...Object.entries(found.changes).map(([name, text]) => make("p", { class: "soft" }, make("b", {}, name), `: ${text.replaceAll("->", "→")}`)));
}

async function details(name) {
  if (open === name) { open = null; at("details").hidden = true; table(); return; }
  const found = await ask("runs/recipe", { run: name });
  if (!found) return;
  open = name;
  table();
  const run = runs.find((one) => one.name === name);
  at("details-title").textContent = name;
  at("details-verdict").textContent = run?.verdict ?? "Not evaluated yet.";
  at("command").textContent = found.command;
  at("copy").textContent = "Copy";
  const where = found.environment;
  at("details-more").textContent = [run?.network, run?.parameters && `${run.parameters.toLocaleString("en")} weights`, run?.data, run?.started, found.plan, where.torch && `torch ${where.torch}`, found.report && `report: ${found.report}`].filter(Boolean).join(" · ");
  at("changed").replaceChildren(...Object.entries(found.changed).map(([key, value]) => make("div", {}, make("dt", {}, key), make("dd", {}, value))));
  at("recipe").textContent = found.recipe;
  at("delete").disabled = found.training;
  at("delete").title = found.training ? "A run in training is not deleted." : "";
  at("details").hidden = false;
  at("details-title").focus();
}

async function refresh() {
  if (document.hidden) return;
  const found = await look("runs.json");
  if (!found) return;
  const fresh = JSON.stringify(found.runs) !== JSON.stringify(runs), live = runs.some((run) => chosen.has(run.name) && run.state === "training");
  runs = found.runs;
  for (const name of names()) if (!runs.some((run) => run.name === name)) chosen.delete(name);
  if (fresh) table();
  if (fresh || live) await curves();
  if (fresh) side();
}

const anew = (job) => () => { at("curves-note").textContent = ""; return job(); }; // what was pointed at is of another picture
at("measure").addEventListener("change", anew(draw));
at("axis").addEventListener("change", anew(curves));
at("split").addEventListener("change", side);
at("copy").addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(at("command").textContent); at("copy").textContent = "Copied"; } catch { getSelection().selectAllChildren(at("command")); }
});
at("delete").addEventListener("click", () => { at("sure-name").textContent = open; at("sure").showModal(); });
at("keep").addEventListener("click", () => at("sure").close());
at("really").addEventListener("click", async () => {
  const name = open, found = await ask("runs/delete", { run: name, sure: name });
  at("sure").close();
  if (!found) return;
  if (name === here) { go("/"); return; }
  open = null; chosen.delete(name); at("details").hidden = true;
  document.querySelectorAll("#run option").forEach((one) => { if (one.textContent === name) one.remove(); });
  await refresh(); side();
});
addEventListener("resize", draw);
const beat = async () => { await refresh(); setTimeout(beat, runs.some((run) => run.state === "training") ? 1500 : 5000); };

table(); curves(); setTimeout(beat, 1500);
