"""SST: sentences of film reviews, negative or positive, or on five levels with `--label fine` (Socher et al. 2013).

The published split: 6,920 / 872 / 1,821 sentences, 8,544 / 1,101 / 2,210 on five levels. Read from a folder with the files
stsa.binary.train, .dev and .test (stsa.fine.* for five levels), a label and a sentence on each line; there is no download. Files
of other content are read, too: their SHA-256 stands in the run as the data's hash.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import Examples, LabelledTexts, Provenance, Source, SplitName
from elman.data.download import local, read_text
from elman.data.splits import hash_texts, pick

FILES = {"train": "train", "validation": "dev", "test": "test"}
NAMES = {
    "binary": ("negative", "positive"),
    "fine": ("very negative", "negative", "neutral", "positive", "very positive"),
}


def load(options: DataOptions) -> LabelledTexts:
    """Sentences with two labels, or with five."""
    kind = options.label or "binary"
    if kind not in NAMES:
        raise DataError(f"sst has no labels {kind!r}; expected --label binary or --label fine.")
    if not options.path:
        raise DataError("sst has no download; get the files stsa.* and give --path FOLDER.")
    if options.validation_share is not None or options.test_share is not None:
        raise DataError("sst comes split, in three files; drop --validation-share and --test-share.")
    folder, names = local(options.path), NAMES[kind]
    splits: dict[str, Examples] = {}
    for split, ending in FILES.items():
        path = local(str(folder / f"stsa.{kind}.{ending}"))
        texts, labels = [], []
        for number, line in enumerate(read_text(path).split("\n"), 1):
            label, _, text = line.rstrip("\r").partition(" ")
            if not line:
                continue
            if not (label.isdecimal() and int(label) < len(names) and text.strip()):
                raise DataError(
                    f"line {number} of {path}: expected a label 0 to {len(names) - 1} and a sentence."
                )
            texts.append(text)
            labels.append(names[int(label)])
        splits[split] = Examples(texts, labels)
    every = [part for examples in splits.values() for part in (examples.texts, examples.targets)]
    digest = hash_texts(*every)
    if options.limit:
        train = splits["train"]
        rows = np.sort(np.random.default_rng(0).permutation(len(train))[: options.limit])
        splits["train"] = pick(train.texts, train.targets, rows)
    rule = "as published: " + ", ".join(f"{len(part):,} {split}" for split, part in splits.items())
    provenance = Provenance("sst", digest, rule, (), source.licence, source.citation)
    return LabelledTexts(cast(dict[SplitName, Examples], splits), names, provenance)


source = Source(
    title="Stanford Sentiment Treebank, sentences",
    task="classification",
    load=load,
    licence="not stated; texts by their authors",
    citation="Socher et al. 2013, Recursive Deep Models for Semantic Compositionality, EMNLP",
    size="9,613 sentences with two labels, 11,855 with five; your copy",
    takes=("label",),
    defaults={
        "encoding.tokenizer": "spaces",
        "encoding.max_length": 64,
        "model.pooling": "mean_max",
        "model.bidirectional": True,
        "model.hidden_size": 64,
        "model.dropout": 0.5,
        "training.epochs": 3.0,
    },
)
