"""Texts that lie in a mapped file: as a list of them is, without holding one."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.core.errors import StorageError
from elman.data import stored_texts
from elman.data.splits import pick
from elman.data.stored_texts import StoredTexts

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(TEXTS, min_size=1, max_size=20), st.lists(TEXTS, max_size=5), st.data())
def test_they_are_as_a_list_is(tmp_path_factory, first, second, data):
    folder = tmp_path_factory.mktemp("texts")
    parts = []
    for number, texts in enumerate(filter(None, (first, second))):
        frame = pl.DataFrame(
            {"n": range(len(texts)), "text": texts}, schema={"n": pl.Int64, "text": pl.String}
        )
        stored_texts.write(frame, folder / str(number))
        table, found = stored_texts.read(folder / str(number))
        assert table.columns == ["n"] and table["n"].to_list() == list(range(len(texts)))
        parts.append(found)
    whole, both = [*first, *second], StoredTexts.joined(parts)
    assert list(both) == whole and len(both) == len(whole) and both[-1] == whole[-1]
    begin, end = data.draw(st.integers(-20, 20)), data.draw(st.integers(-20, 20))
    assert list(both[begin:end]) == whole[begin:end] and list(both[::-2]) == whole[::-2]
    rows = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=9)), np.int64)
    examples = pick(both, list(range(len(whole))), rows)
    assert isinstance(examples.texts, StoredTexts) and list(examples.texts) == [whole[row] for row in rows]
    assert examples.targets == rows.tolist()
    with pytest.raises(IndexError):
        both[len(whole)]


def test_long_tables_are_written_in_pieces(tmp_path):
    texts = [f"text {number} \u00e9" for number in range(2 * stored_texts.TOGETHER + 7)]
    stored_texts.write(pl.DataFrame({"text": texts}), tmp_path / "t")
    assert list(stored_texts.read(tmp_path / "t")[1]) == texts


def test_a_damaged_text_is_named_and_not_read_again(tmp_path):
    path = tmp_path / "t"
    stored_texts.write(pl.DataFrame({"text": ["one", "two"]}), path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\xff")
    _, texts = stored_texts.read(path)
    assert texts[0] == "one"
    with pytest.raises(StorageError, match="was damaged on the disk and is deleted. Start again"):
        list(texts)
    assert not path.exists()
