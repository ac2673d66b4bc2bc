"""Behaviour: does the answer stay where it should, and move where it should? A suite of tests, after CheckList.

Three kinds (Ribeiro et al. 2020): minimum functionality, simple examples whose answer is plain; invariance, a change that must not change
the answer; directional expectation, a change that must move it one way. Measured is the share of examples that fail. Control: the answers to
other examples in the place of the changed ones: a test that fails no more often than this would not tell a network from a coin.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from elman.core.errors import RecipeError, UnknownName
from elman.core.results import Finding
from elman.interpretation.pictures import dots
from elman.interpretation.suite import Behaviour

Answer = Callable[[Sequence[Any]], np.ndarray]  # examples -> (n, classes) probabilities, or (n, values)
QUARTER = 0.25  # of a standard deviation over the split: the least change of a number that counts
SHOWN = 3  # failures of each test


def behaviour(
    answer: Answer,
    examples: Sequence[Any],
    suite: Sequence[Behaviour],
    labels: Sequence[str] = (),
    *,
    seed: int = 0,
) -> Finding | None:
    """Share of the examples that fail, over all tests; None where no test has an example.

    `answer` gives probabilities of `labels` (n, classes), or numbers (n, values) where there are none. `examples` are those of a split:
    texts, or series (time, channels). `arrays`: "names" (tests,), "share", "low", "high", "control", "count" likewise.
    """
    draw = np.random.default_rng(seed)
    whole = answer(list(examples))
    spread = whole.std(0)
    rows: list[dict[str, Any]] = []
    told = []
    for test in suite:
        _check(test, labels)
        before, after, pairs = _answers(test, answer, examples, whole, draw)
        if not pairs:
            continue
        others = whole[draw.integers(0, len(whole), len(pairs))]
        failed = _failed(test, before, after, labels, spread)
        chance = _failed(test, before, others, labels, spread)
        low, high = wilson(int(failed.sum()), len(failed))
        rows.append(
            {
                "test": test.name, "kind": test.kind.replace("_", " "), "examples": len(failed), "failing": float(failed.mean()),
                "low": low, "high": high, "other examples instead": float(chance.mean()),
            }
        )  # fmt: skip
        told.append((test, [(pairs[k], before[k], after[k]) for k in np.flatnonzero(failed)[:SHOWN]]))
    if not rows:
        return None
    worst = max(rows, key=lambda row: row["failing"])
    counts = np.array([row["examples"] for row in rows])
    value = float(np.average([row["failing"] for row in rows], weights=counts))
    control = float(np.average([row["other examples instead"] for row in rows], weights=counts))
    untold = [test.name for test in suite if test.name not in {row["test"] for row in rows}]
    none = f" No example for: {', '.join(untold)}." if untold else ""
    most = (
        f"Most fail in {worst['test']} ({worst['kind']}): {worst['failing']:.0%}, 95% interval {worst['low']:.0%} to {worst['high']:.0%}."
        if worst["failing"]
        else f"With so many, up to {max(row['high'] for row in rows):.0%} of the examples of a test may fail (95% interval)."
    )
    sentence = (
        f"{value:.1%} of {int(counts.sum()):,} examples fail in {len(rows)} test{'s' * (len(rows) > 1)}; {control:.0%} would with the answers to "
        f"other examples. {most}{none}"
    )
    drawn = [
        {"failing (%)": 100 * row[column], "test": row["test"], "which": which}
        for row in rows
        for column, which in (
            ("failing", "this network"),
            ("other examples instead", "answers to other examples"),
        )
    ]
    return Finding(
        "behaviour", "Does it behave?", sentence, value, "share of examples", control=control, sample=f"{len(examples)} examples",
        chart=dots(drawn, "failing (%)", "test", "which", height=26 * len(rows) + 20, title="How many examples fail each test"),
        html="".join(_failures(test, failures, labels) for test, failures in told if failures), table=tuple(rows),
        arrays={
            "names": np.array([row["test"] for row in rows]), "count": counts, "control": np.array([row["other examples instead"] for row in rows]),
            **{name: np.array([row[column] for row in rows]) for name, column in (("share", "failing"), ("low", "low"), ("high", "high"))},
        },
    )  # fmt: skip


def wilson(failures: int, count: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927)."""
    z = 1.959964
    share, spread = failures / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * float(np.sqrt(share * (1 - share) / count + spread / (4 * count)))
    return max(0.0, middle - half), min(1.0, middle + half)


