// A long analysis: started by POST, watched, cancelled. Shows its progress in the element given.
import { make, problem } from "./api.js";

const rest = (wait) => new Promise((done) => setTimeout(done, wait));
const send = (path, body) => fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// `path` is a whole address ("/runs/NAME/space/look"). Gives the answer, or null where it failed or was cancelled.
export async function job(path, body, place, words) {
  let stop = null, number = null;
  const bar = make("progress", { max: 1, "aria-label": words }), said = make("span", { class: "soft" }, words);
  const cancel = make("button", { type: "button", onclick: () => { stop = true; if (number) send(`/jobs/${number}/cancel`, {}).catch(() => {}); } }, "Cancel");
  const row = make("div", { class: "row job" }, bar, said, cancel);
  place.append(row);
  try {
    const begun = await send(path, body), first = await begun.json();
    if (!begun.ok) { problem(first.error, path); return null; }
    number = first.job;
    if (stop) send(`/jobs/${number}/cancel`, {});
    for (let wait = 60; ; wait = Math.min(600, wait * 1.4)) {
      await rest(wait);
      const reply = await fetch(`/jobs/${number}.json`), told = await reply.json();
      if (!reply.ok) { problem(told.error, path); return null; }
      if (told.state === "done") { problem("", path); return told.answer; }
      if (told.state === "failed") { problem(told.error, path); return null; }
      if (told.state === "cancelled") { problem("", path); return null; }
      bar.value = told.share;
      said.textContent = told.state === "waiting" ? "waiting for another analysis" : told.words || words;
    }
  } catch {
    problem("The server does not answer. Is `elman open` still running?", path);
    return null;
  } finally { row.remove(); }
}
