"""What is drawn in training: which entries, how many, how large the rest, for how long the same."""

from __future__ import annotations

import pytest
import torch

from elman.cells.contract import Affine
from elman.core.errors import RecipeError
from elman.models.rnn import RNN
from elman.models.weight_drop import thinned

from .choices import RECURRENT, build


def echo(hidden=6, **options):
    """An RNN whose output is W_hh h + x, so that its output at h = 0 is its input, and with x = 0 and h = 1 a row sum."""
    network = RNN("rnn", hidden, hidden, activation="identity", **options).double()
    cell = network.layers[0][0]
    with torch.no_grad():
        for affine in (cell.ih, cell.hh):
            affine.bias.zero_()
        cell.ih.weight.copy_(torch.eye(hidden))
    return network


def test_weight_drop_draws_one_mask_for_all_steps_and_rows():
    network = echo(weight_drop=0.5)
    cell = network.layers[0][0]
    x = torch.zeros(6, 3, 6).double()
    start = ((cell.State(torch.eye(6).double()),),)
    output, _ = network(x, start)
    dropped = output[:, 0].T  # row k started at unit k: what it gave is column k of the weights
    weight = cell.hh.weight.detach()
    assert ((dropped == 0) | torch.isclose(dropped, 2 * weight)).all()
    assert 0 < (dropped == 0).sum() < dropped.numel()
    torch.testing.assert_close(output[:, 2].T, dropped @ dropped @ dropped)
    assert not torch.equal(network(x, start)[0], output)  # the next call draws anew
    network.eval()
    torch.testing.assert_close(network(x, start)[0][:, 0].T, weight)


def test_weight_drop_drops_its_share_and_keeps_the_mean():
    cell = RNN("gru", 3, 100).layers[0][0]
    torch.nn.init.ones_(cell.hh.weight)
    thin = thinned(cell, 0.3).hh.weight
    assert (
        abs(float((thin == 0).double().mean()) - 0.3) < 0.02 and abs(float(thin.detach().mean()) - 1) < 0.03
    )
    assert (cell.hh.weight == 1).all() and thin.grad_fn is not None


@pytest.mark.parametrize("name", sorted(RECURRENT))
def test_weight_drop_falls_on_what_multiplies_the_state_and_nothing_else(name):
    network = build(name, ("weight_drop", "projection_size") if name.startswith("lstm") else ("weight_drop",))
    cell = network.layers[0][0]
    thin = dict(thinned(cell, 0.5).named_parameters())
    for key, value in cell.named_parameters():
        mine = thin.get(key)
        assert mine is None or torch.equal(mine, value) or key in ("hh.weight", "hn.weight")
    other = thinned(cell, 0.5)
    changed = {
        key for key, part in other.named_children() if isinstance(part, Affine) and (part.weight == 0).any()
    }
    assert changed == {key for key in ("hh", "hn") if hasattr(cell, key)}


def test_both_directions_and_layers_draw_their_own():
    torch.manual_seed(0)
    network = build("rnn", ("weight_drop", "bidirectional"))
    seen = []
    original = torch.nn.functional.dropout

    def record(value, *arguments, **keywords):
        out = original(value, *arguments, **keywords)
        seen.append(out == 0)
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "dropout", record)
        network(torch.randn(2, 4, 5).double())
    assert len(seen) == 4 and not any(torch.equal(seen[0], other) for other in seen[1:])


def test_gradients_reach_the_weights_that_were_kept():
    network = build("lstm", ("weight_drop",), layers=1)
    torch.manual_seed(4)
    network(torch.randn(2, 5, 5).double())[0].sum().backward()
    gradient = network.layers[0][0].hh.weight.grad
    assert 0.2 < float((gradient == 0).double().mean()) < 0.6


def test_gradients_of_gradients_pass_through_weight_drop():
    network = build("gru", ("weight_drop",), layers=1)
    x = torch.randn(2, 3, 5).double().requires_grad_(True)

    def run(value):
        torch.manual_seed(4)
        return network(value)[0]

    assert torch.autograd.gradcheck(run, x) and torch.autograd.gradgradcheck(run, x)


@pytest.mark.parametrize("layers", [1, 2])
def test_variational_dropout_masks_input_and_output_once_a_sequence(layers):
    network = echo(num_layers=layers, dropout=0.5, variational_dropout=True)
    with torch.no_grad():
        for layer in network.layers:
            layer[0].ih.weight.copy_(torch.eye(6))
            layer[0].ih.bias.zero_()
            layer[0].hh.bias.zero_()
            layer[0].hh.weight.zero_()
    output, _ = network(torch.ones(50, 7, 6).double())
    factor = 2.0 ** (layers + 1)  # a mask on the input, between layers, on the output
    assert ((output == 0) | (output == factor)).all() and torch.equal(output, output[:, :1].expand_as(output))
    kept = float((output != 0).double().mean())
    assert abs(kept - 0.5 ** (layers + 1)) < 0.12
    assert not torch.equal(output[0], output[1]) or not torch.equal(output[0], output[2])
    assert (network.eval()(torch.ones(2, 3, 6).double())[0] == 1).all()


def test_plain_dropout_draws_for_every_step_and_only_between_layers():
    network = echo(num_layers=2, dropout=0.5)
    with torch.no_grad():
        for layer in network.layers:
            layer[0].ih.weight.copy_(torch.eye(6))
            layer[0].ih.bias.zero_()
            layer[0].hh.bias.zero_()
            layer[0].hh.weight.zero_()
    output, _ = network(torch.ones(20, 7, 6).double())
    assert ((output == 0) | (output == 2)).all() and not torch.equal(output, output[:, :1].expand_as(output))
    assert (echo(dropout=0.5)(torch.ones(2, 1, 6).double())[0] == 1).all()


def test_dropout_between_layers_in_single_steps():
    network = echo(num_layers=2, dropout=0.5)
    with torch.no_grad():
        for layer in network.layers:
            layer[0].ih.weight.copy_(torch.eye(6))
            layer[0].ih.bias.zero_()
            layer[0].hh.bias.zero_()
    for given in (None, network.initial_state(40)):
        output, _ = network.step(torch.full((40, 6), 3.0).double(), given)
        assert ((output == 0) | (output == 6)).all() and 0.3 < float((output == 0).double().mean()) < 0.7
    assert (network.eval().step(torch.full((2, 6), 3.0).double())[0] == 3).all()


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
@pytest.mark.parametrize("option", ["dropout", "zoneout", "weight_drop"])
def test_shares_out_of_range_are_named(option, share):
    with pytest.raises(RecipeError, match=f"{option} is {share}"):
        RNN("lstm", 3, 5, **{option: share})
