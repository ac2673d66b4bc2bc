"""Tiny Shakespeare: 1.1 million characters of plays, the classic of character models (Karpathy 2015).

The last 10% is the test split, as everyone does it; the first 3% validates. (The text just before the test split belongs to the same
plays: without it in training, Kneser-Ney loses 0.17 nats per character on the test split.)
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import Corpus, Source
from elman.data.download import download, local, read_text
from elman.data.text_file import split

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def load(options: DataOptions) -> Corpus:
    """The plays as one text, 3/87/10 in order."""
    path = (
        local(options.path)
        if options.path
        else download(URL, f"sha256:{SHA256}", "tinyshakespeare.txt", "Tiny Shakespeare")
    )
    if path.is_dir():
        path = path / "input.txt"
    text = read_text(path)
    if hashlib.sha256(text.encode()).hexdigest() != SHA256:
        raise DataError(
            f"{path} is not Tiny Shakespeare (its SHA-256 differs). To train on your own text: elman train {path}"
        )
    share = options.validation_share if options.validation_share is not None else 0.03
    shares = replace(options, test_share=0.1, validation_share=share)
    return split(
        text, "shakespeare", shares, validation_first=True, licence=source.licence, citation=source.citation
    )


source = Source(
    title="Tiny Shakespeare",
    task="language_modelling",
    load=load,
    licence="public domain",
    citation="Karpathy 2015, The Unreasonable Effectiveness of Recurrent Neural Networks",
    url=URL,
    size="1,115,394 characters",
    sha256=SHA256,
    defaults={
        "encoding.tokenizer": "characters",
        "model.cell": "lstm",
        "model.hidden_size": 384,
        "model.embedding_size": 64,
        "model.dropout": 0.4,
        "training.batch_size": 16,
        "training.truncation_length": 64,
        "training.learning_rate": 3e-3,
        "training.epochs": 8.0,
        "training.threads": 1,
    },
)
