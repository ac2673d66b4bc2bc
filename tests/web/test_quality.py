"""Every page: text that can be read in light and in dark, little to load, and many tabs at once."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import KEY, Server

PAGES = ("play", "see", "trust", "space", "runs")
MOST = 1_500_000  # bytes of a page with all it loads

# WCAG 2.2, 1.4.3: contrast of text with what is behind it, 4.5 at least, 3 where it is large.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3]));
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const found = new Set(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, style = getComputedStyle(element);
    if (!node.textContent.trim() || ["SCRIPT", "STYLE", "OPTION", "OPTGROUP"].includes(element.tagName)) continue;
    const box = element.getBoundingClientRect();
    if (element.closest("[hidden], .hidden, :disabled") || !element.checkVisibility() || box.width < 2 || box.height < 2) continue;
    const chain = []; for (let one = element; one; one = one.parentElement) chain.unshift(one);
    let behind = [255, 255, 255];
    for (const one of chain) behind = over(rgba(getComputedStyle(one).backgroundColor), behind);
    const ink = rgba(element.ownerSVGElement ? style.fill : style.color);
    const [a, b] = [light(over(ink, behind)), light(behind)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen++;
    if (ratio < (large ? 3 : 4.5) - 0.005) found.add(`${element.tagName}.${element.getAttribute("class") ?? ""} ${ratio.toFixed(2)} ${node.textContent.trim().slice(0, 30)}`);
  }
  return { seen, faint: [...found] };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", PAGES)
def test_text_can_be_read(page: Any, server: Server, which: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{server.address}/runs/films-gru/{which}")
    if which != "runs":
        page.wait_for_selector("#tokens li, #legend:not(:empty)", state="attached")
    page.wait_for_timeout(400)
    found = page.evaluate(FAINT)
    assert found["seen"] > 15 and found["faint"] == []


def test_faint_text_would_be_found(page: Any, server: Server) -> None:
    page.goto(f"{server.address}/runs/films-gru/play")
    page.evaluate("document.querySelector('h2').style.color = '#999'")
    assert any(line.startswith("H2") for line in page.evaluate(FAINT)["faint"])


@pytest.mark.parametrize("which", PAGES)
def test_a_page_is_light(page: Any, server: Server, which: str) -> None:
    sizes: list[int] = []
    page.on("response", lambda reply: sizes.append(len(reply.body())) if reply.status == 200 else None)
    page.goto(f"{server.address}/runs/films-gru/{which}", wait_until="networkidle")
    assert len(sizes) > 3 and sum(sizes) < MOST


def test_eight_tabs_at_once(page: Any, server: Server) -> None:
    tabs = [page.context.new_page() for _ in range(8)]
    texts = [f"a fine {'good ' * k}film" for k in range(8)]
    for k, tab in enumerate(tabs):
        tab.goto(f"{server.address}/runs/films-gru/{('play', 'see')[k % 2]}?key={KEY}")
    for tab, text in zip(tabs, texts):
        tab.fill("#text", text)
    for k, tab in enumerate(tabs):
        tab.wait_for_function(
            "(count) => document.querySelectorAll('#tokens li').length === count", arg=3 + k
        )
        assert tab.is_hidden("#problem")
