"""What to try next: each piece of advice is something measured, the change that tests it, and the command.

The thresholds stand below with their reasons; those for what was found inside, in measured_advice.py. Advice is a hypothesis to test, not a verdict: run the command and compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elman.core.results import Advice, Finding
from elman.interpretation.measured_advice import inside

# Where a number has no source it is ours: a line drawn where, in our runs, the change was worth a try.
OVERFIT = 0.02  # share of its best value that validation lost while training loss fell (as GL2 of Prechelt 1998, on errors)
LEARNING = 0.002  # ours: share that the last validation gained and was the best; less is within the noise of most splits
CLIPPED = 5.0  # ours: mean gradient norm in clip norms; Pascanu et al. (2013) trained well up to 2
ROSE = (
    0.10  # ours: share by which training loss ended above its least, more than batches alone make it wander
)
FLAT = 0.02  # ours: share by which training loss fell in the whole run; less looks like no learning at all
FACTOR = 3  # steps in which to search a rate: half a decade, as rates act by their logarithm (Bengio 2012)


def advice(
    rows: Sequence[Mapping[str, Any]], findings: Sequence[Finding], *, monitor: str, higher_is_better: bool, settings: Mapping[str, Any],
    command: str, beats_best_rival: bool | None, context_length: int | None = None,
) -> tuple[Advice, ...]:  # fmt: skip
    """Advice from the history (rows of metrics.jsonl), the findings and the verdict; `settings` are the recipe's by bare name.

    `command` is the line that repeats the run: what is changed is appended as flags.
    """
    found: list[Advice] = []

    def add(observation: str, changes: Mapping[str, Any]) -> None:
        flags = " ".join(_flag(name, value) for name, value in changes.items())
        change = ", ".join(_change(name, settings.get(name), value) for name, value in changes.items())
        found.append(Advice(observation, change, f"{command} {flags}"))

    for observation, changes in [
        *_curves(rows, monitor, higher_is_better, settings),
        *_rate(rows, settings),
        *inside(findings, settings, context_length, beats_best_rival),
    ]:
        add(observation, changes)
    if beats_best_rival is False and not any("hidden_size" in advised.change for advised in found):
        size = int(settings.get("hidden_size") or 128)
        add(
            "On the validation split it does not beat the best rival: see whether more units help, or whether the rival is the better tool here.",
            {"hidden_size": 2 * size},
        )
    return tuple(found)


Found = list[tuple[str, dict[str, Any]]]


WORDS = {
    "steps": "training", "epochs": "training", "dropout": "dropout", "learning_rate": "learning rate", "hidden_size": "network",
    "context_length": "context", "truncation_length": "context", "max_length": "context", "layer_norm": "layer norm",
    "label_smoothing": "label smoothing", "token_dropout": "token dropout", "longest_memory": "expected memory",
}  # fmt: skip
MORE = {"training": ("Longer", "Shorter"), "network": ("Larger", "Smaller"), "context": ("Longer", "Shorter")}


def _change(name: str, before: Any, after: Any) -> str:
    """A change in words and in the recipe's: "Longer training: steps 7,790 → 11,685"."""
    what = WORDS.get(name, name)
    if isinstance(after, bool):
        return f"{what.capitalize()} {'on' if after else 'off'}: {name} {str(bool(before)).lower()} → {str(after).lower()}"
    if isinstance(after, str):
        return f"{what.capitalize()}: {name} {'' if before is None else f'{before} → '}{after}"
    more, less = MORE.get(what, ("Higher", "Lower"))
    size = less if before is not None and after < before else more
    was = "" if before is None else f"{before:,} → " if isinstance(before, int) else f"{before:g} → "
    now = f"{after:,}" if isinstance(after, int) else f"{after:g}"
    return f"{size} {what}: {name} {was}{now}"


def _flag(name: str, value: Any) -> str:
    """A setting as the command line takes it."""
    dashed = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{dashed}" if value else f"--no-{dashed}"
    return f"--{dashed} {value}"


def _curves(
    rows: Sequence[Mapping[str, Any]], monitor: str, higher_is_better: bool, settings: Mapping[str, Any]
) -> Found:
    """Over-fitting, or still learning, from the rows at which validation was measured."""
    rows = [row for row in rows if row.get(monitor) is not None and row.get("train_loss") is not None]
    if len(rows) < 2:
        return []
    values = [float(row[monitor]) for row in rows]
    losses = [float(row["train_loss"]) for row in rows]
    sign = 1 if higher_is_better else -1
    best = max(range(len(values)), key=lambda k: sign * values[k])
    named = monitor.replace("_", " ")
    if best < len(values) - 1:
        lost = sign * (values[best] - values[-1])
        if lost > OVERFIT * abs(values[best]) and losses[-1] < losses[best]:
            dropout = min(0.7, round(float(settings.get("dropout") or 0) + 0.2, 2))
            return [
                (
                    f"It over-fits: since step {rows[best]['step']} validation {named} went from {values[best]:.4g} to "
                    f"{values[-1]:.4g} while training loss fell from {losses[best]:.3g} to {losses[-1]:.3g}.",
                    {"dropout": dropout},
                )
            ]
    elif sign * (values[-1] - values[-2]) > LEARNING * abs(values[-1]):
        # A finished run's recipe holds its steps, and steps win over epochs.
        longer: dict[str, Any] = (
            {"steps": round(1.5 * int(settings["steps"]))}
            if settings.get("steps")
            else {"epochs": round(1.5 * float(rows[-1]["epoch"]), 1)}
        )
        return [
            (
                f"It was still learning: the last validation was the best one ({named} {values[-2]:.4g} to {values[-1]:.4g}).",
                longer,
            )
        ]
    return []


def _rate(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Found:
    """A learning rate that looks too high or too low; at most one piece of advice."""
    losses = [float(row["train_loss"]) for row in rows if row.get("train_loss") is not None]
    norms = [float(row["grad_norm"]) for row in rows if row.get("grad_norm") is not None]
    rate, clip = settings.get("learning_rate"), settings.get("clip_norm")
    if not rate:
        return []
    lower = {"learning_rate": float(f"{float(rate) / FACTOR:.1g}")}
    higher = {"learning_rate": float(f"{float(rate) * FACTOR:.1g}")}
    if norms and clip and (mean := sum(norms) / len(norms)) > CLIPPED * float(clip):
        return [
            (
                f"Gradients are clipped nearly always: their mean norm is {mean:.2g}, the limit {float(clip):g}.",
                lower,
            )
        ]
    if len(losses) >= 3 and losses[-1] - min(losses) > ROSE * abs(min(losses)):
        return [(f"Training loss rose again, from {min(losses):.3g} to {losses[-1]:.3g}.", lower)]
    if len(losses) >= 3 and losses[0] - losses[-1] < FLAT * abs(losses[0]):
        return [
            (
                f"Training loss hardly moved: {losses[0]:.3g} to {losses[-1]:.3g} in {len(losses)} looks.",
                higher,
            )
        ]
    return []
