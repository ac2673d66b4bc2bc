"""Elman: train recurrent networks, and find the structure in time."""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

TYPE_CHECKING = False  # to import typing for it would take longer than all the rest here
if TYPE_CHECKING:
    from typing import Any

    from elman.cells.contract import Affine as Affine
    from elman.cells.contract import Cell as Cell
    from elman.cells.contract import LinearCell as LinearCell
    from elman.cells.contract import initialise as initialise
    from elman.comparison import compare as compare
    from elman.core.recipe import Recipe as Recipe
    from elman.cross_validation import cross_validate as cross_validate
    from elman.data.proposal import propose as propose
    from elman.eject.write import eject as eject
    from elman.estimator import RecurrentClassifier as RecurrentClassifier
    from elman.generation import generate as generate
    from elman.inspection import inspect as inspect
    from elman.models.observe import observe as observe
    from elman.models.rnn import RNN as RNN
    from elman.prediction import predict as predict
    from elman.preparation import load as load
    from elman.promises import check as check
    from elman.run import Run as Run
    from elman.web.notebook import view as view
    from elman.web.still_section import write_run_report as report
    from elman.workbench import evaluate as evaluate
    from elman.workbench import explain as explain
    from elman.workbench import fit as fit

# Names are imported when first used, so that `import elman` and `elman --help` need no torch.
_WHERE = {
    "Affine": "cells.contract",
    "Cell": "cells.contract",
    "LinearCell": "cells.contract",
    "initialise": "cells.contract",
    "RNN": "models.rnn",
    "inspect": "inspection",
    "observe": "models.observe",
    "Recipe": "core.recipe",
    "Run": "run",
    "load": "preparation",
    "fit": "workbench",
    "evaluate": "workbench",
    "explain": "workbench",
    "check": "promises",
    "compare": "comparison",
    "cross_validate": "cross_validation",
    "predict": "prediction",
    "propose": "data.proposal",
    "generate": "generation",
    "RecurrentClassifier": "estimator",
    "view": "web.notebook",
}
_ROOMS = ("eject", "report")  # packages that can be called
__all__ = [
    "RNN",
    "Affine",
    "Cell",
    "LinearCell",
    "Recipe",
    "RecurrentClassifier",
    "Run",
    "check",
    "compare",
    "cross_validate",
    "eject",
    "evaluate",
    "explain",
    "fit",
    "generate",
    "initialise",
    "inspect",
    "load",
    "observe",
    "predict",
    "propose",
    "report",
    "view",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"elman.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'elman' has no attribute {name!r}")
    return getattr(importlib.import_module(f"elman.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
