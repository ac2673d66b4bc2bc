"""Models that read several steps at a time, behind convolutions: what is said of steps is about those of the inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import elman
from elman.core.errors import RecipeError
from elman.interpretation.foreign import view_of_module

from .test_inspect import loss, tokens


class Convolved(nn.Module):
    """Windows of four steps, one after the other or one step apart, through a GRU; of values, or of tokens."""

    def __init__(self, stride=4, tokens=False, each=False):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.each = nn.Embedding(9, 3) if tokens else None, each
        self.windows, self.gru = nn.Conv1d(3, 6, 4, stride=stride), nn.GRU(6, 8, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        vectors = x if self.embedding is None else self.embedding(x)
        output = self.head(self.gru(self.windows(vectors.transpose(1, 2)).transpose(1, 2))[0])
        return output if self.each else output[:, -1]


@pytest.mark.parametrize("stride", [1, 4])
def test_layers_behind_a_convolution(stride):
    """They read fewer vectors than there are steps: what is said of steps is about those of the inputs."""
    model, x = Convolved(stride), torch.randn(40, 24, 3, generator=torch.Generator().manual_seed(0))
    asked = ["errors", "calibration", "memory", "connectivity", "attribution", "gates", "dynamics", "interventions", "saturation"]  # fmt: skip
    found = {each.question: each for each in elman.inspect(model, x, (x[:, -6, 0] > 0).long())}
    assert set(asked) == set(found)
    memory, attribution = found["memory"], found["attribution"]
    assert memory.arrays["context"][0] == 4 and memory.arrays["context"][-1] == 24
    assert attribution.arrays["cells"].shape == (40, 24, 3) and attribution.residual < 0.01
    given = x.clone().requires_grad_(True)
    answer = model(given)
    (slope,) = torch.autograd.grad(answer.sum(), given)
    (by_slope,) = elman.inspect(model, x, answer.argmax(1), questions=["attribution"], method="gradient")
    (chosen,) = torch.autograd.grad(model(given).max(1).values.sum(), given)
    np.testing.assert_allclose(by_slope.arrays["cells"], chosen.abs(), atol=1e-6)
    assert found["connectivity"].arrays["mean"].shape == (24,) and slope.abs().sum() > 0
    assert found["dynamics"].arrays["trajectories"].shape[1] == (21 if stride == 1 else 6)


def test_tokens_that_are_read_several_at_a_time_have_no_credit_of_their_own():
    options = {"questions": ["attribution"]}
    with pytest.raises(RecipeError, match="attribution has no answer.*a vector for every step"):
        elman.inspect(Convolved(tokens=True), tokens(40, 24), **options)
    with pytest.raises(RecipeError, match="connectivity has no answer.*a vector for every step"):
        elman.inspect(Convolved(tokens=True), tokens(40, 24), questions=["connectivity"])
    found = elman.inspect(Convolved(tokens=True), tokens(40, 24))
    assert [each.question for each in found] == ["memory", "gates", "dynamics", "interventions", "saturation"]


def test_answers_after_every_window_are_taken_at_the_last_valid_one():
    model, x = Convolved(each=True), torch.randn(3, 24, 3)
    lengths = torch.tensor([24, 9, 4])
    view = view_of_module(model, x, lengths, lambda given, _: model(given), loss, (), None)
    assert view.read_steps is None
    last = model(x)[torch.arange(3), torch.tensor([5, 2, 0])]
    torch.testing.assert_close(view.read(view.embed(x), lengths), last)


def test_features_of_values_are_the_models_own_inputs():
    """Behind a linear layer, too: of 5 numbers that the GRU reads, 3 are read by the model."""

    class Projected(nn.Module):
        def __init__(self, cut=False):
            super().__init__()
            self.cut, self.project, self.gru = cut, nn.Linear(3, 5), nn.GRU(5, 4, batch_first=True)

        def forward(self, x):
            return self.gru(self.project(x.detach() if self.cut else x))[0][:, -1]

    x = torch.randn(20, 8, 3)
    (found,) = elman.inspect(Projected(), x, questions=["attribution"])
    assert found.arrays["cells"].shape == (20, 8, 3)
    (found,) = elman.inspect(Projected(cut=True), x, questions=["attribution"])  # no slope comes back to them
    assert "cells" not in found.arrays and found.arrays["credit"].shape == (20, 8)
