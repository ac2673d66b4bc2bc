"""Penn Treebank: a million words of the Wall Street Journal, 10,000 different ones (Mikolov et al. 2010).

The published split. Words as the file separates them, the end of a line is `<eos>`: 929,589 training tokens. For characters
instead: `--tokenizer characters`.
"""

from __future__ import annotations

from elman.core.recipe import DataOptions
from elman.data.contract import Corpus, Source, SplitName
from elman.data.download import download, local
from elman.data.standard_parts import standard_parts

URL = "https://d2l-data.s3-accelerate.amazonaws.com/ptb.zip"
SHA256 = "310d8f602882a5716613815ed75596e5764ea84ed04c5630eebaaf2b943ec5aa"
FILES: dict[SplitName, str] = {
    "train": "ptb.train.txt",
    "validation": "ptb.valid.txt",
    "test": "ptb.test.txt",
}
DIGESTS: dict[SplitName, str] = {
    "train": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "validation": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "test": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}


def load(options: DataOptions) -> Corpus:
    """The three texts, from the archive or from a folder with its files."""
    path = (
        local(options.path) if options.path else download(URL, f"sha256:{SHA256}", "ptb.zip", "Penn Treebank")
    )
    return standard_parts(
        path, FILES, DIGESTS, "ptb", options, licence=source.licence, citation=source.citation
    )


source = Source(
    title="Penn Treebank",
    task="language_modelling",
    load=load,
    licence="Linguistic Data Consortium; no redistribution",
    citation="Marcus et al. 1993; Mikolov et al. 2010, Recurrent neural network based language model",
    url=URL,
    size="929,589 + 73,760 + 82,430 words, 2 MB",
    sha256=SHA256,
    defaults={
        "encoding.tokenizer": "spaces",
        "encoding.vocabulary_size": 10_002,
        "model.cell": "lstm",
        "model.hidden_size": 200,
        "model.embedding_size": 200,
        "model.dropout": 0.3,
        "model.tied": True,
        "training.batch_size": 20,
        "training.truncation_length": 35,
    },
)
