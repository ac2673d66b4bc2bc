"""What may be asked of a run's folder by those who do not train."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from elman.core.recipe import Recipe


class RunFolder(Protocol):
    """A run as comparisons and reports see it; `elman.run.Run` is one."""

    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def facts(self) -> dict[str, Any]: ...
    @property
    def history(self) -> list[dict[str, Any]]: ...
    @property
    def scores(self) -> dict[str, Any]: ...
