// What every page has: the choice of the network, the strip where there is one, and the tour.
import { go } from "./api.js";
if (document.getElementById("strip")) await import("./strip.js");

document.getElementById("run").addEventListener("change", (event) => {
  go(`${event.target.value}/${document.body.dataset.page}`);
});
import("./tour.js");
