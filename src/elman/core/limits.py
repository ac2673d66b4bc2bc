"""What a number in a recipe may be."""

from __future__ import annotations

import math

from elman.core.errors import RecipeError
from elman.core.recipe import Recipe

# Least and most, both allowed. What only data or network can judge (a horizon, a cell's size) is asked there.
SHARE = (0.0, 1.0)
COUNT = (1, math.inf)
SMALLEST = 1e-12  # stands for "more than 0"
BELOW_ONE = 1 - 1e-9
LIMITS: dict[str, tuple[float, float]] = {
    "data.validation_share": (SMALLEST, BELOW_ONE),
    "data.test_share": (SMALLEST, BELOW_ONE),
    "data.limit": COUNT,
    "data.length": COUNT,
    "data.test_length": COUNT,
    "data.history": COUNT,
    "encoding.min_count": COUNT,
    "encoding.bigrams": (0, math.inf),
    "encoding.max_length": COUNT,
    "encoding.affixes": (0, math.inf),
    "encoding.context_length": COUNT,
    "encoding.horizon": COUNT,
    "encoding.stride": COUNT,
    "encoding.patch_length": COUNT,
    "model.hidden_size": (1, 100_000),
    "model.num_layers": (1, 1_000),
    "model.embedding_size": COUNT,
    "model.dropout": (0.0, BELOW_ONE),
    "model.embedding_dropout": (0.0, BELOW_ONE),
    "model.token_dropout": (0.0, BELOW_ONE),
    "model.zoneout": (0.0, BELOW_ONE),
    "model.weight_drop": (0.0, BELOW_ONE),
    "model.projection_size": COUNT,
    "model.longest_memory": (2.0, math.inf),
    "training.batch_size": COUNT,
    "training.learning_rate": (SMALLEST, math.inf),
    "training.epochs": (SMALLEST, math.inf),
    "training.steps": COUNT,
    "training.weight_decay": (0.0, math.inf),
    "training.clip_norm": (0.0, math.inf),
    "training.warmup": SHARE,
    "training.patience": COUNT,
    "training.validations": COUNT,
    "training.label_smoothing": (0.0, BELOW_ONE),
    "training.truncation_length": COUNT,
    "training.average": (0.0, BELOW_ONE),
    "training.seed": (0, 2**63 - 1),
    "training.processes": COUNT,
    "training.threads": COUNT,
    "evaluation.rival_seconds": (SMALLEST, math.inf),
    "evaluation.bootstrap": COUNT,
}


def check(recipe: Recipe) -> Recipe:
    """The recipe as it is, or RecipeError with the setting, its value and what it may be."""
    for name, (least, most) in LIMITS.items():
        section, _, key = name.partition(".")
        value = getattr(getattr(recipe, section), key)
        if value is not None and not least <= value <= most:  # not a number fails both
            raise RecipeError(f"{key} is {value}; expected {_range(least, most)}.")
    shares = (recipe.data.validation_share or 0.0) + (recipe.data.test_share or 0.0)
    if shares >= 1:
        raise RecipeError(
            f"validation_share and test_share are {shares:g} together; expected less than 1, so that something is left "
            "to train on."
        )
    return recipe


def _range(least: float, most: float) -> str:
    low = "more than 0" if least == SMALLEST else f"{least:g} or more"
    if most == math.inf or most > 1e9:
        return low
    return f"{low}, and {'less than 1' if most == BELOW_ONE else f'at most {most:g}'}"
