"""Texts that stay in their file: every stretch is what the text has there, and their tokens are those of the text."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.core.errors import DataError
from elman.core.recipe import DataOptions, EncodingOptions
from elman.data import cache, passage, text_file
from elman.data.load import load
from elman.data.passage import ending, long_file, one_file, opening
from elman.encoding.stored_stream import stored_encoder, stored_tokens
from elman.encoding.text import TextEncoder

TEXTS = st.text(st.sampled_from("ab é\n\U0001f600  ."), min_size=1, max_size=200)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(passage, "PIECE", 16)


def written(folder, text):
    path = folder / f"{len(list(folder.iterdir()))}.txt"
    path.write_bytes(text.encode())
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, places=st.tuples(st.integers(0, 200), st.integers(0, 200)), bom=st.booleans())
def test_a_stretch_is_what_the_text_has_there(tmp_path, text, places, bom):
    start, stop = sorted(min(place, len(text)) for place in places)
    file = long_file(written(tmp_path, "\ufeff" * bom + text))
    part = file.passage(start, stop)
    assert (file.characters, file.alphabet) == (len(text), "".join(sorted(set(text))))
    assert "".join(part) == text[start:stop]
    assert len(part) == stop - start
    for count in (1, 7):
        assert opening(part, count) == text[start:stop][:count]
        assert ending(part, count) == text[start:stop][-count:]


def test_pieces_end_before_white_space_so_that_no_word_is_cut(tmp_path):
    text = "some words, and a\n\nparagraph  here and now " * 20
    found = list(long_file(written(tmp_path, text)).passage(0, len(text)))
    assert len(found) > 10 and "".join(found) == text
    assert all(piece[0].isspace() and not piece[-1].isspace() for piece in found[1:-1])


@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "spaces", "bpe", "unigram"])
@pytest.mark.parametrize("lowercase", [False, True])
def test_tokens_on_the_disk_are_those_of_the_text(tmp_path, kind, lowercase):
    text = "The cat's mat, été.\n\nA line   with gaps;\n<br /> 12.5 and\tmore words\n" * 30
    part = long_file(written(tmp_path, text)).passage(0, len(text))
    options = EncodingOptions(tokenizer=kind, lowercase=lowercase, vocabulary_size=300)
    encoder = stored_encoder(part, "hash", options)
    if kind not in ("bpe", "unigram"):  # pieces are learned from words, whose order in a tie may differ
        assert encoder.to_dict() == TextEncoder.fit([text], options).uncut().to_dict()
    tokens = stored_tokens(encoder, part, "hash")
    np.testing.assert_array_equal(tokens, encoder.encode(text))
    assert isinstance(tokens, np.memmap) and tokens.dtype == (
        np.uint16 if len(encoder.vocabulary) > 256 else np.uint8
    )


def test_what_is_kept_is_read_again_and_never_stale(tmp_path, monkeypatch):
    path, taken = written(tmp_path, "one two " * 10), []
    monkeypatch.setattr(passage, "_scan", lambda path, scan=passage._scan: taken.append(1) or scan(path))
    first = long_file(path)
    long_file(path)
    assert len(taken) == 2, "a file of this second is not trusted to stay"
    old = time.time() - 100
    os.utime(path, (old, old))
    monkeypatch.setattr(cache.time, "time", lambda: old + 1000)  # the inode changed just now
    assert long_file(path) == first == long_file(path)
    assert len(taken) == 3
    path.write_text("two one " * 10)
    assert long_file(path).sha256 != first.sha256


def test_a_long_file_is_split_as_a_short_one(tmp_path, monkeypatch):
    path = written(tmp_path, "a line of words\n" * 200)
    short = text_file.load(DataOptions(source=str(path)))
    monkeypatch.setattr(text_file, "LONG", 1000)
    long = text_file.load(DataOptions(source=str(path)))
    assert {name: "".join(part) for name, part in long.splits.items()} == dict(short.splits)
    assert long.provenance == short.provenance
    assert load(DataOptions(source=str(path), limit=50))[1].splits["train"].characters == 50


def test_many_files_are_one_text(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_bytes(b"\xef\xbb\xbf" + f"text {name} ".encode() * 200)
    short = text_file.load(DataOptions(source=str(tmp_path)))
    monkeypatch.setattr(text_file, "LONG", 1000)
    assert one_file([tmp_path / "a.txt"]).read_text() == "text a " * 200
    long = text_file.load(DataOptions(source=str(tmp_path)))
    assert {name: "".join(part) for name, part in long.splits.items()} == dict(short.splits)


def test_what_is_not_utf8_is_named_by_line(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"line of text\n" * 5 + "é".encode("latin1") + b" end\n")
    with pytest.raises(DataError, match=r"byte 0xe9 at offset 65 \(line 6\)"):
        long_file(path)
    path.write_bytes(b"x" * 47 + "é".encode()[:1])
    with pytest.raises(DataError, match=r"byte 0xc3 at offset 47 \(line 1\)"):
        long_file(path)
