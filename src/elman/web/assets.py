"""The page's files: templates, styles and ES modules; read without the server or a network."""

from __future__ import annotations

import base64
import functools
import json
import re
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from elman.report.numbers import words
from elman.report.page import _cells, badges

HERE = Path(__file__).parent


@functools.cache
def templates() -> Environment:
    """The page's templates, and behind them those of the report. `still` is what a template shows where nothing answers."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("elman.web"), PackageLoader("elman.report")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(badges=badges, cells=_cells, still=False)
    environment.filters.update(words=words, coded=coded)
    # As the twin says it: what a page compares with that would be new to it otherwise.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment


def coded(text: str) -> Markup:
    """A sentence of ours as markup: what stands between backticks is code, all of it is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


@functools.cache
def modules() -> str:
    """An import map of all modules of the page: "elman/NAME.js" -> the module itself, which names the others in the same way."""
    found = {}
    for path in sorted((HERE / "static").glob("*.js")):
        text = re.sub(r'"\./([\w-]+\.js)"', r'"elman/\1"', path.read_text("utf-8"))
        found[f"elman/{path.name}"] = (
            f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"
        )
    return json.dumps({"imports": found})


def static(name: str) -> str:
    """The text of a file of static/."""
    return (HERE / "static" / name).read_text("utf-8")


def inline(text: str) -> str:
    """JSON as it may stand in a script."""
    return text.replace("<", "\\u003c")
