// Play, for a language model: it writes on from the text, and each token can be exchanged for another that was probable.
import { ask, make, percent, visible } from "./api.js";
import { sequence } from "./strip.js";

const $ = (id) => document.getElementById(id), place = $("written"), others = $("others");
let tokens = [], from = "";

async function write(after) {
  $("write").disabled = true;
  const topK = $("top-k").value, body = { text: from, after: after.map((one) => one.number), length: Number($("length").value), temperature: Number($("temperature").value) };
  if (topK) body.top_k = Number(topK);
  const found = await ask("play/write", body);
  $("write").disabled = false;
  if (!found) return;
  tokens = [...after, ...found.tokens];
  draw(after.length);
}

function draw(focus) {
  others.hidden = true;
  // Lines break between words: those of one stand in a span of their own.
  const words = [];
  tokens.forEach((each, k) => {
    const before = tokens[k - 1]?.token ?? "\n";
    if (/^\s/.test(each.token) || /\s$/.test(before) || words.at(-1).length > 30) words.push([]);
    words.at(-1).push(make("button", {
      type: "button", class: "token", tabindex: k === focus ? 0 : -1, "data-k": k, style: { opacity: (0.72 + 0.28 * Math.min(1, each.share * 2)).toFixed(2) },
      "aria-label": `${visible(each.token)}, probability ${percent(each.share)}`,
    }, each.token === "\n" ? "↵" : each.token || "∅"));
    if (each.token.endsWith("\n")) words.at(-1).push(make("br"));
  });
  place.replaceChildren(...words.map((each) => make("span", { class: "word" }, ...each)));
}
const buttons = () => [...place.querySelectorAll("button")];

function tell(k) {
  const each = tokens[k];
  for (const item of buttons()) item.classList.toggle("here", Number(item.dataset.k) === k);
  others.replaceChildren(make("p", {}, "Instead of ", make("b", {}, visible(each.token)), ` (${percent(each.share)}):`), make("p", { class: "row" },
    ...each.others.filter(([number]) => number !== each.number).map(([number, token, share]) => make("button", {
      type: "button", onclick: () => write([...tokens.slice(0, k), { ...each, number, token, share }]),
    }, `${visible(token)} ${percent(share)}`))));
  others.hidden = false;
}

if (place) {
  $("write").addEventListener("click", () => { from = sequence().text; write([]); });
  $("temperature").addEventListener("input", (event) => { $("temperature-said").textContent = event.target.value; });
  place.addEventListener("click", (event) => { const item = event.target.closest("button"); if (item) tell(Number(item.dataset.k)); });
  place.addEventListener("keydown", (event) => {
    const item = event.target.closest("button"), move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = item && move ? buttons()[Number(item.dataset.k) + move] : null;
    if (!to) return;
    event.preventDefault();
    item.tabIndex = -1; to.tabIndex = 0; to.focus();
  });
}
