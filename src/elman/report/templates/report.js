
(() => {
  const tip = document.createElement("div");
  tip.id = "tip"; tip.setAttribute("role", "status"); document.body.append(tip);
  const hide = () => { tip.style.display = "none"; };
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.("svg [aria-roledescription][aria-label]");
    const kind = mark?.getAttribute("aria-roledescription") ?? "";
    if (!mark || !/point|bar|rect|circle|square|symbol/.test(kind)) return hide();
    tip.textContent = mark.getAttribute("aria-label").replaceAll("; ", "\n");
    tip.style.display = "block";
    const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const y = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8);
    tip.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
  });
  document.addEventListener("pointerleave", hide);
  addEventListener("scroll", hide, { passive: true });
  for (const block of document.querySelectorAll("pre.command")) {
    if (!navigator.clipboard) break;
    const button = document.createElement("button");
    button.type = "button"; button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    block.append(button);
  }
  for (const fold of document.querySelectorAll("details")) {
    addEventListener("beforeprint", () => { fold.open = true; });
  }
})();
