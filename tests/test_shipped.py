"""The networks that come with the install: made once, and right about every text, not about most."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from elman.prediction import predict
from elman.run import Run
from elman.shipped import DEEPEST, shipped


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("ELMAN_STATE", str(tmp_path_factory.mktemp("state")))
        made = shipped()
        before = (made / "parity" / "scores.json").stat().st_mtime_ns
        assert shipped() == made and (made / "parity" / "scores.json").stat().st_mtime_ns == before
    return made


def count(text: str) -> int:
    """Written anew: brackets open after each sign, back to none at a full stop."""
    level = 0
    for sign in text:
        level = 0 if sign == "." else level + {"(": 1, ")": -1}.get(sign, 0)
    return level


def test_the_memory_is_the_depth_and_the_answer_says_it(folder: Path) -> None:
    run = Run.open(folder / "bracket-counter")
    texts = ["".join(signs) for length in range(1, 7) for signs in product("().a", repeat=length)]
    texts = [text for text in texts if all(count(text[:end]) >= 0 for end in range(len(text)))]
    told = predict(run, texts)["prediction"].to_list()
    wanted = [str(max(0, count(text))) if count(text) < DEEPEST else f"{DEEPEST}+" for text in texts]
    assert told == wanted and len(texts) > 1000
    draw = np.random.default_rng(3)
    for text in draw.choice(texts, 40):
        inputs = torch.from_numpy(run.encoder.text.encode(text)).long()[None]
        with torch.no_grad():
            trace = run.network.rnn.trace(run.network.embed(inputs))
        c = trace["layers.0.forward.c"][0, :, 0]
        assert c.tolist() == pytest.approx([count(text[: end + 1]) for end in range(len(text))], abs=1e-5)
        forget = trace["layers.0.forward.forget_gate"][0, :, 0]
        assert forget.tolist() == pytest.approx([float(sign != ".") for sign in text], abs=1e-6)


def test_letters_it_never_saw_change_nothing(folder: Path) -> None:
    run = Run.open(folder / "bracket-counter")
    assert predict(run, ["(é(Z(?"])["prediction"][0] == "3"


def test_parity_of_all_short_words_and_a_long_one(folder: Path) -> None:
    run = Run.open(folder / "parity")
    texts = ["".join(bits) for length in range(1, 9) for bits in product("01", repeat=length)] + ["101" * 501]
    wanted = ["odd" if text.count("1") % 2 else "even" for text in texts]
    assert predict(run, texts)["prediction"].to_list() == wanted


def test_they_are_measured_like_any_run(folder: Path) -> None:
    for name in ("bracket-counter", "parity"):
        run = Run.open(folder / name)
        assert run.facts["known"] and run.scores["test"]["beats_best_rival"]
