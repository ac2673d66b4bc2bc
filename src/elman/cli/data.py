"""List the data sources, or describe one.

elman data              all sources
elman data syllables    one source: sizes, balance, lengths, words never seen, gaps, duplicates, split, licence
elman data sales.csv --time day --target units
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from elman.cli._flags import first_word, parse
from elman.core.catalogue import catalogue, find


@dataclass(frozen=True)
class Data:
    """List the data sources, or describe one."""

    source: Annotated[str | None, tyro.conf.Positional] = None  # a name, or a file or folder of your own
    path: str | None = None  # a local copy of a named source
    text: str | None = None
    label: str | None = None
    time: str | None = None
    target: tuple[str, ...] = ()
    entity: str | None = None
    known: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    frequency: str | None = None
    sentinels: tuple[float, ...] = ()
    delays: tuple[str, ...] = ()
    group: str | None = None
    date: str | None = None
    stratified: bool = False
    length: int | None = None  # synthetic: the longest training sequence
    test_length: int | None = None  # synthetic: the longest test sequence
    data_seed: int = 0  # synthetic: which draw of the sequences


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Data, arguments, "data")
    from rich.console import Console

    console = Console(highlight=False)
    if options.source is None:
        width = max(map(len, catalogue("data.sources"))) + 1
        for name, entry in catalogue("data.sources").items():
            source = find("data.sources", name).source
            console.print(f"[bold]{name:<{width}}[/]{entry.summary}", soft_wrap=True)
            console.print(
                f"{'':{width}}{source.task}; {source.size}; {source.licence}", soft_wrap=True, markup=False
            )
        console.print(
            "\nYour own: elman train FILE (text, CSV, JSONL, Parquet, CoNLL-U, .ts) or FOLDER; of the Hugging Face hub: huggingface:NAME. "
            "More: elman data NAME"
        )
        return 0
    from elman.cli._proposal import agreed
    from elman.cli._terminal import Terminal
    from elman.core.recipe import DataOptions, Recipe
    from elman.data.load import load
    from elman.data.profile import profile

    given = Recipe(data=DataOptions(**vars(options)))  # type: ignore[arg-type]
    recipe = agreed(given, Terminal(), rest=arguments[1:] if first_word(arguments) else (), asks=False)
    source, dataset = load(recipe.data, recipe.task)
    provenance = dataset.provenance
    console.print(f"[bold]{source.title}[/]: {source.task}", soft_wrap=True)
    for name, value in (
        *profile(dataset), *(("note", note) for note in provenance.notes),
        ("split", provenance.split), ("hash", provenance.data_hash), ("licence", source.licence),
        ("citation", source.citation), ("url", source.url),
    ):  # fmt: skip
        if value:
            console.print(f"{name:<12}{value}", soft_wrap=True, markup=False)
    return 0
