"""Dynamics of networks whose fixed points, eigenvalues and exponents are known in closed form."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import elman
from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError, UnknownName
from elman.core.recipe import ModelOptions, Recipe
from elman.interpretation.dynamics import dynamics, inputs_named, read_of
from elman.interpretation.fixed_points import fixed_points
from elman.interpretation.lyapunov import lyapunov_spectrum
from elman.interpretation.stepping import stepping_of, stepping_view
from elman.models.network import ForecastNetwork
from elman.models.rnn import RNN
from elman.tasks.forecasting import task as forecasting

from .networks import sample_of, tokens, view_of_network


def filled(cell, size, *, inputs=2, **options):
    """A network of one layer whose weights and biases are all zero."""
    network = RNN(cell, inputs, size, **options)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    return network, network.layers[0][0]


def linear(matrix, bias):
    """h' = matrix h + bias + x, with x in as many features."""
    size = len(bias)
    network, cell = filled("rnn", size, inputs=size, activation="identity")
    with torch.no_grad():
        cell.hh.weight.copy_(torch.as_tensor(matrix))
        cell.ih.weight.copy_(torch.eye(size))
        cell.ih.bias.copy_(torch.as_tensor(bias))
    return network


def matrix_of(size=5, seed=0):
    draw = np.random.default_rng(seed)
    return draw.standard_normal((size, size)) * 0.4, draw.standard_normal(size)


@pytest.mark.parametrize("cell", list(catalogue("cells")))
@pytest.mark.parametrize("options", [{}, {"zoneout": 0.3, "residual": True}, {"learned_initial_state": True}])
def test_the_step_is_the_networks_own(cell, options):
    torch.manual_seed(0)
    if cell in ("lru",) and "zoneout" in options:
        options = {"residual": True}
    network = RNN(cell, 5, 5, 2, **options)
    if network.initial is not None:
        with torch.no_grad():
            for part in network.initial:
                part.normal_()
    before = copy.deepcopy(network.state_dict())
    stepping = stepping_of(network)
    x = torch.randn(3, 7, 5)
    states = stepping.states(x)
    _, end = network.eval().double()(x.double())
    whole = torch.cat([part for layer in end for part in layer[0]], -1)
    torch.testing.assert_close(states[:, -1], whole, rtol=1e-12, atol=1e-12)
    assert sum(size for _, size in stepping.parts) == stepping.size == whole.shape[1]
    assert all(torch.equal(network.state_dict()[name].float(), value) for name, value in before.items())


def test_a_network_that_reads_from_the_end_has_no_such_step():
    with pytest.raises(RecipeError, match="bidirectional"):
        stepping_of(RNN("gru", 2, 3, bidirectional=True))
    assert stepping_view(RNN("gru", 2, 3, bidirectional=True), lambda x: x) is None


def test_jacobian_and_pushed_directions_are_those_of_autograd():
    torch.manual_seed(0)
    stepping = stepping_of(RNN("lstm", 3, 4, 2))
    state, x = torch.randn(stepping.size).double(), torch.randn(3).double()
    expected = torch.autograd.functional.jacobian(lambda s: stepping.step(s[None], x[None])[0], state)
    torch.testing.assert_close(stepping.jacobian(state[None], x[None])[0], expected)
    states, inputs = torch.stack([state, -state]), torch.stack([x, x + 1])
    directions = torch.randn(2, stepping.size, 5).double()
    after, pushed = stepping.push(states, inputs, directions)
    torch.testing.assert_close(after, stepping.step(states, inputs))
    torch.testing.assert_close(pushed, stepping.jacobian(states, inputs) @ directions)
    torch.testing.assert_close(pushed[0], expected @ directions[0])


