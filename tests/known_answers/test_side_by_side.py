"""Memory side by side: curves whose shares and horizons are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from elman.core.errors import RunError
from elman.interpretation.memory import memory
from elman.interpretation.side_by_side import memories, side_by_side

from .networks import sample_of, view_of

CONTEXT = np.array([1, 2, 4, 8, 16])


def losses(*values):
    """The mean over two sequences that lie as far above and below it."""
    return {"context": CONTEXT, "loss_cut": np.stack([np.array(values) - 0.25, np.array(values) + 0.25], 1)}


def test_each_curve_is_the_share_of_its_own_saving():
    found = side_by_side(
        {
            "rnn": losses(2.0, 1.5, 1.5, 1.5, 1.5),
            "lstm": losses(2.0, 1.5, 1.0, 0.5, 0.0),
            "none": losses(1, 1, 1, 1, 1),
        }
    )
    rows = found.chart["data"]["values"]
    share = {
        name: [row["share of what context saves"] for row in rows if row["run"] == name]
        for name in ("rnn: 2", "lstm: 16")
    }
    assert share == {"rnn: 2": [0, 1, 1, 1, 1], "lstm: 16": [0, 0.25, 0.5, 0.75, 1]}
    assert [row["steps of context"] for row in rows[:5]] == CONTEXT.tolist()
    assert {row["run"] for row in rows} == {"rnn: 2", "lstm: 16"}
    assert found.chart["encoding"]["color"]["scale"]["domain"] == ["rnn: 2", "lstm: 16", "none: none"]
    assert [row["95% interval"] for row in found.table] == ["2 to 2", "16 to 16", ""]
    assert [row["memory horizon (steps)"] for row in found.table] == [2, 16, None]
    assert [row["context saves"] for row in found.table] == [0.5, 2.0, 0.0]
    assert (
        found.sentence
        == "How far back each looks, with 95% intervals: rnn 2 steps, lstm 16 steps, none none that can be shown."
    )
    assert side_by_side({"a": losses(1, 1, 1, 1, 1)}).chart is None


def test_a_saving_within_chance_has_no_curve():
    noise = np.random.default_rng(0).normal(size=(5, 40))
    noise[-1] += (
        noise[0].mean() - noise[-1].mean() - 0.02
    )  # the mean saves a little, the sequences do not agree
    found = side_by_side(
        {"chance": {"context": CONTEXT, "loss_cut": noise}, "real": losses(2.0, 1.5, 1.0, 0.5, 0.0)}
    )
    assert [row["memory horizon (steps)"] for row in found.table] == [None, 16]
    assert found.table[0]["context saves"] == pytest.approx(0.02)
    assert {row["run"] for row in found.chart["data"]["values"]} == {"real: 16"}


def test_a_horizon_that_hangs_on_few_sequences_says_so():
    """Half of what context saves comes by step 2; what comes by step 16 is one sequence in forty, which resamples often miss."""
    loss = np.array([[2.0], [0.0], [0.0], [0.0], [0.0]]).repeat(40, 1)
    loss[:, 0] = 4, 3, 3, 3, 0
    found = side_by_side({"rare": {"context": CONTEXT, "loss_cut": loss}})
    assert found.table[0]["95% interval"] == "2 to 16" and "rare 16 steps (2 to 16)" in found.sentence


def test_a_horizon_and_its_interval_are_those_that_memory_found():
    bits = torch.randint(0, 2, (60, 24), generator=torch.Generator().manual_seed(3)).float()
    heard = lambda embedded: (
        ((embedded - 0.5) * 0.8 ** torch.arange(23, -1, -1)[-embedded.shape[1] :]).sum(1) * 4
    )
    view = view_of(lambda embedded, lengths: torch.stack([-heard(embedded), heard(embedded)], 1))
    labels = torch.bernoulli(
        torch.sigmoid(2 * heard(bits)), generator=torch.Generator().manual_seed(4)
    ).long()
    alone = memory(view, sample_of(bits, labels))
    row = side_by_side({"it": alone.arrays}).table[0]
    assert alone.interval[0] < alone.interval[1] and row["memory horizon (steps)"] == alone.value
    assert row["95% interval"] == "{:.0f} to {:.0f}".format(*alone.interval)


def test_runs_are_read_from_their_folders(tmp_path):
    runs = []
    for name, values in (("a", (2.0, 1.0, 1.0, 1.0, 1.0)), ("b", (2.0, 2.0, 2.0, 1.0, 1.0))):
        (tmp_path / name / "findings").mkdir(parents=True)
        np.savez(tmp_path / name / "findings" / "memory.npz", **losses(*values))
        runs.append(SimpleNamespace(name=name, folder=tmp_path / name))
    found = memories(runs)
    assert [row["memory horizon (steps)"] for row in found.table] == [2, 8]
    found.save(tmp_path / "memory.svg")
    assert "<svg" in (tmp_path / "memory.svg").read_text()
    (tmp_path / "b" / "findings" / "memory.npz").unlink()
    with pytest.raises(RunError, match="elman explain .*b memory"):
        memories(runs)
