// Talking to the server: JSON there and back, the newest question wins, problems are told in one place.
import { follow } from "./jobs.js";

export const start = JSON.parse(document.getElementById("start").textContent);
export const base = document.body.dataset.base;
export const still = typeof STILL !== "undefined"; // in a report: nothing answers but what was kept
const pending = new Map();

// A problem stays until the same question is answered; another one's answer does not hide it. Without a path: forget them all.
const problems = new Map();
export function problem(text, path = null) {
  if (path === null) problems.clear();
  if (text) problems.set(path, text); else problems.delete(path);
  const box = document.getElementById("problem");
  box.hidden = !problems.size;
  // What stands between backticks is code.
  box.replaceChildren(...[...new Set(problems.values())].join(" ").split("`").map((part, k) => k % 2 ? make("code", {}, part) : part));
}

// POST to a question of a page or of the strip, or of another run by its whole address. A newer call with the same path makes an older one moot: it gives null.
// `failed` hears why there is no answer, where that is told elsewhere than on top of the page.
export async function ask(path, body, { alone = true, failed = (error) => problem(error, path) } = {}) {
  const control = new AbortController();
  if (alone) { pending.get(path)?.abort(); pending.set(path, control); }
  try {
    const reply = await fetch(path.startsWith("/") ? path : `${base}/${path}`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal: control.signal,
    });
    const answer = await reply.json();
    if (!reply.ok) { failed(answer.error); return null; }
    problem("", path);
    if (!answer.job || !answer.state) return answer;
    control.job = true;
    return await long(answer, path, control.signal);
  } catch (error) {
    if (error.name !== "AbortError") problem("The server does not answer. Is `elman open` still running?", path);
    return null;
  } finally { if (pending.get(path) === control) pending.delete(path); }
}

// Another sequence has come: jobs about the one before end, so that it does not wait behind them. What is being written is the user's own to stop.
export function outdate() { for (const [path, control] of pending) if (control.job && path !== "play/write") control.abort(); }

// A question about a long sequence is answered by a job: its progress stands on top of the page until it is done.
async function long(first, path, signal) {
  const place = document.getElementById("working") ?? make("div", { id: "working", class: "card", role: "group", "aria-label": "At work" });
  if (!place.isConnected) document.getElementById("problem").after(place);
  const what = `working: ${first.what.split(" ")[0]}`;
  try {
    return await follow(async () => first, path, place, what, { signal, stopped: () => problem("Stopped before it was done. Choose or type anew to ask again.", path) });
  } finally { if (!place.children.length) place.remove(); }
}

// The answer to a question that needs no asking; an older one with the same path is moot.
export async function forget(path, answer) { pending.get(path)?.abort(); problem("", path); return answer; }

export async function look(path) {
  try {
    const reply = await fetch(path.startsWith("/") ? path : `${base}/${path}`);
    const answer = await reply.json();
    if (!reply.ok) { problem(answer.error, path); return null; }
    problem("", path);
    return answer;
  } catch { problem("The server does not answer. Is `elman open` still running?", path); return null; }
}

// To another page of ours. Where a frame shows the pages, it says itself how.
export const go = (path) => { if (window.elman) window.elman.go(path); else location.href = path; };

// An element with text and attributes; text is always text.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") Object.assign(element.style, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export const later = (wait, job) => { let timer; return (...given) => { clearTimeout(timer); timer = setTimeout(() => job(...given), wait); }; };
export const percent = (share) => share > 0 && share < 0.0005 ? "<0.1%" : share > 0.9995 && share < 1 ? ">99.9%" : `${(100 * share).toFixed(share > 0.0995 && share < 0.995 || share === 0 || share === 1 ? 0 : 1)}%`;
export const short = (value) => value === null || !Number.isFinite(value) ? "–" : Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
const SIGNS = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "": "∅" };
// A time is told as far as it says something: without seconds that are none.
export const visible = (text) => SIGNS[text] ?? text.replace(/^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:00(\.0+)?)?$/, "$1 $2");
