// The plane of a network's state: ways of sequences, points of rest, and one's own sequence, step by step.
import { svg, ticks } from "./charts.js";
import { visible } from "./api.js";

// Equal scales on both axes, so that distances are what they look like. `chosen` is a step of `own`, or null.
export function plane(place, { paths, points, own, steps, title, pick }) {
  const width = Math.max(260, Math.min(place.clientWidth || 480, 1040)), height = Math.round(Math.min(width * 0.8, 460)), edge = 14, low = 22;
  const all = [...paths.flat(), ...points.map((one) => one.place), ...(own ?? [])];
  if (!all.length) all.push([0, 0]);
  const xs = all.map((one) => one[0]), ys = all.map((one) => one[1]);
  const least = [Math.min(...xs), Math.min(...ys)], most = [Math.max(...xs), Math.max(...ys)];
  const scale = Math.min((width - 2 * edge) / (most[0] - least[0] || 1), (height - edge - low - 8) / (most[1] - least[1] || 1));
  const middle = [(least[0] + most[0]) / 2, (least[1] + most[1]) / 2];
  const x = (value) => width / 2 + (value - middle[0]) * scale, y = (value) => (height - low + edge) / 2 - (value - middle[1]) * scale;
  const line = (path) => path.map((one, k) => `${k ? "L" : "M"}${x(one[0]).toFixed(1)} ${y(one[1]).toFixed(1)}`).join("");
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });
  const span = (width - 2 * edge) / scale;
  for (const at of ticks(middle[0] - span / 2, middle[0] + span / 2, 5)) root.append(svg("line", { x1: x(at), x2: x(at), y1: 4, y2: height - low, class: "grid" }), svg("text", { x: x(at), y: height - 6, class: "tick", "text-anchor": "middle" }, String(at)));
  const tall = (height - low - 4) / scale;
  for (const at of ticks(middle[1] - tall / 2, middle[1] + tall / 2, 4)) root.append(svg("line", { x1: 0, x2: width, y1: y(at), y2: y(at), class: "grid" }), svg("text", { x: 2, y: y(at) - 4, class: "tick" }, String(at)));
  for (const each of paths) root.append(svg("path", { d: line(each), class: "other-way" }));
  if (own?.length) {
    root.append(svg("path", { d: line(own), class: "own-way" }));
    const every = Math.ceil(own.length / 300);
    own.forEach((one, k) => { if (k % every === 0) root.append(svg("circle", { cx: x(one[0]), cy: y(one[1]), r: own.length > 80 ? 2 : 3.4, class: "own-step" })); });
    if (own.length <= 24) own.forEach((one, k) => root.append(svg("text", { x: x(one[0]) + 6, y: y(one[1]) - 6, class: "tick own-name" }, visible(steps[k]).slice(0, 14))));
  }
  for (const one of points) {
    const at = { transform: `translate(${x(one.place[0]).toFixed(1)} ${y(one.place[1]).toFixed(1)})` };
    root.append(one.kind === "slow" ? svg("path", { ...at, d: "M0 -6L6 0L0 6L-6 0Z", class: "rest slow" }) : svg("circle", { ...at, r: 5.5, class: `rest ${one.stable ? "stable" : "unstable"}` }));
  }
  const mark = svg("g", { visibility: "hidden", class: "own-here" }, svg("circle", { r: 8 }), svg("text", { class: "tick", "text-anchor": "middle", y: -13 }));
  root.append(mark);
  if (own?.length) root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect(), ratio = width / box.width, px = (event.clientX - box.left) * ratio, py = (event.clientY - box.top) * ratio;
    let best = -1, near = 26 * 26;
    own.forEach((one, k) => { const far = (x(one[0]) - px) ** 2 + (y(one[1]) - py) ** 2; if (far < near) { near = far; best = k; } });
    if (best >= 0) pick(best);
  });
  place.replaceChildren(root);
  return (step) => { // lights a step up, or none
    const shown = own?.length && step !== null && step < own.length;
    mark.setAttribute("visibility", shown ? "visible" : "hidden");
    if (!shown) { delete place.dataset.step; return; }
    place.dataset.step = step;
    mark.setAttribute("transform", `translate(${x(own[step][0]).toFixed(1)} ${Math.max(20, y(own[step][1])).toFixed(1)})`);
    mark.lastChild.textContent = visible(steps[step]);
  };
}

// Eigenvalues around the circle of length 1: outside of it grows, inside fades.
export function circle(place, points) {
  const size = 240, most = Math.max(1.1, ...points.flatMap((one) => one.eigenvalues.flat().map(Math.abs))), at = (value) => size / 2 + value / most * (size / 2 - 8);
  const outside = points.reduce((sum, one) => sum + one.eigenvalues.filter(([re, im]) => Math.hypot(re, im) >= 1).length, 0);
  const root = svg("svg", { viewBox: `0 0 ${size} ${size}`, width: size, height: size, role: "img", "aria-label": `eigenvalues of ${points.length} points, ${outside} of them outside the unit circle` });
  root.append(svg("line", { x1: 0, x2: size, y1: size / 2, y2: size / 2, class: "grid" }), svg("line", { y1: 0, y2: size, x1: size / 2, x2: size / 2, class: "grid" }),
    svg("circle", { cx: size / 2, cy: size / 2, r: at(1) - size / 2, class: "unit-circle" }));
  for (const one of points) for (const [re, im] of one.eigenvalues) root.append(svg("circle", { cx: at(re), cy: at(-im), r: 3, class: `value ${one.kind === "slow" ? "slow" : one.stable ? "stable" : "unstable"}` }));
  place.replaceChildren(root);
}
