"""A model that cannot be called as it is given: one sentence with what it raised and how to say it, and nothing is left on the model."""

from __future__ import annotations

import pytest
import torch
from tests.interpretation.test_inspect import ByCell, Packed, Tagger

import elman
from elman.core.errors import RecipeError


@pytest.mark.parametrize(
    ("model", "inputs", "options", "words"),
    [
        (Tagger, torch.zeros(4, 5, dtype=torch.long), {"lengths": torch.tensor([5, 4, 3, 2])},
         r"^Tagger fails with inputs \(4, 5\) and lengths: TypeError: .*takes 2 positional arguments but 3 were given. Say how: .*call=lambda"),
        (Packed, torch.zeros(4, 5, 2), {}, r"^Packed fails with inputs \(4, 5, 2\): TypeError: .*missing 1 required.*lengths"),
        (ByCell, torch.zeros(4, 5, 3), {}, r"^ByCell fails with inputs \(4, 5, 3\): RuntimeError: .*time_first=True"),
        (Tagger, torch.zeros(4, 5, dtype=torch.long), {"call": lambda inputs, lengths: 1 / 0}, "ZeroDivisionError.*call=lambda"),
    ],
)  # fmt: skip
def test_a_model_that_is_called_wrongly_says_how_to_say_it(model, inputs, options, words):
    made = model().train()
    with pytest.raises(RecipeError, match=words) as raised:
        elman.inspect(made, inputs, **options)
    assert isinstance(raised.value.__cause__, Exception)  # with the line of the user's own that raised it
    assert made.training and not any(module._forward_pre_hooks for module in made.modules())
    if model is Tagger:
        asked = {"questions": ["memory"], "lengths": torch.tensor([5, 4, 3, 2])}
        assert elman.inspect(made, inputs, call=lambda given, lengths: made(given), **asked)
