"""Borders of gates and units that whole networks seldom meet, by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from elman.interpretation import gates as of_gates
from elman.interpretation import units as of_units
from elman.interpretation.gates import Keeper, Tally, find_keepers, gates, keeper, tally, time_scales
from elman.interpretation.units import DRAWS, followed, units
from elman.models.rnn import RNN

from .networks import sample_of, tokens, view_of, view_of_network

GATE, STATE = "layers.0.forward.input_gate", "layers.0.forward.h"


def counted(*rows):
    """What a tally makes of these values (steps, unit)."""
    found = Tally()
    for row in rows:
        found.add(torch.tensor(row, dtype=torch.float64))
    return found


def test_a_tally_counts_what_lies_beyond_its_bounds():
    found = counted([[0.05, 0.95], [0.04, 0.96]], [[-0.95, -0.96]], [[-1.5, 0.5]])
    assert (found.count, found.steps) == (8, 4)
    assert (found.low, found.high, found.low_state) == (4, 1, 2)  # a value on a bound is within it
    assert found.largest == 1.5
    np.testing.assert_allclose(found.mean, [(0.05 + 0.04 - 0.95 - 1.5) / 4, (0.95 + 0.96 - 0.96 + 0.5) / 4])
    assert Tally().mean == 0.0 and counted(np.zeros((0, 2))).largest == 0.0


def shown(**values):
    """The gates' finding of readings that are the same for each of 4 sequences: name -> (steps, unit)."""
    readings = {name.replace("__", "."): torch.tensor(each, dtype=torch.float64) for name, each in values.items()}  # fmt: skip
    trace = lambda inputs, lengths: {
        name: each.expand(len(inputs), *each.shape) for name, each in readings.items()
    }
    return gates(view_of(trace=trace), sample_of(tokens(4, 2)))


def test_a_gate_is_stuck_near_nought_or_one_and_a_state_near_either_bound():
    half = [[0.01, 0.5, 0.5, 0.99]] * 2
    found = shown(layers__0__forward__input_gate=half, layers__0__forward__output_gate=[[0.5] * 4] * 2)
    rows = {row["name"]: row for row in found.table}
    assert (rows[GATE]["closed"], rows[GATE]["open"], rows[GATE]["stuck"]) == (0.25, 0.25, 0.5)
    assert found.value == 0.5 and "stuck most is the layer 1 input gate: 50%" in found.sentence
    bound = [[-1.0, -0.5, 0.01, 1.0]] * 2
    found = shown(layers__0__forward__h=bound)
    assert (found.table[0]["closed"], found.table[0]["open"]) == (0.25, 0.25) and found.value == 0.5
    assert "A cell without gates: 50% of the values" in found.sentence
    beyond = shown(layers__0__forward__h=[[-1.01, -0.5, 0.01, 1.0]] * 2)
    assert beyond.value == 0 and "reaches 1.01" in beyond.sentence
    # With gates, states and candidates are no reason to call the network stuck.
    beside = shown(layers__0__forward__h=bound, layers__0__forward__input_gate=[[0.5] * 4] * 2)
    assert beside.value == 0 and "No gate is stuck" in beside.sentence
    alone = shown(layers__0__forward__candidate=[[1.0] * 4] * 2, layers__0__forward__h=[[0.0] * 4] * 2)
    assert alone.value == 0


@pytest.mark.parametrize(("stuck", "said"), [(1, "stuck most"), (0, "No gate is stuck")])
def test_half_a_per_cent_is_called_stuck_and_less_is_not(stuck, said):
    values = np.full((100, 2), 0.5)
    values[0, 0] = 0.01 if stuck else 0.5
    assert said in shown(layers__0__forward__input_gate=values).sentence


def test_a_gate_that_never_opens_or_never_shuts_has_a_time_scale_all_the_same():
    tallies = {"a.forget_gate": counted([[0.0, 1.0, 0.5]])}
    kept = time_scales({"a": Keeper("forget_gate", False, None)}, tallies)["a"]
    np.testing.assert_allclose(kept, [-1 / math.log(1e-6), -1 / math.log(1 - 1e-6), 1 / math.log(2)])
    turned = time_scales({"a": Keeper("forget_gate", True, None)}, tallies)["a"]
    np.testing.assert_allclose(turned, kept[[1, 0, 2]])


def test_steps_of_patches_have_no_padding():
    trace = lambda inputs, lengths: {GATE: torch.arange(6.0).reshape(2, 3, 1)}
    sample = sample_of(tokens(2, 12), lengths=torch.tensor([12, 4]))
    assert tally(view_of(trace=trace), sample)[GATE].steps == 6
    alike = sample_of(tokens(2, 3), lengths=torch.tensor([3, 1]))
    found = tally(view_of(trace=trace), alike)[GATE]
    assert found.steps == 4 and found.mean == pytest.approx((0 + 1 + 2 + 3) / 4)


