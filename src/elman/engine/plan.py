"""Which executor answers a call, and why each other one does not."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any

import torch

from elman.core.catalogue import catalogue, find
from elman.core.errors import RecipeError
from elman.engine.contract import Call, Executor, Result

# Fastest first; the reference serves what is left. A file that is not named here comes before it. `native` and
# `triton` have a place: such a file in `executors/` is found by itself.
PREFERENCE = ("native", "triton", "vendor", "scan", "reference")


@dataclass(frozen=True)
class Plan:
    """Who serves a call (`chosen`), what it is, and the refusals of those asked before."""

    chosen: str
    what: str
    refusals: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        lines = [f"{self.chosen}: {self.what}"]
        return "\n".join(lines + [f"{name} refused: {reason}" for name, reason in self.refusals])


@functools.cache
def executors() -> dict[str, Executor]:
    """All executors by name, in order of preference."""
    rank = {name: place for place, name in enumerate(PREFERENCE)}
    before_last = len(PREFERENCE) - 1.5
    names = sorted(catalogue("engine.executors"), key=lambda name: rank.get(name, before_last))
    return {name: find("engine.executors", name).executor for name in names}


def plan(call: Call, wanted: str = "auto") -> Plan:
    """Ask the executors in turn. `wanted` (or the environment's ELMAN_EXECUTOR) forces one.

    A trace goes to whoever can read gates, whatever is forced: it says what the fast run did, it is not that run.
    Raises RecipeError where the forced executor refuses, with its reason.
    """
    if wanted == "auto":
        wanted = os.environ.get("ELMAN_EXECUTOR", "auto")
    cell = call.cell
    what = f"{type(cell).__name__.lower()}, {str(call.x.dtype).removeprefix('torch.')}, {call.x.device.type}"
    if wanted != "auto":
        forced = _KNOWN.get(wanted) or find("engine.executors", wanted, "executor").executor
        reason = forced.refuses(call)
        if reason and not call.readings:
            raise RecipeError(f'executor {wanted!r} refuses this call: {reason}. Use executor="auto".')
        if reason is None:
            return Plan(wanted, what, ())
    refusals: list[tuple[str, str]] = []
    for name, executor in _KNOWN.items():
        reason = _declines(executor, call)
        if reason is None:
            return Plan(name, what, tuple(refusals))
        refusals.append((name, reason))
    raise AssertionError("the reference executor never refuses")


def _declines(executor: Any, call: Call) -> str | None:
    """Why an executor is passed over where none is forced: it refuses, or it yields to one that is faster here."""
    reason: str | None = executor.refuses(call)
    if reason is None and hasattr(executor, "yields"):
        reason = executor.yields(call)
    return reason


def run(call: Call, wanted: str = "auto") -> Result:
    """Answer a call with the first executor that does not refuse."""
    if wanted == "auto" and "ELMAN_EXECUTOR" not in os.environ:  # the common case makes no strings
        for name, executor in _KNOWN.items():
            if _declines(executor, call) is None:
                _check_export(call, name)
                return executor.run(call)
    name = plan(call, wanted).chosen
    _check_export(call, name)
    chosen: Any = _KNOWN[name]
    result: Result = chosen.run(call)
    return result


def _check_export(call: Call, name: str) -> None:
    """Raises RecipeError for a dynamic length in torch.export, where it is not one operator that runs all steps."""
    if name != "native" and torch.compiler.is_exporting() and isinstance(call.x.shape[0], torch.SymInt):
        raise RecipeError(
            f"torch.export with a dynamic number of steps, but the {name} executor is unrolled step by step for one length: "
            "only native's kernels export as one operator (lstm, gru, rnn on a CPU). Export with a fixed length (the batch may "
            "be dynamic), or export `step`, which takes one step and the state."
        )


_KNOWN = executors()  # a name that torch.compile can follow; a cached function's body it would trace
