"""Pitfalls of scores and of writing, on runs of the whole road: each with the wrong way, which is seen to fail."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import torch

import elman

SMALL = {"hidden_size": 12, "steps": 60, "validations": 3, "bootstrap": 50}


@pytest.fixture(autouse=True, scope="module")
def state(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("ELMAN_STATE", str(tmp_path_factory.mktemp("state")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    (folder / "text.txt").write_text("the cat sat on the mat. the dog ate the cat's hat. " * 120)
    return elman.fit(
        folder / "text.txt", out=folder / "run", cell="lstm", truncation_length=20, batch_size=8, learning_rate=0.02,
        rivals=("unigram",), **SMALL,
    )  # fmt: skip


def forecast(folder, units):
    days = [date(2023, 1, 1) + timedelta(days=k) for k in range(len(units))]
    pl.DataFrame({"day": days, "units": units}).write_csv(folder / "sales.csv")
    return elman.fit(
        folder / "sales.csv", out=folder / "run", time="day", target="units", horizon=7, context_length=21, learning_rate=0.01,
        rivals=("train_mean",), **SMALL,
    )  # fmt: skip


def test_a_language_model_is_scored_alike_in_pieces_and_in_one(language):
    from elman.data.load import load

    _, corpus = load(language.recipe.data)
    tokens = language.encoder.text.encode(corpus.splits["train"])
    pieces = language.task.nats(language.network, tokens, streams=4, overlap=64)
    whole = language.task.nats(language.network, tokens, streams=1)
    assert len(whole) == len(tokens) - 1
    np.testing.assert_allclose(pieces, whole, atol=5e-3)


def test_what_is_written_follows_all_that_stands_before_it(language):
    """Step by step with a carried state is as if the whole were read anew for each token; one token off is not."""
    from elman.generation import write

    written = list(write(language, "the cat", length=20, temperature=0))
    numbers = language.encoder.text.encode("the cat").tolist()
    for k, one in enumerate(written):
        text = torch.tensor([[*numbers, *(each.number for each in written[:k])]])
        with torch.no_grad():
            logits = language.network(text, None).values[0]
            logits[:, :2] = float("-inf")
        assert one.number == int(logits[-1].argmax())
        assert one.share == pytest.approx(float(logits[-1].softmax(-1)[one.number]), abs=1e-5)
    assert [int(step.argmax()) for step in logits[-20:]] == [each.number for each in written]
    assert [int(step.argmax()) for step in logits[-21:-1]] != [each.number for each in written]


def test_a_state_that_is_reset_at_each_piece_would_be_another_score(language):
    from elman.data.load import load

    tokens = language.encoder.text.encode(load(language.recipe.data)[1].splits["train"])
    whole = language.task.nats(language.network, tokens, streams=1)
    cut = language.task.nats(language.network, tokens, streams=40, overlap=1)
    assert np.abs(cut - whole).max() > 0.05 and cut.mean() > whole.mean()


def test_the_test_split_chooses_nothing(tmp_path):
    """Other values after the validation split: the same weights, the same validation score, another test score."""
    draw = np.random.default_rng(0)
    units = [10 + 3 * np.sin(2 * np.pi * k / 7) + draw.normal(0, 0.3) for k in range(500)]
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one = forecast(tmp_path / "one", units)
    last = 500 - 40  # the test split is a tenth or more
    other = forecast(tmp_path / "other", [*units[:last], *(-3 * value for value in units[last:])])
    for mine, theirs in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)

    def metrics(run, split):
        return next(row for row in run.scores[split]["rows"] if not row["is_rival"])["metrics"]

    assert metrics(one, "validation") == metrics(other, "validation")
    assert metrics(one, "test") != metrics(other, "test")
