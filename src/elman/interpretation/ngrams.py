"""N-grams: what a language model knows beyond counts of short strings, token by token.

The gap is the network's loss minus an n-gram model's at the same token (Karpathy, Johnson and Li 2015, section 4.3): negative where the
network is ahead. On a source that looks back k tokens both have nothing more to learn than its entropy, and the gap is 0. Errors are sorted as
that paper sorts them, each token that the network gives less than half its probability into the first kind that fits:

    n-gram     the n-gram model gives it more than half: counting would have done
    repeat     it goes on with what followed the last time that the same MEMORY tokens stood there, at most REACH tokens ago
    rare       a word that training has fewer than RARE times
    between    white space or punctuation: where words and sentences end
    rest       none of these

Control: kinds of tokens with the gaps shuffled among them.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from elman.core.results import Finding
from elman.interpretation.pictures import bars, coloured, stack

HALF = np.log(2.0)  # nats: the loss of a token that got half of the probability
MEMORY, REACH, RARE = 4, 1000, 5
KINDS = ("n-gram", "repeat", "rare", "between", "rest")
BLOCK = 200  # neighbouring tokens hang together: resampled together
SHOWN_STEPS = 400
SHUFFLES = 20


def ngrams(
    nats: np.ndarray,
    others: np.ndarray,
    tokens: Sequence[str],
    counts: np.ndarray,
    *,
    order: int = 0,
    learnt: int = 0,
    seed: int = 0,
) -> Finding:
    """Mean gap in bits per token with its interval, where it lies, and the kinds of errors.

    nats, others  (n,) loss of each token, of the network and of the n-gram model, in nats
    tokens        (n,) what was to be said, in its order
    counts        (n,) how often training has the word that each token belongs to
    order, learnt  of the n-gram model: its length, and from how many tokens it was counted; for the sentence alone

    `arrays`: "gap" (n,) in nats, "kind" (n,) the kind of error by its place in KINDS, -1 where it is none.
    """
    gap = np.asarray(nats, np.float64) - others
    kind = kinds(nats, others, tokens, counts)
    draw = np.random.default_rng(seed)
    low, high = _interval(gap, draw)
    groups = np.array([_sort(token) for token in tokens])
    names = [name for name in SORTS if (groups == name).any()]
    means = {name: float(gap[groups == name].mean()) / HALF for name in names}
    chance = max(_spread(gap, groups, names, draw) for _ in range(SHUFFLES))
    widest = max(names, key=lambda name: abs(means[name] - gap.mean() / HALF))
    wrong = kind >= 0
    shares = [float((kind[wrong] == k).mean()) if wrong.any() else 0.0 for k in range(len(KINDS))]
    ahead = float((gap < 0).mean())
    value = float(gap.mean()) / HALF
    of = f" of order {order}" if order else ""
    which = "ahead of" if value < 0 else "behind"
    sentence = (
        f"It is {abs(value):.3f} bits per token {which} an n-gram model{of}{f' of {learnt:,} tokens' if learnt else ''}, and ahead at "
        f"{ahead:.0%} of the tokens. It differs most from its mean at {widest}: {means[widest]:+.2f} bits; with the gaps shuffled no kind of "
        f"token is further than {chance:.2f} from the mean. Of the {int(wrong.sum()):,} tokens that it gave less than half its "
        f"probability, counting short strings would have got {shares[0]:.0%}, and a memory of what stood in the text before {shares[1]:.0%}."
    )
    rows = [{"gap (bits per token)": means[name], "token": name} for name in names]
    errors = [{"share of errors (%)": 100 * share, "kind": name} for name, share in zip(KINDS, shares)]
    chart = stack(
        bars(rows, "gap (bits per token)", "token", height=26 * len(rows) + 20, title="Network minus n-gram: below 0 it is ahead"),
        bars(errors, "share of errors (%)", "kind", height=26 * len(errors) + 20, title="What its errors are"),
    )  # fmt: skip
    return Finding(
        "ngrams", "Beyond counting", sentence, value, "bits per token", (low / HALF, high / HALF),
        sample=f"{len(gap):,} tokens", chart=chart, html=_text(gap, tokens),
        table=tuple(
            {"token": name, "tokens": int((groups == name).sum()), "network (bits)": float(np.mean(nats[groups == name])) / HALF,
             "n-gram (bits)": float(np.mean(others[groups == name])) / HALF, "gap (bits)": means[name]}
            for name in names
        ),
        arrays={"gap": gap, "kind": kind},
    )  # fmt: skip


SORTS = ("letters and words", "digits", "white space", "punctuation", "other")


def kinds(nats: np.ndarray, others: np.ndarray, tokens: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """The kind of error of each token (n,), by its place in KINDS; -1 where it got at least half of the probability."""
    wrong = nats > HALF
    fits = [
        others < HALF,
        repeats(tokens),
        counts < RARE,
        np.array([_sort(token) in ("white space", "punctuation") for token in tokens]),
        np.ones(len(tokens), bool),
    ]
    found = np.full(len(tokens), -1)
    for k in reversed(range(len(KINDS))):
        found[wrong & fits[k]] = k
    return found


def repeats(tokens: Sequence[str], memory: int = MEMORY, reach: int = REACH) -> np.ndarray:
    """Whether each token (n,) is the one that followed the last time that the `memory` tokens before it stood in the text."""
    found, last = np.zeros(len(tokens), bool), dict[tuple[str, ...], int]()
    for at in range(memory, len(tokens)):
        context = tuple(tokens[at - memory : at])
        before = last.get(context)
        found[at] = before is not None and at - before <= reach and tokens[before] == tokens[at]
        last[context] = at
    return found


def word_counts(tokens: Sequence[str], training: Sequence[str]) -> np.ndarray:
    """How often training has the word that each token belongs to (n,); for characters words are runs of letters."""
    spelt = all(len(token) <= 1 for token in tokens)
    counted: dict[str, int] = {}
    for word, _ in _words(training) if spelt else ((token, 1) for token in training):
        counted[word] = counted.get(word, 0) + 1
    if not spelt:
        return np.array([counted.get(token, 0) for token in tokens])
    found: list[int] = []
    for word, length in _words(tokens):
        found += [counted.get(word, 0)] * length
    return np.array(found)


def _words(characters: Sequence[str]) -> list[tuple[str, int]]:
    """Runs of letters, and all else one by one, each with its length."""
    found: list[tuple[str, int]] = []
    run: list[str] = []
    for character in [*characters, None]:
        if character is not None and character.isalpha():
            run.append(character)
            continue
        if run:
            found.append(("".join(run), len(run)))
            run = []
        if character is not None:
            found.append((character, 1))
    return found


def _sort(token: str) -> str:
    if not token or token.isspace():
        return "white space"
    if any(sign.isalpha() for sign in token):
        return "letters and words"
    if any(sign.isdigit() for sign in token):
        return "digits"
    return "punctuation" if all(sign.isprintable() for sign in token) else "other"


def _interval(gap: np.ndarray, draw: np.random.Generator) -> tuple[float, float]:
    """95% interval of the mean gap, whole blocks of neighbours resampled."""
    size = max(1, min(BLOCK, len(gap) // 10))
    blocks = gap[: len(gap) // size * size].reshape(-1, size).mean(1)
    means = blocks[draw.integers(0, len(blocks), (1000, len(blocks)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _spread(gap: np.ndarray, groups: np.ndarray, names: Sequence[str], draw: np.random.Generator) -> float:
    """The largest distance of a kind's mean gap from the whole's, in bits, with the gaps shuffled; kinds of the same sizes."""
    mixed = draw.permutation(gap)
    return max(abs(float(mixed[groups == name].mean() - gap.mean())) for name in names) / HALF


def _text(gap: np.ndarray, tokens: Sequence[str]) -> str:
    """The stretch of text where the gap varies most, coloured by it."""
    size = min(SHOWN_STEPS, len(gap))
    starts = range(0, len(gap) - size + 1, size)
    first = max(starts, key=lambda start: float(gap[start : start + size].std()))
    bits = gap[first : first + size] / HALF
    told = f"<p><small>Where it loses to the n-gram model {coloured(['orange'], [1.0], 1.0)}, where it wins {coloured(['blue'], [-1.0], 1.0)}:</small></p>"
    shown = coloured(
        [html.unescape(token) for token in tokens[first : first + size]], bits.tolist(), 6.0, " bits"
    )
    return f"{told}<p>{shown}</p>"
