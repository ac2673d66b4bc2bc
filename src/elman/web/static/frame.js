// In a frame without a server: what the page fetches is asked of the window around it, and links lead to other documents.
(() => {
  const waiting = new Map(), kept = new Map(Object.entries(FRAME.kept));
  let count = 0;
  const tell = (message) => parent.postMessage({ elman: true, ...message }, "*");
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || !data?.elman) return;
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  });
  window.fetch = (path, { method = "GET", body = "", signal } = {}) => new Promise((done, fail) => {
    const id = ++count;
    signal?.addEventListener("abort", () => { waiting.delete(id); fail(new DOMException("a newer question", "AbortError")); });
    waiting.set(id, ({ status, text }) => done({ ok: status < 400, status, json: async () => JSON.parse(text) }));
    tell({ kind: "ask", id, method, path, body });
  });
  const go = (path) => tell({ kind: "go", path: new URL(path, `http://elman${FRAME.path}`).pathname, kept: Object.fromEntries(kept) });
  window.elman = { go };
  // A frame without an origin has no store; this one goes along from page to page.
  Object.defineProperty(window, "sessionStorage", { value: {
    getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, String(value)), removeItem: (name) => kept.delete(name),
  } });
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]"), where = link?.getAttribute("href");
    if (!link) return;
    event.preventDefault();
    if (where[0] === "#") document.getElementById(where.slice(1))?.scrollIntoView(); else if (!where.includes(":")) go(where);
  });
})();
