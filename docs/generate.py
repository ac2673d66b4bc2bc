"""The reference pages, made from the code when the documentation is built, so that they cannot drift from it."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
import typing
from typing import Any

from elman.core import recipe
from elman.core.catalogue import Entry, catalogue, find

# page -> (room, title, sentence)
ROOMS = {
    "cells": (
        "cells",
        "Cells",
        "One file each: equations, paper and variant. Use them by name: `--cell lstm`.",
    ),
    "sources": (
        "data.sources",
        "Sources",
        "Data sets by name: `elman train NAME`. Your own files need no name: `elman train sales.csv`.",
    ),
    "tasks": ("tasks", "Tasks", "What is asked of a sequence. A source or a file usually says which."),
    "executors": (
        "engine.executors",
        "Executors",
        "Ways to run a cell over time. All give the same numbers; the fastest that serves a call runs it.",
    ),
    "rivals": (
        "evaluation.baselines",
        "Rivals",
        "What every network is held against, on the same examples. Choose some: `--rival NAME NAME`.",
    ),
    "questions": (
        "interpretation",
        "Questions",
        "What `elman explain` asks of a trained network. Each answer stands beside a control or a residual.",
    ),
    "verbs": (
        "cli",
        "Command line",
        "`elman VERB --help` tells the options. Exit status: 0 done, 1 failed, 2 a mistake that you can mend.",
    ),
}

# option of a recurrent layer -> an example of its settings; what is a call's own stands in CALLS
LAYER_OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "bidirectional": {"bidirectional": True},
    "layer_norm": {"layer_norm": True},
    "zoneout": {"zoneout": 0.1},
    "dropout": {"dropout": 0.1},
    "variational_dropout": {"dropout": 0.1, "variational_dropout": True},
    "weight_drop": {"weight_drop": 0.1},
    "projection_size": {"projection_size": 4},
    "residual": {"residual": True},
    "learned_initial_state": {"learned_initial_state": True},
    "activation": {"activation": "relu"},
    "initialisation": {"initialisation": "orthogonal"},
    "forget_bias": {"forget_bias": 1.0},
    "longest_memory": {"initialisation": "chrono", "longest_memory": 10.0},
}
CALLS = ("lengths", "reset", "state", "trace")
TABLE = "<!-- options of layers -->"


def pages() -> dict[str, str]:
    """Markdown by path below docs/: one page for each room, the options, the Python names."""
    made = {f"reference/{page}.md": room_page(*what) for page, what in ROOMS.items()}
    return made | {"reference/options.md": options_page(), "reference/python.md": python_page()}


def room_page(room: str, title: str, sentence: str) -> str:
    """Every member of a room: its name, summary and the rest of its docstring as it stands in the file."""
    parts = [f"# {title}", sentence]
    for entry in catalogue(room).values():
        parts += [f"## {entry.name}", entry.summary]
        if room == "data.sources":
            parts.append(source_facts(entry))
        if room == "cells":
            parts.append(cell_facts(entry.name))
        rest = entry.docstring.partition("\n")[2].strip("\n")
        if rest.strip():
            parts.append(f"````text\n{inspect.cleandoc(rest)}\n````")
    return "\n\n".join(parts) + "\n"


def source_facts(entry: Entry) -> str:
    """Task, size, licence, citation and address of a source, as a list."""
    source = find("data.sources", entry.name).source
    facts = {"task": source.task.replace("_", " "), "size": source.size, "licence": source.licence}
    facts |= {
        "citation": source.citation,
        "from": f"<{source.url}>" if source.url.startswith("http") else source.url,
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)


def cell_facts(name: str) -> str:
    """What is measured on a cell: parameters, cost, names of gates and states, its own options, who runs it."""
    import torch

    from elman.cells._cost import multiply_adds, parameters
    from elman.models.cell_maker import options_of
    from elman.models.rnn import RNN

    layer = RNN(name, 128, 128)
    cell: Any = layer.layers[0][0]  # type: ignore[index]
    plan = layer.plan(torch.zeros(1, 2, 128))
    readings = ", ".join(f"`{one}`" for one in layer.traced)
    return "\n".join(
        (
            f"- at 128 inputs and 128 units: {parameters(cell):,} parameters, {multiply_adds(cell):,} multiply-adds a step",
            f"- readable at every step: {readings}",
            f"- options of its own: {', '.join(f'`{one}`' for one in options_of(type(cell)))}",
            f"- run by: {plan.chosen}",
        )
    )


def serving(cell: str, option: str) -> list[str]:
    """The executors that run a cell with an option, the one that is chosen first; empty where the option is refused.

    Raises where the cell refuses it in other words than by name.
    """
    import torch

    from elman.core.errors import RecipeError
    from elman.engine.plan import executors
    from elman.models.rnn import RNN

    try:
        network = RNN(cell, 8, 8, 2, **LAYER_OPTIONS.get(option, {}))
    except RecipeError as refusal:
        if "takes no" not in str(refusal):
            raise
        return []
    x, found = torch.zeros(2, 3, 8), []
    lengths = torch.tensor([3, 1]) if option == "lengths" else None
    reset = torch.zeros(2, 3, dtype=torch.bool) if option == "reset" else None
    for name in executors():  # in order of preference
        network.executor = name
        try:
            plan = network.plan(x, lengths, reset, readings=option == "trace")
        except RecipeError:
            continue
        found += [name] if plan.chosen == name else []
    return found


def layers_table() -> str:
    """Options of recurrent layers against cells: who runs it, or a dash."""
    cells = list(catalogue("cells"))
    rows = [f"| option | {' | '.join(f'`{cell}`' for cell in cells)} |", "|---" * (len(cells) + 1) + "|"]
    for option in (*LAYER_OPTIONS, *CALLS):
        said = [" ".join(name[0].upper() for name in serving(cell, option)) or "–" for cell in cells]
        rows.append(f"| `{option}` | {' | '.join(said)} |")
    return "\n".join(rows)


def options_page() -> str:
    """Every setting of a recipe: flag, type, default, and the comment beside it in the code."""
    parts = [
        "# Options",
        "A recipe is a TOML file with these sections. Each setting is also a flag of `elman train` "
        "(`batch_size` is `--batch-size`) and an argument of `elman.fit`. A dash as the default means that the task "
        "or the source decides; the recipe in a run's folder has the decisions written in.",
    ]
    comments = option_comments()
    for section, kind in recipe.Recipe.sections().items():
        rows = [
            f"## {section}",
            (kind.__doc__ or "").strip(),
            "| setting | values | default | meaning |\n|---|---|---|---|",
        ]
        hints = typing.get_type_hints(kind)
        for name, field in kind.__dataclass_fields__.items():
            default = "–" if field.default in (None, "", ()) else f"`{_default(field.default)}`"
            rows[-1] += (
                f"\n| `{name}` | {_type(hints[name])} | {default} | {comments[kind.__name__].get(name, '')} |"
            )
        parts += rows
    return "\n\n".join(parts) + "\n"


def option_comments() -> dict[str, dict[str, str]]:
    """Comments at the end of the lines that define settings, by class and setting."""
    text = inspect.getsource(recipe)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {
        token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT
    }
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(text).body:
        for item in node.body if isinstance(node, ast.ClassDef) else ():
            if (
                isinstance(node, ast.ClassDef)
                and isinstance(item, ast.AnnAssign)
                and isinstance(item.target, ast.Name)
            ):
                lines = range(item.lineno, (item.end_lineno or item.lineno) + 1)
                said = " ".join(comments[line] for line in lines if line in comments)
                found.setdefault(node.name, {})[item.target.id] = said.replace("|", "\\|")
    return found


def python_page() -> str:
    """The names of the package, documented from their docstrings."""
    head = (
        "# Python\n\nEverything the command line does is a call of the same name. "
        "`import elman` needs no torch until a name is used.\n\n"
    )
    names = (
        "preparation.load",
        *(f"workbench.{name}" for name in ("fit", "evaluate", "explain")),
        *(
            "prediction.predict",
            "generation.generate",
            "estimator.RecurrentClassifier",
            "run.Run",
            "core.recipe.Recipe",
        ),
        *("models.rnn.RNN", "core.results.Scores", "core.results.Finding", "interpretation.view.View"),
    )
    return head + "\n\n".join(f"::: elman.{name}" for name in names) + "\n"


def _type(hint: Any) -> str:
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{option}`" for option in options)
    if typing.get_origin(hint) is tuple:
        return f"several {_type(options[0])}"
    if options:
        return " or ".join(map(_type, options))
    return {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no"}[hint.__name__]


def _default(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs hook: puts the table of options where a page asks for it."""
    return markdown.replace(TABLE, layers_table()) if TABLE in markdown else markdown


def on_files(files: Any, config: Any) -> Any:
    """MkDocs hook: adds the pages without writing into the tree."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files
