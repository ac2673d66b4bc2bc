"""Small networks and views whose answers can be written down by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from elman.core.recipe import ModelOptions
from elman.interpretation.view import Sample, View
from elman.models.network import TokenNetwork

CROSS_ENTROPY = lambda outputs, targets: nn.functional.cross_entropy(outputs, targets, reduction="none")
NAMES = lambda row: [str(int(value)) for value in row]


def view_of(
    read=None,
    *,
    embed=lambda inputs: inputs.float(),
    steps=None,
    trace=None,
    loss=CROSS_ENTROPY,
    labels=("no", "yes"),
    names=NAMES,
    baseline=None,
):
    """A view of functions alone; the model has no part in them."""
    return View(
        nn.Linear(2, 2),
        embed,
        read,
        steps,
        trace or (lambda inputs, lengths: {}),
        loss,
        baseline,
        labels,
        names,
        padding=0,
    )


def view_of_network(cell="lstm", *, pooling="last", classes=3, seed=0, **options):
    """A view of one of our own networks for tokens 0 (padding) to 8, with random weights."""
    torch.manual_seed(seed)
    settings = ModelOptions(cell=cell, **{"hidden_size": 6, "embedding_size": 4, "dropout": 0.3, **options})
    network = TokenNetwork(settings, 9, classes, pooling=pooling)
    return View(
        network,
        network.embed,
        lambda embedded, lengths: network.read(embedded, lengths).values,
        network.read_steps if network.directions == 1 else None,
        lambda inputs, lengths: network.rnn.trace(network.embed(inputs), lengths=lengths),
        CROSS_ENTROPY,
        network.inputs.embedding.weight[1].detach().clone(),
        tuple("abcdefghi"[:classes]),
        NAMES,
        padding=0,
    )


def sample_of(inputs, targets=None, lengths=None):
    """A sample of these inputs; targets 0 unless given."""
    targets = torch.zeros(len(inputs), dtype=torch.long) if targets is None else targets
    return Sample(inputs, lengths, targets, np.arange(len(inputs)))


def tokens(count=12, time=10, seed=0):
    """Random tokens 2 to 8 (count, time)."""
    return torch.randint(2, 9, (count, time), generator=torch.Generator().manual_seed(seed))
