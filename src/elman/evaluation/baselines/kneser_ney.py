"""Interpolated modified Kneser-Ney n-grams: order 6 for characters, 5 for words; of a long text its last 8 million tokens.

    p_k(w | c) = max(n(c w) - D(n(c w)), 0) / n(c) + g(c) p_{k-1}(w | c without its first token)

Chen and Goodman 1999: the highest order uses counts, lower ones the number of different tokens seen before; three
discounts per order from the counts of counts; below order 1 a uniform distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Predictor, TokenProblem

TASKS = ("language_modelling",)
MOST = 8_000_000  # training tokens: n-grams of more would not fit into a small machine's memory


@dataclass(frozen=True)
class Order:
    """All k-grams of the training text: their codes (sorted), counts, contexts, and sums over each context."""

    codes: np.ndarray  # (grams,) context number * vocabulary + token
    counts: np.ndarray  # (grams,) counts, or continuation counts
    totals: np.ndarray  # (contexts,)
    backoff: np.ndarray  # (contexts,) weight of the order below
    discounts: np.ndarray  # (4,) for counts 0, 1, 2, 3 and more


def fit(problem: TokenProblem, seconds: float) -> Predictor:
    """Count the n-grams of the training split."""
    order = 6 if problem.unit in ("character", "byte") else 5
    orders = learn(problem.tokens["train"][-MOST:], problem.vocabulary_size, order)

    def predict(split: SplitName) -> Predictions:
        tokens = np.asarray(problem.tokens[split])
        return Predictions(
            "tokens", -np.log(probabilities(orders, tokens, problem.vocabulary_size)[1:]), tokens[1:]
        )

    return predict


def learn(tokens: np.ndarray, vocabulary_size: int, order: int) -> list[Order]:
    """Orders 1 to `order` of a token stream."""
    tokens = np.asarray(tokens, np.int64)
    grams: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    number = np.zeros(len(tokens) + 1, np.int64)  # which (k-1)-gram ends before each position
    for k in range(1, order + 1):
        at = np.arange(k - 1, len(tokens))
        codes, first, inverse, counts = np.unique(
            number[at] * vocabulary_size + tokens[at],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        grams.append((codes, at[first], inverse, counts))
        number = np.full(len(tokens) + 1, -1, np.int64)
        number[at + 1] = inverse
    orders = []
    for k, (codes, _, _, counts) in enumerate(grams, 1):
        if k < order:  # continuation counts: different tokens before this k-gram
            _, longer_at, _, _ = grams[k]
            inverse = grams[k - 1][2]
            counts = np.bincount(inverse[longer_at - (k - 1)], minlength=len(codes))
        contexts = codes // vocabulary_size
        size = int(contexts.max()) + 1 if k == 1 else len(grams[k - 2][0])
        n = [int((counts == c).sum()) for c in range(1, 5)]
        y = n[0] / max(1, n[0] + 2 * n[1])
        discounts = np.array(
            [0.0] + [max(0.0, c - (c + 1) * y * n[c] / n[c - 1]) if n[c - 1] else 0.0 for c in (1, 2, 3)]
        )
        totals = np.bincount(contexts, counts, size)
        taken = np.bincount(contexts, np.minimum(discounts[np.minimum(counts, 3)], counts), size)
        backoff = np.where(totals > 0, taken / np.maximum(totals, 1), 1.0)
        orders.append(Order(codes, counts, totals, backoff, discounts))
    return orders


def probabilities(orders: list[Order], tokens: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """p of each token given those before it in the stream (n,)."""
    tokens = np.asarray(tokens, np.int64)
    p = np.full(len(tokens), 1.0 / vocabulary_size)
    context = np.zeros(len(tokens), np.int64)  # number of the (k-1)-gram before each position, -1: never seen
    for order in orders:
        code = context * vocabulary_size + tokens
        place = np.minimum(np.searchsorted(order.codes, code), len(order.codes) - 1)
        seen = (context >= 0) & (order.codes[place] == code)
        count = np.where(seen, order.counts[place], 0)
        own = np.maximum(count - order.discounts[np.minimum(count, 3)], 0)
        total = order.totals[np.maximum(context, 0)]
        use = (context >= 0) & (total > 0)
        p = np.where(use, own / np.maximum(total, 1) + order.backoff[np.maximum(context, 0)] * p, p)
        context = np.concatenate([[-1], np.where(seen, place, -1)[:-1]])
    return p
