"""Gradient flow of networks whose gradients can be written down, and a run that is watched."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network
from torch import nn

from elman.interpretation.during_training import during_training, look
from elman.interpretation.gradient_flow import Flow, gradient_flow, spectral_radii
from elman.interpretation.stepping import stepping_view
from elman.known_networks import linear_network, one_unit, silent
from elman.models.rnn import RNN
from elman.report.charts import draw


class Leaky(nn.Module):
    """h = 0.9 h + x; the answer is h."""

    def __init__(self, keep=0.9):
        super().__init__()
        self.rnn = silent("rnn", 1, activation="identity")
        with torch.no_grad():
            self.rnn.layers[0][0].hh.weight.fill_(keep)
            self.rnn.layers[0][0].ih.weight.fill_(1.0)


def leaky(every, keep=0.9):
    """A view of it whose loss is the answer itself, at each step or at the last."""
    model = Leaky(keep)
    letters = ("a", "b")
    view = view_of(
        lambda vectors, lengths: model.rnn(vectors)[0][:, -1],
        embed=lambda x: x.reshape(*x.shape[:2], 1).float(),
        steps=lambda vectors, lengths: model.rnn(vectors)[0],
        loss=lambda outputs, targets: outputs[:, 0],
        labels=letters if every else (),
        names=(lambda row: [letters[int(k)] for k in row]) if every else None,
    )
    return replace(view, model=model, names_next_step=every)


def test_the_gradient_of_a_leaky_unit_is_its_leak_to_the_lag():
    inputs = torch.randint(0, 2, (5, 13), generator=torch.Generator().manual_seed(0))
    flow = gradient_flow(leaky(True), sample_of(inputs))
    assert flow.items.shape == (12, 12) and flow.residual < 1e-6
    for t in range(12):
        assert flow.items[t, : t + 1] == pytest.approx(0.9 ** np.arange(t, -1, -1), rel=1e-5)
        assert not flow.items[t, t + 1 :].any()
    assert flow.by_lag == pytest.approx(0.9 ** np.arange(12), rel=1e-5)
    ends = gradient_flow(leaky(False), sample_of(inputs, torch.zeros(5)), steps=7)
    assert ends.items.shape == (1, 7) and ends.by_lag == pytest.approx(0.9 ** np.arange(7), rel=1e-5)


def test_the_means_by_lag_are_over_the_steps_that_reach_so_far():
    flow = Flow(np.array([[3.0, 0.0, 0.0], [2.0, 5.0, 0.0]]), np.array([0, 1]), 0.0)
    assert flow.by_lag.tolist() == [4.0, 2.0]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "mingru"])
def test_all_items_sum_to_what_autograd_gives_for_the_whole_loss(cell):
    view = view_of_network(cell, classes=9, pooling="none", num_layers=2)
    language = replace(view, names_next_step=True)
    flow = gradient_flow(language, sample_of(tokens(4, 9)))
    assert flow.items.shape == (8, 8) and flow.residual < 1e-5 and (np.diagonal(flow.items) > 0).all()


def test_the_full_state_is_followed_h_and_c():
    """Without weights h is forgotten at once and c keeps sigmoid(3) of itself: the gradient back is that of c alone."""
    model = nn.Module()
    model.rnn = silent("lstm", 1)
    with torch.no_grad():
        model.rnn.layers[0][0].ih.bias[1] = 3.0
    view = view_of(
        lambda vectors, lengths: model.rnn(vectors)[0][:, -1],
        embed=lambda x: x, labels=(), names=None, loss=lambda outputs, targets: outputs[:, 0],
    )  # fmt: skip
    flow = gradient_flow(replace(view, model=model), sample_of(torch.zeros(2, 6, 1), torch.zeros(2)))
    keep, half = 1 / (1 + np.exp(-3)), 0.5
    assert flow.by_lag[1:] == pytest.approx(half * keep ** np.arange(1, 6), rel=1e-5)
    assert flow.by_lag[0] == pytest.approx(1.0)


def test_what_reads_from_the_end_or_is_short_is_left_out():
    view = view_of_network("gru", bidirectional=True)
    assert gradient_flow(view, sample_of(tokens(), torch.arange(12) % 3)) is None
    some = sample_of(tokens(12, 10), torch.arange(12) % 3, torch.tensor([10, 4, 4] * 4))
    flow = gradient_flow(view_of_network("gru"), some)
    assert flow.items.shape == (1, 4) and flow.asked.tolist() == [3]
    assert gradient_flow(view_of(lambda v, n: v[:, -1]), some) is None


def test_a_language_model_is_followed_over_its_first_steps_and_not_over_one_token():
    inputs = torch.randint(0, 2, (5, 13), generator=torch.Generator().manual_seed(0))
    assert gradient_flow(leaky(True), sample_of(inputs), steps=5).items.shape == (5, 5)
    assert gradient_flow(leaky(True), sample_of(inputs[:, :1])) is None


def test_the_loss_at_each_step_is_about_the_token_after_it():
    """With the answer times the next token, the gradient at the step itself is that token."""
    view = replace(leaky(True), loss=lambda outputs, targets: outputs[:, 0] * targets)
    flow = gradient_flow(view, sample_of(torch.tensor([[1, 2, 3, 5, 8]])))
    assert np.diagonal(flow.items) == pytest.approx([2, 3, 5, 8])
    assert flow.items[3, 0] == pytest.approx(8 * 0.9**3)


def test_sequences_as_long_as_the_median_are_kept_and_shorter_ones_are_not():
    """With the answer times what is read, the gradient at the end is 2 |h|: another for each sequence."""
    view = leaky(False)
    square = replace(view, loss=lambda outputs, targets: outputs[:, 0].square())
    inputs, lengths = torch.tensor([[1.0] * 6, [2.0] * 6, [9.0] * 6]), torch.tensor([6, 4, 3])
    flow = gradient_flow(square, sample_of(inputs, torch.zeros(3), lengths))
    geometric = (0.9 ** np.arange(4)).sum()
    assert flow.by_lag[0] == pytest.approx(2 * geometric * (1 + 2) / 2, rel=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_residual_is_a_share_of_the_whole_gradient(monkeypatch, scale):
    """Where the whole is told twice too large, half of it is left over, however large it is."""
    from elman.interpretation import gradient_flow as module

    inputs = torch.randint(0, 2, (5, 4), generator=torch.Generator().manual_seed(0))
    view = replace(leaky(True), loss=lambda outputs, targets: scale * outputs[:, 0])
    true, asked = module._gradients, []

    def gradients(loss, leaves, steps):
        asked.append(loss)
        return true(loss, leaves, steps) * (2 if len(asked) == 4 else 1)  # three steps, then the whole

    monkeypatch.setattr(module, "_gradients", gradients)
    assert gradient_flow(view, sample_of(inputs)).residual == pytest.approx(0.5, rel=1e-5)
    assert len(asked) == 4


def test_weights_that_are_no_blocks_of_gates_have_no_radius():
    model = nn.Module()
    model.hh = nn.Linear(3, 5)
    assert spectral_radii(model) == {}  # 5 rows of 3


@pytest.mark.parametrize("size", [3, 4, 5])  # 24 rows in each: 3 and 4 would divide them, too
def test_of_a_projected_state_the_radius_is_that_of_the_way_back_to_it(size):
    """W_hr W is one gate's way from h to h; its eigenvalues are those of W W_hr, and zeros."""
    torch.manual_seed(0)
    theirs = nn.LSTM(2, 6, num_layers=2, bidirectional=True, proj_size=size)
    found = spectral_radii(theirs)
    assert len(found) == 4
    for name, radii in found.items():
        back = theirs.get_parameter(name.replace("hh", "hr")).detach().double().numpy()
        blocks = theirs.get_parameter(name).detach().double().numpy().reshape(4, 6, size)
        expected = [np.abs(np.linalg.eigvals(block @ back)).max() for block in blocks]
        assert radii == pytest.approx(expected, rel=1e-9), name
    ours = list(spectral_radii(RNN.from_torch(theirs)).values())
    for mine, radii in zip(ours, found.values(), strict=True):
        assert sorted(mine) == pytest.approx(sorted(radii), rel=1e-6)


