// In a report nothing answers: what the page fetches was kept when the report was written, and what was not is told as that.
(() => {
  const kept = new Map();
  const alike = (asked, given) => Object.entries(asked).every(([name, value]) => JSON.stringify(given[name]) === JSON.stringify(value));
  window.fetch = async (path, { body = "{}" } = {}) => {
    const question = path.replace(`${STILL.base}/`, "").replace(/^\/jobs\/(.*)\.json$/, "$1"), given = JSON.parse(body);
    const found = STILL.answers[decodeURIComponent(question)]?.find(([asked]) => alike(asked, given))?.[1];
    const job = { job: encodeURIComponent("space/look"), what: "", state: "done", answer: found };
    const answer = !found ? { error: STILL.absent } : question.endsWith("look") && question !== "see/look" ? job : found;
    return { ok: Boolean(found), status: found ? 200 : 404, json: async () => structuredClone(answer) };
  };
  // What a page remembers stays in this one: other reports of the same browser know other sequences.
  Object.defineProperty(window, "sessionStorage", { value: {
    getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, String(value)), removeItem: (name) => kept.delete(name),
  } });
})();