def _check(test: Behaviour, labels: Sequence[str]) -> None:
    """What a test names must exist."""
    named = test.expect if test.kind == "minimum_functionality" else test.label
    if named is None:
        return
    if labels and named not in labels:
        raise UnknownName("class", str(named), tuple(labels))
    if not labels and not isinstance(named, (int, float)):
        raise RecipeError(
            f"the behaviour test {test.name!r} names {named!r}; this network answers with numbers."
        )


def _answers(
    test: Behaviour, answer: Answer, examples: Sequence[Any], whole: np.ndarray, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, list[tuple[Any, Any]]]:
    """Answers before and after (n, outputs), and the examples before and after; without a change both are the same."""
    given = list(test.examples) or list(examples)
    if test.changed:
        pairs = list(zip(given, test.changed))
    elif test.changing is None:
        pairs = [(one, one) for one in given]
    else:
        change = test.changing
        made = [(one, change(one, draw)) for one in given]
        kept = [k for k, (_, after) in enumerate(made) if after is not None]
        pairs = [made[k] for k in kept]
    if not pairs:
        return whole[:0], whole[:0], []
    own = not test.examples and test.changing is not None
    before = whole[kept] if own else answer([one for one, _ in pairs])
    after = before if test.changing is None and not test.changed else answer([two for _, two in pairs])
    return before, after, pairs


def _failed(
    test: Behaviour, before: np.ndarray, after: np.ndarray, labels: Sequence[str], spread: np.ndarray
) -> np.ndarray:
    """Whether each example fails (n,)."""
    if test.kind == "minimum_functionality":
        if labels:
            return np.asarray(after.argmax(1) != list(labels).index(str(test.expect)))
        off = np.abs(after - float(test.expect or 0)).max(1)
        return np.asarray(off > (QUARTER * spread.max() if test.tolerance is None else test.tolerance))
    if test.kind == "directional":
        if labels:
            of = (
                before.argmax(1)
                if test.label is None
                else np.full(len(before), list(labels).index(test.label))
            )
            moved = (after - before)[np.arange(len(before)), of]
        else:
            moved = (after - before).mean(1) / max(float(spread.mean()), 1e-12)
        towards = moved if test.expect == "up" else -moved
        return np.asarray(towards <= -(test.tolerance or 0.0))
    if labels and test.tolerance is None:
        return np.asarray(after.argmax(1) != before.argmax(1))
    if labels:
        return np.asarray(np.abs(after - before).max(1) > test.tolerance)
    off = np.abs(after - before).mean(1) / max(float(spread.mean()), 1e-12)
    return np.asarray(off > (QUARTER if test.tolerance is None else test.tolerance))


def _failures(test: Behaviour, failures: list[tuple[tuple[Any, Any], np.ndarray, np.ndarray]], labels: Sequence[str]) -> str:  # fmt: skip
    """Some examples that failed, with what was said before and after."""
    parts = []
    for (one, two), before, after in failures:
        if not isinstance(one, str):
            continue
        if one == two:
            parts.append(f"<li>{html.escape(_cut(one))}: <b>{html.escape(_said(after, labels))}</b></li>")
        else:
            was, now = (html.escape(_said(each, labels)) for each in (before, after))
            parts.append(
                f"<li>{html.escape(_cut(one))} <b>({was})</b><br>{html.escape(_cut(two))} <b>({now})</b></li>"
            )
    return f"<p><b>{html.escape(test.name)}</b>, failed:</p><ul>{''.join(parts)}</ul>" if parts else ""


def _said(answer: np.ndarray, labels: Sequence[str]) -> str:
    if not labels:
        return f"{answer.mean():.3g}"
    return f"{labels[int(answer.argmax())]} {answer.max():.0%}"


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "..."
