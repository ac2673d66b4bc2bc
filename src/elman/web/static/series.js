// Series: the strip's track, and the fan of a forecast. Points come thinned from the server.
import { visible } from "./api.js";
import { frame, svg } from "./charts.js";

export const HUES = ["#2f7dd1", "#149a7c", "#c05aa5", "#a0801a", "#7d72d8", "#cf4d4d", "#6d8796", "#d9700f"];
const path = (points) => points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const ends = (numbers) => {
  const known = numbers.filter((one) => one !== null && Number.isFinite(one));
  const low = Math.min(...known), high = Math.max(...known), pad = (high - low || 1) * 0.06;
  return known.length ? [low - pad, high + pad] : [0, 1];
};

// Lines over places; a band where several steps share one. `paint`: a colour for each place, or null.
export function track(place, { channels, steps, paint, chosen }) {
  const shown = channels.slice(0, HUES.length);
  const [low, high] = ends(shown.flatMap((one) => [...one.low, ...one.high]));
  const f = frame(place, { height: 150, low, high, title: `${channels.map((one) => one.name).join(", ")} over ${steps.length} steps` });
  const wide = f.plot / steps.length, x = (k) => f.left + (k + 0.5) * wide;
  (paint ?? []).forEach((colour, k) => { if (colour) f.root.append(svg("rect", { x: f.left + k * wide, width: wide + 0.3, y: f.top, height: f.height - f.top - f.bottom, fill: colour })); });
  shown.forEach((one, c) => {
    const dense = one.low.some((value, k) => value !== one.high[k]);
    if (dense) f.root.append(svg("path", { d: path([...one.high.map((y, k) => [x(k), f.y(y)]), ...one.low.map((y, k) => [x(k), f.y(y)]).reverse()]) + "Z", fill: HUES[c], "fill-opacity": 0.55 }));
    f.root.append(svg("path", { d: path(one.high.map((y, k) => [x(k), f.y(dense ? (y + one.low[k]) / 2 : y)])), fill: "none", stroke: HUES[c], "stroke-width": dense ? 1 : 2 }));
  });
  const marks = Math.max(2, Math.min(6, Math.floor(f.plot / 130)));
  for (let m = 0; m < marks; m++) {
    const k = Math.round((m * (steps.length - 1)) / (marks - 1));
    f.root.append(svg("text", { x: x(k), y: f.height - 6, class: "tick", "text-anchor": m === 0 ? "start" : m === marks - 1 ? "end" : "middle" }, visible(steps[k] ?? "").slice(0, 16)));
  }
  if (chosen !== null && chosen !== undefined) f.root.append(svg("rect", { x: f.left + chosen * wide, width: Math.max(wide, 2), y: f.top, height: f.height - f.top - f.bottom, class: "here" }));
  place.replaceChildren(f.root);
  place.at = (clientX) => { const box = f.root.getBoundingClientRect(); return Math.min(steps.length - 1, Math.max(0, Math.floor(((clientX - box.left) * f.width / box.width - f.left) / wide))); };
}

// The past, the forecast with its interval, what came, and the forecast before an edit. `drag(k, value)`: a point of the past was moved.
export function fan(place, { past, stamps, found, came, before, title, drag, chosen }) {
  const ahead = found.prediction, count = past.length + ahead.length;
  const [low, high] = ends([...past, ...ahead, ...found.low, ...found.high, ...(came ?? [])]);
  const f = frame(place, { height: 280, low, high, title });
  const wide = f.plot / count, x = (k) => f.left + (k + 0.5) * wide, n = past.length;
  const known = (values, first) => values.map((y, k) => [x(first + k), y]).filter(([, y]) => y !== null).map(([at, y]) => [at, f.y(y)]);
  f.root.append(svg("line", { x1: f.left + n * wide, x2: f.left + n * wide, y1: f.top, y2: f.height - f.bottom, class: "now" }));
  const joined = past.at(-1) === null ? [] : [[x(n - 1), f.y(past.at(-1))]];
  f.root.append(svg("path", { d: path([...joined, ...known(found.high, n), ...known(found.low, n).reverse()]) + "Z", class: "fan" }),
    svg("path", { d: path(known(past, 0)), class: "past" }));
  if (came) f.root.append(svg("path", { d: path([...joined, ...known(came, n)]), class: "came" }));
  if (before) f.root.append(svg("path", { d: path([...joined, ...known(before, n)]), class: "before" }));
  f.root.append(svg("path", { d: path([...joined, ...known(ahead, n)]), class: "ahead" }));
  const marks = Math.max(2, Math.min(6, Math.floor(f.plot / 130)));
  for (let m = 0; m < marks; m++) {
    const k = Math.round((m * (count - 1)) / (marks - 1));
    f.root.append(svg("text", { x: x(k), y: f.height - 6, class: "tick", "text-anchor": m === 0 ? "start" : m === marks - 1 ? "end" : "middle" }, visible(stamps[k] ?? "").slice(0, 16)));
  }
  past.forEach((value, k) => {
    if (value !== null && (wide > 5 || k === chosen)) f.root.append(svg("circle", { cx: x(k), cy: f.y(value), r: k === chosen ? 6 : 3, class: k === chosen ? "dot chosen" : "dot" }));
  });
  place.replaceChildren(f.root);
  const there = (event) => {
    // Each move draws the picture anew, so it is the one that stands there now that is measured.
    const box = place.firstElementChild.getBoundingClientRect(), scale = f.width / box.width;
    const k = Math.floor(((event.clientX - box.left) * scale - f.left) / wide);
    const inside = f.height - f.top - f.bottom, share = 1 - ((event.clientY - box.top) * scale - f.top) / inside;
    return [k, low + share * (high - low)];
  };
  f.root.addEventListener("pointerdown", (event) => {
    const [k] = there(event);
    if (k < 0 || k >= n) return;
    event.preventDefault();
    drag(k, null);
    const move = (moved) => drag(k, there(moved)[1]);
    const end = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", end); removeEventListener("pointercancel", end); };
    addEventListener("pointermove", move); addEventListener("pointerup", end); addEventListener("pointercancel", end);
  });
}
