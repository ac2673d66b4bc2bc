"""Structure of a series before any model: does its level wander, and how much of it is season?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST = 20_000  # rows that are looked at, the last ones
LEAST = 40
# 5% point of the Dickey-Fuller statistic with a constant, long series (MacKinnon 2010, table 2).
CRITICAL = -2.861


def dickey_fuller(values: np.ndarray) -> float:
    """The augmented Dickey-Fuller statistic with a constant; below CRITICAL the level returns to its mean.

    values (rows,) float64 without gaps. Lags by Schwert's rule, 12 (rows / 100)^(1/4), as in Said and Dickey 1984.
    """
    change = np.diff(values)
    lags = min(int(12 * (len(values) / 100) ** 0.25), len(values) // 4)
    rows = len(change) - lags
    columns = [
        values[lags:-1],
        np.ones(rows),
        *(change[lags - k : len(change) - k] for k in range(1, lags + 1)),
    ]
    design, target = np.stack(columns, 1), change[lags:]
    design[:, 0] -= values.mean()
    solution, *_ = np.linalg.lstsq(design, target, rcond=None)
    residual = target - design @ solution
    freedom = max(1, rows - design.shape[1])
    inverse = np.linalg.pinv(design.T @ design)
    error = np.sqrt(max(float(residual @ residual) / freedom * float(inverse[0, 0]), 1e-300))
    return float(solution[0] / error)


def seasonal_strength(values: np.ndarray, season: int) -> float:
    """Share of the movement about the trend that the season's mean shape explains, 0 to 1.

    1 - Var(remainder) / Var(season + remainder) (Wang, Smith and Hyndman 2006), the trend a centred moving average
    over one season, the season the mean of each phase.
    """
    width = np.full(season + 1 - season % 2, 1 / season)
    if season % 2 == 0:
        width[[0, -1]] /= 2
    trend = np.convolve(values, width, "valid")
    edge = len(width) // 2
    rest = values[edge : edge + len(trend)] - trend
    phase = np.arange(len(rest)) % season
    shape = np.bincount(phase, rest, season) / np.maximum(np.bincount(phase, minlength=season), 1)
    remainder = rest - shape[phase]
    return float(max(0.0, 1 - remainder.var() / rest.var())) if rest.var() > 0 else 0.0


def strongest_period(values: np.ndarray) -> tuple[int, float] | None:
    """The period in steps at which the autocorrelation of the changes peaks highest, and that peak; None for none.

    Only a peak outside the band of white noise counts, and shorter periods before their multiples.
    """
    change = np.diff(values)
    change = change - change.mean()
    most = min(len(change) // 3, 1_000)
    if most < 4 or not change.any():
        return None
    size = 1 << (2 * len(change) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(change, size)) ** 2
    found = np.fft.irfft(spectrum, size)[: most + 2]
    found = found / found[0]
    peaks = [k for k in range(2, most + 1) if found[k] > found[k - 1] and found[k] >= found[k + 1]]
    if not peaks:
        return None
    best = max(peaks, key=lambda k: found[k])
    first = next(k for k in peaks if found[k] >= 0.9 * found[best])
    # Twice the usual band: the highest of many peaks is compared with it.
    return (first, float(found[first])) if found[first] > max(0.1, 4 / np.sqrt(len(change))) else None


def describe(groups: Sequence[np.ndarray], season: int) -> str:
    """In words, for one column: each of `groups` (rows,) is one entity, NaN where a value is missing."""
    usable = [
        group
        for group in (_filled(one[-MOST:]) for one in groups[:50])
        if len(group) >= LEAST and group.std() > 0
    ]
    if not usable:
        return ""
    still = [dickey_fuller(group) < CRITICAL for group in usable]
    if len(usable) == 1:
        words = "level returns to its mean" if still[0] else "level wanders (a unit root is not rejected)"
    else:
        words = f"level returns to its mean in {sum(still)} of {len(usable)} entities"
    long = [group for group in usable if len(group) >= 3 * season]
    if season > 1 and long:
        share = float(np.mean([seasonal_strength(group, season) for group in long]))
        words += f"; a season of {season} steps makes {share:.0%} of the movement about the trend"
    periods = [found for found in map(strongest_period, usable) if found]
    if 2 * len(periods) > len(usable):
        period, height = max(periods, key=lambda found: found[1])
        off = abs(period / season - round(period / season)) * season
        if season == 1 or round(period / season) == 0 or off > 0.05 * season:
            words += f"; strongest period {period} steps (correlation {height:.2f})"
    return words


def _filled(values: np.ndarray) -> np.ndarray:
    """Gaps take the last value before; what lies before the first value is left out."""
    present = ~np.isnan(values)
    if not present.any():
        return np.zeros(0)
    last = np.maximum.accumulate(np.where(present, np.arange(len(values)), -1))
    filled: np.ndarray = values[last[last >= 0]]
    return filled
