"""WikiText-2: two million words of good Wikipedia articles, 33,278 different ones (Merity et al. 2016).

The published split. Words as the file separates them, the end of a line is `<eos>`: 2,088,628 training tokens. No checksum of
the archive is published; its three files are held against theirs.
"""

from __future__ import annotations

from elman.core.recipe import DataOptions
from elman.data.contract import Corpus, Source, SplitName
from elman.data.download import unproven
from elman.data.standard_parts import standard_parts

URL = "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip"
FILES: dict[SplitName, str] = {
    "train": "wiki.train.tokens",
    "validation": "wiki.valid.tokens",
    "test": "wiki.test.tokens",
}
DIGESTS: dict[SplitName, str] = {
    "train": "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
    "validation": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
    "test": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
}


def load(options: DataOptions) -> Corpus:
    """The three texts, from the archive or from a folder with its files."""
    with unproven(options.path, URL, "wikitext-2-v1.zip", "WikiText-2") as path:
        return standard_parts(
            path, FILES, DIGESTS, "wikitext2", options, licence=source.licence, citation=source.citation
        )


source = Source(
    title="WikiText-2",
    task="language_modelling",
    load=load,
    licence="CC BY-SA",
    citation="Merity et al. 2016, Pointer Sentinel Mixture Models",
    url=URL,
    size="2,088,628 + 217,646 + 245,569 words, 4 MB",
    defaults={
        "encoding.tokenizer": "spaces",
        "encoding.vocabulary_size": 33_280,
        "model.cell": "lstm",
        "model.hidden_size": 200,
        "model.embedding_size": 200,
        "model.dropout": 0.3,
        "model.tied": True,
        "training.batch_size": 20,
        "training.truncation_length": 35,
    },
)
