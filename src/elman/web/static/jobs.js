// A long analysis, or a question about a long sequence: watched, cancelled. Shows its progress in the element given.
import { make, problem } from "./api.js";

const send = (path, body, more = {}) => fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), ...more });
const rest = (wait, signal) => new Promise((done) => { setTimeout(done, wait); signal?.addEventListener("abort", done, { once: true }); });

// `path` is a whole address ("/runs/NAME/space/look"). Gives the answer, or null where it failed or was cancelled. `more`: as of `follow`.
export async function job(path, body, place, words, more = {}) {
  return follow(async () => {
    const begun = await send(path, body), first = await begun.json();
    if (!begun.ok) { problem(first.error, path); return null; }
    return first;
  }, path, place, words, more);
}

// A job that `begin` starts, or that the server started instead of an answer. An aborted `signal` cancels it; `failed` hears why it failed.
export async function follow(begin, path, place, words, { signal, stopped, failed = (error) => problem(error, path) } = {}) {
  let stop = false, number = null;
  const end = () => { stop = true; if (number) send(`/jobs/${number}/cancel`, {}, { keepalive: true }).catch(() => {}); };
  const bar = make("progress", { max: 1, "aria-label": words }), said = make("span", { class: "soft" }, words);
  const row = make("div", { class: "row job" }, bar, said, make("button", { type: "button", "aria-label": `Cancel: ${words}`, onclick: end }, "Cancel"));
  place.append(row);
  signal?.addEventListener("abort", end, { once: true });
  if (signal) addEventListener("pagehide", end, { once: true });
  try {
    const first = await begin();
    if (!first) return null;
    number = first.job;
    if (stop) end();
    for (let wait = 60; ; wait = Math.min(600, wait * 1.4)) {
      await rest(wait, signal);
      if (signal?.aborted) return null;
      const reply = await fetch(`/jobs/${number}.json`), told = await reply.json();
      if (!reply.ok) { problem(told.error, path); return null; }
      if (told.state === "failed") { failed(told.error); return null; }
      if (told.state === "done" || told.state === "cancelled") {
        problem("", path);
        if (told.state === "cancelled") stopped?.();
        return told.state === "done" ? told.answer : null;
      }
      bar.value = told.share;
      said.textContent = told.state === "waiting" ? "waiting for another analysis" : told.words || words;
    }
  } catch {
    problem("The server does not answer. Is `elman open` still running?", path);
    return null;
  } finally { row.remove(); removeEventListener("pagehide", end); }
}
