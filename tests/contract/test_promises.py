"""What every cell promises, by the same code that checks a user's own: all of ours keep it, and each way to break it is seen."""

from __future__ import annotations

import pytest
import torch

from elman.__main__ import main
from elman.cells._check import HIDDEN, INPUT, PROPERTIES, Broken, check
from elman.cells._cost import multiply_adds, parameters
from elman.cells._own import cells_of
from elman.cells.contract import Affine, Cell, LinearCell, initialise
from elman.core.catalogue import catalogue
from elman.core.errors import DataError
from elman.models.rnn import RNN

CELLS = sorted(catalogue("cells"))


def maker(cell):
    return lambda **options: RNN(cell, INPUT, HIDDEN, **options)


@pytest.mark.parametrize("keeps", PROPERTIES, ids=lambda keeps: keeps.__name__)
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_keeps_its_promises(cell, keeps):
    keeps(maker(cell))


class Sound(Cell):
    """What the broken ones below would be if they were not."""

    readings = ("candidate",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.ih, self.hh = Affine(input_size, hidden_size), Affine(hidden_size, hidden_size)
        initialise(self.ih, 1, recurrent=False)
        initialise(self.hh, 1, recurrent=True)

    def project(self, x):
        return self.ih(x)

    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh()
        return self.State(n), (n,)


class Forgotten(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.more = Affine(hidden_size, hidden_size)


class MissingReading(Sound):
    readings = ("candidate", "update_gate")


class WrongShape(Sound):
    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh()
        return self.State(n), (n[..., :1],)


class PlainTuple(Sound):
    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh()
        return (n,), (n,)


class Single(Sound):
    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh().float()
        return self.State(n), (n,)


class Draws(Sound):
    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh() * torch.rand_like(projected)
        return self.State(n), (n,)


class SeesOthers(Sound):
    def step(self, projected, state):
        n = (projected + self.hh(state.h) + state.h.mean(0)).tanh()
        return self.State(n), (n,)


class SeesTime(Sound):
    def project(self, x):
        return self.ih(x - x.mean(0))


class OpenGate(Sound):
    readings = ("update_gate",)


class TwiceTheSame(Sound):
    readings = ("h",)


class OtherStep(LinearCell):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, hidden_size)
        initialise(self.ih, 1, recurrent=False)

    def project(self, x):
        return self.ih(x)

    def coefficients(self, projected):
        return projected.sigmoid(), projected, ()

    def step(self, projected, state):
        return self.State(projected.sigmoid() * state.h - projected), ()


class CutOff(Sound):
    def step(self, projected, state):
        n = (projected + self.hh(state.h.detach())).tanh()
        return self.State(n), (n,)


class Unused(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.more = torch.nn.Parameter(torch.zeros(3))


class LooksAtValues(Sound):
    def step(self, projected, state):
        n = projected + self.hh(state.h)
        n = n.tanh() if n.sum() > -1e9 else n
        return self.State(n), (n,)


class Hidden(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.secret = torch.randn(hidden_size).double()

    def step(self, projected, state):
        n = (projected * self.secret + self.hh(state.h)).tanh()
        return self.State(n), (n,)


BREAKS = [
    ("shapes", Forgotten, "more.weight starts with NaN"),
    ("shapes", MissingReading, "1 readings; `readings` names 2"),
    ("shapes", WrongShape, "candidate has shape"),
    ("shapes", PlainTuple, "self.State"),
    ("float64", Single, "float32|dtype"),
    ("pure", Draws, "a second run"),
    ("alone", SeesOthers, "sequence 0"),
    ("ragged", SeesTime, "sequence 1|NaN|padding"),
    ("streaming", SeesTime, "step 0"),
    ("carried", SeesTime, "two chunks"),
    ("trace", OpenGate, "update_gate ranges from -"),
    ("trace", TwiceTheSame, "each once"),
    ("executors", OtherStep, "value or gradient"),
    ("gradients", CutOff, "Jacobian|Backward|Numerical"),
    ("gradients", Unused, "more has no gradient"),
    ("per_sample", LooksAtValues, "data-dependent"),
    ("saved", Hidden, "after loading"),
]


@pytest.mark.parametrize(("name", "cell", "words"), BREAKS, ids=lambda one: getattr(one, "__name__", None))
def test_each_way_to_break_a_promise_is_seen(name, cell, words):
    keeps = next(keeps for keeps in PROPERTIES if keeps.__name__ == name)
    keeps(maker(Sound))
    with pytest.raises((Broken, RuntimeError), match=words):
        keeps(maker(cell))


def test_every_promise_can_be_broken():
    assert {name for name, *_ in BREAKS} == {keeps.__name__ for keeps in PROPERTIES}


def test_what_has_the_wrong_shape_is_asked_no_more():
    assert len(list(check(maker(WrongShape)))) == 1


FILE = """
from elman.cells.contract import Affine, Cell, initialise


class Mine(Cell):
    readings = ("candidate",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.ih, self.hh = Affine(input_size, hidden_size), Affine(hidden_size, hidden_size)
        initialise(self.ih, 1, recurrent=False)
        initialise(self.hh, 1, recurrent=True)

    def project(self, x):
        return self.ih(x)

    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh()
        return self.State(n), (n,)
"""


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (("", ""), 0, "or elman.RNN(Mine"),
        (("readings = ", "names = "), 1, "BROKEN  outputs, states and readings"),
        (("self.hh(state.h)", "self.hh(state.k)"), 1, "no attribute 'k' (line 18)"),
        (("state.h)", "state.h.detach())"), 1, "BROKEN  first and second derivatives"),
        (("input_size, hidden_size):", "size):"), 1, "BROKEN  outputs"),
        (("import Affine", "import Afine"), 2, "does not run: ImportError: cannot import name 'Afine'"),
        (("def step", "def stpe"), 2, "Mine in mycell.py lacks step"),
        (("(Cell)", ""), 2, "defines no cell"),
        (("class Mine(Cell):", "class Mine(Cell:"), 2, "(line 5)"),
    ],
)
def test_a_users_file_is_checked(change, status, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mycell.py").write_text(FILE.replace(*change) if change[0] else FILE)
    assert main(["check", "cell", "mycell.py"]) == status
    said = capsys.readouterr()
    assert words in (said.err if status == 2 else said.out) and "Traceback" not in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "what shall be checked"),
        (["check", "cel"], "Did you mean 'cell'"),
        (["check", "cell"], "give one file"),
        (["check", "cell", "lsmt"], "Did you mean 'lstm'"),
        (["check", "cell", "nothing.py"], "no file at nothing.py"),
    ],
)
def test_a_wrong_line_is_one_sentence(arguments, words, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and len(error.strip().splitlines()) == 1


def test_one_of_ours_by_name(capsys):
    assert main(["check", "cell", "mgu"]) == 0
    assert capsys.readouterr().out.count("  kept  ") == len(PROPERTIES)


def test_a_cell_from_a_file_runs_in_layers_and_directions(tmp_path):
    (tmp_path / "one.py").write_text(FILE)
    (kind,) = cells_of(tmp_path / "one.py")
    network = RNN(kind, 3, 5, 2, bidirectional=True)
    assert network(torch.randn(2, 6, 3), lengths=torch.tensor([6, 2]))[0].shape == (2, 6, 10)
    with pytest.raises(DataError, match="no file"):
        cells_of(tmp_path / "two.py")


# Parameters and multiply-adds by hand, at 3 inputs and 5 units.
COSTS = {
    "rnn": (15 + 25 + 10, 40),
    "lstm": (4 * 50, 160),
    "lstm_peephole": (4 * 45 + 15, 160),
    "gru": (3 * 50, 120),
    "gru_before": (3 * 45, 120),
    "mgu": (2 * 45, 80),
    "indrnn": (15 + 5 + 5, 15),
    "leaky_rnn": (15 + 25 + 10, 40),
    "mingru": (2 * 20, 30),
    "minlstm": (3 * 20, 45),
    "lru": (2 * 15 + 2 * 25 + 15 + 15, 95),
}


@pytest.mark.parametrize("cell", CELLS)
def test_parameters_and_cost_are_those_by_hand(cell):
    one = RNN(cell, 3, 5).layers[0][0]
    assert (parameters(one), multiply_adds(one)) == COSTS[cell]


def test_the_list_and_one_cell_tell_what_they_cost_and_who_runs_them(capsys):
    assert main(["cells"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in CELLS) and "131,968" in out and "81,920" in out
    assert main(["cells", "LRU"]) == 0
    out = capsys.readouterr().out
    assert "Re(C s') + D x" in out and "r_max=1.0" in out and "82,304 parameters" in out
    assert "Executor: scan" in out and "real, imaginary, h." in out
