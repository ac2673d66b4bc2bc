"""Text coloured by one unit, as a small SVG: the colours of interpretation/pictures.py, without a rectangle for every fact."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from elman.interpretation.pictures import AGAINST, FOR, VISIBLE

WIDE, HIGH, EDGE = 8.4, 22, 12  # of a character, a line and the margin, in pixels
COLUMNS = 84
T = TypeVar("T")
LABEL = "#333333"  # of the line under characters at which the label is true


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


def text_svg(blocks: Sequence[Painted], columns: int = COLUMNS) -> str:
    """The blocks under each other, in lines of at most `columns` characters; a line of the text ends a line, too."""
    parts, top = [], float(EDGE)
    for block in blocks:
        top += 16
        parts.append(f'<text x="{EDGE}" y="{top:g}" font-size="13" font-weight="bold" font-family="sans-serif">{html.escape(block.title)}</text>')  # fmt: skip
        top += 10
        for line in _lines(block.characters, columns):
            parts += _line(block, line, top)
            top += HIGH + 8 * bool(block.notes)
        top += 10
    width, height = EDGE * 2 + WIDE * columns, top + EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'font-family="monospace" font-size="14" fill="#1a1a1a"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _lines(characters: Sequence[str], columns: int) -> list[range]:
    """Which steps stand on each line."""
    found, first = [], 0
    for step, name in enumerate(characters):
        if name in ("\n", "") or step + 1 - first == columns or step + 1 == len(characters):
            found.append(range(first, step + 1))
            first = step + 1
    return found


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
