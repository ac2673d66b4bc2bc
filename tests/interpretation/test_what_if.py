"""An edit of one sequence and neighbours of a span, on networks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.editing import clamp
from elman.interpretation.foreign import view_of_module
from elman.interpretation.neighbours import neighbours
from elman.interpretation.view import View
from elman.interpretation.walk import traced
from elman.interpretation.what_if import effect

PART = "layers.0.forward.h"
READING = f"rnn.{PART}"  # as a model that is not ours names it


class Reads(nn.Module):
    """Two classes from unit 0 of an RNN alone; the other units count for nothing."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.RNN(3, 6, batch_first=True)
        self.head = nn.Linear(6, 2, bias=False)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.weight[1, 0] = 4.0
            self.rnn.weight_hh_l0.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0])


_MODEL = Reads().eval()


@pytest.fixture
def known() -> View:
    x = torch.zeros(1, 4, 3)
    return view_of_module(_MODEL, x, None, lambda x, _: _MODEL(x), lambda a, b: a, ("no", "yes"), None)


def test_the_unit_that_is_read_moves_the_answer_by_what_the_head_says(known: View) -> None:
    x = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(1))
    found = effect(known, x, PART, [0], lambda units: clamp(PART, units, 1.0))
    h = float(traced(known, x)[READING][-1, 0])
    before, after = 1 / (1 + np.exp(-4 * h)), 1 / (1 + np.exp(-4.0))
    assert found.moved == pytest.approx(abs(after - before), abs=1e-5) and found.moved > 0.01
    assert found.control == pytest.approx(0, abs=1e-9)
    assert found.before.shares is not None and found.before.shares[-1, 1] == pytest.approx(before, abs=1e-5)


def test_a_unit_that_nobody_reads_moves_nothing_and_others_may(known: View) -> None:
    x = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(2))
    found = effect(known, x, PART, [3], lambda units: clamp(PART, units, -1.0))
    assert found.moved == pytest.approx(0, abs=1e-9)
    # Without recurrent weights an edit of an early step is forgotten by the last.
    early = effect(known, x, PART, [0], lambda units: clamp(PART, units, 1.0, range(3)))
    assert early.moved == pytest.approx(0, abs=1e-9)


def test_what_is_not_there_is_refused(known: View) -> None:
    x = torch.zeros(1, 2, 3)
    with pytest.raises(UnknownName):
        effect(known, x, "layers.9.forward.h", [0], lambda units: clamp(PART, units, 1.0))
    for units in ([], [6], [-1]):
        with pytest.raises(RecipeError, match="units 0 to 5"):
            effect(known, x, PART, units, lambda units: clamp(PART, units, 1.0))


def test_a_copied_span_is_found_where_it_was_put(known: View) -> None:
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(1, 12, 3, generator=draw)
    others = [torch.randn(1, 40, 3, generator=draw) for _ in range(10)]
    others[4][0, 20:25] = x[0, 5:10]
    found = neighbours(known, x, (5, 9), others, reading=READING)
    k, first, last, likeness = found.found[0]
    assert (k, first, last) == (4, 20, 24) and likeness == pytest.approx(1, abs=1e-5)
    assert found.spans == 10 * 36 and abs(found.control[0]) < 0.2 < found.control[1] < 1
    values = [one[3] for one in found.found]
    assert values == sorted(values, reverse=True) and len({one[0] for one in found.found}) == len(values)


def test_a_span_that_is_none_is_refused(known: View) -> None:
    x = torch.zeros(1, 5, 3)
    for span in ((3, 2), (-1, 2), (0, 5)):
        with pytest.raises(RecipeError):
            neighbours(known, x, span, [x], reading=READING)
    with pytest.raises(RecipeError, match="shorter"):
        neighbours(known, x, (0, 4), [x[:, :2]], reading=READING)
