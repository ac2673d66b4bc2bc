"""The page: one section for each picture, with how it was made and what it is held against, from what was measured (facts.json)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The sections, each a module beside this one: measure(data, images) -> facts draws its pictures, entry(facts) says what was found.
ORDER = ("imdb", "characters", "memories", "flip_flop", "syllables", "opened", "decision")
WRAPPED = 84  # columns of a command
HEAD = """# Gallery

What Elman sees in networks that were trained for this page. Each finding has its control: the same quantity where there should be nothing to find.
`make gallery DATA=FOLDER` trains the networks (some ten minutes on two cores; they stay in `runs/gallery` and are used again), asks them, and writes the pictures,
the numbers (`docs/gallery/facts.json`) and this page. What each question means is told in [Looking inside](interpretation.md).
"""


@dataclass(frozen=True)
class Entry:
    """One section.

    seen, control  what was found, and the same where there is nothing to find; with numbers
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
        """The section. A picture is a link to itself, since a narrow page shows it small."""
        needs = any("DATA" in command for command in self.commands)
        made = f"python docs/gallery{' --data DATA' if needs else ''} {name}"
        shown = "\n\n".join(f"[![{words}]({place})]({place})" for place, words in self._placed())
        lines = [
            f"## {self.title}", "", self.seen, "", shown, "", f"**Control.** {self.control}", "",
            *([self.more, ""] if self.more else []), f"Seed {self.seed}; {self.data}. Made by", "", "```bash", made, "```",
        ]  # fmt: skip
        if self.commands:
            typed = [wrapped(command) for command in self.commands]
            lines += ["", '<details markdown="1">', "<summary>The same by hand</summary>", ""]
            lines += ["```bash", *typed, "```", "", "</details>"]
        return "\n".join(lines)

    def _placed(self) -> list[tuple[str, str]]:
        return [(f"images/gallery/{name}", words) for name, words in self.pictures]


def page(made: Mapping[str, Mapping[str, Any]]) -> str:
    """The page from the facts of each section: {name: {"facts": ...}}; a section without any is left out."""
    modules = {name: importlib.import_module(name) for name in ORDER if name in made}
    sections = [module.entry(made[name]["facts"]).markdown(name) for name, module in modules.items()]
    return "\n\n".join([HEAD.strip(), *sections]) + "\n"


def wrapped(command: str, columns: int = WRAPPED) -> str:
    """A long command over several lines, broken before options and between folders."""
    parts: list[str] = []
    for word in command.split(" "):
        alone = word.startswith("--") or ("/" in word and not parts[-1].startswith("--"))
        if alone or not parts:
            parts.append(word)
        else:
            parts[-1] += f" {word}"
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 3 > columns:  # a space before it, and " \\" after it
            lines.append(f"  {part}")
        else:
            lines[-1] += f" {part}"
    return " \\\n".join(lines)
