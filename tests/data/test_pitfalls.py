"""Every common mistake with data, done on purpose: it is impossible here, or is named, and the wrong way shows."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import elman
from elman.core.errors import DataError
from elman.core.recipe import DataOptions, EncodingOptions, Recipe
from elman.core.results import Predictions
from elman.data.load import load
from elman.data.series import prepare
from elman.encoding.scalers import Scaler
from elman.encoding.sequences import SequenceFeed
from elman.encoding.series import SeriesEncoder
from elman.encoding.text import TextEncoder
from elman.encoding.windows import Window
from elman.evaluation import forecast
from elman.evaluation.contract import SeriesProblem
from elman.evaluation.verdict import judge
from elman.tasks.contract import run_batches

START = datetime(2024, 1, 1)


def frame_of(lengths, columns, seed, gaps=0.0, first=()):
    """A table with an entity per length, hourly; values at random, a share of them missing."""
    draw = np.random.default_rng(seed)
    parts = []
    for number, length in enumerate(lengths):
        begin = first[number] if first else 0
        values = {}
        for name in columns:
            walk = 50 + draw.normal(size=length).cumsum()
            missing = draw.random(length) < gaps
            missing[: max(3, length // 4)] = False  # something to learn from
            values[name] = [None if gone else float(v) for v, gone in zip(walk, missing)]
        time = [START + timedelta(hours=begin + k) for k in range(length)]
        parts.append(pl.DataFrame({"time": time, "who": [f"e{number}"] * length, **values}))
    return pl.concat(parts)


def series(frame, **options):
    given = {"time": "time", "target": ("y",), "entity": "who", **options}
    return prepare(frame, "table", DataOptions(**given), "hash")


@given(
    lengths=st.lists(st.integers(40, 90), min_size=1, max_size=3), context=st.integers(1, 9), horizon=st.integers(1, 6),
    delay=st.integers(0, 3), gaps=st.sampled_from([0.0, 0.3]), how=st.sampled_from(["forward", "mask"]), seed=st.integers(0, 10**6),
    scaler=st.sampled_from(["standard", "min_max", "robust", "difference", "none"]), both=st.booleans(),
    calendar=st.booleans(), independent=st.booleans(), late=st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_window_of_any_table_sees_a_row_at_or_after_its_origin(
    lengths, context, horizon, delay, gaps, how, seed, scaler, both, calendar, independent, late
):
    """All that is not known in advance is changed from an origin on, for every entity at once: what a network reads of
    that window stays as it was to the last bit, and so does the scaler where the origin lies behind the first border."""
    frame = frame_of(lengths, ("y", "z", "x", "k"), seed, gaps, [late * n for n in range(len(lengths))])
    roles = {
        "target": ("y", "z") if both else ("y",), "observed": ("x",), "known": ("k",),
        "delays": (f"x={delay}",) if delay else (), "gaps": how,
    }  # fmt: skip
    options = EncodingOptions(
        context_length=context, horizon=horizon, scaler=scaler, calendar=calendar,
        channels="independent" if independent else "joint",
    )  # fmt: skip
    gaps_mode = "forward" if independent else how
    table = series(frame, **roles)
    encoder = SeriesEncoder.fit(table, options, gaps_mode)
    try:
        encoded = encoder.encode(table)
    except DataError as error:  # too short for such windows: said, not cut
        assert "too few for one window" in str(error)
        return
    draw = np.random.default_rng(seed)
    time = table.frame["time"]
    for split, feed in encoded.feeds.items():
        row = int(draw.integers(len(feed)))
        origin = int(feed.origins[row // len(roles["target"]) if independent else row])
        moment = time[origin]
        changed = frame.with_columns(
            pl.when(pl.col("time") >= moment).then(pl.col(name) * -3 + 1000 + draw.normal()).otherwise(pl.col(name)).alias(name)
            for name in ("y", "z", "x")
        )  # fmt: skip
        other = series(changed, **roles)
        fitted = SeriesEncoder.fit(other, options, gaps_mode) if moment >= table.borders[0] else encoder
        if split != "train":
            assert fitted.to_dict() == encoder.to_dict()
        again = fitted.encode(other).feeds[split].take(np.array([row]))
        before = feed.take(np.array([row]))
        assert torch.equal(again.inputs, before.inputs)
        if before.future is not None:
            assert torch.equal(again.future, before.future)
        seen = ~before.targets.isnan()  # and it is the future that was changed, from its first step on
        if seen.any() and scaler in ("standard", "none"):
            assert not torch.isclose(again.targets[seen], before.targets[seen]).any()


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=6), context=st.integers(1, 9), horizon=st.integers(1, 9), border=st.integers(0, 60)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_windows_are_purged_by_input_and_horizon(lengths, context, horizon, border):
    entity = np.repeat(np.arange(len(lengths)), lengths)
    step = np.concatenate([np.arange(length) for length in lengths])
    train = step < border
    if len(entity) < context + horizon:
        return
    origins = Window(context, horizon).origins(entity, train)
    expected = [
        row for row in range(len(entity))
        if step[row] >= context and row + horizon <= len(entity) and (entity[row : row + horizon] == entity[row]).all()
        and (step[row : row + horizon] < border).all()
    ]  # fmt: skip
    assert origins.tolist() == expected


def test_a_scaler_over_all_rows_would_know_the_test_split():
    frame = frame_of([200], ("y",), 0)
    risen = frame.with_columns(
        pl.when(pl.int_range(pl.len()) >= 150).then(pl.col("y") + 1e6).otherwise(pl.col("y")).alias("y")
    )
    options = EncodingOptions(context_length=4, horizon=2, scaler="standard")
    ours = [SeriesEncoder.fit(series(one), options).targets_scaler for one in (frame, risen)]
    assert ours[0].to_dict() == ours[1].to_dict()
    rows, starts = np.ones(200, bool), np.arange(200) == 0
    wrong = [Scaler.fit("standard", one.select("y").to_numpy(), starts, rows) for one in (frame, risen)]
    assert wrong[1].centre > 1000 * wrong[0].centre  # what a scaler fitted on all rows would have told


def test_a_random_split_of_a_series_cannot_be_had_and_would_flatter(tmp_path):
    walk = np.random.default_rng(0).normal(size=600).cumsum()
    table = series(frame_of([600], ("y",), 0).with_columns(pl.Series("y", walk)))
    encoded = SeriesEncoder.fit(
        table, EncodingOptions(context_length=8, horizon=4, scaler="standard")
    ).encode(table)
    rows = {split: feed.origins[:, None] + np.arange(4) for split, feed in encoded.feeds.items()}
    assert rows["train"].max() < rows["validation"].min() and rows["validation"].max() < rows["test"].min()
    # The wrong way: interpolate each value from rows around it, as a model can that trains on both of its neighbours.
    test = rows["test"][:, 0]
    honest = np.abs(walk[test] - walk[rows["train"].max()]).mean()
    between = np.abs(walk[test] - (walk[test - 1] + walk[np.minimum(test + 1, 599)]) / 2).mean()
    assert between < honest / 5
    (tmp_path / "series.csv").write_text(
        "time,y\n" + "\n".join(f"{START + timedelta(hours=k)},{v}" for k, v in enumerate(walk))
    )
    for options in ({"group": "time"}, {"stratified": True}):
        with pytest.raises(DataError, match="is split by time"):
            load(DataOptions(source=str(tmp_path / "series.csv"), time="time", target=("y",), **options))


def prices(rows=400):
    draw = np.random.default_rng(1)
    close = 100 * np.exp(0.01 * draw.normal(size=rows).cumsum())
    frame = frame_of([rows], ("y",), 0).with_columns(pl.Series("y", close))
    high = close * (1 + 0.002 * draw.random(rows))
    promotion = (draw.random(rows) < 0.2).astype(float)
    return frame.with_columns(pl.Series("high", high), pl.Series("promotion", promotion))


def test_a_same_day_column_that_knows_the_target_is_named():
    notes = series(prices(), known=("high", "promotion")).provenance.notes
    warned = [note for note in notes if "WARNING" in note]
    assert (
        len(warned) == 1
        and "high moves with y at the same step" in warned[0]
        and "--observed high" in warned[0]
    )
    assert not any(
        "WARNING" in note
        for note in series(prices(), observed=("high",), known=("promotion",)).provenance.notes
    )
    # A season or a trend that both follow is no leak: noise of its own on each keeps the changes apart.
    frame, k = prices(), np.arange(400)
    draw = np.random.default_rng(2)
    both = [100 * np.sin(2 * np.pi * k / 24) + k + 20 * draw.normal(size=400) for _ in range(2)]
    frame = frame.with_columns(pl.Series("y", both[0]), pl.Series("plan", both[1]))
    assert not any("WARNING" in note for note in series(frame, known=("plan",)).provenance.notes)


def test_a_column_that_comes_late_is_read_late():
    frame = frame_of([60, 60], ("y", "x"), 3)
    table = series(frame, observed=("x",), delays=("x=2",))
    for who in ("e0", "e1"):  # never from one entity into the other
        one, raw = table.frame.filter(pl.col("who") == who), frame.filter(pl.col("who") == who)
        assert one["x"].to_list() == [None, None, *raw["x"].to_list()[:-2]]
    assert any("x counts as known 2 steps after" in note for note in table.provenance.notes)
    for wrong, words in (
        ("x", "expected COLUMN=STEPS"),
        ("x=0", "1 step or more"),
        ("y=1", "not an observed column"),
        ("w=1", "no column 'w'"),
    ):
        with pytest.raises(DataError, match=words):
            series(frame, observed=("x",), delays=(wrong,))


def problem_of(values, horizon=1):
    rows = len(values)
    border = int(rows * 0.7)
    origins = {
        "train": np.arange(10, border - horizon),
        "validation": np.arange(10, 20),
        "test": np.arange(border, rows - horizon + 1),
    }
    column, train = np.asarray(values, float)[:, None], np.arange(rows) < border
    return SeriesProblem(
        column, np.ones((rows, 1), bool), np.zeros((rows, 0)), np.arange(rows), np.zeros(rows, np.int64), origins, 8, horizon, 1, "level",
        ("y",), train, column[train].mean(0), column[train].std(0),
    )  # fmt: skip


def test_an_echo_is_named_in_the_verdict():
    values = np.zeros(900)
    noise = np.random.default_rng(0).normal(size=900)
    for k in range(2, 900):
        values[k] = 0.6 * values[k - 1] - 0.5 * values[k - 2] + noise[k]
    problem = problem_of(values)
    truth, origins = problem.future("test"), problem.origins["test"]
    echo = Predictions("forecasts", problem.values[origins - 1][:, None], truth, ("y",))
    model = (0.6 * problem.values[origins - 1] - 0.5 * problem.values[origins - 2])[:, None]
    mean = Predictions("forecasts", np.full_like(truth, values.mean()), truth, ("y",))
    scores = judge("test", echo, {"last_value": echo}, problem)
    assert "an echo" in scores.verdict and scores.details["echo_lag"] == 1
    honest = judge(
        "test",
        Predictions("forecasts", model, truth, ("y",)),
        {"last_value": echo, "mean_value": mean},
        problem,
    )
    assert "an echo" not in honest.verdict and honest.beats_best_rival


def test_a_model_no_better_than_the_mean_has_learnt_nothing():
    problem = problem_of(np.random.default_rng(0).normal(size=600))
    truth = problem.future("test")
    mean = Predictions("forecasts", np.zeros_like(truth), truth, ("y",))
    noisy = Predictions("forecasts", 0.05 * np.random.default_rng(1).normal(size=truth.shape), truth, ("y",))
    assert "has learnt nothing" in judge("test", noisy, {"mean_value": mean}, problem).verdict


class Total(nn.Module):
    """Sums what it is given: its answer names its example."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        return batch.inputs.sum(1, keepdim=True).float()


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=50), size=st.integers(1, 60), left=st.booleans()
)
@settings(max_examples=40, deadline=None)
def test_no_last_batch_is_dropped_and_the_order_comes_back(lengths, size, left):
    draw = np.random.default_rng(len(lengths))
    sequences = [draw.integers(2, 1000, length).astype(np.int32) for length in lengths]
    feed = SequenceFeed(sequences, np.arange(len(lengths)), padding="left" if left else "right")
    model = Total()
    found = run_batches(model, feed, size, model)
    assert found[:, 0].tolist() == [sequence.sum() for sequence in sequences]
    assert feed.steps(size) == len(list(feed.batches(size))) == -(-len(lengths) // size)
    as_they_come = np.concatenate([batch.rows for batch in feed.batches(size)])
    if sorted(lengths) != lengths:  # the wrong way: buckets of like length are another order
        assert as_they_come.tolist() != list(range(len(lengths)))


def test_every_window_is_forecast_whatever_the_batch():
    table = series(frame_of([130], ("y",), 0))
    feed = (
        SeriesEncoder.fit(table, EncodingOptions(context_length=5, horizon=3, scaler="standard"))
        .encode(table)
        .feeds["test"]
    )
    assert len(feed) == 26 - 3 + 1 and len(feed) % 7
    for size in (1, 7, 64):
        assert np.concatenate([batch.rows for batch in feed.batches(size)]).tolist() == list(range(len(feed)))


def labelled_csv(tmp_path, rows, header="text,label"):
    (tmp_path / "a.csv").write_text("\n".join([header, *rows]) + "\n")
    return str(tmp_path / "a.csv")


def test_duplicates_across_splits_cannot_be_or_are_named(tmp_path):
    rows = [f"film number {k % 150},{'good' if k % 3 else 'bad'}" for k in range(600)]
    _, data = load(DataOptions(source=labelled_csv(tmp_path, rows)))
    splits = [set(data.splits[split].texts) for split in ("train", "validation", "test")]
    assert not splits[0] & splits[2] and not splits[0] & splits[1] and not splits[1] & splits[2]
    assert any(
        "450 exact duplicate texts; equal texts are kept in one split" in note
        for note in data.provenance.notes
    )
    given = [f"{row},{'test' if k % 7 == 0 else 'train'}" for k, row in enumerate(rows)]
    _, data = load(DataOptions(source=labelled_csv(tmp_path, given, "text,label,split")))
    both = len(
        set(data.splits["test"].texts)
        & (set(data.splits["train"].texts) | set(data.splits["validation"].texts))
    )
    named = [note for note in data.provenance.notes if "WARNING" in note and "test split" in note]
    assert both == 86 and len(named) == 1 and named[0].startswith("WARNING, 86 texts")
    assert not any("kept in one split" in note for note in data.provenance.notes)


def test_texts_of_one_author_stay_together(tmp_path):
    rows = [f"words of review {k},{'good' if k % 2 else 'bad'},author {k % 40}" for k in range(800)]
    path = labelled_csv(tmp_path, rows, "text,label,author")
    author = dict(zip((row.split(",")[0] for row in rows), (row.split(",")[2] for row in rows)))

    def authors(**options):
        _, data = load(DataOptions(source=path, text="text", label="label", **options))
        return data, [
            {author[text] for text in data.splits[split].texts} for split in ("train", "validation", "test")
        ]

    data, (train, validation, test) = authors(group="author")
    assert (
        not train & test
        and not train & validation
        and not validation & test
        and "hash of author" in data.provenance.split
    )
    assert authors()[1][0] & authors()[1][2]  # the wrong way
    with pytest.raises(DataError, match="no split does both"):
        authors(group="author", stratified=True)
    with pytest.raises(DataError, match="Did you mean 'author'"):
        authors(group="autor")


def test_a_stratified_split_has_the_same_share_of_a_rare_class(tmp_path):
    rows = [f"words of review {k % 970},{'rare' if k % 970 < 60 else 'often'}" for k in range(1000)]
    path = labelled_csv(tmp_path, rows)
    _, data = load(DataOptions(source=path, stratified=True))
    for split, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        unique = dict(zip(data.splits[split].texts, data.splits[split].targets))
        counts = [list(unique.values()).count(label) for label in ("rare", "often")]
        assert counts == pytest.approx([60 * share, 910 * share], abs=1)
    parts = [set(data.splits[split].texts) for split in data.splits]
    assert not parts[0] & parts[1] and not parts[0] & parts[2]  # and copies together
    with pytest.raises(DataError, match="syllables is split by a hash"):
        load(DataOptions(source="syllables", stratified=True))


def test_texts_with_dates_say_that_the_split_is_not_by_time(tmp_path):
    rows = [
        f"2024-01-{k % 28 + 1:02},a review in many words number {k},{'good' if k % 2 else 'bad'}"
        for k in range(100)
    ]
    _, data = load(
        DataOptions(source=labelled_csv(tmp_path, rows, "day,text,label"), text="text", label="label")
    )
    assert any("day holds dates, and the split is not by time" in note for note in data.provenance.notes)


def test_a_sentinel_is_named_before_anything_is_trained():
    frame = frame_of([200], ("y", "x"), 0).with_columns(
        pl.when(pl.int_range(pl.len()).is_in([20, 21, 60])).then(-9999.0).otherwise(pl.col("x")).alias("x")
    )
    notes = series(frame, observed=("x",)).provenance.notes
    assert any("WARNING, x: -9999 comes 3 times" in note and "--sentinels -9999" in note for note in notes)
    table = series(frame, observed=("x",), sentinels=(-9999.0,))
    assert table.frame["x"].null_count() == 3 and not any(
        "WARNING" in note for note in table.provenance.notes
    )
    options = EncodingOptions(context_length=4, horizon=2)
    wrong, right = (
        SeriesEncoder.fit(one, options).observed_scaler for one in (series(frame, observed=("x",)), table)
    )
    assert wrong.scale > 20 * right.scale  # three numbers would have flattened all others


@pytest.mark.parametrize(("keep", "kept"), [("start", "abcd"), ("end", "ghij"), ("both", "abij")])
def test_which_end_is_cut_off_is_said(keep, kept):
    options = EncodingOptions(tokenizer="characters", max_length=4, keep=keep, lowercase=False)
    encoder = TextEncoder.fit(["abcdefghij"] * 3, options)
    assert encoder.decode(encoder.encode("abcdefghij")) == kept
    assert ("both ends" if keep == "both" else f"keep their {keep}") in encoder.summary()


def test_the_side_of_the_padding_changes_no_answer_that_stands_still_in_it():
    torch.manual_seed(0)
    sequences = [np.arange(2, 2 + length, dtype=np.int32) for length in (3, 7, 5)]
    rnn, table = elman.RNN("gru", input_size=4, hidden_size=5), torch.randn(20, 4)
    batch = SequenceFeed(sequences, np.zeros(3)).take(np.arange(3))
    output, _ = rnn(table[batch.inputs], lengths=batch.lengths)
    for row, sequence in enumerate(sequences):
        alone, _ = rnn(table[torch.from_numpy(sequence).long()][None])
        torch.testing.assert_close(output[row, len(sequence) - 1], alone[0, -1])
        assert (
            not torch.allclose(output[row, -1], rnn(table[batch.inputs])[0][row, -1]) or len(sequence) == 7
        )  # unmasked
    left = SequenceFeed(sequences, np.zeros(3), padding="left").take(np.arange(3))
    assert left.inputs[0].tolist() == [0, 0, 0, 0, 2, 3, 4] and left.lengths.tolist() == [7, 7, 7]
    assert (
        "padding on the left"
        in TextEncoder.fit(["a"], EncodingOptions(tokenizer="characters", padding="left")).summary()
    )


@pytest.mark.parametrize("cell", ["gru", "lstm", "mingru"])
def test_what_comes_later_changes_nothing_before_it(cell):
    rnn, x = elman.RNN(cell, input_size=3, hidden_size=4, num_layers=2), torch.randn(2, 9, 3)
    other = x.clone()
    other[:, 5:] += 1
    torch.testing.assert_close(rnn(x)[0][:, :5], rnn(other)[0][:, :5], rtol=0, atol=0)
    both = elman.RNN(cell, input_size=3, hidden_size=4, bidirectional=True)
    assert not torch.allclose(both(x)[0][:, :5], both(other)[0][:, :5])  # so a language model refuses it


def test_a_bidirectional_language_model_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("to be or not to be " * 300)
    with pytest.raises(DataError, match="would read the answer"):
        elman.fit(
            Recipe().override({"source": str(tmp_path / "a.txt"), "bidirectional": True}),
            out=tmp_path / "run",
        )


def test_a_forecast_that_is_no_number_is_not_left_out_of_the_mean():
    problem = problem_of(np.random.default_rng(0).normal(size=300))
    truth = problem.future("test")
    outputs = truth.copy()
    outputs[3] = np.nan  # the wrong way, a mean over the others, would be perfect
    assert np.isnan(forecast.metrics(Predictions("forecasts", outputs, truth, ("y",)), problem)["mse"])
