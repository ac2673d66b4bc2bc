"""A column has one role; what sources read unless they are told leaves out what has one."""

from __future__ import annotations

from itertools import combinations

import pytest

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.load import load
from elman.data.proposal import propose
from elman.data.roles import ROLES, TOGETHER, check, free

SEVERAL = ("target", "known", "observed", "static")


def given(*roles):
    return DataOptions(**{role: ("units",) if role in SEVERAL else "units" for role in roles})


@pytest.mark.parametrize("pair", list(combinations(ROLES, 2)), ids="-".join)
def test_no_two_roles_share_a_column(pair):
    if pair in TOGETHER:  # ("entity", "static"), and what a table of series refuses with a reason of its own
        check(given(*pair), "a.csv")
        return
    with pytest.raises(DataError, match=f"'units' of a.csv is given as --{pair[0]} and as --{pair[1]}"):
        check(given(*pair), "a.csv")


@pytest.mark.parametrize("options", [{"target": ("units", "price", "units")}, {"label": "a,b,a"}])
def test_a_column_is_named_once(options):
    with pytest.raises(DataError, match="twice; name it once"):
        check(DataOptions(**options), "a.csv")


def test_different_columns_pass():
    check(DataOptions(time="day", target=("units", "price"), entity="shop+item", static=("shop",), known=("promo",)), "a.csv")  # fmt: skip
    check(DataOptions(text="text", label="a,b", group="author", date="day"), "a.csv")


@pytest.mark.parametrize("task", ["series", "texts"])
def test_proposing_and_loading_both_refuse(task, tmp_path):
    path = tmp_path / "a.csv"
    if task == "series":
        path.write_text("day,units\n" + "".join(f"2024-01-{day:02},{day % 7}\n" for day in range(1, 31)))
        options = DataOptions(source=str(path), time="day", target=("units",), observed=("units",))
    else:
        path.write_text("text,label\n" + "".join(f"film {row},{row % 2}\n" for row in range(60)))
        options = DataOptions(source=str(path), text="label", label="label")
    for door in (lambda: propose(path, options), lambda: load(options)):
        with pytest.raises(DataError, match="expected one role for a column"):
            door()


def test_what_is_read_unless_told_leaves_out_what_has_a_role(tmp_path):
    options = DataOptions(time="t", target=("range",), known=("b",))
    assert free(options, ("t", "range", "a", "b", "c")) == ("a", "c")
    rows = "".join(
        f"2024-{1 + day // 28:02}-{1 + day % 28:02},{day + 1},{day + 3},{day + 1},{day + 2},{100 + day}\n"
        for day in range(200)
    )
    path = tmp_path / "x.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n" + rows)
    table = load(DataOptions(source="stocks", path=str(path), target=("range",)))[1]
    assert table.targets == ("range",) and "range" not in table.observed
