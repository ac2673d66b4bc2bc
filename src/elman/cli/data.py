"""List the data sources, or describe one.

elman data              all sources
elman data syllables    one source: sizes, split, hash, notes, examples
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from elman.cli._flags import parse
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


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Data, arguments, "data")
    from rich.console import Console

    console = Console(highlight=False)
    if options.source is None:
        for name, entry in catalogue("data.sources").items():
            source = find("data.sources", name).source
            console.print(f"[bold]{name:<12}[/] {entry.summary}", soft_wrap=True)
            console.print(
                f"{'':12} {source.task}; {source.size}; {source.licence}", soft_wrap=True, markup=False
            )
        console.print(
            "\nYour own: elman train FILE (text, CSV, JSONL, Parquet) or FOLDER. More: elman data NAME"
        )
        return 0
    from elman.core.recipe import DataOptions
    from elman.data.load import load

    settings = {
        name: getattr(options, name) for name in ("path", "text", "label", "time", "target", "entity")
    }
    source, dataset = load(DataOptions(source=options.source, **settings))
    provenance = dataset.provenance
    console.print(f"[bold]{source.title}[/]: {source.task}", soft_wrap=True)
    for name, value in (
        ("licence", source.licence), ("citation", source.citation), ("url", source.url),
        ("hash", provenance.data_hash), ("split", provenance.split),
    ):  # fmt: skip
        if value:
            console.print(f"{name:<10}{value}", soft_wrap=True, markup=False)
    for note in provenance.notes:
        console.print(f"{'note':<10}{note}", soft_wrap=True, markup=False)
    for line in profile(dataset):
        console.print(line, soft_wrap=True, markup=False)
    return 0


def profile(dataset: Any) -> list[str]:
    """What is in a data set, in lines."""
    from collections import Counter

    import numpy as np

    from elman.data.contract import Corpus, LabelledTexts

    if isinstance(dataset, Corpus):
        return [
            f"{name:<10}{len(text):,} characters, {len(set(text))} different: {text[:60]!r}"
            for name, text in dataset.splits.items()
        ]
    if isinstance(dataset, LabelledTexts):
        lines = []
        for name, examples in dataset.splits.items():
            lengths = [len(text) for text in examples.texts]
            low, middle, high = np.percentile(lengths, [5, 50, 95])
            lines.append(
                f"{name:<10}{len(examples):,} texts of {low:.0f} to {high:.0f} characters (90%), median {middle:.0f}"
            )
            if dataset.labels is not None:
                counts = Counter(map(str, examples.targets))
                lines.append(
                    " " * 10
                    + ", ".join(f"{label} {counts[label] / len(examples):.1%}" for label in dataset.labels)
                )
        first = dataset.splits["train"]
        return lines + [
            f"{'example':<10}{first.targets[row]}: {first.texts[row][:70]!r}"
            for row in range(min(3, len(first)))
        ]
    frame = dataset.frame
    lines = [
        f"{'rows':<10}{frame.height:,} from {frame[dataset.time].min()} to {frame[dataset.time].max()}, step {dataset.frequency}, season {dataset.season}",
        f"{'forecast':<10}{', '.join(dataset.targets)}",
    ]
    for name in (*dataset.targets, *dataset.known, *dataset.observed):
        column = frame[name]
        lines.append(
            f"{name:<18}mean {column.mean():.4g}, deviation {column.std():.4g}, {column.min():.4g} to {column.max():.4g}, {column.null_count():,} missing"
        )
    return lines
