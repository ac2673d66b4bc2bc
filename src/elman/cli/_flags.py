"""Flags made from the recipe's dataclasses: every setting is a flag, every default is the source's own."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from typing import Annotated, Any, TypeVar

import tyro

from elman.core.errors import RecipeError

Options = TypeVar("Options")
Given = Annotated[
    tuple[tuple[str, ...], ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="NAME|FILE [NAME|FILE ...]"),
]  # values of a flag that may be given several times


def rivals_given(given: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """The recipe settings that `--rival NAME_OR_FILE ...` stands for."""
    if not given:
        return {}
    from elman.evaluation.rivals import chosen

    return chosen([value for values in given for value in values])


def parse(kind: type[Options], arguments: list[str], verb: str, default: Options | None = None) -> Options:
    """Parse `arguments` into the dataclass `kind`; RecipeError says in one sentence where they do not fit."""
    extra: dict[str, Any] = {} if default is None else {"default": default}
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):  # a box of several lines, each time in another form
            parsed: Options = tyro.cli(
                kind,
                args=arguments,
                prog=f"elman {verb}",
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
                **extra,
            )
    except SystemExit as leaving:
        if not leaving.code:
            raise
        from elman.cli._mistakes import mistake

        plain = " ".join(re.sub(r"[\u2500-\u257f]", " ", told.getvalue()).split())
        raise (mistake(kind, arguments, verb.split()[0]) or RecipeError(plain)) from None
    return parsed


def first_word(arguments: list[str]) -> str | None:
    """The positional argument that opens the line, before any flag is parsed."""
    return arguments[0] if arguments and not arguments[0].startswith("-") else None


def interactive() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