def test_the_residual_is_the_worst_of_all_layers(monkeypatch):
    view = view_of_network("lstm", num_layers=2)
    residuals = iter([1e-9, 1e-5])
    monkeypatch.setattr(of_gates, "keeper", lambda cell: Keeper("forget_gate", False, next(residuals)))
    found = gates(view, sample_of(tokens()))
    assert found.residual == 1e-5
    np.testing.assert_array_equal(found.arrays["time_scales"], found.arrays["time_scales.layers.0.forward"])
    scales = found.arrays["time_scales"]
    assert f"more than {np.median(scales):.1f} steps, the slowest for {scales.max():.0f}" in found.sentence
    assert "half of the layer 1 units" in found.sentence


def test_the_first_layer_that_keeps_is_the_one_whose_units_are_told():
    found = find_keepers(torch.nn.Linear(1, 1), ["a.input_gate", "a.forget_gate", "a.update_gate", "b.h"])
    assert set(found) == {"a"} and found["a"].gate == "forget_gate"  # the convention, and the first that fits


def test_a_keeper_is_one_where_little_is_left_over():
    torch.manual_seed(0)
    cell = RNN("lstm", 3, 5).layers[0][0]
    exact, step = keeper(cell), cell.step
    assert exact.gate == "forget_gate" and exact.residual < 1e-5

    def off(share):
        def changed(projected, state):
            new, values = step(projected, state)
            return cell.State(new.h, new.c + share * new.c.abs().max()), values

        return SimpleNamespace(
            parameters=cell.parameters, input_size=3, state_sizes=cell.state_sizes, State=cell.State, project=cell.project,
            step=changed, readings=cell.readings,
        )  # fmt: skip

    assert keeper(off(1e-4)).residual == pytest.approx(1e-4, rel=0.1)
    assert keeper(off(2e-3)) is None
    nothing = off(0.0)
    nothing.readings = ("input_gate", "forget_gate", "other", "output_gate")
    assert keeper(nothing) is None  # without a candidate nothing can be said


def test_a_projected_state_is_not_what_a_gate_keeps():
    torch.manual_seed(0)
    found = keeper(RNN("lstm", 3, 5, projection_size=2).layers[0][0])
    assert found.gate == "forget_gate" and found.residual < 1e-5


def test_things_are_ordered_by_what_they_gain_on_shuffled_labels(monkeypatch):
    """Of two, the one followed more closely has labels that any network follows."""
    found = iter([[[0.9, 0.8], [0.2, 0.1]], *([[0.5 + 0.01 * k, 0.1], [0.0, 0.0]] for k in range(DRAWS))])
    monkeypatch.setattr(of_units, "followed", lambda *_: np.array(next(found)))
    x = torch.rand(4, 6, 1)
    view = view_of(trace=lambda inputs, lengths: {STATE: torch.rand(len(inputs), 6, 2)}, names=None)
    told = units(view, sample_of(x), {"first": np.zeros((4, 6)), "second": np.zeros((4, 6))})
    assert [row["what"] for row in told.table] == ["second", "first"] and told.value == 0.8
    assert told.control == pytest.approx(0.1) and "2 of 2 things" in told.sentence
    first = told.table[1]
    assert first["most in a shuffle"] == pytest.approx(0.5 + 0.01 * (DRAWS - 1))
    assert first["shuffled"] == pytest.approx(np.mean([0.5 + 0.01 * k for k in range(DRAWS)]))


def test_steps_of_padding_are_none():
    """Behind the end of a sequence the state follows the label; within it, it is noise."""
    draw = np.random.default_rng(0)
    states, label = draw.normal(size=(2, 30, 8, 1))
    lengths = np.tile([5, 8], 15)
    behind = np.arange(8) >= lengths[:, None]
    states[behind] = label[behind] = 50.0 * draw.normal(size=(behind.sum(), 1))
    x, kept = torch.zeros(30, 8, 1), torch.from_numpy(states).float()
    view = view_of(trace=lambda inputs, valid: {STATE: kept[:, : inputs.shape[1]]}, names=None)
    told = units(view, sample_of(x, lengths=torch.from_numpy(lengths)), {"label": label[..., 0]})
    expected = np.corrcoef(states[~behind][:, 0], label[~behind][:, 0])[0, 1] ** 2
    assert told.value == pytest.approx(expected, rel=1e-4) and told.value < 0.1
    assert told.sample == f"30 sequences, {15 * 13:,} steps"


def test_what_never_changes_is_followed_by_nothing():
    x = torch.rand(20, 6, 1, generator=torch.Generator().manual_seed(0))
    view = view_of(trace=lambda inputs, lengths: {STATE: inputs}, names=None)
    told = units(view, sample_of(x), {"level": np.full((20, 6), 3.0)})
    assert told.value == told.control == 0 and "0 of 1 things" in told.sentence


def test_how_closely_a_unit_follows_does_not_hang_on_its_scale():
    draw = np.random.default_rng(0)
    states, labels = draw.normal(size=(50, 3)), draw.normal(size=(50, 2))
    expected = followed(states, labels)
    np.testing.assert_allclose(followed(states * [1e-9, 1.0, 1e9], labels * [1e-9, 1e9]), expected, rtol=1e-5)
    # Rounding about a level is no change.
    level = 1.0 + 1e-9 * draw.normal(size=(50, 1))
    assert not followed(level, labels).any() and not followed(np.full((50, 1), 2.0), labels).any()
