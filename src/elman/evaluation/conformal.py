"""The interval of a point forecast from errors that were seen: split conformal prediction (Vovk et al. 2005)."""

from __future__ import annotations

import numpy as np

ENOUGH = 20  # errors from which a step of the horizon has an interval of its own


def offsets(errors: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """errors (windows, horizon, ...) of value less forecast, NaN where no value was -> the two offsets (horizon, ...).

    The k-th smallest and the k-th largest of n errors, k = (n + 1) (1 - share) / 2 rounded down: a value to come falls between
    them with at least this share, if its error is as those were. Where n is too small for that (below 19 for 0.9) they are the least
    and the greatest. A step with fewer than ENOUGH errors is no surer than those nearer than it. NaN where there is no error at all.
    """
    count = (~np.isnan(errors)).sum(0)
    ordered = np.sort(errors, axis=0)  # NaN last
    place = np.maximum((np.floor((count + 1) * (1 - share) / 2 + 1e-9)).astype(int), 1) - 1
    last = np.maximum(count - 1 - place, 0)
    low, high = (np.take_along_axis(ordered, at[None], 0)[0] for at in (np.minimum(place, last), last))
    few = count < ENOUGH
    return (
        np.where(few, np.fmin.accumulate(low), low),
        np.where(few, np.fmax.accumulate(high), high),
    )
