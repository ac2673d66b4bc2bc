"""How far back a vanilla network, an LSTM and a GRU look: on copy memory, and on text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from page import Entry
from trained import TRAININGS, data_hash, trained

from elman.interpretation.side_by_side import memories
from elman.workbench import explain

CELLS = ("rnn", "lstm", "gru")
TASKS = {
    "copy": "ten symbols to be said again after a delay",
    "text": "the plays of Shakespeare, by character",
}


def measure(data: Path | None, images: Path) -> dict[str, Any]:
    """Both pictures of elman compare --memory, and what its table says."""
    facts: dict[str, Any] = {}
    for task in TASKS:
        runs, orders = [], []
        for cell in CELLS:
            run, prepared = trained(f"{task}-{cell}", data)
            if not (run.folder / "findings" / "memory.npz").exists():
                explain(run, ["memory"], prepared=prepared)
            (finding,) = (each for each in run.findings if each["question"] == "memory")
            orders.append(finding["control"])
            runs.append(run)
        found = memories(runs)
        found.save(images / f"memory_{task}.svg")
        rows = [
            {
                "cell": cell.upper(),
                "horizon": row["memory horizon (steps)"],
                "interval": row["95% interval"],
                "saved": row["context saves"],
                "order": order,
            }
            for cell, row, order in zip(CELLS, found.table, orders)
        ]
        facts[task] = {"rows": rows, "data": data_hash(runs[0])[:12]}
    return facts


def entry(facts: dict[str, Any]) -> Entry:
    """Horizons, and with them what context saves; the horizons where older steps are shuffled."""
    seen, controls, commands, hashes, pictures = [], [], [], [], []
    for task, what in TASKS.items():
        said, chance = told(facts[task]["rows"])
        seen.append(f"on {what}: {said}")
        controls.append(f"on {task}: {chance}")
        for cell in CELLS:
            name = f"{task}-{cell}"
            commands += [TRAININGS[name].command(name), f"elman explain runs/gallery/{name} memory"]
        folders = " ".join(f"runs/gallery/{task}-{cell}" for cell in CELLS)
        commands.append(f"elman compare {folders} --memory docs/images/gallery/memory_{task}.svg")
        hashes.append(f"{TRAININGS[f'{task}-gru'].source} `{facts[task]['data']}`")
        pictures.append(
            (
                f"memory_{task}.svg",
                f"Share of what context saves by steps of context, three cells, on {what}",
            )
        )
    return Entry(
        "How far back three cells look",
        f"The memory horizon in steps, its 95% interval, and what context saves in all, {'; '.join(seen)}. Where intervals overlap, the order of the cells is not known. "
        "A curve below 0 is a network that does worse with a little context than with one step: it never saw a sequence that begins in the middle.",
        f"Horizons where the older steps are shuffled instead of dropped (beyond them, order counts for nothing): {'; '.join(controls)}.",
        commands, 0, f"data {', '.join(hashes)}", pictures,
        more="The horizon is the least number of steps from which on the loss stays within 2% of what context saves ([Memory](interpretation.md#memory)).",
    )  # fmt: skip


def told(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Horizons, and with them what context saves; the horizons where older steps are shuffled."""
    said, chance = [], []
    for row in rows:
        horizon = "none that can be shown" if row["horizon"] is None else f"{row['horizon']} ({row['interval']})"  # fmt: skip
        said.append(f"{row['cell']} {horizon}, {row['saved']:.2f} nats")
        chance.append(f"{row['cell']} {'none' if row['order'] is None else format(row['order'], '.0f')}")
    return "; ".join(said), ", ".join(chance)
