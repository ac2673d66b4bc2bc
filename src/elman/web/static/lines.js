// Lines over numbers on both axes, one for each run, with the nearest point told under the pointer.
import { make, short } from "./api.js";
import { frame, svg, ticks } from "./charts.js";

export const COLOURS = ["#2f7dd1", "#d9700f", "#149a7c", "#c05aa5", "#a0801a", "#7d72d8", "#cf4d4d", "#6d8796"];

export function lines(place, curves, { title, over, told, height = 260 }) {
  const xs = curves.flatMap((one) => one.x), ys = curves.flatMap((one) => one.y);
  if (!ys.length) { place.replaceChildren(); return; }
  const lowX = Math.min(...xs), highX = Math.max(...xs), low = Math.min(...ys), high = Math.max(...ys), pad = (high - low || Math.abs(high) || 1) * 0.06;
  const f = frame(place, { low: low - pad, high: high + pad, title, height });
  const x = (value) => f.left + f.plot * (highX > lowX ? (value - lowX) / (highX - lowX) : 0.5);
  for (const at of ticks(lowX, highX > lowX ? highX : lowX + 1, Math.max(3, Math.min(6, f.plot / 110)))) {
    if (at <= highX) f.root.append(svg("text", { x: Math.min(x(at), f.width - f.right - 14), y: f.height - 8, class: "tick", "text-anchor": "middle" }, at.toLocaleString("en")));
  }
  for (const one of curves) {
    const path = one.x.map((at, k) => `${k ? "L" : "M"}${x(at).toFixed(1)} ${f.y(one.y[k]).toFixed(1)}`).join("");
    f.root.append(svg("path", { d: path, class: "curve", stroke: one.colour }));
    if (one.x.length < 60) for (let k = 0; k < one.x.length; k++) f.root.append(svg("circle", { cx: x(one.x[k]), cy: f.y(one.y[k]), r: 2.6, fill: one.colour }));
  }
  const mark = svg("circle", { r: 6, class: "mark", visibility: "hidden" });
  f.root.append(mark);
  f.root.addEventListener("pointermove", (event) => {
    const box = f.root.getBoundingClientRect(), scale = f.width / box.width;
    const px = (event.clientX - box.left) * scale, py = (event.clientY - box.top) * scale;
    let best = null;
    for (const one of curves) for (let k = 0; k < one.x.length; k++) {
      const far = (x(one.x[k]) - px) ** 2 + ((f.y(one.y[k]) - py) ** 2) / 4;
      if (!best || far < best.far) best = { far, one, k };
    }
    mark.setAttribute("cx", x(best.one.x[best.k])); mark.setAttribute("cy", f.y(best.one.y[best.k]));
    mark.setAttribute("stroke", best.one.colour); mark.setAttribute("visibility", "visible");
    told.textContent = `${best.one.name}: ${short(best.one.y[best.k])} at ${over.replace(/s$/, "")} ${short(best.one.x[best.k])}`;
  });
  place.replaceChildren(f.root);
}

export const legend = (place, named) => place.replaceChildren(...named.map(({ name, colour, note }) => make("li", {}, make("i", { style: { background: colour } }), name, note ? make("small", {}, note) : "")));
