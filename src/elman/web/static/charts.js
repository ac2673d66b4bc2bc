// Small pictures that must follow the keyboard: drawn here. What is drawn once comes from the server as SVG.
const NS = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function ticks(low, high, count = 4) {
  const span = high - low || 1, raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => each >= raw - 1e-12);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * span; at += step) found.push(Number(at.toPrecision(10)));
  return found;
}

export function frame(place, { height = 190, low, high, label, title }) {
  const width = Math.max(240, Math.min(place.clientWidth || 600, 1040)), left = 44, right = 10, top = 10, bottom = 26;
  if (!(high > low)) { high = low + 1; }
  const y = (value) => top + (height - top - bottom) * (1 - (value - low) / (high - low));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });
  for (const at of ticks(low, high)) {
    root.append(svg("line", { x1: left, x2: width - right, y1: y(at), y2: y(at), class: "grid" }),
      svg("text", { x: left - 6, y: y(at) + 4, class: "tick", "text-anchor": "end" }, String(at)));
  }
  if (label) root.append(svg("text", { x: left, y: height - 4, class: "tick" }, label));
  return { root, width, height, left, right, top, bottom, y, plot: width - left - right };
}

// What steps of so many pixels are called on an axis: every so many, where not all fit, so that those that stand there can be read.
// `inside`: where some are left out, names are moved so that the first begins at the axis' left end and the last ends at its right.
export function names(steps, wide, inside = false) {
  const most = steps.every((step) => /^\d{4}-\d\d/.test(step)) ? 16 : 10; // a date is not cut
  const cut = steps.map((step) => [...step].length > most ? `${[...step].slice(0, most - 1).join("")}…` : step);
  const long = 7.5 * Math.max(0, ...cut.map((step) => [...step].length)), room = wide * steps.length - long;
  let every = Math.ceil((long + 5) / (wide || 1));
  if (inside && every > 1) every = room > 0 ? Math.ceil(((long + 8) * steps.length) / room) : steps.length;
  return cut.map((step, k) => k % every ? "" : step);
}

// The staircase: the answer after every step, with the steps' names under it where they fit.
export function stairs(place, { at, values, steps, name, low, high, chosen }) {
  const numbers = values.filter(Number.isFinite);
  const least = low ?? Math.min(...numbers), most = high ?? Math.max(...numbers);
  const pad = low === undefined ? (most - least || 1) * 0.08 : 0;
  const told = `${name} after each of ${steps.length} steps, from ${values[0]?.toFixed(2)} to ${values.at(-1)?.toFixed(2)}`;
  const f = frame(place, { low: least - pad, high: most + pad, title: told });
  const count = steps.length, wide = f.plot / Math.max(count, 1), x = (step) => f.left + step * wide;
  let path = "", before = 0;
  at.forEach((step, k) => {
    const from = x(k ? before + 1 : step), height = f.y(values[k]);
    path += `${k ? "L" : "M"}${from.toFixed(1)} ${height.toFixed(1)}L${x(step + 1).toFixed(1)} ${height.toFixed(1)}`;
    before = step;
  });
  f.root.append(svg("path", { d: path, class: "stair" }));
  const shown = names(steps, wide);
  shown.forEach((step, k) => { if (step) f.root.append(svg("text", { x: x(k) + wide / 2, y: f.height - 8, class: "tick step", "text-anchor": "middle" }, step)); });
  if (chosen !== undefined && chosen !== null) f.root.append(svg("rect", { x: x(chosen), width: Math.max(wide, 2), y: f.top, height: f.height - f.top - f.bottom, class: "here" }));
  place.replaceChildren(f.root);
}
