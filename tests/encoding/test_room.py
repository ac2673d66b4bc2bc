"""Large matrices lie in a file, and are in memory where none can be made."""

import errno
import os

import numpy as np
import polars as pl
import pytest

from elman.core.recipe import DataOptions, EncodingOptions
from elman.data.series import prepare
from elman.encoding import room as place
from elman.encoding import series as rows
from elman.encoding.series import SeriesEncoder


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(place, "LARGE", 64)
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    return tmp_path


def test_a_large_matrix_is_what_was_put_there_and_leaves_nothing(small):
    room = place.Room(5000, 3)
    assert room._file is not None and room.matrix.shape == (5000, 3) and room.matrix.dtype == np.float32
    given = np.arange(15000.0).reshape(5000, 3)
    for start in range(0, 5000, 700):
        part = slice(start, min(start + 700, 5000))
        room.put(part, given[part])
    matrix = room.matrix
    del room
    assert (matrix == given).all() and not list(small.iterdir())


def test_a_small_one_is_in_memory(small):
    assert place.Room(2, 3)._file is None


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system does not say that a disk is full")
def test_a_full_disk_is_no_end(small, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    room = place.Room(10, 3)
    room.put(slice(0, 10), np.ones((10, 3)))
    assert room._file is None and room.matrix.sum() == 30


@pytest.mark.parametrize("scaler", ["standard", "difference", "log_return", "robust"])
@pytest.mark.parametrize("kind", ["entities", "one"])
def test_a_table_encoded_in_pieces_is_the_table_encoded_whole(small, monkeypatch, scaler, kind):
    generator = np.random.default_rng(0)
    times = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 5, 3), "1h", eager=True).to_list()
    groups = ["a", "b", "c"] if kind == "entities" else ["a"]
    values = np.exp(generator.standard_normal((len(groups) * 100, 3)))
    values[generator.random(values.shape) < 0.3] = np.nan
    values[:4, 0] = np.nan  # a series that begins with nothing
    frame = pl.DataFrame({"t": times * len(groups), "who": np.repeat(groups, 100)}).with_columns(
        pl.Series(name, values[:, k], nan_to_null=True) for k, name in enumerate(("y", "k", "o"))
    )
    entity = "who" if kind == "entities" else None
    options = DataOptions(
        source="x", time="t", entity=entity, target=("y",), known=("k",), observed=("o",), gaps="mask"
    )
    table = prepare(frame, "x", options, "")
    chosen = EncodingOptions(context_length=8, horizon=4, scaler=scaler)
    found = []
    for cells in (7, 10**6):
        monkeypatch.setattr(rows, "CELLS", cells)
        encoder = SeriesEncoder.fit(table, chosen, "mask")
        found.append((encoder.to_dict(), encoder.arrays(table)))
    (first, pieces), (second, whole) = found
    assert first == second
    for name in whole:
        np.testing.assert_array_equal(pieces[name], whole[name], err_msg=name)
