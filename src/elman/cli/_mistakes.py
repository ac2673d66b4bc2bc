"""What is wrong with a command line, in one sentence: what was given, what was expected, the nearest name."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tyro

from elman.core.errors import RecipeError, nearest
from elman.core.recipe import fit

NUMBER = re.compile(r"-\.?\d")  # what begins with a dash and is no option


@dataclasses.dataclass(frozen=True)
class Option:
    """A flag, or a place for words without one: its type and default."""

    flag: str
    hint: Any
    default: Any
    placed: bool

    @property
    def many(self) -> bool:
        """Whether it takes any number of values."""
        return typing.get_origin(self.hint) is tuple

    @property
    def example(self) -> str:
        """How it is said, by its default."""
        if (
            self.placed
            or self.many
            or not str(self.default or 0).strip()
            or self.default in (None, dataclasses.MISSING)
        ):
            return ""
        return f" Example, the default: {self.flag} {self.default}"


def mistake(kind: type, arguments: list[str], verb: str) -> RecipeError | None:
    """The first thing that the options of a dataclass do not take; None where none is found."""
    options = list(_options(kind))
    try:
        _walk(options, arguments, verb)
    except RecipeError as error:
        return error
    return None


def _options(kind: type) -> Iterator[Option]:
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint, marks = hints[field.name], typing.get_args(hints[field.name])[1:]
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        if dataclasses.is_dataclass(hint):
            yield from _options(typing.cast(type, hint))
        else:
            inner = typing.get_args(hint)[:1]
            if inner and typing.get_origin(inner[0]) is tuple:  # a flag that may be given several times
                hint = inner[0]
            placed = tyro.conf.Positional in marks
            name = field.name.upper() if placed else "--" + field.name.replace("_", "-")
            yield Option(name, hint, field.default, placed)


def _walk(options: list[Option], arguments: list[str], verb: str) -> None:
    flags = {option.flag: option for option in options if not option.placed}
    switches = {flag: option for flag, option in flags.items() if option.hint is bool}
    switches |= {f"--no-{flag[2:]}": option for flag, option in switches.items()}
    places, filled, rest, before = [one for one in options if one.placed], 0, list(arguments), ""
    while rest:
        word = rest.pop(0)
        if not _is_flag(word):
            if filled == len(places):
                usage = " ".join(["elman", verb, *(one.flag for one in places), "[options]"])
                raise RecipeError(_stray(word, before, flags, usage))
            _check(places[filled], [word])
            filled += not places[filled].many
            continue
        before, sign, value = word.partition("=")
        before = before.replace("_", "-")
        if before in switches:
            continue
        if before not in flags:
            close = nearest(before, {**flags, **switches})
            hint = f" Did you mean {close}?" if close else ""
            raise RecipeError(f"there is no option {before}.{hint} `elman {verb} --help` lists them.")
        values = [value] if sign else []
        while not sign and rest and not _is_flag(rest[0]) and (flags[before].many or not values):
            values.append(rest.pop(0))
        _check(flags[before], values)
    for place in places[filled:]:
        if place.default is dataclasses.MISSING and not place.many:
            raise RecipeError(f"which {place.flag.lower()}? Expected: elman {verb} {place.flag} [options].")


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not NUMBER.match(word)


def _stray(word: str, before: str, flags: dict[str, Option], usage: str) -> str:
    """A word that no option takes, after the option `before`."""
    if not before:
        return f"{word!r} is one word too many. Expected: {usage}."
    if before in flags and flags[before].hint is not bool:
        return f"{before} takes one value, and {word!r} comes after it; put a value with spaces in quotes, sources and runs before the options."
    no = f" ({before.replace('--', '--no-', 1)} for no)" if before in flags else ""
    return (
        f"{before} takes no value{no}, and {word!r} comes after it; sources and runs come before the options."
    )


def _check(option: Option, values: list[str]) -> None:
    """RecipeError for values that the option cannot have."""
    if not values and not option.many:
        raise RecipeError(
            f"{option.flag} is given without a value; expected {_words(option.hint)}.{option.example}"
        )
    hint = typing.get_args(option.hint)[0] if option.many else option.hint
    if _kinds(hint) == (bool,):
        hint = typing.Literal["True", "False"]
    for value in values:
        try:
            fit(_read(value, hint), hint, option.flag)
        except RecipeError as error:
            raise RecipeError(f"{error}{_whole(value, hint)}{option.example}") from None


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types of a union but None, or the type itself."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(kind for kind in typing.get_args(hint) if kind is not type(None))
    return (hint,)


def _words(hint: Any) -> str:
    kind = _kinds(hint)[0]
    if typing.get_origin(kind) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(kind)))}"
    return {int: "a whole number", float: "a number", Path: "a path"}.get(kind, "a value")


def _whole(value: str, hint: Any) -> str:
    """How a whole number that was written as a fraction or a power is written."""
    try:
        number = float(value)
    except ValueError:
        return ""
    return f" Write {int(number)}." if int in _kinds(hint) and number.is_integer() else ""


def _read(value: str, hint: Any) -> Any:
    """A word as the type it is meant to have, or as it is where it cannot be that."""
    kind = _kinds(hint)[0]
    if value == "None" and kind is not hint:
        return None
    if kind is Path:
        return Path(value)
    if kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            return value
    return value