def test_spectral_radii_are_those_of_the_weights():
    assert spectral_radii(linear_network())["layers.0.0.hh.weight"] == pytest.approx([0.9])
    assert next(iter(spectral_radii(one_unit(-1.5)).values())) == pytest.approx([1.5])
    lstm = RNN("lstm", 2, 3)
    blocks = lstm.layers[0][0].hh.weight.detach().double().split(3)
    (found,) = spectral_radii(lstm).values()
    assert found == pytest.approx([np.abs(np.linalg.eigvals(block.numpy())).max() for block in blocks])
    assert list(spectral_radii(nn.LSTM(2, 3))) == ["weight_hh_l0"]


def test_looks_become_curves_with_the_network_before_training_as_control():
    rows = [
        {"step": 0, "gradient_by_lag": [2.0, 0.2, 0.02], "residual": 1e-7, "horizon": 1, "radius": 0.5},
        {"step": 50, "gradient_by_lag": [1.0, 0.5, 0.25], "residual": 2e-7, "horizon": 8, "radius": 1.2},
    ]
    finding = during_training(rows)
    assert finding.value == 0.5 and finding.control == pytest.approx(0.1) and finding.residual == 2e-7
    assert (
        "looks back 8 steps, 1 at the first" in finding.sentence and "from 0.50 to 1.20" in finding.sentence
    )
    assert "<svg" in draw(finding.chart) and finding.arrays["step"].tolist() == [0, 50]
    assert during_training(rows[:1]) is None
    assert "looks back 1 step, 8 at" in during_training([rows[1], rows[0]]).sentence
    late = during_training([{**rows[0], "horizon": None}, *rows[1:]])
    assert late.arrays["horizon"].tolist() == [8] and "8 at the first" in late.sentence
    bare = [{**row, "gradient_by_lag": None, "horizon": None} for row in rows]
    assert during_training(bare).value is None
    assert during_training([{**row, "radius": None} for row in bare]) is None
    known = [
        {**row, "exponents": each} for row, each in zip(rows, ([-0.5, -1.0, None], [-0.125, -0.5, -2.0]))
    ]
    watched = during_training(known)
    assert watched.arrays["exponents"].tolist() == [[-0.5, -1.0, -np.inf], [-0.125, -0.5, -2.0]]
    assert "from -0.5 to -0.125 nats per step" in watched.sentence and "<svg" in draw(watched.chart)
    assert (
        "exponents" not in during_training([rows[0], known[1]]).arrays
    )  # a run watched before they were known


