"""A room whose name is a verb: called, it does what the command of its name does, so that folder, command and call share one word."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class Verb(ModuleType):
    """A package that can be called; `VERB` in it names what is then called, as module:function."""

    VERB: str

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        module, _, name = self.VERB.partition(":")
        return getattr(importlib.import_module(module), name)(*arguments, **settings)


def callable_room(package: str) -> None:
    """Make an imported package one that can be called."""
    sys.modules[package].__class__ = Verb
