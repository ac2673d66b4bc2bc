"""A suite of behaviour tests: what the user expects of the network, as TOML or as Python.

[[test]]                              # every example of the split that the change can be made to
name = "typos"
kind = "invariance"
change = "typo"

[[test]]
name = "negation"
kind = "directional"
change = "negate"
label = "positive"                    # of classes: whose probability; the one it gave before where none is named
expect = "down"                       # or "up"

[[test]]
name = "plain praise"
kind = "minimum_functionality"
examples = ["a wonderful film", "I loved it"]
expect = "positive"                   # a class, or a number with its tolerance
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.changes import OF_SERIES, OF_TEXTS, Change, replacing

KINDS = ("minimum_functionality", "invariance", "directional")


@dataclass(frozen=True)
class Behaviour:
    """One test of a suite.

    change     the name of a change (interpretation/changes.py), or a function (example, random numbers) -> example or None
    replace    or words to be put in the place of others
    examples   of the user's; those of the split where there are none
    changed    what the examples become, where no change makes it
    expect     "up" or "down" for directional, a class or a number for minimum functionality
    label      the class whose probability is to go up or down
    tolerance  directional: may go so far against it; numbers: of their standard deviation over the split, for minimum functionality
               of the number itself. None: 0 for directional, no other class for classes, else a quarter of a standard deviation
    """

    name: str
    kind: str
    change: str | Change | None = None
    replace: Mapping[str, str] | None = None
    examples: tuple[Any, ...] = ()
    changed: tuple[Any, ...] = ()
    expect: str | float | None = None
    label: str | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        where = f"the behaviour test {self.name!r}"
        if self.kind not in KINDS:
            raise UnknownName("kind of behaviour test", self.kind, KINDS)
        ways = sum((self.change is not None, self.replace is not None, bool(self.changed)))
        if self.kind == "minimum_functionality":
            if ways or not self.examples or self.expect is None:
                raise RecipeError(
                    f"{where} needs `examples` and what to `expect` of them, and makes no change."
                )
        elif ways != 1:
            raise RecipeError(f"{where} needs one of `change`, `replace` and `changed`; {ways} are given.")
        if self.changed and len(self.changed) != len(self.examples):
            raise RecipeError(
                f"{where} has {len(self.examples)} examples and {len(self.changed)} changed ones."
            )
        if self.kind == "directional" and self.expect not in ("up", "down"):
            raise RecipeError(f"{where} expects {self.expect!r}; a directional test expects 'up' or 'down'.")
        if self.kind == "invariance" and self.expect is not None:
            raise RecipeError(
                f"{where} expects {self.expect!r}; an invariance expects the same answer. Drop `expect`."
            )
        if isinstance(self.change, str) and self.change not in OF_TEXTS | OF_SERIES:
            raise UnknownName("change", self.change, tuple(OF_TEXTS | OF_SERIES))

    @property
    def changing(self) -> Change | None:
        """The change as a function; None for examples that stay as they are, or whose changed ones are given."""
        if self.replace is not None:
            return replacing(self.replace)
        if isinstance(self.change, str):
            return (OF_TEXTS | OF_SERIES)[self.change]
        return self.change


def read_suite(path: str | Path) -> tuple[Behaviour, ...]:
    """The tests of a TOML file; RecipeError, or UnknownName with the nearest, for what cannot be read."""
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"no suite at {path}. A suite is a TOML file with [[test]] tables.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not a TOML file: {error}.") from None
    tests = given.get("test")
    if (
        not isinstance(tests, list)
        or not tests
        or set(given) != {"test"}
        or not all(isinstance(one, dict) for one in tests)
    ):
        raise RecipeError(f"{path} holds {sorted(given) or 'nothing'}; expected [[test]] tables alone.")
    return tuple(_test(one, number + 1) for number, one in enumerate(tests))


def default_suite(
    kind: str, labels: Sequence[str] = (), *, whole_windows: bool = False
) -> tuple[Behaviour, ...]:
    """Tests that fit most networks: for `kind` "texts" or "series"; negation only where labels tell praise from blame.

    With `whole_windows` none that changes a length. Where the order of letters is the signal nothing can be said beforehand.
    """
    if kind == "series":
        names = {
            "time shift": "time_shift",
            "missing inputs": "missing_steps",
            "noise": "noise",
            "length": "shorter",
        }
        return tuple(
            Behaviour(name, "invariance", change)
            for name, change in names.items()
            if not (whole_windows and change == "shorter")
        )
    names = {
        "typos": "typo", "punctuation": "drop_punctuation", "missing words": "drop_words", "other numbers": "swap_numbers", "length": "twice",
    }  # fmt: skip
    found = [Behaviour(name, "invariance", change) for name, change in names.items()]
    if {label.lower()[:3] for label in labels} == {"pos", "neg"}:
        found.append(Behaviour("negation", "directional", "negate", expect="down"))
    return tuple(found)


def _test(given: dict[str, Any], number: int) -> Behaviour:
    known = [field.name for field in fields(Behaviour)]
    for key in given:
        if key not in known:
            raise UnknownName(f"setting of [[test]] {number}", key, tuple(known))
    for key in ("examples", "changed"):
        if not isinstance(given.get(key, []), list):
            raise RecipeError(f"[[test]] {number} has {key} = {given[key]!r}; expected a list.")
    if not isinstance(given.get("tolerance", 0), (int, float)) or not isinstance(
        given.get("replace", {}), dict
    ):
        raise RecipeError(f"[[test]] {number}: tolerance is a number, replace a table of words.")
    for key in ("name", "kind"):
        if not isinstance(given.get(key), str):
            raise RecipeError(f"[[test]] {number} has no {key}; expected a text.")
    listed: dict[str, Any] = {key: tuple(given[key]) for key in ("examples", "changed") if key in given}
    return Behaviour(**(given | listed))
