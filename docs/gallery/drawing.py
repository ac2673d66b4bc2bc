"""Text coloured by one unit, as a small SVG: the colours of interpretation/pictures.py, without a rectangle for every fact."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from elman.interpretation.pictures import AGAINST, FOR, VISIBLE

WIDE, HIGH, EDGE = 8.4, 22, 12  # of a character, a line and the margin, in pixels
TITLE, KEY = 7.2, 6.4  # of a letter of the title and of the key at the most
COLUMNS = 60
T = TypeVar("T")
LABEL = "#333333"  # of the line under characters at which the label is true
SANS = 'font-family="sans-serif"'


@dataclass(frozen=True)
class Painted:
    """Steps of one character, a value for each about the unit's mean (full colour at `most`), and where the label is true.

    An empty step ends a line. `notes` are written small under each step in the place of the line that marks where the label is true.
    """

    title: str
    characters: Sequence[str]
    values: Sequence[float]
    most: float
    true: Sequence[bool]
    notes: Sequence[str] = ()


def text_svg(blocks: Sequence[Painted], label: str, columns: int = COLUMNS) -> str:
    """The blocks under each other, in lines of at most `columns` characters, under a key to the colours and to what the `label` marks are."""
    parts, top = [], float(EDGE + 10)
    key, wide = _key(label, bool(blocks[0].notes), top)
    parts += key
    for block in blocks:
        top += 28
        parts.append(
            f'<text x="{EDGE}" y="{top:g}" font-size="13" font-weight="bold" {SANS}>{html.escape(block.title)}</text>'
        )
        top += 10
        wide = max(wide, TITLE * len(block.title))
        for line in _lines(block.characters, columns):
            parts += _line(block, line, top)
            wide = max(wide, WIDE * len(line))
            top += HIGH + 8 * bool(block.notes)
    width, height = EDGE * 2 + wide, top + EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'font-family="monospace" font-size="14" fill="#1a1a1a"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _key(label: str, numbered: bool, top: float) -> tuple[list[str], float]:
    """What colours and marks are, on one line, and how wide it is."""
    parts, x = [], float(EDGE)
    for colour, words in ((FOR, "above its mean"), (AGAINST, "below its mean"), ("", label)):
        if colour:
            parts.append(f'<rect x="{x:g}" y="{top - 9:g}" width="12" height="12" fill="rgb({colour})" fill-opacity="0.7"/>')  # fmt: skip
        elif not numbered:
            parts.append(f'<rect x="{x:g}" y="{top:g}" width="12" height="1.6" fill="{LABEL}"/>')
        else:
            words = f"numbers: {words}"
        x += 18 * (bool(colour) or not numbered)
        parts.append(
            f'<text x="{x:g}" y="{top:g}" font-size="12" {SANS} fill="{LABEL}">{html.escape(words)}</text>'
        )
        x += KEY * len(words) + 16
    return parts, x - EDGE - 16


def _lines(characters: Sequence[str], columns: int) -> list[range]:
    """Which steps stand on each line: a line ends after an empty step, after an empty line of the text, and else before a word that it cannot hold."""
    found, first, space = [], 0, 0  # space: one after the last white space of the line
    for step, name in enumerate(characters):
        if name in (" ", "\n"):
            space = step + 1
        after = characters[step + 1] if step + 1 < len(characters) else ""
        paragraph = name == "\n" and step > 0 and characters[step - 1] == "\n" and after != "\n"
        if name == "" or paragraph or step + 1 == len(characters):
            end = step + 1
        elif step + 1 - first == columns:
            # White space that no longer fits hangs over the end of the line.
            end = step + 1 + (after == " ") if space <= first or after in (" ", "\n", "") else space
        else:
            continue
        found.append(range(first, end))
        first = end
    found.append(range(first, len(characters)))
    return [line for line in found if len(line)]


def _line(block: Painted, steps: range, top: float) -> list[str]:
    """Grounds first, one for neighbours of like colour; then the characters, each at its place; then what is true."""
    parts = []
    for first, last, (colour, share) in _runs([_shade(block.values[step], block.most) for step in steps]):
        if share:
            parts.append(f'<rect x="{EDGE + WIDE * first:g}" y="{top:g}" width="{WIDE * (last - first):g}" height="{HIGH - 4}" fill="rgb({colour})" fill-opacity="{share:g}"/>')  # fmt: skip
    places = " ".join(f"{EDGE + WIDE * place:g}" for place in range(len(steps)))
    # A space that is a character of its own, so that a place is a character.
    words = "".join(
        VISIBLE[name] if name == "\n" else "\u00a0" if name == " " else name
        for name in (block.characters[step] for step in steps)
    )
    parts.append(f'<text y="{top + 14:g}" x="{places}">{html.escape(words)}</text>')
    if block.notes:
        below = "".join(f'<tspan x="{EDGE + WIDE * place:g}">{html.escape(block.notes[step])}</tspan>' for place, step in enumerate(steps))  # fmt: skip
        return [*parts, f'<text y="{top + HIGH + 4:g}" font-size="8" fill="{LABEL}">{below}</text>']
    for first, last, told in _runs([bool(block.true[step]) for step in steps]):
        if told:
            parts.append(f'<rect x="{EDGE + WIDE * first:g}" y="{top + HIGH - 4:g}" width="{WIDE * (last - first):g}" height="1.6" fill="{LABEL}"/>')  # fmt: skip
    return parts


def _shade(value: float, most: float) -> tuple[str, float]:
    share = min(1.0, abs(value) / most) if most > 0 else 0.0
    return (FOR if value > 0 else AGAINST), round(0.7 * share, 2)


def _runs(values: Sequence[T]) -> list[tuple[int, int, T]]:
    """(first, one after the last, value) of neighbours that are equal."""
    found: list[tuple[int, int, T]] = []
    for place, value in enumerate(values):
        if found and found[-1][2] == value:
            found[-1] = (found[-1][0], place + 1, value)
        else:
            found.append((place, place + 1, value))
    return found
