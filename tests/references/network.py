"""Layers, directions and their options in float64 NumPy, one sequence and one step at a time: what `models.rnn` must equal in evaluation.

Written from the papers, not from the package: it takes weights by name and a cell's transcription, nothing else of ours.
"""

from __future__ import annotations

import numpy as np


def run(
    step,
    layers,
    x,
    *,
    parts,
    hidden,
    start,
    fresh,
    length,
    reset,
    zoneout=0.0,
    residual=False,
    projection=None,
    readout=None,
):
    """One sequence x (time, input) through all layers -> output (time, features), last states, readings by name.

    step    the transcription: (weights, x, state) -> (new state, readings)
    readout (weights, x, state) -> the output, where that is not the state's first part
    layers  [[weights by name, one for each direction], one for each layer]
    start   states before the first step, [layer][direction][part]; fresh: those that a reset goes back to
    length  steps that count; reset (time,) bool
    """  # fmt: skip
    last, read = [], {}
    for depth, sides in enumerate(layers):
        outputs, ends = [], []
        for side, weights in enumerate(sides):
            order = range(length) if side == 0 else range(length - 1, -1, -1)
            state, before = start[depth][side], fresh[depth][side]
            size = projection or hidden
            output = np.zeros((len(x), size))
            for t in order:
                # A reset before step t parts t - 1 from t: whoever comes from t meets it before t - 1.
                border = reset[t] if side == 0 else t + 1 < length and reset[t + 1]
                old = before if border else state
                new, seen = step(weights, x[t], old)
                seen = seen | dict(zip(parts, new))
                if readout is not None:
                    seen["h"] = readout(weights, x[t], new)
                for name, value in seen.items():
                    key = f"layers.{depth}.{('forward', 'backward')[side]}.{name}"
                    read.setdefault(key, np.zeros((len(x), len(value))))[t] = value
                # Krueger et al. 2017: in evaluation the expectation of the random mask
                state = tuple(zoneout * a + (1 - zoneout) * b for a, b in zip(old, new))
                output[t] = state[0] if readout is None else readout(weights, x[t], state)
            outputs.append(output)
            ends.append(state)
        y = np.concatenate(outputs, -1)
        if residual and y.shape == x.shape:
            valid = np.arange(len(x))[:, None] < length
            y = y + np.where(valid, x, 0.0)
        x = y
        last.append(ends)
    return x, last, read
