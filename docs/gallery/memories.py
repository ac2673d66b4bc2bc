"""How far back a vanilla network, an LSTM and a GRU look: on copy memory, and on text."""

from __future__ import annotations

from pathlib import Path

from page import Entry
from trained import TRAININGS, data_hash, trained

from elman.core.results import Finding
from elman.interpretation.side_by_side import memories
from elman.run import Run
from elman.workbench import explain

CELLS = ("rnn", "lstm", "gru")
TASKS = {
    "copy": "ten symbols to be said again after a delay",
    "text": "the plays of Shakespeare, by character",
}


def told(found: Finding, runs: list[Run], controls: dict[str, float | None]) -> tuple[str, str]:
    """Horizons, and with them what context saves; the horizons where older steps are shuffled."""
    rows = {row["run"]: row for row in found.table}
    said, chance = [], []
    for run in runs:
        horizon, saved = rows[run.name]["memory horizon (steps)"], rows[run.name]["context saves"]
        cell = run.recipe.model.cell.upper()
        said.append(f"{cell} {'none that can be shown' if horizon is None else horizon} ({saved:.2f} nats)")
        control = controls[run.name]
        chance.append(f"{cell} {'none' if control is None else f'{control:.0f}'}")
    return ", ".join(said), ", ".join(chance)


def show(data: Path | None, images: Path) -> Entry:
    """Both pictures of elman compare --memory."""
    parts, controls, commands, hashes, pictures = [], [], [], [], []
    for task, what in TASKS.items():
        runs, by_order = [], {}
        for cell in CELLS:
            name = f"{task}-{cell}"
            run, prepared = trained(name, data)
            if not (run.folder / "findings" / "memory.npz").exists():
                explain(run, ["memory"], prepared=prepared)
            (finding,) = (each for each in run.findings if each["question"] == "memory")
            by_order[run.name] = finding["control"]
            runs.append(run)
            commands += [TRAININGS[name].command(name), f"elman explain {run.folder.as_posix()} memory"]
        found, picture = memories(runs), f"memory_{task}.svg"
        found.save(images / picture)
        said, chance = told(found, runs, by_order)
        parts.append(f"on {what}: {said}")
        controls.append(f"on {task}: {chance}")
        folders = " ".join(run.folder.as_posix() for run in runs)
        commands.append(f"elman compare {folders} --memory docs/images/gallery/{picture}")
        hashes.append(f"{TRAININGS[f'{task}-gru'].source} `{data_hash(runs[0])[:12]}`")
        pictures.append((picture, f"Share of what context saves by steps of context, three cells, on {what}"))
    return Entry(
        "How far back three cells look",
        f"The memory horizon in steps, and what context saves in all, {'; '.join(parts)}. A curve below 0 is a network that does worse with a little context than with one step: "
        "it never saw a sequence that begins in the middle.",
        f"Horizons where the older steps are shuffled instead of dropped (beyond them, order counts for nothing): {'; '.join(controls)}.",
        commands, 0, f"data {', '.join(hashes)}", pictures,
        more="The horizon is the least number of steps from which on the loss stays within 2% of what context saves ([Memory](interpretation.md#memory)).",
    )  # fmt: skip