def test_fixed_point_and_eigenvalues_of_a_linear_network():
    matrix, bias = matrix_of()
    network, x = linear(matrix, bias), torch.full((5,), 0.5)
    found = fixed_points(stepping_of(network), x, torch.randn(20, 5))
    weights = network.layers[0][0].hh.weight.detach().double().numpy()
    shift = network.layers[0][0].ih.bias.detach().double().numpy() + 0.5
    assert len(found) == 1 and found.fixed.all() and found.found_from.sum() == 20
    np.testing.assert_allclose(found.states[0], np.linalg.solve(np.eye(5) - weights, shift), rtol=1e-9)
    key = lambda values: sorted(values, key=lambda z: (round(abs(z), 9), round(z.imag, 9)))
    np.testing.assert_allclose(key(found.eigenvalues[0]), key(np.linalg.eigvals(weights)), rtol=1e-9)
    assert found.stable[0] == (np.abs(np.linalg.eigvals(weights)).max() < 1)


def test_exponents_of_a_linear_network_are_the_logs_of_its_eigenvalues():
    matrix = np.diag([0.9, -0.5, 0.25])
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    stepping = stepping_of(linear(turn @ matrix @ turn.T, np.zeros(3)))
    exponents, residual = lyapunov_spectrum(stepping, torch.randn(2, 260, 3), warmup=60)
    np.testing.assert_allclose(exponents, np.log([[0.9, 0.5, 0.25]] * 2), atol=1e-6)
    assert residual < 1e-12
    few, none = lyapunov_spectrum(stepping, torch.randn(2, 260, 3), exponents=1, warmup=60)
    np.testing.assert_allclose(few, np.log([[0.9]] * 2), atol=1e-6)
    assert none is None


def test_exponents_of_an_lstm_without_weights_are_those_of_its_memory():
    network, cell = filled("lstm", 4)
    with torch.no_grad():
        cell.ih.bias[4:8] = 3.0  # forget gates
    exponents, _ = lyapunov_spectrum(stepping_of(network), torch.randn(2, 30, 2), warmup=5)
    np.testing.assert_allclose(exponents[:, :4], math.log(1 / (1 + math.exp(-3))), rtol=1e-6)
    assert (exponents[:, 4:] == -math.inf).all()


@pytest.mark.parametrize(("weight", "count"), [(0.5, 1), (0.95, 1), (1.5, 3), (3.0, 3)])
def test_one_unit_has_one_resting_state_or_three(weight, count):
    network, cell = filled("rnn", 1)
    with torch.no_grad():
        cell.hh.weight.fill_(weight)
    found = fixed_points(stepping_of(network), torch.zeros(2), torch.linspace(-1, 1, 21)[:, None])
    assert len(found) == count and found.fixed.all()
    for state, values, stable in zip(found.states[:, 0], found.eigenvalues[:, 0], found.stable):
        assert abs(math.tanh(network.layers[0][0].hh.weight.item() * state) - state) < 1e-8
        assert values == pytest.approx(weight * (1 - state**2), rel=1e-6)
        assert stable == (abs(values) < 1)
    assert found.stable.sum() == (1 if count == 1 else 2)


def test_three_flip_flops_rest_at_the_corners_of_a_cube():
    network, cell = filled("rnn", 3)
    with torch.no_grad():
        cell.hh.weight.copy_(2 * torch.eye(3))
    corner = fixed_points(stepping_of(network), torch.zeros(2), torch.zeros(1, 3) + 0.9).states[0, 0]
    starts = torch.cartesian_prod(*[torch.tensor([-1.0, -0.01, 1.0])] * 3)
    found = fixed_points(stepping_of(network), torch.zeros(2), starts)
    stable = found.states[found.stable & found.fixed]
    assert len(stable) == 8
    np.testing.assert_allclose(np.abs(stable), corner, rtol=1e-6)
    assert len(np.unique(np.sign(stable), axis=0)) == 8
    # The others lie between: a coordinate at zero is a direction that grows.
    others = found.states[~found.stable]
    growing = (np.abs(found.eigenvalues[~found.stable]) > 1).sum(1)
    np.testing.assert_array_equal(growing, (np.abs(others) < 1e-6).sum(1))


