"""Two processes take the step that one would take; a process that dies ends the run with what it said."""

from __future__ import annotations

import random
import sys

import pytest
import torch

import elman
from elman.core.errors import RecipeError, RunError
from elman.encoding.batch import Batch
from elman.training import followers

pytest.importorskip("lightning_fabric")
pytestmark = [
    pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
SMALL = {"hidden_size": 6, "embedding_size": 4, "batch_size": 9, "learning_rate": 0.02, "steps": 12, "validations": 2,
         "tokenizer": "characters", "rivals": ["majority"], "threads": 1, "explained": False}  # fmt: skip


@pytest.fixture
def table(tmp_path):
    draw = random.Random(0)
    rows = [
        ("".join(draw.choice("abc") for _ in range(draw.randint(2, 7))), str(draw.random() < 0.5))
        for _ in range(120)
    ]
    path = tmp_path / "words.csv"
    path.write_text("text,label\n" + "\n".join(f"{text},{label}" for text, label in rows), encoding="utf-8")
    return path


def test_two_processes_take_the_steps_of_one(table, tmp_path):
    one = elman.fit(table, out=tmp_path / "one", **SMALL)
    two = elman.fit(table, out=tmp_path / "two", processes=2, **SMALL)
    for name, value in one.network.state_dict().items():
        torch.testing.assert_close(two.network.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert two.recipe.training.processes == 2
    assert not torch.distributed.is_initialized()
    again = elman.fit("", resume=two.folder, explained=False)
    assert again.history[-1]["step"] == 12


def test_a_text_model_carries_its_state_in_every_process(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat. " * 400, encoding="utf-8")
    settings = {
        **SMALL,
        "rivals": ["unigram"],
        "batch_size": 8,
        "truncation_length": 16,
        "steps": 20,
        "epochs": None,
    }
    one = elman.fit(path, out=tmp_path / "one", **settings)
    two = elman.fit(path, out=tmp_path / "two", processes=2, **settings)
    for name, value in one.network.state_dict().items():
        torch.testing.assert_close(two.network.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_a_process_that_dies_says_why(table, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", sys.executable)
    real = followers.subprocess.Popen
    monkeypatch.setattr(
        followers.subprocess,
        "Popen",
        lambda command, **options: real(
            [command[0], "-c", "import sys; sys.exit('no memory left')"], **options
        ),
    )
    with pytest.raises(RunError, match="ended with status 1.*no memory left.*--processes 1"):
        elman.fit(table, out=tmp_path / "dead", processes=2, **SMALL)


def test_a_budget_is_timed_in_one_process(table, tmp_path):
    with pytest.raises(RecipeError, match="--epochs or --steps"):
        elman.fit(table, out=tmp_path / "timed", processes=2, **{**SMALL, "steps": None, "budget": "5s"})


@pytest.mark.parametrize(("total", "count"), [(7, 2), (7, 3), (2, 4), (1, 2)])
def test_parts_are_the_batch_once(total, count):
    batch = Batch(torch.arange(total)[:, None], torch.arange(total), torch.ones(total, dtype=torch.long))
    parts = [batch.part(number, count) for number in range(count)]
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert sorted(int(one) for part, share in parts if share for one in part.targets) == list(range(total))
    assert all(len(part.inputs) for part, _ in parts)
