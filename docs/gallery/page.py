"""The page: one section for each picture, with how it was made and what it is held against."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEAD = """# Gallery

What Elman sees in networks that were trained for this page. Each picture has its control beside it: the same quantity where there should be nothing to find.
`make gallery DATA=FOLDER` trains the networks (some minutes on two cores; they stay in `runs/gallery` and are used again), asks them and writes this page; one
picture alone: `python docs/gallery --data FOLDER NAME`. What each question means is told in [Looking inside](interpretation.md).
"""
LEFT, RIGHT = "<!-- {} -->", "<!-- end of {} -->"


@dataclass(frozen=True)
class Entry:
    """One section.

    seen, control  a sentence each, with numbers
    commands       what its networks come from, line by line; DATA stands for the folder of data
    data           what it was trained on, with the hash
    pictures       (file name, what it shows in words); files lie under docs/images/gallery
    """

    title: str
    seen: str
    control: str
    commands: Sequence[str]
    seed: int
    data: str
    pictures: Sequence[tuple[str, str]]
    more: str = ""

    def markdown(self, name: str) -> str:
        """The section, the command that makes it alone at its end."""
        needs = any("DATA" in command for command in self.commands)
        last = f"python docs/gallery{' --data DATA' if needs else ''} {name}"
        shown = "\n\n".join(f"![{words}](images/gallery/{name})" for name, words in self.pictures)
        lines = [
            f"## {self.title}", "", self.seen, "", shown, "", f"**Control.** {self.control}", "",
            *([self.more, ""] if self.more else []),
            "```bash", *self.commands, last, "```", "", f"Seed {self.seed}; {self.data}.",
        ]  # fmt: skip
        return "\n".join(lines)


def page(made: Mapping[str, Entry], order: Sequence[str], before: str = "") -> str:
    """The page with these sections, and of those not made anew what `before`, the page as it was, has of them."""
    sections = []
    for name in order:
        left, right = LEFT.format(name), RIGHT.format(name)
        if name in made:
            sections.append(f"{left}\n{made[name].markdown(name)}\n{right}")
        elif old := re.search(re.escape(left) + ".*?" + re.escape(right), before, re.S):
            sections.append(old[0])
    return "\n\n".join([HEAD.strip(), *sections]) + "\n"
