"""How far back a vanilla network, an LSTM and a GRU look: on copy memory, and on text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from page import Entry
from trained import TRAININGS, data_hash, trained

from elman.interpretation.side_by_side import memories
from elman.workbench import explain

CELLS = ("rnn", "lstm", "gru")
LITTLE = 0.25  # of what context saves the best
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
    """A table of horizons, with what context saves and the horizons where older steps are shuffled."""
    seen, commands, hashes, pictures = [], [], [], []
    for task, what in TASKS.items():
        seen.append(f"On {what}, {told(facts[task]['rows'])}.")
        for cell in CELLS:
            name = f"{task}-{cell}"
            commands += [TRAININGS[name].command(name), f"elman explain runs/gallery/{name} memory"]
        folders = " ".join(f"runs/gallery/{task}-{cell}" for cell in CELLS)
        commands.append(f"elman compare {folders} --memory docs/images/gallery/memory_{task}.svg")
        hashes.append(f"{TRAININGS[f'{task}-gru'].source} `{facts[task]['data']}`")
        words = f"Share of what context saves by steps of context, three cells, on {what}"
        pictures.append((f"memory_{task}.svg", words))
    return Entry(
        "How far back three cells look",
        f"A vanilla network (RNN), an LSTM and a GRU were asked how many of the last steps they use. {' '.join(seen)}\n\n"
        f"{table(facts)}\n\nA curve below 0 is a network that does worse with a little context than with one step: it never saw a sequence that begins in the middle.",
        "In the last column of the table the older steps are shuffled instead of dropped: beyond so many, order counts for nothing.",
        commands, 0, f"data {', '.join(hashes)}", pictures,
        more="The horizon is the least number of steps from which on the loss stays within 2% of what context saves ([Memory](interpretation.md#memory)).",
    )  # fmt: skip


def told(rows: list[dict[str, Any]]) -> str:
    """Which looks farther than which, as far as their intervals lie apart; of one that context saves LITTLE, that alone."""
    shown = [row for row in rows if row["horizon"] is not None]
    most = max(shown, key=lambda row: row["saved"], default=None)
    little = [row for row in shown if row["saved"] < LITTLE * most["saved"]]
    shown = [row for row in shown if row not in little]
    ends = {row["cell"]: [float(end) for end in row["interval"].split(" to ")] for row in shown}
    said = [f"no use of context can be shown for the {row['cell']}" for row in rows if row["horizon"] is None]
    said += [
        f"context saves the {row['cell']} {row['saved']:.2f} nats where it saves the {most['cell']} {most['saved']:.2f}, so its horizon says little"
        for row in little
    ]
    for cell, (_, high) in ends.items():
        if farther := [other for other, (low, _) in ends.items() if low > high]:
            said.append(f"{' and '.join(farther)} look{'s' * (len(farther) == 1)} farther than the {cell}")
    alike = [
        f"{one} and {other}"
        for k, (one, mine) in enumerate(ends.items())
        for other, theirs in list(ends.items())[k + 1 :]
        if mine[0] <= theirs[1] and theirs[0] <= mine[1]
    ]
    return "; ".join([*said, *(f"{pair} cannot be told apart" for pair in alike)])


def table(facts: dict[str, Any]) -> str:
    """A row for each network."""
    lines = [
        "| | horizon, in steps | 95% interval | context saves | order counts over |",
        "|---|---|---|---|---|",
    ]
    for task in TASKS:
        for row in facts[task]["rows"]:
            horizon = "none that can be shown" if row["horizon"] is None else row["horizon"]
            order = "none" if row["order"] is None else f"{row['order']:.0f}"
            lines.append(
                f"| {task}, {row['cell']} | {horizon} | {row['interval'] or '–'} | {row['saved']:.2f} nats | {order} |"
            )
    return "\n".join(lines)
