"""Gates: how open they are, how often they are stuck, and how long they make the cell remember.

A gate is saturated below 0.05 or above 0.95 (Karpathy, Johnson and Li 2015 draw the line at 0.1 and 0.9). The time scale of a unit whose
keeping gate is f on average is -1 / ln f steps (Tallec and Ollivier 2018, section 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from elman.core.results import Finding
from elman.interpretation.pictures import bars
from elman.interpretation.view import Sample, View, untouched

LOW, HIGH = 0.05, 0.95
KEEPS = {"forget_gate": 1, "update_gate": 1}  # gates that keep the old state when they are 1


def gates(view: View, sample: Sample) -> Finding:
    """Mean and saturation of every gate over all valid steps; time scales of the keeping gate of the first layer."""
    values: dict[str, list[np.ndarray]] = {}
    with untouched(view), torch.no_grad():
        for part in sample.parts():
            for name, reading in view.trace(part.inputs, part.lengths).items():
                time = reading.shape[1]
                lengths = (
                    part.lengths if part.lengths is not None and int(part.lengths.max()) == time else None
                )
                valid = (
                    torch.ones(reading.shape[:2], dtype=torch.bool)
                    if lengths is None
                    else torch.arange(time) < lengths[:, None]
                )
                values.setdefault(name, []).append(reading[valid].float().cpu().numpy())
    table: list[dict[str, Any]] = []
    for name, parts in values.items():
        each = np.concatenate(parts)
        kind = name.rpartition(".")[2]
        if kind.endswith("gate"):
            low, high = float((each < LOW).mean()), float((each > HIGH).mean())
            table.append(
                {
                    "name": name,
                    "mean": float(each.mean()),
                    "closed": low,
                    "open": high,
                    "saturated": low + high,
                }
            )
        elif kind in ("h", "candidate"):
            stuck = float((np.abs(each) > HIGH).mean())
            table.append(
                {"name": name, "mean": float(each.mean()), "closed": 0.0, "open": stuck, "saturated": stuck}
            )
    arrays = {}
    keeping = [name for name in values if name.rpartition(".")[2] in KEEPS]
    scale = None
    if keeping:
        mean = np.clip(np.concatenate(values[keeping[0]]).mean(0), 1e-6, 1 - 1e-6)
        arrays["time_scales"] = -1 / np.log(mean)
        scale = float(np.median(arrays["time_scales"]))
    gate_rows = [row for row in table if row["name"].endswith("gate")] or table
    worst = max(gate_rows, key=lambda row: row["saturated"])
    sentence = f"{worst['name']} is the most saturated: {worst['saturated']:.0%} of its values are below {LOW} or above {HIGH}."
    if scale is not None:
        sentence += f" By its mean {keeping[0].rpartition('.')[2].replace('_', ' ')}, half of the units keep for more than {scale:.1f} steps."
    rows = [
        {"gate": row["name"], "share of values": row[part], "state": label}
        for row in gate_rows
        for part, label in (("closed", f"below {LOW}"), ("open", f"above {HIGH}"))
    ]
    return Finding(
        "gates", "Gates", sentence, worst["saturated"], "share", sample=f"{len(sample)} sequences",
        chart=bars(rows, "share of values", "gate", "state", height=max(80, 26 * len(gate_rows))), table=tuple(table), arrays=arrays,
    )  # fmt: skip
