// What every page has: the choice of the run, and the strip where there is one.
if (document.getElementById("strip")) await import("./strip.js");

document.getElementById("run").addEventListener("change", (event) => {
  location.href = `/runs/${encodeURIComponent(event.target.value)}/${document.body.dataset.page}`;
});
