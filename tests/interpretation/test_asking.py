"""A person before a screen hears what is asked, of how many sequences and for how long; nobody else does."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
import torch

import elman
from elman.asking import Asking, InNotebook, screen
from elman.interpretation.cost import Cost

COST = Cost("memory", 12, 30, 40.0, 3.0)
LINE = "memory: 12 sequences of up to 30 steps, about 40 passes over them, about 3 s"


class Terminal(io.StringIO):
    """What a person sits before."""

    def isatty(self):
        return True


@pytest.fixture
def kernel(monkeypatch):
    """A notebook's displays: of each the lines that it showed, one after the other."""
    displays = pytest.importorskip("IPython.display")
    shown = []

    def display(bundle, **options):
        assert options == {"raw": True, "display_id": True}
        lines = [bundle["text/plain"]]
        shown.append(lines)
        return SimpleNamespace(update=lambda new, raw: lines.append(new["text/plain"]))

    monkeypatch.setattr(displays, "display", display)
    monkeypatch.setattr("elman.asking._in_notebook", lambda: True)
    return shown


def test_who_sits_before_it_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert type(screen()) is Asking  # imported, but no shell of its own runs this
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    assert type(screen()) is Asking  # in a terminal there is no kernel
    monkeypatch.setitem(
        sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1))
    )
    assert type(screen()) is InNotebook and screen(quiet=True) is None
    monkeypatch.delitem(sys.modules, "IPython")
    assert type(screen()) is Asking and screen(quiet=True) is None
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert screen() is None
    monkeypatch.setattr(sys, "stdout", None)  # a program with windows alone
    assert screen() is None


def test_a_terminal_has_a_line_and_a_bar_that_ends(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    told = Asking()
    told.asking(COST)
    told.answering(0.5)
    assert told.bar.tasks[0].completed == 0.5
    told.answering(1.0)
    assert told.bar is None and LINE in sys.stdout.getvalue()
    told.answering(1.0)  # nothing is asked any more


def test_a_notebook_has_one_line_that_is_rewritten(kernel):
    told = InNotebook()
    told.asking(COST)
    for share in (0.0, 0.304, 0.309, 1.0, 1.0):
        told.answering(share)
    assert kernel == [[f"asking  {LINE}", f"asking  {LINE}: 30%", f"asking  {LINE}"]]


def test_inspect_tells_the_screen_unless_it_is_told_not_to(capsys, kernel):
    torch.manual_seed(0)
    model, x = torch.nn.GRU(2, 4, batch_first=True), torch.randn(20, 9, 2)
    elman.inspect(model, x, questions=["gates", "memory"])
    assert [lines[-1].split(" of ")[0] for lines in kernel] == [
        "asking  gates: 20 sequences",
        "asking  memory: 20 sequences",
    ]
    lines = []
    elman.inspect(model, x, questions=["gates"], quiet=True)
    elman.inspect(model, x, questions=["gates"], told=lines.append)
    assert len(kernel) == 2 and len(lines) == 1 and not capsys.readouterr().out