def test_a_line_of_memory_is_slow_everywhere_and_not_one_point():
    network, cell = filled("rnn", 2, activation="identity")
    with torch.no_grad():
        cell.hh.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.5]]))
    starts = torch.stack([torch.linspace(-1, 1, 9), torch.zeros(9)], 1)
    found = fixed_points(stepping_of(network), torch.zeros(2), starts)
    assert len(found) == 9 and found.fixed.all()
    np.testing.assert_allclose(np.abs(found.eigenvalues), [[1.0, 0.5]] * 9)


def test_a_slow_point_is_not_called_fixed():
    network, cell = filled("rnn", 1, activation="identity")
    with torch.no_grad():
        cell.hh.weight.fill_(1.0)
        cell.ih.bias.fill_(1e-3)  # it drifts, and rests nowhere
    found = fixed_points(stepping_of(network), torch.zeros(2), torch.linspace(-1, 1, 5)[:, None])
    assert len(found) and not found.fixed.any()
    np.testing.assert_allclose(found.speed, 5e-7, rtol=1e-3)


def finding_of(cell="lstm", **options):
    view = view_of_network(cell, **options)
    view = replace(view, stepping=stepping_view(view.model.rnn, view.model.embed))
    return view, sample_of(tokens(8, 30), lengths=torch.tensor([30, 28] * 4))


def test_the_finding_of_a_network_and_its_control():
    view, sample = finding_of()
    found = dynamics(view, sample)
    assert found.residual < 1e-10
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.value == pytest.approx(found.arrays["exponents"][:, 0].mean())
    assert found.control != found.value
    assert found.arrays["points the mean input"].shape[1] == 12
    assert found.table and "dimensions" in found.sentence and found.chart
    same = dynamics(view, sample)
    assert (same.value, same.control) == (found.value, found.control)


def test_points_under_inputs_that_the_user_names():
    view, sample = finding_of("gru")
    vector = view.model.inputs.embedding.weight[3].detach()
    found = dynamics(view, sample, inputs={"token 3": vector})
    stepping = stepping_of(view.model.rnn)
    for state in torch.from_numpy(found.arrays["points token 3"]):
        torch.testing.assert_close(stepping.step(state[None], vector.double()[None])[0], state)
    assert "Under token 3" in found.sentence


def test_states_fill_as_many_dimensions_as_they_have():
    view, _ = finding_of("rnn", embedding_size=6)
    network = linear(np.zeros((6, 6)), np.zeros(6))  # the state is the input
    draw = torch.randn(64, 10, 6) * torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    view = replace(view, stepping=stepping_view(network, lambda inputs: inputs))
    found = dynamics(view, sample_of(draw))
    assert "in about 3 dimensions" in found.sentence
    assert found.value == -math.inf and "Nothing of a state outlasts one step" in found.sentence


def test_no_answer_for_a_network_that_reads_from_the_end():
    view = view_of_network("gru", bidirectional=True)
    assert dynamics(view, sample_of(tokens())) is None


def test_the_way_from_the_start_is_no_dimension():
    """A state that first falls from afar along one direction, and then moves in three."""
    network = linear(np.diag([0.5, 0.0, 0.0, 0.0]), np.zeros(4))
    draw = torch.randn(40, 50, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [0.0, 1.0, 1.0, 1.0]
    )
    draw[:, 0, 0] = 100.0
    view, _ = finding_of("rnn")
    view = replace(view, stepping=stepping_view(network, lambda inputs: inputs))
    found = dynamics(view, sample_of(draw))
    assert "in about 3 dimensions" in found.sentence and "first 20%" in found.sample
    np.testing.assert_allclose(found.arrays["variance"], [1, 1, 1, 0], atol=0.1)
    assert found.arrays["trajectories"].shape == (40, 50, 2)


def test_inputs_are_named_as_a_user_names_them():
    view, sample = finding_of("gru")
    named = inputs_named(view, sample, ["3", "7"])
    weights = view.model.inputs.embedding.weight.detach().double()
    torch.testing.assert_close(named["3"], weights[3])
    torch.testing.assert_close(named["7"], weights[7])
    with pytest.raises(UnknownName, match="token"):
        inputs_named(view, sample, ["no"])


