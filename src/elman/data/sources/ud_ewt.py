"""UD EWT: English web text with a part of speech for each word, from Universal Dependencies (Silveira et al. 2014).

Release 2.16, the published split: 12,544 / 2,001 / 2,077 sentences, 204,577 training words. 17 universal tags; with `--label xpos` the
finer ones of the Penn Treebank. `--path` takes a folder with the three .conllu files, or an archive of them; files of other content
(another release) are read, too: their SHA-256 stands in the run as the data's hash.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.archive import is_archive, members
from elman.data.conllu import DEFAULTS, column_of, given, parse
from elman.data.contract import Source, SplitName, TaggedTexts
from elman.data.download import download, local, read_text

URL = "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/r2.16/"
FILES: dict[SplitName, str] = {
    "train": "en_ewt-ud-train.conllu",
    "validation": "en_ewt-ud-dev.conllu",
    "test": "en_ewt-ud-test.conllu",
}
DIGESTS: dict[SplitName, str] = {
    "train": "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
    "validation": "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
    "test": "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
}


def load(options: DataOptions) -> TaggedTexts:
    """The three files, downloaded, from a folder or from an archive."""
    column = column_of(options)
    texts = _given(local(options.path)) if options.path else _fetched()
    splits = {split: parse(text, FILES[split], column) for split, text in texts.items()}
    return given(splits, "ud-ewt", options, column, licence=source.licence, citation=source.citation)


def _fetched() -> dict[SplitName, str]:
    paths = {
        split: download(URL + file, f"sha256:{DIGESTS[split]}", file, f"UD EWT ({split})")
        for split, file in FILES.items()
    }
    return {split: read_text(path) for split, path in paths.items()}


def _given(path: Path) -> dict[SplitName, str]:
    if path.is_dir():
        archives = [one for one in path.iterdir() if is_archive(one)]
        if not any((path / file).exists() for file in FILES.values()) and len(archives) == 1:
            path = archives[0]
    if path.is_dir():
        found = {file: read_text(path / file) for file in FILES.values() if (path / file).exists()}
    elif is_archive(path):
        wanted = set(FILES.values())
        content = members(path, lambda name: PurePosixPath(name).name in wanted)
        try:
            found = {PurePosixPath(name).name: text.decode("utf-8-sig") for name, text in content}
        except UnicodeDecodeError as error:
            raise DataError(f"a file in {path} is not UTF-8: {error}. Get it again.") from None
    else:
        raise DataError(f"{path} is one file; ud-ewt has three. Give their folder, or: elman train {path}")
    missing = [file for file in FILES.values() if file not in found]
    if missing:
        raise DataError(f"{path} holds no {' and no '.join(missing)}; expected {', '.join(FILES.values())}.")
    return {split: found[file] for split, file in FILES.items()}


source = Source(
    title="Universal Dependencies, English Web Treebank",
    task="tagging",
    load=load,
    licence="CC BY-SA 4.0",
    citation="Silveira et al. 2014, A Gold Standard Dependency Corpus for English, LREC",
    url=URL,
    size="12,544 + 2,001 + 2,077 sentences, 254,000 words, 18 MB",
    sha256=DIGESTS["train"],
    takes=("label",),
    defaults=DEFAULTS,
)
