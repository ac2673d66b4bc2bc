"""`module:function`: what is found, the same answers as `inspect`, and each mistake as one sentence with the fix."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from elman.cli.open import shelf_of
from elman.core.errors import ElmanError, UnknownName, UserError
from elman.own import own

MODULE = """
import torch
from torch import nn

class Sorter(nn.Module):
    def __init__(self, batch_first=True):
        super().__init__()
        self.gru = nn.GRU(3, 5, batch_first=batch_first)
        self.head = nn.Linear(5, 2)
    def forward(self, x):
        states, _ = self.gru(x)
        return self.head(states[:, -1] if self.gru.batch_first else states[-1])

def made(batch_first=True):
    torch.manual_seed(0)
    return Sorter(batch_first), torch.randn(6, 4, 3)

def network(): return made()
def time_first():
    model, x = made(False)
    return model, x.transpose(0, 1), {"time_first": True}
def classes(): return (*made(), {"targets": torch.tensor([0, 1, 0, 1, 0, 1])})
def forgot_time_first():
    model, x = made(False)
    return model, torch.randn(6, 4, 2)
def alone(): return made()[0]
def no_tensor(): return made()[0], [1, 2, 3]
def one_sequence(): return made()[0], torch.zeros(4)
def options_are_a_list(): return (*made(), ["labels"])
def wrong_option(): return (*made(), {"label": ("a", "b")})
def wrong_labels(): return (*made(), {"labels": ("a", "b", "c")})
def no_layer(): return nn.Linear(3, 2), torch.zeros(6, 4, 3)
def wrong_sizes(): return made()[0], torch.zeros(6, 4, 7)
def shortens():
    class Shorter(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.rnn = nn.Conv1d(3, 4, 3, stride=2), nn.RNN(4, 5, batch_first=True)
        def forward(self, x): return self.rnn(self.conv(x.transpose(1, 2)).transpose(1, 2))[0][:, -1]
    return Shorter(), torch.randn(6, 9, 3)
def wants(size): return made()
def fails(): return 1 / 0
def leaves(): raise SystemExit(3)
def step():
    return (lambda state, x: torch.tanh(state + x)), torch.randn(5, 4, 2), {"start": torch.zeros(2)}
def held():
    import threading
    model, x = made()
    model.lock = threading.Lock()
    return model, x
def called():
    model, x = made()
    return model, x, {"call": lambda inputs, lengths: model(inputs)}
NUMBER = 5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "shop.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("x = 1\ny = x +\n", encoding="utf-8")
    (tmp_path / "absent.py").write_text("import torch\nimport nowhere_at_all\n", encoding="utf-8")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "deep.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one not in ("", str(tmp_path))])
    yield tmp_path
    for name in ("shop", "broken", "absent", "parts", "parts.deep"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["shop:network", "parts.deep:network", "shop:time_first"])
def test_the_working_folder_can_be_imported_from(folder: Path, name: str) -> None:
    found = own(name)
    assert found.name == name and len(found.sample) == 6 and found.outputs == 2
    assert found.sample.inputs.shape == (6, 4, 3)
    with torch.no_grad():
        given = found.inputs
        assert torch.allclose(
            found.view.read(found.view.embed(found.sample.inputs), None), found.model(given)
        )
    assert set(found.view.trace(found.sample.inputs, None)) == {
        f"gru.layers.0.forward.{name}" for name in ("reset_gate", "update_gate", "candidate", "h")
    }


def test_classes_without_labels_are_numbered(folder: Path) -> None:
    assert own("shop:classes").view.labels == ("class 0", "class 1") and own("shop:network").view.labels == ()


def test_a_step_function_is_a_network(folder: Path) -> None:
    found = own("shop:step")
    assert found.view.stepping is not None and found.outputs == 2 and found.twin() is None


def test_a_twin_has_weights_of_its_own(folder: Path) -> None:
    found = own("shop:network")
    twin = found.twin()
    assert twin is not None
    before = [weight.clone() for weight in found.model.parameters()]
    with torch.no_grad():
        for weight in twin.view.model.parameters():
            weight.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, found.model.parameters()))
    assert isinstance(found.model, nn.Module)


@pytest.mark.parametrize("name", ["shop:held", "shop:called"])
def test_what_cannot_be_copied_has_no_twin(folder: Path, name: str) -> None:
    assert own(name).twin() is None


@pytest.mark.parametrize(
    ("name", "kind", "parts"),
    [
        ("shop", UserError, ["expected module:function"]),
        (":network", UserError, ["expected module:function"]),
        ("shop:", UserError, ["expected module:function"]),
        ("shp:network", UserError, ["no module 'shp'", "Did you mean 'shop'?"]),
        ("shop.py:network", UserError, ["Did you mean 'shop'?", "without .py"]),
        ("parts/deep:network", UserError, ["Did you mean 'parts.deep'?"]),
        ("broken:network", UserError, ["'broken' does not run", "SyntaxError", "line 2"]),
        ("absent:network", UserError, ["'absent' does not run", "nowhere_at_all", "line 2"]),
        ("shop:netwrk", UnknownName, ["Did you mean 'network'?"]),
        ("shop:NUMBER", UserError, ["is an int, no function"]),
        ("shop:shortens", UserError, ["reads 4 steps where its inputs have 9", "Give the layers from there on"]),
        ("shop:wants", UserError, ["wants size", "takes nothing"]),
        ("shop:fails", UserError, ["ZeroDivisionError", "line"]),
        ("shop:leaves", UserError, ["SystemExit"]),
        ("shop:alone", UserError, ["returned a Sorter; expected (model, inputs)"]),
        ("shop:no_tensor", UserError, ["inputs that shop:no_tensor returned are a list", "(batch, time, ...)"]),
        ("shop:one_sequence", UserError, ["a tensor of shape (4,)"]),
        ("shop:options_are_a_list", UserError, ["are a list; expected a dict"]),
        ("shop:wrong_option", UnknownName, ["option of elman.inspect 'label'", "Did you mean 'labels'?"]),
        ("shop:wrong_labels", UserError, ["3 labels for 2 outputs"]),
        ("shop:no_layer", UserError, ["Linear has no recurrent layer"]),
        ("shop:wrong_sizes", UserError, ["fails with inputs (6, 4, 7)", "time_first=True"]),
        ("shop:forgot_time_first", UserError, ["fails with inputs (6, 4, 2)"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(folder: Path, name: str, kind: type[UserError], parts: list[str]) -> None:
    with pytest.raises(kind) as caught:
        own(name)
    assert isinstance(caught.value, ElmanError) and caught.value.exit_status == 2
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_stands_before_the_runs_of_a_folder(folder: Path) -> None:
    (folder / "runs" / "a").mkdir(parents=True)
    (folder / "runs" / "a" / "run.json").write_text("{}", encoding="utf-8")
    for place, beside in (("runs", ["a"]), ("runs/a", ["a"]), ("none", [])):
        shelf = shelf_of(Path(place), model="shop:network")
        assert shelf.front() == "/models/shop%3Anetwork" and shelf.names() == beside


def test_the_command_says_it_without_a_traceback(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from elman.__main__ import main

    assert main(["open", "--model", "shop:netwrk", "--port", "0"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("elman open: unknown function of shop 'netwrk'.") and "Traceback" not in told
