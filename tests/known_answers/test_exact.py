"""Numbers of the analyses to the last digit, by hand: what a swapped sign, index or margin would change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from elman.interpretation.dynamics import ALL, MOST, dynamics, exponents, settled_in
from elman.interpretation.editing import edited
from elman.interpretation.fixed_points import fixed_points
from elman.interpretation.gates import gates
from elman.interpretation.interventions import _gradient, _means, interventions, sizes_of, units_of
from elman.interpretation.lyapunov import lyapunov_spectrum
from elman.interpretation.memory import memory
from elman.interpretation.stepping import Stepping, stepping_of, stepping_view
from elman.interpretation.view import shuffled
from elman.models.rnn import RNN

from .networks import sample_of, tokens, view_of, view_of_network


def told(losses):
    """A view whose loss with n steps is losses[n - 1] (points,), or of each sequence (points, sequences)."""
    table = torch.as_tensor(losses).double()

    def read(embedded, lengths):
        row = table[embedded.shape[1] - 1]
        return row.expand(len(embedded))[:, None] if row.dim() == 0 else row[:, None]

    return view_of(read, loss=lambda outputs, targets: outputs[:, 0])


def test_the_margin_is_a_share_of_what_context_saves():
    """The loss that is left with all context has no part in it: 2% of 0.1, not of 1.1."""
    found = memory(told([1.1, 1.05, 1.003, 1.0]), sample_of(tokens(20, 4)))
    assert found.value == 4 and "all there is" in found.sentence and "0.1 nats" in found.sentence
    found = memory(told([1.1, 1.05, 1.0019, 1.0]), sample_of(tokens(20, 4)))
    assert found.value == 3 and found.interval == (3, 3) and "all there is" not in found.sentence
    assert found.control == 1 and "for nothing that can be shown" in found.sentence


def test_the_interval_of_the_horizon_is_that_of_drawn_sequences():
    """Half of the sequences need three steps, half need two and little of the third: either may come out."""
    losses = np.repeat([[1.1], [1.05], [1.0], [1.0]], 20, 1)
    losses[2, :10] += 0.0042  # 0.0021 on the average, and the margin is 0.002
    found = memory(told(losses), sample_of(tokens(20, 4)))
    assert found.value == 4 and found.interval == (3.0, 4.0)
    few = memory(told(losses[:, 5:]), sample_of(tokens(15, 4)))
    assert few.value == 3 and few.interval == (3.0, 4.0)


def test_no_use_of_context_is_said_where_the_interval_holds_zero():
    losses = np.ones((3, 40))
    losses[0] += np.tile([0.5, -0.45], 20)
    found = memory(told(losses), sample_of(tokens(40, 3)))
    assert found.interval is None and found.control is None and "+0.025" in found.sentence
    low, high = (float(part) for part in found.sentence.split("interval ")[1].rstrip(").").split(" to "))
    assert low < 0.025 < high


def test_states_beyond_their_bounds_are_counted_on_both_sides():
    values = torch.tensor([-1.0, -0.96, -0.5, 0.0, 0.5, 0.96, 0.97, 0.98, 0.99, 1.0])
    view = view_of(
        trace=lambda inputs, lengths: {"layers.0.forward.h": values.expand(len(inputs), 10)[..., None]}
    )
    found = gates(view, sample_of(tokens(4, 10)))
    row = found.table[0]
    assert (row["closed"], row["open"], row["stuck"]) == pytest.approx((0.2, 0.5, 0.7))
    assert row["mean"] == pytest.approx(float(values.mean())) and found.title == "Saturation"
    opened = view_of(
        trace=lambda inputs, lengths: {
            "layers.0.forward.input_gate": values.abs().expand(len(inputs), 10)[..., None]
        }
    )
    row = gates(opened, sample_of(tokens(4, 10))).table[0]
    assert (row["closed"], row["open"], row["stuck"]) == pytest.approx((0.1, 0.7, 0.8))


def sums():
    torch.manual_seed(0)
    network = RNN("lstm", 2, 3, 2).eval()
    read = lambda vectors, lengths: network(vectors, lengths=lengths)[1][-1][0].h
    return replace(view_of(read, embed=lambda inputs: inputs), model=network)


@pytest.mark.parametrize("count", [10, 150])
def test_means_are_those_of_valid_steps_in_every_part_of_the_sample(count):
    view, x = sums(), torch.randn(count, 7, 2)
    lengths = torch.arange(count) % 7 + 1
    with torch.no_grad():
        means = _means(view, sample_of(x, lengths=lengths))
        trace = view.model.trace(x, lengths=lengths)
    valid = torch.arange(7) < lengths[:, None]
    assert set(means) == {f"layers.{k}.forward.{part}" for k in (0, 1) for part in "hc"}
    for name, mean in means.items():
        torch.testing.assert_close(mean, trace[name][valid].double().mean(0))


def test_the_gradient_is_that_of_moving_a_unit_towards_its_mean():
    view = sums()
    view.model.double()
    sample = sample_of(torch.randn(6, 5, 2).double(), torch.arange(6) % 3)
    units = units_of(view)
    with torch.no_grad():
        means = _means(view, sample)
    for weight in view.model.parameters():
        weight.requires_grad_(False)
    found = _gradient(view, sample, means, units)
    for place, (layer, number) in enumerate(units):

        def moved(share, layer=layer, number=number):
            def edit(name, step, values):
                if name.rpartition(".")[0] != layer:
                    return values
                values = values.clone()
                values[:, number] += share * (means[name][number] - values[:, number])
                return values

            with edited(view.model, edit), torch.no_grad():
                return view.loss(view.read(sample.inputs, None), sample.targets).mean()

        assert found[place] == pytest.approx(float(moved(1e-5) - moved(-1e-5)) / 2e-5, rel=1e-5, abs=1e-12)


def test_what_is_reported_of_an_intervention_is_loss_gained():
    view = view_of_network("gru", hidden_size=20)
    found = interventions(view, sample_of(tokens(30, 6), torch.arange(30) % 3))
    arrays = found.arrays
    at = list(arrays["sizes"]).index(1)  # 5% of 20
    gain = arrays["loss"][at] - arrays["loss_whole"]
    assert found.value == pytest.approx(gain.mean())
    assert found.control == pytest.approx((arrays["loss_random"][at] - arrays["loss_whole"]).mean())
    spread = gain.std() / np.sqrt(len(gain))
    assert found.interval == pytest.approx(
        (gain.mean() - 1.96 * spread, gain.mean() + 1.96 * spread), abs=0.5 * spread
    )
    assert arrays["loss_random"].shape == (len(arrays["sizes"]), 8, 15)
    assert [row["unit"] for row in found.table] == [arrays["units"][k] for k in arrays["order"][:10]]
    ranked = np.abs(arrays["gradient"][arrays["order"]])
    assert (np.diff(ranked) <= 0).all()


@pytest.mark.parametrize(
    ("units", "sizes"), [(2, [1]), (20, [1, 4]), (32, [1, 2, 4, 16]), (512, [1, 4, 16, 26, 64, 256]), (1000, [1, 4, 16, 50, 64, 256])]
)  # fmt: skip
def test_how_many_units_are_taken_out(units, sizes):
    assert sizes_of(units) == sizes


def test_exponents_and_steps_left_out():
    assert [exponents(size) for size in (3, ALL, ALL + 1)] == [3, ALL, MOST]
    assert [settled_in(length) for length in (1, 5, 30)] == [0, 1, 6]


def test_components_and_variance_are_numpys():
    view = view_of_network("gru")
    view = replace(view, stepping=stepping_view(view.model.rnn, view.model.embed))
    sample = sample_of(tokens(9, 20), lengths=torch.tensor([20, 10, 5] * 3))
    found = dynamics(view, sample)
    with torch.no_grad():
        states = stepping_of(view.model.rnn).states(view.model.embed(sample.inputs).double())
    living = np.concatenate([states.numpy()[k, n // 5 : n] for k, n in enumerate((20, 10, 5) * 3)])
    values, vectors = np.linalg.eigh(np.cov(living.T))
    np.testing.assert_allclose(found.arrays["variance"], values[::-1], atol=1e-12)
    overlap = np.abs(found.arrays["components"] @ vectors[:, ::-1][:, :2])
    np.testing.assert_allclose(overlap, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(
        found.arrays["trajectories"],
        (states.numpy() - living.mean(0)) @ found.arrays["components"].T,
        atol=1e-12,
    )
    dimension = values.sum() ** 2 / (values**2).sum()
    assert f"in about {max(1, round(dimension))} dimension" in found.sentence


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_points_are_told_apart_at_any_scale_of_states(size):
    """s' = size tanh(1.5 s / size) has three points whatever the size."""
    stepping = Stepping(
        lambda s, x: size * torch.tanh(1.5 * s / size), torch.zeros(1).double(), (("s", 1),), 1
    )
    found = fixed_points(stepping, torch.zeros(1), size * torch.linspace(-1, 1, 21)[:, None])
    assert len(found) == 3 and found.stable.sum() == 2 and found.found_from.sum() == 21
    np.testing.assert_allclose(np.sort(found.states[:, 0]) / size, [-0.85855964, 0, 0.85855964], atol=1e-5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_torch_module_under_an_edit_goes_on_from_the_state_it_is_given(kind):
    torch.manual_seed(0)
    module, x = kind(3, 4, 2, bidirectional=True, batch_first=True), torch.randn(5, 6, 3)
    start = torch.randn(4, 5, 4)
    given = (start, torch.randn(4, 5, 4)) if kind is nn.LSTM else start
    expected = module(x, given)
    with edited(module, lambda name, step, values: values):
        for found in (module(x, given), module(input=x, hx=given)):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("time", "warmup"), [(9, 0), (10, 2), (30, 6)])
