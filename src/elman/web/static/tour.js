// The guided tour: a card that goes along over the pages, points at one thing to do, and ticks it off when it was done.
import { base, go, look, make } from "./api.js";

const KEY = "elman:tour", here = document.body.dataset.page;
let steps = null, card = null, pointed = null, undo = null;
const at = () => { try { const kept = sessionStorage.getItem(KEY); return kept === null ? null : Number(kept); } catch { return null; } };
const keep = (step) => { try { if (step === null) sessionStorage.removeItem(KEY); else sessionStorage.setItem(KEY, String(step)); } catch { /* a tour that cannot be kept ends with its page */ } };
const page = (step) => `${base}/${step.page}`, name = (step) => step.page[0].toUpperCase() + step.page.slice(1);

// The page makes room for the card, and its pictures are drawn for the room they have.
function touring(now) {
  document.body.classList.toggle("touring", now);
  dispatchEvent(new Event("resize"));
}

function end() {
  const had = card?.contains(document.activeElement);
  keep(null);
  card?.remove(); card = null; point(null);
  touring(false);
  if (had) document.getElementById("tour").focus();
}

function point(step) {
  pointed?.classList.remove("pointed");
  undo?.abort(); undo = null;
  pointed = step && step.page === here ? document.querySelector(step.point) : null;
  pointed?.classList.add("pointed");
  if (!pointed || !step.done.length) return;
  undo = new AbortController();
  for (const [event, where] of step.done) document.addEventListener(event, (one) => {
    if (!one.isTrusted || !one.target.closest?.(where)) return;
    card.classList.add("done");
    card.querySelector(".tick").textContent = "✓ Done.";
    const then = step.then && document.querySelector(step.then), { top, bottom } = then ? then.getBoundingClientRect() : {};
    if (then && (top < head() || bottom > (innerWidth < 1000 ? card.getBoundingClientRect().top : innerHeight))) scroll(then, "start"); // what comes of it is seen
  }, { capture: true, signal: undo.signal });
}

const head = () => document.querySelector("header.bar").getBoundingClientRect().bottom;
function scroll(element, block) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element?.scrollIntoView({ block, behavior: calm ? "auto" : "smooth" });
}

// A pointed-at thing comes into view: above the card, its end where all of it has no room there (the button of a form); or beside it.
function reveal() {
  if (!pointed) return;
  const room = card.getBoundingClientRect().top - head();
  pointed.style.scrollMarginBottom = `${card.offsetHeight + 24}px`;
  scroll(pointed, innerWidth >= 1000 ? "center" : pointed.offsetHeight + 24 < room ? "start" : "end");
}
function lead() {
  reveal();
  const control = "input, textarea, select, button, [tabindex='0']";
  (pointed?.matches(control) ? pointed : pointed?.querySelector(control))?.focus({ preventScroll: true });
}

async function known() { steps ??= (await look("tour.json"))?.steps ?? null; return steps; }

// To a step, on its page.
async function to(k) {
  if (!await known()) return;
  keep(k);
  if (steps[k].page === here) show(k); else go(page(steps[k]));
}

// The card of a step; on another page than the step's it says where that is.
function show(k) {
  const step = steps[k];
  const there = step.page === here, last = k === steps.length - 1;
  const button = (words, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, words);
  const fresh = make("section", { id: "tour-card", class: "card", "aria-label": "Tour" },
    make("div", { class: "row apart" }, make("span", { class: "soft" }, `Tour, step ${k + 1} of ${steps.length}`), make("span", { class: "tick", role: "status" }), button("Close", end, { "aria-label": "End the tour" })),
    make("h2", { tabindex: "-1" }, step.words),
    make("p", { class: "do" }, there ? step.do : `This step is on the page ${name(step)}.`),
    make("div", { class: "row" }, button("Back", () => to(k - 1), { disabled: k === 0 }),
      there ? button("Show me", lead) : button(`Go to ${name(step)}`, () => go(page(step))),
      button(last ? "End" : "Next", last ? end : () => to(k + 1), { class: "first" })));
  if (card) card.replaceWith(fresh); else document.body.append(fresh);
  card = fresh;
  touring(true);
  point(step);
  if (there) { card.querySelector("h2").focus({ preventScroll: true }); reveal(); }
}

document.getElementById("tour").addEventListener("click", () => to(0));
document.getElementById("tour").disabled = false; // a click before this would be lost
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && card?.contains(event.target)) end(); });
if (location.hash === "#tour") { history.replaceState(null, "", location.pathname); keep(0); }
document.addEventListener("sequence", reveal, { once: true }); // a first sequence that comes later moves what stands below it
if (at() !== null && await known()) show(Math.min(at(), steps.length - 1));
