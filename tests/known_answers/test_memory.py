"""The memory horizon of sources whose memory is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network

from elman.interpretation.memory import memory, resampled, spread_of_horizon


def markov(order, count=1500, time=40, seed=0):
    """Bits whose next one depends on exactly the last `order`: p(1) is a random table over their patterns."""
    draw = np.random.default_rng(seed)
    table = draw.choice([0.05, 0.95], 2**order)
    if order > 1:  # every bit counts, the oldest too: flipping it flips the answer
        table[2 ** (order - 1) :] = 1 - table[: 2 ** (order - 1)]
    bits = draw.integers(0, 2, (count, time))
    for step in range(order, time):
        pattern = bits[:, step - order : step] @ (2 ** np.arange(order)[::-1])
        bits[:, step] = draw.random(count) < table[pattern]
    return table, torch.from_numpy(bits)


def optimal(table, order):
    """The best predictor of that source: exact with `order` bits of context, 1/2 with fewer."""

    powers = torch.from_numpy(2.0 ** np.arange(order)[::-1].copy()).float()
    chances = torch.from_numpy(table)

    def read(embedded, lengths):
        chance = torch.full((len(embedded),), 0.5, dtype=torch.float64)
        if embedded.shape[1] >= order:
            chance = chances[(embedded[:, -order:] @ powers).long()]
        return torch.stack([1 - chance, chance], 1).log()

    return read


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9])
def test_a_markov_source_of_order_k_returns_k(order):
    table, bits = markov(order)
    finding = memory(view_of(optimal(table, order)), sample_of(bits[:, :-1], bits[:, -1]))
    assert finding.value == order and finding.interval == (order, order)


@pytest.mark.parametrize("tap", [2, 7, 23, 50])
def test_a_shift_register_returns_its_tap(tap):
    bits = torch.randint(0, 2, (300, 64), generator=torch.Generator().manual_seed(tap))

    def read(embedded, lengths):
        seen = embedded[:, -tap] if embedded.shape[1] >= tap else torch.full((len(embedded),), 0.5)
        return torch.stack([-8 * (seen - 0.5), 8 * (seen - 0.5)], 1)

    finding = memory(view_of(read), sample_of(bits, bits[:, -tap]))
    assert abs(finding.value - tap) <= 0.05 * tap and finding.control == finding.value


def test_a_network_that_only_counts_uses_all_steps_and_no_order():
    bits = torch.randint(0, 2, (400, 16), generator=torch.Generator().manual_seed(0))

    def read(embedded, lengths):
        total = embedded.sum(1) - embedded.shape[1] / 2
        return torch.stack([-total, total], 1)

    finding = memory(view_of(read), sample_of(bits, (bits.sum(1) > 8).long()))
    assert finding.value > 12 and finding.control == 1
    np.testing.assert_allclose(
        finding.arrays["loss_shuffled"], finding.arrays["loss_shuffled"][-1:].repeat(len(finding.arrays["context"]), 0)
    )  # fmt: skip


def test_no_use_of_context_is_said_and_no_horizon_is_made_up():
    noise = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)).double()
    blind = view_of(lambda embedded, lengths: noise[: len(embedded)])
    finding = memory(blind, sample_of(tokens(200, 20), torch.arange(200) % 2))
    assert finding.value == 1 and "No use of context" in finding.sentence
    harmful = view_of(
        lambda embedded, lengths: torch.tensor([[0.0, -float(embedded.shape[1])]]).repeat(len(embedded), 1)
    )
    found = memory(harmful, sample_of(tokens(200, 20), torch.ones(200, dtype=torch.long)))
    assert found.value == 1 and found.interval is None and "No use of context" in found.sentence


def test_the_interval_of_a_horizon_leaves_out_a_fortieth_at_each_end():
    settles = {2: [1.0, 0.0, 0.0, 0.0], 4: [1.0, 1.0, 0.0, 0.0], 16: [1.0, 1.0, 1.0, 0.0]}
    for few, expected in ((3, (2, 16)), (2, (4, 4))):
        means = np.array([settles[2]] * few + [settles[4]] * (100 - 2 * few) + [settles[16]] * few).T
        assert spread_of_horizon([1, 2, 4, 16], means) == expected


def test_sequences_drawn_anew_have_the_mean_and_the_spread_of_a_mean():
    losses = np.stack([np.full(400, 2.0), np.random.default_rng(1).normal(5.0, 3.0, 400)])
    means = resampled(losses, 4000)
    assert means.shape == (2, 4000) and (means[0] == 2.0).all()
    assert means[1].mean() == pytest.approx(losses[1].mean(), abs=0.01)
    assert means[1].std() == pytest.approx(losses[1].std() / 20, rel=0.05)
    assert (resampled(losses[1:])[0] == resampled(losses)[1]).all()  # the same draws, whatever else is asked


def test_short_sequences_are_never_stretched():
    """A sequence of 3 steps gives the same loss for every context of 3 or more, beside sequences of 12."""
    view, inputs = view_of_network("gru"), tokens(8, 12)
    lengths = torch.tensor([3, 12] * 4)
    finding = memory(view, sample_of(inputs, torch.arange(8) % 3, lengths))
    enough = finding.arrays["context"] >= 3
    short = finding.arrays["loss_cut"][enough][:, ::2]
    np.testing.assert_allclose(short, short[:1].repeat(len(short), 0), atol=1e-6)
    at = list(finding.arrays["context"]).index(3)
    with torch.no_grad():
        view.model.eval()
        alone = view.loss(view.read(view.embed(inputs[1::2, -3:]), None), torch.arange(8)[1::2] % 3)
    np.testing.assert_allclose(finding.arrays["loss_cut"][at, 1::2], alone.numpy(), atol=1e-6)


def test_series_are_cut_along_time_alone():
    values = torch.randn(100, 30, 4, generator=torch.Generator().manual_seed(0))
    read = lambda embedded, lengths: embedded[:, -5:, 2].sum(1, keepdim=True)
    square = lambda outputs, targets: (outputs[:, 0] - targets).square()
    view = view_of(read, labels=(), names=None, loss=square)
    finding = memory(view, sample_of(values, values[:, -5:, 2].sum(1)))
    assert finding.value == 5 and (finding.arrays["loss_cut"][-1] == 0).all()
    # What is certain has no interval to be told, and no shade.
    assert "the last 5 steps:" in finding.sentence and "rect" not in str(finding.chart)


def test_copy_memory_steps_at_its_delay():
    """A network that copies what was there `delay` steps ago: all of the loss falls in one step, at the delay."""
    delay = 17
    symbols = torch.randint(0, 8, (200, 40), generator=torch.Generator().manual_seed(0))

    def read(embedded, lengths):
        if embedded.shape[1] <= delay:
            return torch.zeros(len(embedded), 8)
        return 9.0 * torch.nn.functional.one_hot(embedded[:, -delay - 1].long(), 8)

    found = memory(view_of(read, labels=tuple("abcdefgh")), sample_of(symbols, symbols[:, -delay - 1]))
    loss = found.arrays["loss_cut"].mean(1)
    assert found.value == delay + 1 and found.interval == (delay + 1, delay + 1)
    short = found.arrays["context"] <= delay
    np.testing.assert_allclose(loss[short], np.log(8), rtol=1e-6)
    assert (loss[~short] < 0.01).all()


def test_slopes_and_gates_stand_beside_the_horizon():
    view = view_of_network("lstm", num_layers=2)
    with torch.no_grad():
        for layer in view.model.rnn.layers:
            layer[0].ih.bias[6:12] = 3.0
            for weight in (layer[0].ih.weight, layer[0].hh.weight):
                weight[6:12] = 0.0
    found = memory(view, sample_of(tokens(40, 12), torch.arange(40) % 3))
    beside = {row["how far back"]: row["steps"] for row in found.table}
    assert beside["loss settles (the memory horizon)"] == found.value
    for layer in (1, 2):
        for which in ("median", "slowest"):
            scale = beside[f"by the keeping gate of layer {layer}, the {which} unit"]
            assert scale == pytest.approx(-1 / np.log(1 / (1 + np.exp(-3))), rel=1e-4)
    assert 1 <= beside["half of the slope of the answer"] <= 12


def test_the_horizons_are_where_the_curves_settle():
    """Both curves of the finding, judged again: within 2% of what context saves, dropped and shuffled."""
    bits = torch.randint(0, 2, (400, 40), generator=torch.Generator().manual_seed(3)).float()
    weights = 0.7 ** torch.arange(39, -1, -1).float()  # what was read long ago counts less and less

    def read(embedded, lengths):
        last = embedded.shape[1]
        heard = ((embedded - 0.5) * weights[-last:]).sum(1) * 4
        return torch.stack([-heard, heard], 1)

    chance = torch.sigmoid(((bits - 0.5) * weights).sum(1) * 8)
    labels = torch.bernoulli(chance, generator=torch.Generator().manual_seed(4)).long()
    finding = memory(view_of(read), sample_of(bits, labels))
    context, arrays = finding.arrays["context"].tolist(), finding.arrays
    cut, mixed = arrays["loss_cut"].mean(1), arrays["loss_shuffled"].mean(1)
    margin = 0.02 * (cut[0] - cut[-1])

    def least(curve):
        return next(n for k, n in enumerate(context) if (np.abs(curve[k:] - curve[-1]) <= margin).all())

    assert 4 < finding.value == least(cut) < 20 and finding.control == least(mixed)
    assert finding.control != finding.value or mixed[0] != cut[0]
    low, high = finding.interval
    assert low <= finding.value <= high and high - low < 15 and low < high
    assert f"the last {finding.value:.0f} steps (95% interval {low:.0f} to {high:.0f}):" in finding.sentence
    shade = finding.chart["layer"][0]["layer"][0]
    assert shade["data"]["values"] == [{"steps of context kept in order": low, "to": high}]
    assert {row["how far back"]: row["steps"] for row in finding.table}["order counts"] == finding.control
    # Around the horizon the lengths lie no further apart than 5% of it, or one step.
    at = context.index(finding.value)
    assert context[at] - context[at - 1] <= max(1, 0.05 * finding.value)
