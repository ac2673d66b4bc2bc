// The page in a notebook: a frame without an origin, whose questions go to the kernel. Until a kernel answers, and where there is
// none, it shows what was found when the cell ran.
export default {
  render({ model, el }) {
    const frame = document.createElement("iframe"), own = Math.random().toString(36).slice(2);
    frame.setAttribute("sandbox", "allow-scripts allow-forms");
    frame.title = model.get("title");
    frame.srcdoc = model.get("frozen");
    Object.assign(frame.style, { width: "100%", height: `${model.get("height")}px`, border: "1px solid rgba(128,128,128,.35)", borderRadius: "8px", background: "transparent" });
    const send = (message) => { try { model.send({ own, ...message }); } catch { /* no kernel: what is frozen stays */ } };
    const heard = (message) => {
      if (message?.own !== own) return;
      if (message.kind === "page") frame.srcdoc = message.text;
      else frame.contentWindow?.postMessage({ elman: true, id: message.id, status: message.status, text: message.text }, "*");
    };
    const asked = ({ source, data }) => {
      if (source !== frame.contentWindow || !data?.elman) return;
      if (data.kind === "ask") send({ kind: "ask", id: data.id, method: data.method, path: data.path, body: data.body });
      else if (data.kind === "go") send({ kind: "page", path: data.path, kept: data.kept });
    };
    model.on("msg:custom", heard);
    addEventListener("message", asked);
    el.append(frame);
    // What stood beside it for readers without a kernel is in the frame now.
    const beside = (hidden) => document.querySelectorAll(`[data-elman="${CSS.escape(model.get("beside") ?? "")}"]`).forEach((one) => { one.hidden = hidden; });
    beside(true);
    send({ kind: "page", path: model.get("path"), kept: {} });
    return () => { beside(false); removeEventListener("message", asked); model.off("msg:custom", heard); };
  },
};
