"""Units taken out, clamped and patched, in networks where it is known what each unit does."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import elman
from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError
from elman.interpretation.editing import clamp, edited, parts, patch
from elman.interpretation.interventions import _moves, interventions, taken_out, units_of
from elman.models.rnn import RNN

from .networks import sample_of, tokens, view_of, view_of_network


class Sum(nn.Module):
    """Unit 2 of 20 sums the first feature, the others the second; the answer reads unit 2 alone."""

    def __init__(self, kind="ours"):
        super().__init__()
        rnn = RNN("rnn", 2, 20, activation="identity" if kind == "ours" else "relu")
        with torch.no_grad():
            for weight in rnn.parameters():
                weight.zero_()
            cell = rnn.layers[0][0]
            cell.hh.weight.copy_(torch.eye(20))
            cell.ih.weight[:, 1] = 1.0
            cell.ih.weight[2] = torch.tensor([1.0, 0.0])
        self.rnn = rnn if kind == "ours" else rnn.to_torch()

    def forward(self, x):
        total = self.rnn(x)[0][:, -1, 2]
        return torch.stack([torch.zeros_like(total), total - x.shape[1] / 2], 1)


def summing(kind="ours"):
    model = Sum(kind)
    x = torch.rand(40, 10, 2, generator=torch.Generator().manual_seed(0))
    targets = (x[..., 0].sum(1) > 5).long()
    view = view_of(lambda vectors, lengths: model(vectors), embed=lambda inputs: inputs)
    from dataclasses import replace

    return replace(view, model=model), sample_of(x, targets)


@pytest.mark.parametrize("kind", ["ours", "torch"])
def test_the_one_unit_that_counts_is_found_and_the_others_cost_nothing(kind):
    view, sample = summing(kind)
    found = interventions(view, sample)
    assert found.table[0]["unit"] == "layers.0.forward.2"
    assert found.arrays["order"][0] == 2
    assert found.control < 0.3 * found.value
    free = [
        draws for draws in found.arrays["loss_random"][0] if np.allclose(draws, found.arrays["loss_whole"])
    ]
    assert len(free) >= 5  # one of 20 units: a random one is rarely this one
    np.testing.assert_allclose(np.delete(found.arrays["gradient"], 2), 0, atol=1e-8)
    as_much = found.arrays["loss_random"][0].mean(-1).max() >= found.arrays["loss"][0].mean()
    assert (
        "At least one of 8 draws did as much." if as_much else "That is more than in any of 8 draws."
    ) in found.sentence


def test_what_is_taken_out_is_held_at_its_mean():
    view, sample = summing()
    found = interventions(view, sample)
    first, second = sample.inputs[:20, :, 0], sample.inputs[20:, :, 0]
    mean = float(first.cumsum(1).mean())
    answer = torch.stack([torch.zeros(20), torch.full((20,), mean - 5)], 1)
    expected = nn.functional.cross_entropy(answer, sample.targets[20:], reduction="none")
    np.testing.assert_allclose(found.arrays["loss"][0], expected, rtol=1e-5)
    assert second.shape == (20, 10)


def test_padding_has_no_part_in_the_mean():
    view, sample = summing()
    lengths = torch.tensor([10, 4] * 20)
    garbage = sample.inputs.clone()
    garbage[1::2, 4:] = 1e6
    from dataclasses import replace

    view = replace(view, read=lambda vectors, n: view.model.rnn(vectors, lengths=n)[1][0][0].h[:, [0, 2]])
    runs = [
        interventions(view, sample_of(inputs, sample.targets, lengths)).arrays["loss"]
        for inputs in (sample.inputs, garbage)
    ]
    np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize("cell", list(catalogue("cells")))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_edit_that_changes_nothing_changes_nothing(cell, bidirectional):
    torch.manual_seed(0)
    network = RNN(cell, 3, 4, 2, bidirectional=bidirectional).eval()
    x, lengths = torch.randn(3, 6, 3), torch.tensor([6, 2, 4])
    expected, seen = network(x, lengths=lengths)[0], []
    with edited(network, lambda name, step, values: seen.append((name, step)) or values):
        torch.testing.assert_close(network(x, lengths=lengths)[0], expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(network(x, lengths=lengths)[0], expected, rtol=1e-5, atol=1e-6)
    assert {name for name, _ in seen} == set(parts(network)) and {step for _, step in seen} == set(range(6))
    assert network.executor == "auto" and not any(
        "step" in one.__dict__ for layer in network.layers for one in layer
    )


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": False}])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_torch_module_under_an_edit_gives_what_it_gives(kind, options):
    torch.manual_seed(0)
    module = kind(3, 4, **{"batch_first": True, **options})
    x = torch.randn(5, 5, 3)
    expected = module(x)
    with edited(module, lambda name, step, values: values):
        found = module(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    packed = nn.utils.rnn.pack_padded_sequence(
        x, torch.tensor([2, 5, 1, 4, 3]), module.batch_first, enforce_sorted=False
    )
    expected = module(packed)
    with edited(module, lambda name, step, values: values):
        found = module(packed)
    torch.testing.assert_close(found[0].data, expected[0].data, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-5, atol=1e-6)


def test_clamp_holds_units_at_the_named_steps():
    torch.manual_seed(0)
    network = RNN("lstm", 2, 3).eval()
    x = torch.randn(2, 6, 2)
    with edited(network, clamp("layers.0.forward.c", [1], 0.5, steps=[2, 3])), torch.no_grad():
        output, _ = network(x)
    state, steps = None, []
    for t in range(6):  # by hand, over single steps
        out, state = network(x[:, t : t + 1], state)
        h, c = (part.clone() for part in state[0][0])
        if t in (2, 3):
            c[:, 1] = 0.5
        state = ((type(state[0][0])(h, c),),)
        steps.append(h)
    torch.testing.assert_close(output, torch.stack(steps, 1))


def test_a_patched_state_carries_another_runs_past():
    torch.manual_seed(0)
    network = RNN("gru", 2, 3).eval()
    clean, other = torch.randn(4, 6, 2), torch.randn(4, 6, 2)
    states = network.trace(other)["layers.0.forward.h"]
    with edited(network, patch("layers.0.forward.h", range(3), states, steps=[2])), torch.no_grad():
        found, _ = network(clean)
    mixed = torch.cat([other[:, :3], clean[:, 3:]], 1)  # the past of one, the future of the other
    torch.testing.assert_close(found[:, 3:], network(mixed)[0][:, 3:])


def test_memory_must_go_too():
    """Taking h alone out of an LSTM leaves c, which brings h back."""
    torch.manual_seed(0)
    network = RNN("lstm", 2, 4).eval()
    x = torch.randn(3, 5, 2)
    with torch.no_grad():
        with edited(network, lambda name, step, values: torch.zeros_like(values) if step == 3 else values):
            gone, _ = network(x)
        torch.testing.assert_close(gone[:, 4:], network(x[:, 4:])[0])  # a fresh start


def test_nothing_is_left_behind_also_after_an_error():
    view = view_of_network("lstm")
    before = copy.deepcopy(view.model.state_dict())
    found = interventions(view, sample_of(tokens(8, 6)))
    assert found.interval[0] <= found.value <= found.interval[1]

    def fails(name, step, values):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), edited(view.model, fails):
        view.read(view.embed(tokens()), None)
    assert all(torch.equal(value, before[name]) for name, value in view.model.state_dict().items())
    rnn = view.model.rnn
    assert rnn.executor == "auto" and not rnn._forward_pre_hooks and "step" not in rnn.layers[0][0].__dict__
    assert all(weight.grad is None and weight.requires_grad for weight in view.model.parameters())


def test_what_cannot_be_edited_is_said():
    with pytest.raises(RecipeError, match="has no recurrent layer"):
        parts(nn.Linear(1, 1))
    with pytest.raises(RecipeError, match="model's own"):
        parts(nn.GRUCell(2, 3))


def test_it_is_among_the_questions_for_any_model():
    torch.manual_seed(0)
    found = elman.inspect(
        Sum("torch"), torch.rand(12, 6, 2), torch.tensor([0, 1] * 6), questions=["interventions"]
    )
    assert found[0].arrays["order"][0] == 2


@pytest.mark.parametrize("kind", ["ours", "torch"])
def test_a_named_unit_is_taken_out_beside_the_others(kind):
    view, sample = summing(kind)
    found = taken_out(view, sample, [("layers.0.forward", 2)], draws=50)
    assert found.loss_random.shape == (19, 40)  # each of the others once
    np.testing.assert_allclose(
        found.loss_random, np.tile(found.whole, (19, 1)), atol=1e-12
    )  # none of them counts
    # Held at its mean at every step, the sum ends at the mean of all steps' states: the same for all sequences.
    mean = torch.stack([sample.inputs[..., 0].cumsum(1)]).mean()
    logits = torch.stack([torch.zeros(40), (mean - 5).expand(40)], 1)
    known = torch.nn.functional.cross_entropy(logits, sample.targets, reduction="none")
    np.testing.assert_allclose(found.loss, known.numpy(), rtol=1e-5)


def test_means_come_from_the_sample_that_is_named():
    view, sample = summing()
    chosen, measured = sample.part(0, 10), sample.part(10, 40)
    found = taken_out(view, measured, [("layers.0.forward", 2)], means_of=chosen)
    mean = chosen.inputs[..., 0].cumsum(1).mean()
    logits = torch.stack([torch.zeros(30), (mean - 5).expand(30)], 1)
    known = torch.nn.functional.cross_entropy(logits, measured.targets, reduction="none")
    np.testing.assert_allclose(found.loss, known.numpy(), rtol=1e-5)


def test_random_sets_are_as_large_and_hold_none_of_the_units():
    view, sample = summing()
    found = taken_out(view, sample, [("layers.0.forward", 2), ("layers.0.forward", 3)], draws=30)
    assert found.loss_random.shape == (30, 40)
    np.testing.assert_allclose(found.loss_random, np.tile(found.whole, (30, 1)), atol=1e-12)
    with pytest.raises(RecipeError, match="no unit .*expected"):
        taken_out(view, sample, [("layers.0.forward", 20)])
    for wrong in ([], units_of(view)[:11]):
        with pytest.raises(RecipeError, match="expected 1 to 10"):
            taken_out(view, sample, wrong)


def test_a_loss_that_falls_is_not_called_a_rise():
    assert _moves(0.25) == "rises by 0.25" and _moves(-0.0199) == "falls by 0.0199"
