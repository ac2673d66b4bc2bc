"""Networks made elsewhere that answer at every step, and behaviour tests of them: networks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import elman
from elman.core.errors import RecipeError
from elman.inspection import fitting, looked_into
from elman.interpretation.suite import Behaviour
from elman.own import own

BACK, AHEAD = 1, 2


class Register(nn.Module):
    """Its state holds what was read up to AHEAD steps before, and with `both` as many after; the head tells two bits: 1 before, 2 after."""

    def __init__(self, both: bool = True, batch_first: bool = True) -> None:
        super().__init__()
        size = AHEAD + 1
        self.rnn = nn.RNN(
            1, size, nonlinearity="relu", bias=False, batch_first=batch_first, bidirectional=both
        )
        self.head = nn.Linear(size * (1 + both), 4)
        with torch.no_grad():
            for name, weight in self.rnn.named_parameters():
                first, shift = torch.eye(size)[:, :1], torch.eye(size).roll(1, 0).tril()
                weight.copy_(first if "ih" in name else shift)
            reads = torch.zeros(2, size * (1 + both))
            reads[0, BACK], reads[1, size + AHEAD if both else 0] = 1.0, 1.0
            signs = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
            self.head.weight.copy_(6 * signs @ reads)
            self.head.bias.copy_(-3 * signs.sum(1))

    def forward(self, x, lengths=None):
        return self.head(self.rnn(x)[0])


def bits(batch=300, time=9):
    x = torch.randint(0, 2, (batch, time, 1), generator=torch.Generator().manual_seed(0)).float()
    known = nn.functional.pad(x[..., 0], (BACK, AHEAD)).long()  # the register is empty before and after
    return x, known[:, :time] + 2 * known[:, BACK + AHEAD :]


def test_a_tagger_that_reads_from_both_ends_needs_what_its_register_holds():
    x, tags = bits()
    torch.testing.assert_close(Register()(x).argmax(-1), tags)
    found = {finding.question: finding for finding in elman.inspect(Register(), x, tags)}
    assert found["context"].value == AHEAD
    assert f"it needs {BACK} on the left and {AHEAD} on the right" in found["context"].sentence
    assert found["errors"].value == 0.0  # it is asked about the middle step, and right there
    assert not {"memory", "attribution", "connectivity", "dynamics", "behaviour", "readout"} & set(found)
    with pytest.raises(RecipeError, match="memory is no question to this network: it reads from both ends.*context"):  # fmt: skip
        elman.inspect(Register(), x, tags, questions=["memory"])


def test_what_can_be_asked_is_known_before_it_is():
    x, tags = bits(batch=12)
    both = set(fitting(*looked_into(Register(), x, tags)))
    assert "context" in both and not {"memory", "attribution", "behaviour", "dynamics", "readout"} & both
    one = set(fitting(*looked_into(Register(both=False), x, tags)))
    assert {"memory", "attribution", "behaviour"} <= one and not {"context", "readout"} & one
    words = torch.zeros(4, 5, dtype=torch.long)
    model = nn.Sequential(nn.Embedding(3, 2), nn.GRU(2, 3, batch_first=True))
    assert "behaviour" not in fitting(*looked_into(model, words))
    assert "behaviour" in fitting(*looked_into(model, words), suite=[])


def test_the_step_that_is_asked_for():
    x, tags = bits(time=8)
    lengths = torch.tensor([8, 5, 6] * 100)
    rows = torch.arange(300)
    view, sample = looked_into(Register(), x, tags, lengths=lengths)
    torch.testing.assert_close(sample.targets, tags[rows, (lengths - 1) // 2])
    assert view.asked is not None and view.read_steps is None and len(view.labels) == 4
    torch.testing.assert_close(view.read(x, lengths).argmax(1), sample.targets)
    torch.testing.assert_close(view.read(x, None).argmax(1), tags[:, 3])
    view, sample = looked_into(Register(both=False), x, tags, lengths=lengths)
    torch.testing.assert_close(sample.targets, tags[rows, lengths - 1])
    assert view.asked is None and view.read_steps is not None
    first = Register(both=False, batch_first=False)
    view, sample = looked_into(first, x.transpose(0, 1), tags.T, time_first=True)
    torch.testing.assert_close(sample.targets, tags[:, -1])
    view, sample = looked_into(Register(both=False), x, torch.stack([tags.float()] * 4, -1))
    torch.testing.assert_close(sample.targets, torch.stack([tags[:, -1].float()] * 4, -1))


def test_targets_that_do_not_fit_are_refused_with_the_fix():
    x, tags = bits()
    tags[:7, 4] = -100
    with pytest.raises(RecipeError, match="7 of 300 sequences have no target .* middle step"):
        elman.inspect(Register(), x, tags)
    with pytest.raises(RecipeError, match=r"one for each step, but the network has \(300, 9\)"):
        elman.inspect(Register(), x, tags[:, :8])

    class Once(Register):
        def forward(self, x):
            return super().forward(x)[:, -1]

    with pytest.raises(RecipeError, match="one for each step, but the network answers once"):
        elman.inspect(Once(), x, tags)


def network():
    x, tags = bits(batch=12)
    return Register(), x, {"targets": tags}


def test_a_copy_of_a_tagger_is_asked_about_the_same_step(monkeypatch):
    monkeypatch.setattr("elman.own._imported", lambda *_: None)
    monkeypatch.setattr("elman.own._function", lambda *_: network)
    mine = own("here:network")
    twin = mine.twin()
    assert mine.view.asked is not None and twin.view.asked is not None
    torch.testing.assert_close(twin.sample.targets, mine.sample.targets)


class Sum(nn.Module):
    """The sum of all that it read, as a number or as two classes."""

    def __init__(self, classes: bool = False) -> None:
        super().__init__()
        self.rnn, self.classes = nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True), classes
        with torch.no_grad():
            for weight in self.rnn.parameters():
                weight.fill_(1.0)

    def forward(self, x, lengths=None):
        last = x.shape[1] if lengths is None else lengths
        value = self.rnn(x)[0][torch.arange(len(x)), torch.as_tensor(last) - 1]
        return torch.cat([8 - value, value - 8], -1) if self.classes else value


@pytest.mark.parametrize("classes", [False, True])
def test_behaviour_of_a_network_made_elsewhere(classes):
    x = torch.rand(70, 16, 1, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([16, 12] * 35)
    if classes:
        lengths = torch.full((70,), 16)
    sums = (x * (torch.arange(16) < lengths[:, None])[..., None]).sum(1)
    targets = (sums[:, 0] > 8).long() if classes else sums
    label = "class 1" if classes else None
    suite = [
        Behaviour("turned round", "invariance", lambda row, draw: row[::-1].copy()),
        Behaviour("more", "directional", lambda row, draw: row + 1.0, expect="up", label=label),
        Behaviour("less", "directional", lambda row, draw: row + 1.0, expect="down", label=label),
        Behaviour("longer", "directional", lambda row, draw: np.concatenate([row, row]), expect="up", label=label),
        Behaviour("all the same", "invariance", lambda row, draw: 0 * row, tolerance=1e-9),
    ]  # fmt: skip
    (found,) = elman.inspect(Sum(classes), x, targets, lengths=lengths, questions=["behaviour"], suite=suite)
    failing = dict(zip(found.arrays["names"], found.arrays["share"]))
    assert failing == {"turned round": 0, "more": 0, "less": 1, "longer": 0, "all the same": 1}
    assert found.sample == "70 examples"


def test_the_usual_tests_are_of_series_and_tokens_need_a_suite():
    x = torch.rand(40, 16, 1, generator=torch.Generator().manual_seed(0))
    (found,) = elman.inspect(Sum(), x, questions=["behaviour"])
    assert [str(name) for name in found.arrays["names"]] == ["time shift", "missing inputs", "noise"]
    (found,) = elman.inspect(Sum(), x, lengths=torch.full((40,), 16), questions=["behaviour"])
    assert "length" in found.arrays["names"]
    lines = []
    usual = elman.inspect(Sum(), x, sizes={"memory": 5, "attribution": 5})
    assert "behaviour" not in {each.question for each in usual}  # nobody said what it should do
    elman.inspect(Sum(), x, questions=["behaviour"], told=lines.append)
    assert "behaviour: 40 sequences of up to 16 steps, about 4 passes" in lines[0]

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.sum = nn.Embedding(6, 1), Sum(classes=True)
            with torch.no_grad():
                self.embed.weight.copy_(torch.arange(6.0)[:, None])

        def forward(self, x):
            return self.sum(self.embed(x))

    words = torch.randint(0, 4, (40, 5), generator=torch.Generator().manual_seed(0))
    with pytest.raises(RecipeError, match="behaviour has no answer .* suite of your own"):
        elman.inspect(Words(), words, questions=["behaviour"])
    suite = [Behaviour("turned round", "invariance", lambda row, draw: row[::-1].copy())]
    classes = (words.sum(1) > 8).long()
    (found,) = elman.inspect(Words(), words, classes, questions=["behaviour"], suite=suite)
    assert found.value == 0 and found.control > 0
    for test in (Behaviour("typos", "invariance", "typo"), Behaviour("noise", "invariance", "noise")):
        with pytest.raises(RecipeError, match=f"{test.name}' is none of rows of tokens; .* function"):
            elman.inspect(Words(), words, questions=["behaviour"], suite=[test])
    with pytest.raises(RecipeError, match="'words' is none of rows of values"):
        other = Behaviour("words", "invariance", replace={"a": "b"})
        elman.inspect(Sum(), x, questions=["behaviour"], suite=[other])
    with pytest.raises(RecipeError, match=r"a suite is of behaviour tests.*questions=\[\"behaviour\"\]"):
        elman.inspect(Sum(), x, questions=["memory"], suite=suite)
