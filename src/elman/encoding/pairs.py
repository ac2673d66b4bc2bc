"""Pairs of neighbouring tokens that occur often enough to be read as a unit."""

from __future__ import annotations

import numpy as np


def frequent_pairs(sequences: list[np.ndarray], vocabulary_size: int, least: int) -> tuple[int, ...]:
    """Sorted codes (previous token * vocabulary + token) of the pairs seen at least `least` times; none for 0."""
    if not least:
        return ()
    codes = [_codes(row, vocabulary_size) for row in sequences if len(row) > 1]
    if not codes:
        return ()
    values, counts = np.unique(np.concatenate(codes), return_counts=True)
    return tuple(values[counts >= least].tolist())


def pair_numbers(row: np.ndarray, codes: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """Number (length,) of the pair that each token ends: its place in the sorted `codes`, from 1; 0 for all others."""
    numbers = np.zeros(len(row), np.int64)
    if len(codes) and len(row) > 1:
        wanted = _codes(row, vocabulary_size)
        place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        numbers[1:] = np.where(codes[place] == wanted, place + 1, 0)
    return numbers


def _codes(row: np.ndarray, vocabulary_size: int) -> np.ndarray:
    codes: np.ndarray = row[:-1].astype(np.int64) * vocabulary_size + row[1:]
    return codes
