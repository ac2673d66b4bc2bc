"""Probes where it is known what the state holds: a shift register, a parity bit, nothing at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.preprocessing import StandardScaler

import elman
from elman.interpretation.probes import LAGS, STATES, fitted_on, probe, probes, shared_lag
from elman.interpretation.ridge import STRENGTHS, Ridge

from .networks import sample_of, tokens, view_of, view_of_network


def draws(count, time, seed=0):
    return torch.randn(count, time, 1, generator=torch.Generator().manual_seed(seed))


def register(depth):
    """A view of a shift register: the state is the last `depth` inputs."""

    def states(inputs, lengths):
        x = inputs.reshape(*inputs.shape[:2]).float()
        return {
            "layers.0.forward.h": torch.stack(
                [torch.nn.functional.pad(x, (k, 0))[:, : x.shape[1]] for k in range(depth)], -1
            )
        }

    return view_of(trace=states)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_shift_register_holds_what_it_has_places_for(depth):
    found = probes(register(depth), sample_of(draws(40, 30)))
    score = dict(zip(found.arrays["lags"], found.arrays["score"]))
    assert found.value == depth
    assert all(score[lag] == pytest.approx(1.0, abs=1e-3) for lag in range(depth))
    assert all(abs(score[lag]) < 0.2 for lag in score if lag >= depth)
    assert np.abs(found.arrays["control"]).max() < 0.2


def test_tokens_are_told_by_their_number():
    inputs = torch.randint(2, 6, (40, 20), generator=torch.Generator().manual_seed(0))

    def trace(given, lengths):
        one_hot = torch.nn.functional.one_hot(given, 6).float()
        return {
            "h": torch.cat([one_hot, torch.nn.functional.pad(one_hot, (0, 0, 2, 0))[:, :20]], -1),
            "forget_gate": one_hot,
        }

    found = probes(view_of(trace=trace), sample_of(inputs))
    score = dict(zip(found.arrays["lags"], found.arrays["score"]))
    assert score[0] == score[2] == 1.0
    assert score[1] < 0.4 and found.value == 1  # one step ago is not there, though two are


def test_gates_are_no_state():
    inputs = draws(20, 10)
    view = view_of(trace=lambda given, lengths: {"layers.0.forward.update_gate": given})
    assert probes(view, sample_of(inputs)) is None


def test_padding_is_not_asked_about():
    inputs = draws(30, 20)
    inputs[1::2, 8:] = float("nan")
    lengths = torch.tensor([20, 8] * 15)
    assert probes(register(2), sample_of(inputs, lengths=lengths)).value == 2


def test_the_bit_of_a_parity_network_is_found_and_random_labels_are_not():
    bits = torch.randint(0, 2, (60, 25), generator=torch.Generator().manual_seed(1))
    parity = bits.cumsum(1) % 2
    noise = np.random.default_rng(0).integers(0, 2, bits.shape)

    def trace(given, lengths):
        mixed = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.1, 3.0]])
        state = torch.stack([given.cumsum(1) % 2, given], -1).float() @ mixed
        return {"layers.0.forward.h": state}

    found = probes(view_of(trace=trace), sample_of(bits), {"parity": parity.numpy(), "noise": noise})
    score = dict(zip(found.arrays["names"], found.arrays["score"]))
    assert score["parity"] == 1.0 and score["noise"] == pytest.approx(0.5, abs=0.1)
    assert found.arrays["control"] == pytest.approx(0.5, abs=0.1)
    assert "Can be read from the state: parity; not: noise" in found.sentence


def test_a_label_that_is_always_the_same_is_not_read_from_a_state():
    """Right every time, and the control is, too: the label gives itself away."""
    states = np.random.default_rng(0).standard_normal((400, 3))
    found = probe(states, np.repeat([["a"] * 9 + ["b"]], 40, 0).ravel(), np.repeat(np.arange(40), 10))
    assert found.score > 0.85 and found.control > 0.85 and not found.clear


def test_scores_are_scikit_learns_on_sequences_that_it_has_not_seen():
    draw = np.random.default_rng(0)
    sequences = np.repeat(np.arange(30), 10)
    states = draw.standard_normal((300, 4)) + sequences[:, None] % 5  # each sequence has a place of its own
    labels = (states[:, 0] + draw.standard_normal(300) > 2).astype(int)
    found = probe(states, labels, sequences)
    half = np.isin(sequences, np.random.default_rng(0).permutation(np.arange(30))[:15])
    scaler = StandardScaler().fit(states[half])
    model = RidgeClassifierCV(STRENGTHS).fit(scaler.transform(states[half]), labels[half])
    assert found.score == pytest.approx(model.score(scaler.transform(states[~half]), labels[~half]))
    # What only tells sequences apart cannot be carried over to other sequences.
    own = (sequences * 7919) % 2
    assert not probe(np.eye(30)[sequences], own, sequences).clear


@pytest.mark.parametrize("size", [3, 40, 200])
@pytest.mark.parametrize("noise", [0.1, 100.0])
def test_the_ridge_is_scikit_learns(size, noise):
    """More states than numbers in one, and fewer; also where numbers depend on each other or never change."""
    draw = np.random.default_rng(0)
    states = draw.standard_normal((150, size)) * draw.uniform(0.1, 10, size) + 3
    states[:, 0], states[:, -1] = 7.0, states[:, 1] * 2
    values = states[:, :3] @ draw.standard_normal((3, 2)) + noise * draw.standard_normal((150, 2))
    scaler = StandardScaler().fit(states[:100])
    known, asked = scaler.transform(states[:100]), scaler.transform(states[100:])
    expected = RidgeCV(STRENGTHS).fit(known, values[:100]).predict(asked)
    np.testing.assert_allclose(
        Ridge(states[:100]).read(values[:100], states[100:]), expected, rtol=1e-6, atol=1e-6
    )
    for count in (2, 4):
        labels = np.digitize(values[:, 0], np.quantile(values[:, 0], np.linspace(0, 1, count + 1)[1:-1]))
        found = probe(states, labels, np.arange(150), seed=1)
        half = np.isin(np.arange(150), np.random.default_rng(1).permutation(150)[:75])
        own = StandardScaler().fit(states[half])
        model = RidgeClassifierCV(STRENGTHS).fit(own.transform(states[half]), labels[half])
        assert found.score == pytest.approx(
            model.score(own.transform(states[~half]), labels[~half]), abs=0.014
        )


def test_a_trained_network_is_told_from_one_with_shuffled_weights():
    view = view_of_network("gru")
    found = probes(view, sample_of(tokens(40, 20)))
    assert len(found.arrays["score_shuffled"]) == len(found.arrays["score"])
    assert not np.array_equal(found.arrays["score_shuffled"], found.arrays["score"])
    assert found.chart and "linear probe" in found.sentence


def test_any_torch_module_can_be_probed():
    torch.manual_seed(0)
    found = elman.inspect(torch.nn.GRU(1, 8, batch_first=True), draws(40, 15), questions=["probes"])
    assert found[0].value >= 2


def test_the_findings_control_is_how_far_back_the_shuffled_network_can_be_read():
    """What does not hang on weights is held by both; random weights hold as much in another order."""
    found = probes(register(3), sample_of(draws(40, 30)))
    assert found.value == found.control == 3  # its state does not hang on the weights of the view
    view = view_of_network("rnn", hidden_size=12)
    mine = probes(view, sample_of(tokens(60, 30)))
    scores = zip(mine.arrays["lags"], mine.arrays["score_shuffled"])
    assert mine.control - 1 in [lag for lag, _ in scores] and 2 <= mine.control <= 13


def test_lags_share_states_as_far_as_there_are_enough():
    assert shared_lag(sample_of(draws(100, 200))) == max(LAGS)
    assert shared_lag(sample_of(draws(100, 76))) == 16  # 60 steps each are left, 6,000 states
    assert 2 * STATES == 100 * (76 - 16) and shared_lag(sample_of(draws(100, 75))) == 12
    assert shared_lag(sample_of(draws(100, 76), lengths=torch.full((100,), 75))) == 12
    assert shared_lag(sample_of(draws(10, 20))) == 0


def test_a_shift_register_of_long_sequences_holds_what_it_has_places_for():
    found = probes(register(7), sample_of(draws(110, 60)))
    assert shared_lag(sample_of(draws(110, 60))) == 4 and found.value == 7
    score = dict(zip(found.arrays["lags"], found.arrays["score"]))
    assert all(score[lag] == pytest.approx(1.0, abs=1e-6) for lag in (0, 1, 2, 3, 4, 6))
    assert max(abs(score[lag]) for lag in (8, 16)) < 0.1


def test_a_decomposition_made_before_serves_as_one_made_anew():
    draw = np.random.default_rng(0)
    states, rows = draw.normal(size=(200, 5)), np.repeat(np.arange(20), 10)
    for labels in (draw.normal(size=200), draw.integers(0, 3, 200)):
        fit = fitted_on(states, rows, seed=3)
        assert probe(states, labels, rows, seed=3, fit=fit) == probe(states, labels, rows, seed=3)
