"""What the eye needs: contrast in light and dark, and no sideways scrolling on a telephone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import elman.report
from elman.report.charts import COLOURS
from elman.report.page import write_report

from .sample import content

CSS = (Path(elman.report.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6})", block))
    for block in CSS.split("@media print")[0].split("prefers-color-scheme")
)
PAIRS = [
    *((text, ground) for text in ("ink", "soft", "accent") for ground in ("page", "card", "fill")),
    *((text, ground) for text in ("good", "bad", "warn") for ground in ("card", f"{text}-bg")),
    *(("ink", f"{outcome}-bg") for outcome in ("good", "bad", "warn", "none")),
    ("none", "none-bg"),
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = (360, 768, 1280)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.1), 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_the_contrast_of_aa(colours: dict[str, str], text: str, ground: str) -> None:
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("colour", COLOURS)
def test_marks_stand_out_on_both_pages(colour: str) -> None:
    assert contrast(colour, LIGHT["card"]) >= 3 and contrast(colour, DARK["card"]) >= 3


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_fits_its_window(tmp_path: Path) -> None:
    write_report(tmp_path, content())
    frames = "".join(f'<iframe src="report.html" width="{width}" height="800"></iframe>' for width in WIDTHS)
    script = (
        "onload = () => { document.title = [...document.querySelectorAll('iframe')].map("
        "f => f.contentDocument.documentElement.scrollWidth + '/' + f.contentDocument.querySelectorAll('svg').length"
        ").join(' '); }"
    )
    (tmp_path / "frames.html").write_text(
        f"<!doctype html><title></title>{frames}<script>{script}</script>", encoding="utf-8"
    )
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --allow-file-access-from-files --dump-dom"
    )
    done = subprocess.run(
        [str(CHROMIUM), *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "frames.html").as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stdout[:500]
    measured = [tuple(map(int, part.split("/"))) for part in title[1].split()]
    assert len(measured) == len(WIDTHS)
    for (width, charts), window in zip(measured, WIDTHS, strict=True):
        assert width <= window, f"{width} px of page in a window of {window} px"
        assert charts >= 4
