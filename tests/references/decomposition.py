"""Contextual decomposition after Murdoch, Liu and Yu 2018, sections 3.1 and 3.2, in float64: labelled terms, all orders written out.

A quantity is a dict of its terms: "phrase", "rest" and, before the activation, "bias". No code is shared with ours.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

Terms = dict[str, np.ndarray]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def linearised(function, terms: Terms) -> Terms:
    """Each term's mean contribution over the orders in which the bias, if there is one, is first."""
    orders = [order for order in permutations(terms) if "bias" not in terms or order[0] == "bias"]
    found = {name: np.zeros_like(next(iter(terms.values()))) for name in terms}
    for order in orders:
        total = np.zeros_like(found[order[0]])
        # The bias is no player: what the function gives at 0 goes with it.
        before = np.zeros_like(total) if order[0] == "bias" else function(total)
        for name in order:
            total = total + terms[name]
            found[name] += (function(total) - before) / len(orders)
            before = function(total)
    return found


def times(a: Terms, b: Terms, in_phrase: bool | None) -> Terms:
    """A product, each pair of terms to whom it belongs; two biases to the phrase at its own steps (None: they stay a bias)."""
    found: Terms = {}
    for left, x in a.items():
        for right, y in b.items():
            if "rest" in (left, right):
                owner = "rest"
            elif left == right == "bias":
                owner = "bias" if in_phrase is None else "phrase" if in_phrase else "rest"
            else:
                owner = "phrase"
            found[owner] = found.get(owner, 0) + x * y
    return found


def plus(*all_terms: Terms) -> Terms:
    found: Terms = {}
    for terms in all_terms:
        for name, value in terms.items():
            found[name] = found.get(name, 0) + value
    return found


def through(weight, terms: Terms) -> Terms:
    return {name: weight @ value for name, value in terms.items()}


def lstm_step(weights, x: Terms, h: Terms, c: Terms, in_phrase: bool):
    size = len(h["phrase"])
    gate = {}
    for place, name in enumerate("ifgo"):
        rows = slice(place * size, (place + 1) * size)
        gate[name] = plus(
            through(weights["ih"][rows], x),
            through(weights["hh"][rows], h),
            {"bias": weights["bias_ih"][rows] + weights["bias_hh"][rows]},
        )
    kept = times(linearised(sigmoid, gate["f"]), c, None)
    new = times(linearised(sigmoid, gate["i"]), linearised(np.tanh, gate["g"]), in_phrase)
    c = plus(kept, new)
    o = sigmoid(sum(gate["o"].values()))
    return {name: o * value for name, value in linearised(np.tanh, c).items()}, c


def gru_step(weights, x: Terms, h: Terms, in_phrase: bool):
    size = len(h["phrase"])
    rows = [slice(place * size, (place + 1) * size) for place in range(3)]
    r, z = (
        linearised(
            sigmoid,
            plus(
                through(weights["ih"][part], x),
                through(weights["hh"][part], h),
                {"bias": weights["bias_ih"][part] + weights["bias_hh"][part]},
            ),
        )
        for part in rows[:2]
    )
    recurrent = plus(through(weights["hh"][rows[2]], h), {"bias": weights["bias_hh"][rows[2]]})
    n = linearised(
        np.tanh,
        plus(
            through(weights["ih"][rows[2]], x),
            {"bias": weights["bias_ih"][rows[2]]},
            times(r, recurrent, None),
        ),
    )
    lets_in = {name: -value for name, value in z.items()}
    lets_in["bias"] = 1 + lets_in["bias"]
    return plus(times(lets_in, n, in_phrase), times(z, h, None))


def decompose(kind: str, layers: list[dict[str, np.ndarray]], x: np.ndarray, span: set[int]):
    """One sequence x (time, size): the last layer's states after the last step, as the phrase's part and the rest's."""
    inputs = [
        {"phrase": step * (t in span), "rest": step * (t not in span)}
        for t, step in enumerate(x.astype(float))
    ]
    for weights in layers:
        size = weights["hh"].shape[1]
        nothing = {"phrase": np.zeros(size), "rest": np.zeros(size)}
        h, c, outputs = nothing, nothing, []
        for t, step in enumerate(inputs):
            if kind == "lstm":
                h, c = lstm_step(weights, step, h, c, t in span)
            else:
                h = gru_step(weights, step, h, t in span)
            outputs.append(h)
        inputs = outputs
    return inputs[-1]["phrase"], inputs[-1]["rest"]