def test_a_look_tells_the_exponents_of_the_full_state():
    """An LSTM without weights: c keeps sigmoid(3) of itself, and nothing is left of h."""
    model = nn.Module()
    model.rnn = silent("lstm", 1)
    with torch.no_grad():
        model.rnn.layers[0][0].ih.bias[1] = 3.0
    view = replace(
        view_of(lambda vectors, lengths: model.rnn(vectors)[0][:, -1], labels=(), names=None, loss=lambda outputs, targets: outputs[:, 0]),
        model=model, stepping=stepping_view(model.rnn, lambda inputs: inputs),
    )  # fmt: skip
    seen = look(view, sample_of(torch.zeros(9, 40, 1), torch.zeros(9)), horizon=False)
    assert seen["exponents"] == [pytest.approx(np.log(1 / (1 + np.exp(-3)))), None]
    assert json.loads(json.dumps(seen, allow_nan=False)) == seen
    assert (
        look(view_of_network("gru", bidirectional=True), sample_of(tokens(), torch.arange(12) % 3))[
            "exponents"
        ]
        is None
    )


def test_a_look_leaves_the_network_as_it_was():
    view = view_of_network("lstm")
    view.model.train()
    before = {name: value.clone() for name, value in view.model.state_dict().items()}
    random = torch.get_rng_state()
    sample = sample_of(tokens(), torch.arange(12) % 3)
    first = look(view, sample)
    assert first == look(view, sample) and first["horizon"] >= 1 and first["radius"] > 0
    assert look(view, sample, horizon=False)["horizon"] is None
    assert view.model.training and torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in view.model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in view.model.parameters())
