"""Dynamics: what the state does by itself, where it rests, and whether it forgets small differences.

On the full state (h and c of all layers), in float64. Lyapunov spectrum along real inputs; fixed and slow points under a constant
input, the mean of what it reads unless another is named; how far a small change gets (jacobians.py); trajectories, also by condition (trials.py), in the plane of their two largest principal
components; and
the dimension they fill, (sum of variances)^2 / sum of squared variances (Gao et al. 2017, the participation ratio), of the states after
the first SETTLING of each sequence: the way from the start to where it lives is one direction, which would outshine all others. Control: the
same network with its weights shuffled. Residual: the largest difference between the sum of all exponents and the mean of
ln |det J|, two ways to the same number; where only the largest exponents are computed there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError, UnknownName
from elman.core.results import Finding
from elman.interpretation.fixed_points import Points, fixed_points
from elman.interpretation.jacobians import growth, lags_of, said, typical
from elman.interpretation.lyapunov import lyapunov_spectrum
from elman.interpretation.pictures import lines, plane, ranks, stack
from elman.interpretation.stepping import Stepping
from elman.interpretation.trials import classes_of, pictures, told, trials
from elman.interpretation.view import NO_WEIGHTS, Sample, View, shuffled, untouched

SEQUENCES = 8  # along which the spectrum is measured
STEPS = 200  # of each at most
ALL = 64  # states up to this size get all exponents, larger ones the largest MOST
MOST = 16
STARTS = 48  # visited states from which points are sought
SETTLING = 0.2  # share of the steps of a sequence that are left out of the dimension
REPEATED = 8  # times that a named input is read, for layers that see its neighbours
SHOWN = 12  # trajectories drawn
ROUNDING = 1e-12  # of the largest variance, below which a component is none


def dynamics(
    view: View, sample: Sample, *, inputs: Mapping[str, Tensor] | None = None,
    conditions: Mapping[str, np.ndarray] | None = None, align: np.ndarray | None = None, seed: int = 0,
) -> Finding | None:  # fmt: skip
    """The largest Lyapunov exponent with its spread over sequences; None for a network that reads from the end, too.

    `inputs` names vectors (features,) under which fixed points are sought. `arrays`: "exponents" (sequences, k),
    "points NAME", "speed NAME" and "eigenvalues NAME" for each input, "mean" (size,) and "components" (2, size) of the plane,
    "trajectories" (sequences, time, 2) with their "lengths" (sequences,), "variance" (size,) of the principal components, largest first, "growth" (changes, lags), the norm of
    the Jacobian over 1, 2 ... steps (see jacobians). `conditions` are what the sequences are trials of, name -> (sequences,) numbers or words, the
    classes when None; `align` (sequences,) the step of each from which steps are counted. For each: "steps NAME" (k,), "ways NAME" (levels, k, 2),
    "share NAME" and "share_dealt NAME" (k,), the share of the state's variance between conditions (see trials).
    """
    if view.stepping is None:
        return None
    with untouched(view), torch.no_grad():
        stepping, vectors = _network(view, sample)
        steps, time = vectors.shape[1], sample.inputs.shape[1]
        lengths = read_of(sample, steps)
        spectrum, residual = _spectrum(stepping, vectors, lengths)
        control = None  # a bare function has no weights to shuffle
        if view.has_weights:
            with shuffled(view, seed):
                other, read = _network(view, sample)
                control = float(np.mean(_spectrum(other, read, lengths)[0][:, 0]))
    states = stepping.states(vectors)
    visited = torch.cat([states[row, :length] for row, length in enumerate(lengths)])
    living = torch.cat([states[row, settled_in(length) : length] for row, length in enumerate(lengths)])
    seen = torch.cat([vectors[row, :length] for row, length in enumerate(lengths)])
    named = {"the mean input": seen.mean(0)} if inputs is None else dict(inputs)
    draw = np.random.default_rng(seed)
    starts = visited[draw.permutation(len(visited))[:STARTS]]
    found = {name: fixed_points(stepping, vector, starts) for name, vector in named.items()}
    norms = growth(stepping, *_longest(vectors, states, lengths), settled=SETTLING, seed=seed)
    given = classes_of(view, sample) if conditions is None else conditions
    if align is not None and steps < time:
        align = np.asarray(align) * steps // time
    grouped = [trials(name, values, states.numpy(), lengths, align, seed) for name, values in given.items()]
    told_apart = [each for each in grouped if each is not None]
    mean = living.mean(0)
    variance, components = _principal(living - mean)
    total = float((variance**2).sum())
    dimension = float(variance.sum() ** 2 / total) if total > 0 else 0.0
    flat = (states - mean).numpy() @ components[:2].T
    top = spectrum[:, 0]
    value = float(top.mean())
    means = top[draw.integers(0, len(top), (1000, len(top)))].mean(1)
    low, high = (
        np.percentile(means[np.isfinite(means)], [2.5, 97.5]) if np.isfinite(means).any() else (value, value)
    )
    arrays = {"exponents": spectrum, "components": components[:2], "trajectories": flat, "variance": variance}
    arrays |= {"mean": mean.numpy(), "growth": norms, "lengths": np.array(lengths)}
    frame = (mean.numpy(), components[:2])
    for each in told_apart:
        arrays |= {
            f"steps {each.name}": each.steps, f"ways {each.name}": (each.means - frame[0]) @ frame[1].T,
            f"share {each.name}": each.share, f"share_dealt {each.name}": each.control,
        }  # fmt: skip
    for name, points in found.items():
        arrays |= {
            f"points {name}": points.states,
            f"speed {name}": points.speed,
            f"eigenvalues {name}": points.eigenvalues,
        }
    return Finding(
        "dynamics", "Dynamics of the state",
        " ".join((_rate(value), said(norms), *(_resting(name, points) for name, points in found.items()),
                  _filled(stepping.size, max(1, round(dimension))), *(told(each, align is not None) for each in told_apart),
                  *([] if view.has_weights else [NO_WEIGHTS]))),
        value, "nats per step", (float(low), float(high)), control, residual,
        sample=f"{len(spectrum)} sequences for the spectrum (its {exponents(stepping.size)} largest exponents), {len(sample)} for "
        f"states (dimension without the first {SETTLING:.0%} of each)"
        f"{f'; points sought from {len(starts)} of them' if named else ''}"
        f"{f'; its layers make {steps} steps of {time} read' if steps < time else ''}",
        chart=stack(*_pictures(flat, lengths, found, frame, spectrum), _fading(norms, value),
                    *(chart for each in told_apart for chart in pictures(each, frame, align is not None))),
        table=tuple(row for name, points in found.items() for row in _rows(name, points)),
        arrays=arrays,
    )  # fmt: skip


def spectrum_of(view: View, sample: Sample) -> np.ndarray | None:
    """The Lyapunov exponents alone (k,), largest first, means over the longest sequences; None for a network that reads from the end, too."""
    if view.stepping is None:
        return None
    with untouched(view), torch.no_grad():
        stepping, vectors = _network(view, sample)
        found: np.ndarray = _spectrum(stepping, vectors, read_of(sample, vectors.shape[1]))[0].mean(0)
    return found


def inputs_named(view: View, sample: Sample, names: Sequence[str]) -> dict[str, Tensor]:
    """What the recurrent layers read where a token, or a value, comes again and again: name -> vector (features,).

    A token is named as the steps are, and must occur in the sample; a value is a number, or one for each feature ("0.5,-1"), in the unit in
    which the network reads it. Raises UnknownName, or RecipeError for what is no value or fits no feature.
    """
    assert view.stepping is not None
    vectors: dict[str, Tensor] = {}
    with untouched(view), torch.no_grad():
        _, read = view.stepping()
        for name in names:
            step = _step_named(view, sample, name)
            again = step.expand(1, REPEATED, *step.shape).to(view.device)
            vectors[name] = read(again)[0, -1].double().cpu()
    return vectors


def _step_named(view: View, sample: Sample, name: str) -> Tensor:
    """One step of inputs by its name."""
    if not sample.inputs.is_floating_point():
        seen = sample.inputs.flatten(0, 1).unique(dim=0).cpu()
        told = (
            [str(int(one.flatten()[0])) for one in seen] if view.step_names is None else view.step_names(seen)
        )
        if name not in told:
            raise UnknownName("token", name, told)
        return seen[told.index(name)]
    features = sample.inputs.shape[2:].numel()
    try:
        values = [float(value) for value in name.split(",")]
    except ValueError:
        raise RecipeError(
            f"{name!r} is no value; expected a number, or {features} with commas between."
        ) from None
    if len(values) not in (1, features):
        raise RecipeError(f"{name!r} has {len(values)} numbers; a step has {features}.")
    return torch.tensor(values).expand(features).reshape(sample.inputs.shape[2:]).to(sample.inputs.dtype)


def _network(view: View, sample: Sample) -> tuple[Stepping, Tensor]:
    """The step as the weights are now, and what the recurrent layers read (sequences, time, features)."""
    assert view.stepping is not None
    stepping, read = view.stepping()
    return stepping, read(sample.to(view.device).inputs).double().cpu()


def read_of(sample: Sample, steps: int) -> list[int]:
    """How many of the `steps` that the layers make belong to each sequence: as many as it has, or its share where they read patches of it."""
    time = sample.inputs.shape[1]
    lengths = [sample.length(row) for row in range(len(sample))]
    return lengths if steps >= time else [-(-length * steps // time) for length in lengths]


def _principal(centred: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """States around their mean (n, size) -> variance of all principal components (size,), largest first, and the first two (2, size).

    Through the covariance, much faster than a decomposition of all states and as exact for what is large; or, of fewer states than they
    have numbers, through the products of the states with each other, which has the same values.
    """
    count, size = centred.shape
    few = count < size
    products = (centred @ centred.T if few else centred.T @ centred) / max(1, count - 1)
    spreads, directions = torch.linalg.eigh(products)
    variance = np.zeros(size)
    variance[: len(spreads)] = spreads.flip(0).clamp(min=0.0).numpy()
    first = directions.flip(1).T[:2]
    if few:
        there = variance[: len(first)] > ROUNDING * variance[0]  # the others would be directions of rounding
        first = torch.nn.functional.normalize(first @ centred, dim=1) * torch.from_numpy(there)[:, None]
    components = first.numpy()
    if len(components) < 2:  # a state of one number moves on a line
        components = np.pad(components, ((0, 2 - len(components)), (0, 0)))
    return variance, components


def _longest(vectors: Tensor, states: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor, list[int]]:
    """The SEQUENCES longest sequences: what they read, their states, their lengths."""
    order = np.argsort(lengths, kind="stable")[::-1][:SEQUENCES].copy()
    return vectors[order], states[order], [lengths[row] for row in order]


def _spectrum(stepping: Stepping, vectors: Tensor, lengths: list[int]) -> tuple[np.ndarray, float | None]:
    """Exponents along the longest sequences; the first fifth of the steps brings the directions into place."""
    order = np.argsort(lengths, kind="stable")[::-1][:SEQUENCES]
    steps = min(STEPS, lengths[order[-1]])
    return lyapunov_spectrum(
        stepping, vectors[order.copy(), :steps], exponents=exponents(stepping.size),
        warmup=steps // 5 if steps >= 10 else 0,
    )  # fmt: skip


def settled_in(length: int) -> int:
    """The steps of a sequence of so many that only bring the state to where it lives."""
    return int(SETTLING * length)


def exponents(size: int) -> int:
    """How many exponents of a state of so many numbers are computed."""
    return size if size <= ALL else MOST


def steps_made(view: View, sample: Sample, *, sought: bool = True) -> int:
    """About how many steps (of any batch) are made: along sequences twice, where points are sought, in Jacobians."""
    assert view.stepping is not None
    with torch.no_grad():
        stepping, read = view.stepping()
        lengths = read_of(sample, read(sample.inputs[:1].to(view.device)).shape[1])
    steps = min(STEPS, max(lengths))
    return steps * (3 + 2 * (stepping.size <= ALL)) + (400 + 20) * sought + lags_of(lengths)


def _filled(size: int, dimension: int) -> str:
    return f"Its {size} numbers move in about {dimension} dimension{'s' * (dimension != 1)}."


HELD = 1e-6  # nats a step, below which a rate is rounding


def _rate(value: float) -> str:
    if value == -math.inf:
        return "Nothing of a state outlasts one step."
    if abs(value) < HELD:
        return "Small differences stay as they are: a state is held for good."
    if value < 0:
        return f"Small differences fade: of one, a share of {math.exp(value):.2g} is left after a step, e-fold in {-1 / value:.3g} steps."
    return f"Small differences grow {math.exp(value):.3g}-fold a step along its inputs: what it did early cannot be told from noise."


def _resting(name: str, points: Points) -> str:
    fixed, slow = int(points.fixed.sum()), int((~points.fixed).sum())
    stable = int((points.fixed & points.stable).sum())
    text = f"Under {name} it has {fixed or 'no'} fixed point{'s' * (fixed != 1)}"
    one = ", which is stable" if stable else ", which is not stable"
    text += f" ({stable} of them stable)" if fixed > 1 else one if fixed else ""
    return text + (f" and {slow} slow one{'s' * (slow != 1)}." if slow else ".")


def _rows(name: str, points: Points) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "input": name,
            "point": "fixed" if fixed else "slow",
            "stable": "yes" if stable else "no",
            "speed": float(speed),
            "largest eigenvalue": float(np.abs(values[0])),
            "turns": float(np.abs(np.angle(values[0]))),
            "starts that end here": int(count),
        }
        for fixed, stable, speed, values, count in zip(
            points.fixed, points.stable, points.speed, points.eigenvalues, points.found_from
        )
    ]
    return rows[:SHOWN]


def _pictures(
    flat: np.ndarray,
    lengths: list[int],
    found: Mapping[str, Points],
    frame: tuple[np.ndarray, np.ndarray],
    spectrum: np.ndarray,
) -> list[dict[str, object]]:
    paths = [
        {"first component": float(x), "second component": float(y), "step": step, "sequence": f"{row}"}
        for row in range(min(SHOWN, len(flat)))
        for step, (x, y) in enumerate(flat[row, : lengths[row]])
    ]
    mean, components = frame
    dots, circle = [], []
    for name, points in found.items():
        places = (points.states - mean) @ components.T
        for k, (x, y) in enumerate(places):
            kind = ("stable " if points.stable[k] else "unstable ") + (
                "point" if points.fixed[k] else "slow point"
            )
            dots.append(
                {"first component": float(x), "second component": float(y), "point": f"{kind}, {name}"}
            )
            circle += [
                {
                    "real part": float(value.real),
                    "imaginary part": float(value.imag),
                    "point": f"{kind}, {name}",
                }
                for value in points.eigenvalues[k][:40]
            ]
    shown = [
        plane(
            paths,
            dots,
            "first component",
            "second component",
            title="The state's way from its start (circle), and where it rests",
        )
    ]
    if circle:
        shown.append(
            plane(
                [],
                circle,
                "real part",
                "imaginary part",
                unit_circle=True,
                title="Eigenvalues: outside the circle grows",
            )
        )
    means = np.where(np.isfinite(spectrum), spectrum, np.nan).mean(0)
    rows = [
        {"number": k + 1, "exponent (nats per step)": float(value)}
        for k, value in enumerate(means)
        if np.isfinite(value)
    ]
    if len(rows) > 1:
        shown.append(
            ranks(rows, "number", "exponent (nats per step)", title="Lyapunov exponents, largest first")
        )
    return shown


def _fading(norms: np.ndarray, rate: float) -> dict[str, object]:
    """What becomes of a small change, beside the rate in the long run."""
    each = typical(norms)
    x, y = "steps later", "size of a small change"
    rows = [{x: k + 1, y: float(size), "which": "in a random direction"} for k, size in enumerate(each)]
    rows += [
        {x: k + 1, y: math.exp(rate * (k + 1)), "which": "at the largest exponent's rate"}
        for k in range(len(each))
    ]
    return lines(rows, x, y, "which", title="What becomes of a small change of the state")
