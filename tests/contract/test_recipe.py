"""Every option of recurrent layers is a setting of a recipe, reaches the layers, and composes with inputs, pooling and heads."""

from __future__ import annotations

import pytest
import torch

from elman.core.errors import RecipeError
from elman.core.limits import check
from elman.core.recipe import ModelOptions, Recipe
from elman.models.network import ForecastNetwork, TokenNetwork, recurrent_layers

from .choices import KEYWORDS, OPTIONS

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")
SMALL = {"cell": "lstm", "hidden_size": 6, "num_layers": 2}


def test_every_option_is_a_setting_with_the_same_default():
    defaults = ModelOptions()
    for name in KEYWORDS:
        assert hasattr(defaults, name), name
    mine, theirs = recurrent_layers(defaults, 4), recurrent_layers(ModelOptions(initialisation="cell"), 4)
    assert repr(mine) == repr(theirs)


@pytest.mark.parametrize("option", [name for name, (_, cells) in OPTIONS.items() if "lstm" in cells])
def test_a_setting_reaches_the_layers(option):
    settings = {**OPTIONS[option][0]}
    layers = recurrent_layers(ModelOptions(**SMALL, **settings), 4)
    cell = layers.layers[1][0]
    found = {
        "bidirectional": len(layers.directions) == 2,
        "layer_norm": cell.ih.norm is not None,
        "projection_size": cell.output_size == 3 == layers.output_size,
        "zoneout": layers.zoneout == 0.3,
        "dropout": layers.dropout.p == 0.4,
        "variational_dropout": layers.variational_dropout and layers.dropout.p == 0.4,
        "weight_drop": layers.weight_drop == 0.4,
        "residual": layers.residual,
        "learned_initial_state": layers.initial is not None,
        "initialisation": True,  # an LSTM starts so anyway
        "forget_bias": bool((cell.ih.bias[6:12] == 2).all()),
        "longest_memory": bool(
            (cell.ih.bias[6:12] == -cell.ih.bias[:6]).all() and (cell.ih.bias[:6] != 0).any()
        ),
    }
    assert found[option]


@pytest.mark.parametrize("pooling", ["none", "last", "mean_max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_projected_states_are_pooled_and_read(pooling, bidirectional):
    options = ModelOptions(
        **SMALL, projection_size=3, bidirectional=bidirectional, variational_dropout=True, dropout=0.3,
        weight_drop=0.3, tied=True, embedding_size=5,
    )  # fmt: skip
    network = TokenNetwork(options, 11, 11, pooling=pooling)
    values = network(torch.randint(0, 11, (2, 7)), torch.tensor([7, 4])).values
    assert values.shape == ((2, 7, 11) if pooling == "none" else (2, 11))
    values.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert network.dropout.p == 0  # the output's mask is drawn by the layers


def test_forecasts_from_projected_states():
    options = ModelOptions(**SMALL, projection_size=3, learned_initial_state=True, zoneout=0.1)
    network = ForecastNetwork(options, features=2, series=1, known=1, horizon=4)
    assert network(torch.randn(3, 9, 2)).values.shape[:2] == (3, 4)


@pytest.mark.parametrize(("cell", "layers"), [("gru", 1), ("lstm", 2)])
def test_one_layer_has_variational_dropout_too(cell, layers):
    options = ModelOptions(cell=cell, num_layers=layers, dropout=0.3, variational_dropout=True)
    assert recurrent_layers(options, 4).dropout.p == 0.3
    plain = ModelOptions(cell=cell, num_layers=layers, dropout=0.3)
    assert recurrent_layers(plain, 4).dropout.p == (0.3 if layers > 1 else 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [("weight_drop", 1.0), ("zoneout", 1.0), ("projection_size", 0), ("longest_memory", 1.0)],
)
def test_numbers_out_of_range_are_told_before_any_data_are_read(key, value):
    with pytest.raises(RecipeError, match=key):
        check(Recipe.from_dict({"model": {key: value}}))


def test_a_recipe_with_every_option_is_read_back_equal():
    settings = {"forget_bias": 1, "learned_initial_state": True, "weight_drop": 0.2, "projection_size": 7}
    recipe = Recipe.from_dict({"model": settings})
    assert recipe.model.forget_bias == 1.0
    import tomllib

    assert Recipe.from_dict(tomllib.loads(recipe.to_toml())) == recipe