def test_values_are_named_by_number_and_points_found_under_them():
    """h' = M h + x rests at (I - M)^-1 x, for every x."""
    matrix = np.diag([0.5, 0.25])
    network, x = linear(matrix, np.zeros(2)), torch.randn(6, 20, 2)
    (found,) = elman.inspect(network, x, questions=["dynamics"], at=["1", "2,-3"])
    np.testing.assert_allclose(found.arrays["points 1"], [[2.0, 4 / 3]], atol=1e-6)
    np.testing.assert_allclose(found.arrays["points 2,-3"], [[4.0, -4.0]], atol=1e-6)
    assert "Under 2,-3" in found.sentence and {row["input"] for row in found.table} == {"1", "2,-3"}
    for wrong, told in (("a", "no value"), ("1,2,3", "a step has 2")):
        with pytest.raises(RecipeError, match=told):
            elman.inspect(network, x, questions=["dynamics"], at=[wrong])


def test_a_sum_of_its_inputs_holds_differences_and_that_is_no_chaos():
    from elman.inspection import inspect

    x = torch.randn(12, 40, generator=torch.Generator().manual_seed(0)).double()
    (found,) = inspect(lambda state, x: state + x, x, start=torch.zeros(1).double(), questions=["dynamics"])
    assert abs(found.value) < 1e-9 and "Small differences stay as they are" in found.sentence


def test_layers_that_read_patches_make_as_many_steps_as_there_are_patches():
    """Means of four steps each: as if they had been given one by one, lengths and events counted in them, too."""
    matrix = np.diag([0.9, 0.5, 0.25])
    network, x = linear(matrix, np.zeros(3)), torch.randn(30, 48, 3)
    means = lambda inputs: inputs.unflatten(1, (-1, 4)).mean(2)
    options = {"conditions": {"side": np.arange(30) % 2}}
    view, few = finding_of("rnn")[0], sample_of(means(x), torch.zeros(30))
    plain = replace(view, labels=(), stepping=stepping_view(network, lambda inputs: inputs))
    patched = replace(plain, stepping=stepping_view(network, means))
    expected = dynamics(plain, few, align=np.full(30, 3), **options)
    found = dynamics(patched, sample_of(x, torch.zeros(30)), align=np.full(30, 14), **options)
    assert found.sentence == expected.sentence and found.residual == expected.residual
    assert set(found.arrays) == set(expected.arrays)
    for name, values in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values, err_msg=name)
    assert (
        found.sample.endswith("; its layers make 12 steps of 48 read") and "steps of" not in expected.sample
    )
    ragged = read_of(sample_of(x[:5], lengths=torch.tensor([1, 4, 5, 47, 48])), 12)
    assert ragged == [1, 1, 2, 12, 12] and read_of(sample_of(x), 50) == [48] * 30


@pytest.mark.parametrize(("known", "patch", "steps"), [(0, 48, 2), (1, 48, 2), (1, 1, 96), (0, 36, 3)])
def test_a_forecasters_dynamics_are_those_along_its_window(known, patch, steps):
    """In patches or step by step, whether or not its layers run on over the horizon."""
    torch.manual_seed(0)
    recipe = Recipe(model=ModelOptions(cell="gru", hidden_size=5))
    network = ForecastNetwork(
        recipe.model, features=3, series=1, known=known, horizon=60, patch_length=patch, window_norm="last"
    )
    view = forecasting.view(network, SimpleNamespace(feature_names=("a", "b", "c")), recipe)
    found = dynamics(view, sample_of(torch.randn(9, 96, 3), torch.zeros(9, 60, 1)))
    assert found.arrays["trajectories"].shape == (9, steps, 2) and set(found.arrays["lengths"]) == {steps}
    assert np.isfinite(found.arrays["exponents"]).all() and np.isfinite(found.arrays["growth"]).all()
    assert found.residual < 1e-9 and "nan" not in found.sentence
