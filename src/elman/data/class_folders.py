"""Labelled texts from a folder that has one folder per class, a text file per example."""

from __future__ import annotations

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import LabelledTexts
from elman.data.download import local, read_text
from elman.data.folder import named_in
from elman.data.table import labelled


def load(options: DataOptions) -> LabelledTexts:
    """Class names are folder names. With folders `train` and `test` on top, that split is kept."""
    top = local(options.path or options.source)
    fixed = {name: top / name for name in ("train", "validation", "test") if (top / name).is_dir()}
    texts: list[str] = []
    labels: list[str] = []
    given: list[str | None] = []
    for name, folder in fixed.items() if "train" in fixed else [(None, top)]:
        for kind in sorted(child for child in folder.iterdir() if child.is_dir()):
            for file in sorted(kind.glob("*.txt")):
                texts.append(read_text(file))
                labels.append(kind.name)
                given.append(name)
    if not texts:
        raise DataError(
            f"{top} holds no CLASS/*.txt. Expected one folder per class with a .txt file per example.{named_in(top)}"
        )
    return labelled(texts, labels, top.name, options, given if "train" in fixed else None)
