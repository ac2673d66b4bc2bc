"""A long line as few points: what is drawn keeps its highest and lowest value in every stretch, so that no spike is lost."""

from __future__ import annotations

import numpy as np

POINTS = 600  # of a line, about as many as a screen has columns for it


def thin(values: np.ndarray, most: int = POINTS) -> np.ndarray:
    """Which places (k,) of a line of values (n,) to draw, in order, k <= most: the ends, and of each stretch the lowest and highest."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    edges = np.linspace(0, count, max(1, (most - 2) // 2) + 1).astype(int)
    kept = {0, count - 1}
    for start, stop in zip(edges[:-1], edges[1:]):
        stretch = values[start:stop]
        if np.isfinite(stretch).any():
            kept |= {start + int(np.nanargmin(stretch)), start + int(np.nanargmax(stretch))}
    return np.array(sorted(kept))