def test_exponents_and_their_control_are_those_of_the_spectrum(time, warmup):
    view = view_of_network("gru")
    view = replace(view, stepping=stepping_view(view.model.rnn, view.model.embed))
    sample = sample_of(tokens(5, time))
    found = dynamics(view, sample)

    def spectrum():
        with torch.no_grad():
            read = view.model.embed(sample.inputs)
        return lyapunov_spectrum(stepping_of(view.model.rnn), read[list(range(5))[::-1]], warmup=warmup)

    exponents, residual = spectrum()
    np.testing.assert_allclose(np.sort(found.arrays["exponents"], 0), np.sort(exponents, 0), atol=1e-9)
    assert found.residual == pytest.approx(residual, abs=1e-12) and found.value == pytest.approx(
        exponents[:, 0].mean()
    )
    with shuffled(view, 0):
        assert found.control == pytest.approx(float(spectrum()[0][:, 0].mean()), abs=1e-6)
    top = exponents[:, 0]
    assert top.min() - 1e-12 <= found.interval[0] <= found.value <= found.interval[1] <= top.max() + 1e-12


def test_a_state_of_one_number_moves_on_a_line():
    stepping = Stepping(lambda s, x: 0.5 * s + x, torch.zeros(1).double(), (("s", 1),), 1)
    view = replace(view_of(), model=nn.Module(), stepping=lambda: (stepping, lambda inputs: inputs))
    found = dynamics(view, sample_of(torch.randn(4, 12, 1)))
    assert found.arrays["components"].tolist() in ([[1.0], [0.0]], [[-1.0], [0.0]])
    assert (
        found.arrays["trajectories"][..., 1] == 0
    ).all() and "1 numbers move in about 1 dimension." in found.sentence
    assert found.control is None
