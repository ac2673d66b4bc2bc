"""What to try next: each piece of advice is something measured, the change that tests it, and the command.

Thresholds: over-fitting when validation got worse by more than 2% of its best value while training loss fell; saturation when
half of a gate's values are stuck (twice the 25% that Karpathy, Johnson and Li 2015 saw in good LSTMs); still learning when the last validation
was the best one; unused context when the memory horizon's upper bound is under half of the context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elman.core.results import Advice, Finding


def advice(
    rows: Sequence[Mapping[str, Any]], findings: Sequence[Finding], *, monitor: str, higher_is_better: bool, settings: Mapping[str, Any],
    command: str, beats_best_rival: bool | None, context_length: int | None = None,
) -> tuple[Advice, ...]:  # fmt: skip
    """Advice from the history (rows of metrics.jsonl), the findings and the verdict; `settings` are the recipe's by bare name."""
    found: list[Advice] = []

    def add(observation: str, **changes: Any) -> None:
        flags = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in changes.items())
        change = ", ".join(f"{name} {settings.get(name)} -> {value}" for name, value in changes.items())
        found.append(Advice(observation, change, f"{command} {flags}"))

    values = [float(row[monitor]) for row in rows if row.get(monitor) is not None]
    losses = [float(row["train_loss"]) for row in rows]
    if len(values) > 2:
        sign = 1 if higher_is_better else -1
        best = max(range(len(values)), key=lambda k: sign * values[k])
        lost = sign * (values[best] - values[-1])
        if best < len(values) - 1 and lost > 0.02 * abs(values[best]) and losses[-1] < losses[best]:
            add(
                f"It over-fits: since step {rows[best]['step']} validation {monitor} went from {values[best]:.4g} to {values[-1]:.4g} "
                f"while training loss fell from {losses[best]:.3g} to {losses[-1]:.3g}.",
                dropout=min(0.7, round(float(settings.get("dropout") or 0) + 0.2, 2)),
            )
        elif best == len(values) - 1 and sign * (values[-1] - values[-2]) > 0.002 * abs(values[-1]):
            add(
                f"It was still learning: the last validation was the best one ({values[-2]:.4g} to {values[-1]:.4g}).",
                epochs=round(1.5 * float(rows[-1]["epoch"]), 1),
            )
        norms = [float(row["grad_norm"]) for row in rows if row.get("grad_norm") is not None]
        clip, rate = settings.get("clip_norm"), settings.get("learning_rate")
        if norms and clip and rate and sum(norms) / len(norms) > 5 * float(clip):
            add(
                f"Gradients are clipped nearly always: their mean norm is {sum(norms) / len(norms):.2g}, the limit {clip}.",
                learning_rate=f"{float(rate) / 3:.1g}",
            )
    for finding in findings:
        if finding.question == "gates" and (finding.value or 0) > 0.5:
            add(f"{finding.sentence} Stuck gates pass no gradient.", layer_norm="True")
        if (
            finding.question == "memory"
            and finding.interval
            and context_length
            and finding.interval[1] < context_length / 2
        ):
            size = max(2, int(2 * finding.interval[1]))
            name = (
                "context_length"
                if settings.get("context_length")
                else "truncation_length"
                if settings.get("truncation_length")
                else "max_length"
            )
            add(
                f"Most of the context is unused: the memory horizon is {finding.value:.0f} of {context_length} steps.",
                **{name: size},
            )
    if beats_best_rival is False:
        size = int(settings.get("hidden_size") or 128)
        add(
            "It does not beat the best rival: see whether more units help, or whether the rival is the better tool here.",
            hidden_size=2 * size,
        )
    return tuple(found)
