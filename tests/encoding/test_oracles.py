"""Vocabularies and windows held against other tools on the same data: Hugging Face's tokenizers, scikit-learn, pandas."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from elman.core.recipe import EncodingOptions
from elman.data.contract import Provenance, SeriesTable
from elman.encoding.series import SeriesEncoder
from elman.encoding.text import TextEncoder, splitter


def texts(data_folder):
    """WikiText-2's validation split where it is at hand, else words drawn by Zipf's law."""
    path = data_folder / "wikitext-2" / "wiki.valid.tokens"
    if path.exists():
        return path.read_text(encoding="utf-8").split("\n")
    drawn = np.random.default_rng(0).zipf(1.5, (200, 40)) % 997
    return [" ".join(f"w{number}" for number in row) for row in drawn]


@pytest.mark.parametrize("size", [None, 500])
def test_a_vocabulary_against_tokenizers(data_folder, size):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    lines = texts(data_folder)
    encoder = TextEncoder.fit(lines, EncodingOptions(tokenizer="words", vocabulary_size=size, min_count=2))
    split = splitter("words", encoder.lowercase)
    theirs = Tokenizer(models.WordLevel(unk_token="<unk>"))
    theirs.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(
        vocab_size=size or 10**6, min_frequency=2, special_tokens=["<pad>", "<unk>"], show_progress=False
    )
    theirs.train_from_iterator([" ".join(split(line)) for line in lines], trainer)
    names = sorted(theirs.get_vocab(), key=theirs.get_vocab().get)
    assert encoder.vocabulary.tokens == names
    line = max(lines, key=len)
    assert encoder.uncut().encode(line).tolist() == theirs.encode(" ".join(split(line))).ids


def test_counts_against_scikit_learn(data_folder):
    from sklearn.feature_extraction.text import CountVectorizer

    lines = texts(data_folder)
    encoder = TextEncoder.fit(lines, EncodingOptions(tokenizer="words", min_count=1)).uncut()
    split = splitter("words", encoder.lowercase)
    vectorizer = CountVectorizer(tokenizer=split, lowercase=False, token_pattern=None)
    theirs = np.asarray(vectorizer.fit_transform(lines).sum(0)).ravel()
    # An empty line is read as one unknown token.
    ours = np.bincount(
        np.concatenate([encoder.encode(line) for line in lines if split(line)]),
        minlength=len(encoder.vocabulary),
    )
    assert dict(zip(vectorizer.get_feature_names_out(), theirs)) == dict(
        zip(encoder.vocabulary.tokens[2:], ours[2:])
    )


def test_windows_against_pandas():
    pandas = pytest.importorskip("pandas")
    rows, context, horizon = 200, 7, 4
    time = [datetime(2024, 1, 1) + timedelta(hours=k) for k in range(rows)]
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({"time": time, "y": draw.normal(5, 2, rows), "x": draw.normal(size=rows)})
    borders = time[120], time[160]
    table = SeriesTable(frame, "time", ("y",), borders, Provenance("t", "h", "s"), season=24, observed=("x",))
    settings = EncodingOptions(context_length=context, horizon=horizon, scaler="standard", channels="joint")
    encoder = SeriesEncoder.fit(table, settings)
    feed = encoder.encode(table).feeds["test"]
    batch = feed.take(np.arange(len(feed)))

    theirs = pandas.DataFrame({"y": frame["y"].to_numpy(), "x": frame["x"].to_numpy()})
    train = theirs.iloc[:120]
    theirs = (theirs - train.mean()) / train.std(ddof=0)
    lagged = pandas.concat([theirs["y"].shift(k) for k in range(context, 0, -1)], axis=1)
    ahead = pandas.concat([theirs["y"].shift(-k) for k in range(horizon)], axis=1)
    whole = lagged.notna().all(axis=1) & ahead.notna().all(axis=1) & (np.arange(rows) >= 160)
    np.testing.assert_allclose(batch.inputs[..., 0], lagged[whole], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch.targets[..., 0], ahead[whole], rtol=1e-5, atol=1e-6)
    other = pandas.concat([theirs["x"].shift(k) for k in range(context, 0, -1)], axis=1)
    np.testing.assert_allclose(batch.inputs[..., -1], other[whole], rtol=1e-5, atol=1e-6)
