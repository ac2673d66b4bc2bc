"""Word vectors from a file, end to end."""

from __future__ import annotations

import pytest
import torch

import elman
from elman.core.errors import DataError, RecipeError

SMALL = {"hidden_size": 4, "steps": 2, "rivals": (), "bootstrap": 20, "explained": False}


@pytest.fixture
def films(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{'good' if k % 2 else 'bad'} film {k},{k % 2}" for k in range(120))
    (tmp_path / "films.csv").write_text(f"text,label\n{rows}\n")
    return tmp_path / "films.csv"


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_the_words_of_a_file_start_with_its_vectors(films, header):
    (films.parent / "v.txt").write_text(header + "good 1 2\nbad -1 -2\nunheard 5 5\n")
    settings = {**SMALL, "embedding_size": 2, "learning_rate": 1e-9}
    run = elman.fit(films, vectors=str(films.parent / "v.txt"), **settings)
    assert any("word vectors: 2 of " in line for line in run.facts["summary"])
    (films.parent / "v.txt").unlink()  # a trained run does not need it any more
    index = {token: number for number, token in enumerate(run.encoder.text.vocabulary.tokens)}
    table = run.network.inputs.embedding.weight
    torch.testing.assert_close(table[index["good"]], torch.tensor([1.0, 2.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(table[index["bad"]], torch.tensor([-1.0, -2.0]), atol=1e-6, rtol=0)
    assert not (table == 5).any()


def test_vectors_of_another_size_name_the_flag(films):
    (films.parent / "v.txt").write_text("good 1 2 3\n")
    with pytest.raises(DataError, match=r"v.txt line 1 has 3 numbers.*--embedding-size 3"):
        elman.fit(films, vectors=str(films.parent / "v.txt"), embedding_size=2, **SMALL)


def test_a_file_without_any_of_the_words_says_what_they_look_like(films):
    (films.parent / "v.txt").write_text("GOOD 1 2\n")
    with pytest.raises(RecipeError, match="none of the .* tokens stands in .*--lowercase"):
        elman.fit(films, vectors=str(films.parent / "v.txt"), embedding_size=2, **SMALL)


def test_a_file_of_words_alone_is_none(films):
    (films.parent / "v.txt").write_text("good\n\nbad\n")
    with pytest.raises(DataError, match="without numbers"):
        elman.fit(films, vectors=str(films.parent / "v.txt"), embedding_size=2, **SMALL)
