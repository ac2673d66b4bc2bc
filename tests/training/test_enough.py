"""Small sets get enough steps, large ones and told ones keep theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elman.core.recipe import TrainingOptions
from elman.training.enough import LEAST_STEPS, enough
from elman.workbench import as_recipe, prepare

GIVEN = TrainingOptions()
RESOLVED = replace(GIVEN, epochs=4.0, patience=4)


@pytest.mark.parametrize(("steps", "epochs"), [(1, 100), (5, 80), (7, 58), (99, 5)])
def test_a_small_set_is_passed_more_often(steps, epochs):
    found = enough(GIVEN, RESOLVED, steps)
    assert found["training.epochs"] == epochs and (epochs == 100 or epochs * steps >= LEAST_STEPS)
    assert (found["training.patience"] > 4 and found["training.validations"] < epochs) or steps == 99


@pytest.mark.parametrize("steps", [100, 1000])
def test_a_large_set_keeps_its_epochs(steps):
    assert enough(GIVEN, RESOLVED, steps) == {}


@pytest.mark.parametrize("told", [{"epochs": 1.0}, {"steps": 3}, {"budget": "5s"}])
def test_who_says_how_long_is_obeyed(told):
    given = replace(GIVEN, **told)
    assert enough(given, replace(RESOLVED, **told), 1) == {}


def test_what_else_the_user_says_is_kept():
    found = enough(replace(GIVEN, patience=2, validations=3), RESOLVED, 1)
    assert found == {"training.epochs": 100.0}


def test_it_is_written_into_the_recipe_and_told(tmp_path):
    rows = "\n".join(f"film number {k},{k % 2}" for k in range(90))
    (tmp_path / "few.csv").write_text(f"text,label\n{rows}\n")
    prepared = prepare(as_recipe(tmp_path / "few.csv"))
    assert prepared.recipe.training.epochs == 100 and prepared.recipe.training.patience == 8
    assert "few examples: 100 epochs instead of 4" in prepared.encoded.summary[-1]
    again = prepare(prepared.recipe, prepared.encoded.encoder)
    assert again.recipe == prepared.recipe and not any("few" in line for line in again.encoded.summary)
    assert prepare(as_recipe(tmp_path / "few.csv", epochs=2.0)).recipe.training.epochs == 2
