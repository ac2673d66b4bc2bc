"""During training: how gradients flow back, spectra, exponents and horizons, look by look.

Curves that explain each other: gradients that fade before the lag that matters (Bengio et al. 1994; Pascanu et al. 2013) leave a horizon that
does not grow. The control is the same network before its first step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from elman.core.results import Finding
from elman.interpretation.dynamics import spectrum_of
from elman.interpretation.gradient_flow import gradient_flow, spectral_radii
from elman.interpretation.memory import memory
from elman.interpretation.pictures import lines, stack
from elman.interpretation.view import Sample, View

LINES = 5  # checkpoints that are drawn
SEQUENCES = 48  # of which the horizon is taken
FLOWING = 8  # of which gradients are
HALF = 0.5  # of the lags that are looked at: what reaches back so far is the headline


def look(view: View, sample: Sample, horizon: bool = True) -> dict[str, Any]:
    """One checkpoint: gradient by lag (lags,) and its residual, the horizon in steps, the largest spectral radius, the Lyapunov exponents (k,), largest
    first, None for minus infinity; None where not to be had.

    Without `horizon` that is not asked.
    """
    flow = gradient_flow(view, sample.part(0, FLOWING))
    radii, spectrum = spectral_radii(view.model), spectrum_of(view, sample.part(0, FLOWING))
    return {
        "gradient_by_lag": None if flow is None else flow.by_lag.tolist(),
        "residual": None if flow is None else flow.residual,
        "horizon": memory(view, sample.part(0, SEQUENCES)).value if horizon else None,
        "radius": max((float(each.max()) for each in radii.values()), default=None),
        "exponents": None
        if spectrum is None
        else [float(one) if np.isfinite(one) else None for one in spectrum],
    }


def during_training(rows: Sequence[Mapping[str, Any]]) -> Finding | None:
    """What became of it: rows of `look`, each with its "step", in order. None for fewer than two."""
    if len(rows) < 2:
        return None
    first, last = rows[0], rows[-1]
    steps = [int(row["step"]) for row in rows]
    charts, told, value, control, residual = [], [], None, None, None
    arrays: dict[str, np.ndarray] = {"step": np.array(steps)}
    if all(row["gradient_by_lag"] for row in rows):
        flows = np.array([row["gradient_by_lag"] for row in rows])
        shares = flows / np.maximum(flows[:, :1], 1e-30)
        lag = max(1, int(HALF * (flows.shape[1] - 1)))
        value, control = float(shares[-1, lag]), float(shares[0, lag])
        residual = max(float(row["residual"]) for row in rows)
        arrays["gradient_by_lag"] = flows
        told.append(
            f"The gradient {lag} step{'s' * (lag > 1)} back is {value:.2g} of that at the step itself, {control:.2g} before training."
        )
        points = [
            {"steps back": k, "gradient (share of that at lag 0)": float(share), "after": _after(steps[at])}
            for at in _drawn(len(rows))
            for k, share in enumerate(shares[at])
        ]
        charts.append(
            lines(
                points,
                "steps back",
                "gradient (share of that at lag 0)",
                "after",
                points=False,
                title="How far back gradients flow",
            )
        )
    for name, what, title in (
        ("horizon", "memory horizon (steps)", "How far back it looks"),
        ("radius", "largest spectral radius", "How large its recurrent weights are"),
    ):
        known = [row for row in rows if row[name] is not None]
        if len(known) > len(rows) - 2:
            arrays[name] = np.array([row[name] for row in known], float)
            points = [{"training step": int(row["step"]), what: float(row[name])} for row in known]
            charts.append(lines(points, "training step", what, height=130, title=title))
    if "horizon" in arrays:
        early, late = (int(arrays["horizon"][at]) for at in (0, -1))
        told.append(f"It looks back {late} step{'s' * (late != 1)}, {early} at the first look that tells.")
    if "radius" in arrays:
        told.append(
            f"The largest spectral radius of its recurrent weights went from {first['radius']:.2f} to {last['radius']:.2f}."
        )
    if all(row.get("exponents") for row in rows):
        exponents = np.array([row["exponents"] for row in rows], float)
        arrays["exponents"] = np.where(np.isnan(exponents), -np.inf, exponents)
        before, after = arrays["exponents"][[0, -1], 0]
        told.append(f"Its largest Lyapunov exponent went from {before:.3g} to {after:.3g} nats per step.")
        points = [
            {"number": k + 1, "exponent (nats per step)": float(value), "after": _after(steps[at])}
            for at in _drawn(len(rows))
            for k, value in enumerate(exponents[at])
            if np.isfinite(value)
        ]
        if points:
            charts.append(
                lines(
                    points,
                    "number",
                    "exponent (nats per step)",
                    "after",
                    title="Lyapunov exponents, largest first",
                )
            )
    if not told:
        return None
    return Finding(
        "training", "What training did inside", " ".join(told), value, "of the gradient at lag 0" if value is not None else "", None, control, residual,
        sample=f"{len(rows)} looks", chart=stack(*charts) if len(charts) > 1 else charts[0], arrays=arrays,
    )  # fmt: skip


def _drawn(count: int) -> list[int]:
    """The looks that are drawn as lines: the first, the last, and some between."""
    return [int(at) for at in np.unique(np.linspace(0, count - 1, LINES).round())]


def _after(step: int) -> str:
    return f"step {step:,}" if step else "before training"
