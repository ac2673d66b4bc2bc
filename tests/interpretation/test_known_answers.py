"""Analyses on networks whose answer is known, and the promise to leave every network as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from elman.core.recipe import ModelOptions
from elman.interpretation.advice import advice
from elman.interpretation.attribution import attribution
from elman.interpretation.gates import gates
from elman.interpretation.memory import memory
from elman.interpretation.readout import readout
from elman.interpretation.view import Sample, View, untouched
from elman.models.network import TokenNetwork


def view_of(
    model,
    read,
    *,
    labels=("a", "b"),
    trace=None,
    names=lambda row: [str(int(v)) for v in row],
    steps=None,
    embed=None,
    loss=None,
):
    return View(
        model, embed or (lambda inputs: inputs.float()), read, steps, trace or (lambda inputs, lengths: {}),
        loss or (lambda outputs, targets: nn.functional.cross_entropy(outputs, targets, reduction="none")), None, labels, names,
    )  # fmt: skip


def network_view(cell="lstm"):
    torch.manual_seed(0)
    network = TokenNetwork(
        ModelOptions(cell=cell, hidden_size=6, embedding_size=4, dropout=0.3), 9, 3, pooling="last"
    )
    return View(
        network, network.embed, lambda e, n: network.read(e, n).values, network.read_steps,
        lambda i, n: network.rnn.trace(network.embed(i), lengths=n),
        lambda o, t: nn.functional.cross_entropy(o, t, reduction="none"), None, ("1", "2", "3+"), lambda row: [str(int(v)) for v in row],
    )  # fmt: skip


SAMPLE = Sample(
    torch.randint(2, 9, (12, 10), generator=torch.Generator().manual_seed(0)),
    torch.tensor([10, 4] * 6),
    torch.tensor([0, 1, 2] * 4),
    np.arange(12),
)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_memory_horizon_of_an_order_k_rule_is_k(order):
    """The output is the sum of the last `order` tokens, so the loss stops changing exactly there."""
    torch.manual_seed(0)
    inputs = torch.randint(0, 2, (300, 12))
    logit = 4 * (inputs[:, -order:].float().sum(1) - order / 2)
    targets = (torch.rand(300) < logit.sigmoid()).long()

    def read(embedded, lengths):
        lengths = torch.full((len(embedded),), embedded.shape[1]) if lengths is None else lengths
        step = torch.arange(embedded.shape[1])
        last = (step < lengths[:, None]) & (step >= lengths[:, None] - order)
        value = 4 * ((embedded * last).sum(1) - 0.5 * last.sum(1))
        return torch.stack([torch.zeros_like(value), value], 1)

    finding = memory(view_of(nn.Linear(1, 1), read), Sample(inputs, None, targets, np.arange(300)))
    assert finding.value == order == finding.interval[1]


def test_memory_of_a_shift_register_is_its_tap():
    inputs = torch.randint(0, 2, (400, 20))
    read = lambda e, n: (
        torch.stack([-8 * (e[:, -7] - 0.5), 8 * (e[:, -7] - 0.5)], 1)
        if e.shape[1] >= 7
        else torch.zeros(len(e), 2)
    )
    finding = memory(
        view_of(nn.Linear(1, 1), read), Sample(inputs, None, inputs[:, -7].long(), np.arange(400))
    )
    assert 7 <= finding.value <= 8  # the grid of contexts is coarse there


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_time_scale_of_a_constant_gate(level):
    trace = lambda i, n: {"layers.0.forward.forget_gate": torch.full((len(i), 5, 3), level)}
    finding = gates(view_of(nn.Linear(1, 1), None, trace=trace), SAMPLE.part(0, 2))
    assert finding.arrays["time_scales"] == pytest.approx(-1 / np.log(level), rel=1e-4)
    assert finding.value == (1.0 if level > 0.95 else 0.0)


def test_gates_leave_padding_out():
    def trace(inputs, lengths):
        values = torch.full((len(inputs), 10, 1), 0.5)
        values[torch.arange(10) >= lengths[:, None]] = 0.0
        return {"layers.0.forward.input_gate": values}

    finding = gates(view_of(nn.Linear(1, 1), None, trace=trace), SAMPLE)
    assert finding.value == 0.0 and finding.table[0]["mean"] == pytest.approx(0.5)


def test_readout_ends_where_the_whole_sequence_does():
    view = network_view()
    finding = readout(view, SAMPLE)
    with torch.no_grad(), untouched(view):
        whole = view.read(view.embed(SAMPLE.inputs[:1]), None).softmax(1) @ torch.tensor([1.0, 2.0, 3.0])
    rows = (
        list(finding.chart["data"]["values"])[:10]
        if "data" in finding.chart
        else next(iter(finding.chart["datasets"].values()))[:10]
    )
    assert rows[-1]["expected count"] == pytest.approx(float(whole), rel=1e-5)


@pytest.mark.parametrize("analysis", [memory, attribution, gates, readout])
def test_an_analysis_leaves_the_network_as_it_was(analysis):
    view = network_view()
    view.model.train()
    view.model.head.bias.requires_grad_(False)
    view.model.head.weight.grad = torch.ones_like(view.model.head.weight)
    before = {name: value.clone() for name, value in view.model.state_dict().items()}
    random = torch.get_rng_state()

    def check():
        assert view.model.training and not view.model.head.bias.requires_grad
        assert view.model.head.weight.requires_grad and (view.model.head.weight.grad == 1).all()
        assert (torch.get_rng_state() == random).all()
        assert not any(module._forward_hooks for module in view.model.modules())
        for name, value in view.model.state_dict().items():
            assert (value == before[name]).all()

    first = analysis(view, SAMPLE)
    check()
    assert analysis(view, SAMPLE).sentence == first.sentence

    def broken(*_):
        raise RuntimeError("boom")

    from dataclasses import replace

    with pytest.raises(RuntimeError, match="boom"):
        analysis(replace(view, read=broken, trace=broken, read_steps=broken), SAMPLE)
    check()


def test_advice_follows_from_what_was_measured():
    def rows(values, losses):
        return [
            {"step": k, "epoch": k, "train_loss": loss, "accuracy": value, "grad_norm": 0.5}
            for k, (value, loss) in enumerate(zip(values, losses), 1)
        ]

    common = {
        "findings": [],
        "monitor": "accuracy",
        "higher_is_better": True,
        "settings": {"dropout": 0.1, "clip_norm": 1.0},
        "command": "elman train x",
    }
    over = advice(rows([0.8, 0.9, 0.85, 0.8], [1, 0.5, 0.2, 0.1]), beats_best_rival=True, **common)
    assert (
        len(over) == 1
        and "over-fits" in over[0].observation
        and over[0].command == "elman train x --dropout 0.3"
    )
    still = advice(rows([0.7, 0.8, 0.85, 0.9], [1, 0.8, 0.7, 0.6]), beats_best_rival=True, **common)
    assert len(still) == 1 and "--epochs 6.0" in still[0].command
    assert not advice(rows([0.7, 0.9, 0.9, 0.8999], [1, 0.8, 0.7, 0.6]), beats_best_rival=True, **common)
    assert "--hidden-size" in advice([], beats_best_rival=False, **common)[0].command


def test_coloured_text_is_escaped():
    from dataclasses import replace

    view = replace(network_view(), step_names=lambda row: ["<script>"] * len(row))
    assert "<script>" not in attribution(view, SAMPLE).html
