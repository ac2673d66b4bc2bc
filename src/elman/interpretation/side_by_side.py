"""Memory of several networks side by side: how much of what context saves each has got from so many steps.

From what `memory` found in each run: (loss with one step - loss with n) / (loss with one step - loss with all), by n. Networks that save different amounts can
so be laid over each other; the horizon of each, and what its context saves in all, stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from elman.core.errors import RunError
from elman.core.results import Finding
from elman.core.run_folder import RunFolder
from elman.interpretation.memory import TOLERANCE, resampled, settled, spread_of_horizon, spread_of_saving
from elman.interpretation.pictures import lines

SEEN = "memory.npz"


def memories(runs: Sequence[RunFolder]) -> Finding:
    """The memory of runs side by side, as `elman explain` measured it. Raises RunError for a run that was not asked."""
    found = {}
    for run in runs:
        path = run.folder / "findings" / SEEN
        if not path.exists():
            raise RunError(
                f"{run.name} was not asked how far back it looks. Run: elman explain {run.folder} memory"
            )
        with np.load(path) as arrays:
            found[run.name] = {name: arrays[name] for name in ("context", "loss_cut")}
    return side_by_side(found)


def side_by_side(found: Mapping[str, Mapping[str, np.ndarray]], *, seed: int = 0) -> Finding:
    """Of name -> the arrays of a memory finding, "context" (points,) and "loss_cut" (points, sequences).

    A network has no curve where the 95% interval of what its context saves reaches 0: a share of nothing says nothing.
    """
    x, y = "steps of context", "share of what context saves"
    rows, table, said, names = [], [], [], []
    for name, arrays in found.items():
        contexts, loss = arrays["context"].tolist(), arrays["loss_cut"].mean(1)
        saved = float(loss[0] - loss[-1])
        means = resampled(arrays["loss_cut"], seed=seed)
        row: dict[str, object] = {"run": name, "memory horizon (steps)": None, "95% interval": "", "context saves": saved}  # fmt: skip
        table.append(row)
        if spread_of_saving(means)[0] <= 0:  # as `memory` says of one run
            said.append(f"{name} none that can be shown")
            names.append(f"{name}: none")
            continue
        horizon, (low, high) = settled(contexts, loss, TOLERANCE * saved), spread_of_horizon(contexts, means)
        within = "" if low == high else f" ({low:.0f} to {high:.0f})"
        row |= {"memory horizon (steps)": horizon, "95% interval": f"{low:.0f} to {high:.0f}"}
        said.append(f"{name} {horizon} step{'s' * (horizon != 1)}{within}")
        names.append(f"{name}: {horizon}{within}")
        rows += [{x: n, y: float((loss[0] - each) / saved), "run": names[-1]} for n, each in zip(contexts, loss)]  # fmt: skip
    return Finding(
        "memory", "Memory side by side", f"How far back each looks, with 95% intervals: {', '.join(said)}.",
        chart=lines(rows, x, y, "run", log_x=True, title="How soon each has what context saves, and its horizon in steps", names=names) if rows else None,
        table=tuple(table),
    )  # fmt: skip
