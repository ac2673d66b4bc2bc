from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.errors import RecipeError
from elman.core.recipe import Recipe

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value a setting of this type may have."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values_of, options))
    if origin is Literal:
        return st.sampled_from(options)
    if origin is tuple:
        return st.lists(values_of(options[0]), max_size=3).map(tuple)
    simple = {
        type(None): st.none(), bool: st.booleans(), int: st.integers(-(2**53), 2**53), str: TEXT,
        float: st.floats(allow_nan=False, allow_infinity=False),
    }  # fmt: skip
    return simple[hint]


def section(kind: type) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(kind)})


def recipes() -> st.SearchStrategy[Recipe]:
    parts = {name: section(kind) for name, kind in Recipe.sections().items()}
    return st.builds(Recipe, task=st.none() | TEXT, name=st.none() | TEXT, **parts)


@settings(max_examples=30, deadline=None)
@given(recipes())
def test_toml_gives_back_the_same_recipe(recipe: Recipe) -> None:
    assert Recipe.from_dict(tomllib.loads(recipe.to_toml())) == recipe


@settings(max_examples=20, deadline=None)
@given(recipes())
def test_overriding_nothing_changes_nothing(recipe: Recipe) -> None:
    assert recipe.override({}) == recipe


def test_a_recipe_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(Recipe(task="classification").override({"batch_size": 32}).to_toml(), encoding="utf-8")
    assert Recipe.read(path).training.batch_size == 32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"training": {"bath_size": 3}},
            "unknown setting 'bath_size' in .training.. Did you mean 'batch_size'?",
        ),
        ({"model": {"hidden_size": "big"}}, "hidden_size is 'big'; expected a whole number"),
        ({"model": {"hidden_size": True}}, "expected a whole number"),
        ({"training": {"optimizer": "adm"}}, "Did you mean 'adam'?"),
        ({"model": 3}, "must be a table"),
        ({"colour": "red"}, "unknown setting 'colour'"),
        ({"source": "a.csv"}, "unknown setting 'source' in recipe. It belongs below a line .data.."),
    ],
)
def test_a_wrong_recipe_is_explained(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe.from_dict(values)


def test_a_wrong_override_is_explained() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'learning_rate'"):
        Recipe().override({"learnin_rate": 0.1})
    with pytest.raises(RecipeError, match="unknown setting"):
        Recipe().override({"model.batch_size": 3})


def test_files_that_are_no_recipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe at"):
        Recipe.read(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("= 3", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"bad\.toml is not a TOML recipe"):
        Recipe.read(tmp_path / "bad.toml")


def test_fill_gives_only_what_is_missing() -> None:
    recipe = (
        Recipe()
        .override({"batch_size": 8})
        .fill({"training.batch_size": 64, "encoding.max_length": 100, "data.target": ("a",)})
    )
    assert (recipe.training.batch_size, recipe.encoding.max_length, recipe.data.target) == (8, 100, ("a",))


def test_a_name_is_a_setting_in_one_section_only() -> None:
    names = [field.name for kind in Recipe.sections().values() for field in dataclasses.fields(kind)]
    assert len(names) == len(set(names)), "flags have bare names, so two sections cannot share one"
