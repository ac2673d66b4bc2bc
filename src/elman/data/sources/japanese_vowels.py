"""Japanese vowels: which of nine men says /ae/, from 12 cepstral coefficients over 7 to 29 frames (Kudo et al. 1999).

As in the UEA archive: 270 utterances to train, 370 to test. A tenth of the training ones is held out to validate.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data import ts_file
from elman.data.archive import is_archive, members
from elman.data.contract import LabelledSeries, Source, ValueExamples
from elman.data.download import read_text, unproven
from elman.data.value_splits import given

URL = "https://www.timeseriesclassification.com/aeon-toolkit/JapaneseVowels.zip"
FILES = ("JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts")
SIZES, CHANNELS = (270, 370), 12


def load(options: DataOptions) -> LabelledSeries:
    """The two files, downloaded as an archive, or from an archive or a folder by `path`; what is inside is counted."""
    # No checksum of the archive is published; what is inside is known.
    with unproven(options.path, URL, "JapaneseVowels.zip", "the Japanese vowels") as path:
        train, test = (ts_file.parse(text, name) for name, text in zip(FILES, _texts(path)))
        found = (len(train.values), len(test.values)), train.channels
        if found != (SIZES, CHANNELS):
            (some, others), channels = found
            raise DataError(
                f"{path} holds {some} and {others} series of {channels} channels; Japanese vowels are {SIZES[0]} and {SIZES[1]} "
                f"of {CHANNELS}. For files of your own: elman train FILE_TRAIN.ts"
            )
    channels_named = tuple(f"coefficient {number + 1}" for number in range(CHANNELS))
    first, second = (ValueExamples(part.values, part.targets) for part in (train, test))
    dataset = given(first, second, train.labels, channels_named, "japanese-vowels", options)
    facts = replace(dataset.provenance, licence=source.licence, citation=source.citation)
    return replace(dataset, provenance=facts)


def _texts(path: Path) -> list[str]:
    if path.is_file() and not is_archive(path):
        path = path.parent
    if path.is_dir():
        texts = {name: read_text(path / name) for name in FILES if (path / name).exists()}
    else:
        content = members(path, lambda member: PurePosixPath(member).name in FILES)
        texts = {PurePosixPath(member).name: text.decode("utf-8-sig") for member, text in content}
    missing = [name for name in FILES if name not in texts]
    if missing:
        raise DataError(f"{path} holds no {' and no '.join(missing)}; expected {' and '.join(FILES)}.")
    return [texts[name] for name in FILES]


source = Source(
    title="Japanese vowels: which speaker",
    task="classification",
    load=load,
    licence="CC BY 4.0",
    citation="Kudo, Toyama and Shimbo 1999, Multidimensional curve classification using passing-through regions, Pattern Recognition Letters",
    url=URL,
    size="270 + 370 series of 12 channels, 7 to 29 steps",
    defaults={
        "model.bidirectional": True,
        "model.dropout": 0.5,
        "training.learning_rate": 5e-3,
        "training.threads": 1,
    },
)
