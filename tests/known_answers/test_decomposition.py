"""Contextual decomposition: spans against a second implementation, what is known by itself, and who is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of_network
from tests.references.decomposition import decompose
from torch import nn

from elman.core.errors import RecipeError
from elman.interpretation.credit import ask, asked_of
from elman.interpretation.decomposition import decomposition, refusal, split
from elman.interpretation.foreign import view_of_module
from elman.interpretation.view import untouched
from elman.models.rnn import RNN

FIRST = torch.zeros(3, dtype=torch.long)


def layers_of(cell, layers, size=5, inputs=4, seed=0):
    """A network in float64 with weights and biases large enough that every rule shows."""
    torch.manual_seed(seed)
    rnn = RNN(cell, inputs, size, layers).double()
    with torch.no_grad():
        for weight in rnn.parameters():
            weight.copy_(torch.randn(weight.shape, dtype=torch.float64))
    return rnn


def arrays_of(rnn):
    return [
        {"ih": cell.ih.weight.detach().numpy(), "hh": cell.hh.weight.detach().numpy(),
         "bias_ih": cell.ih.bias.detach().numpy(), "bias_hh": cell.hh.bias.detach().numpy()}
        for (cell,) in rnn.layers
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("span", [{0}, {3}, {6}, {2, 3, 4}, {1, 5}, set(), set(range(7))])
def test_each_span_is_that_of_a_second_implementation(cell, layers, span):
    rnn = layers_of(cell, layers)
    x = torch.randn(2, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    inside = torch.tensor([step in span for step in range(7)]).expand(2, -1)
    with torch.no_grad():
        beta, gamma = split(rnn, x, inside)
        whole = rnn(x)[0]
    torch.testing.assert_close(beta + gamma, whole, rtol=0, atol=1e-12)
    for row in range(2):
        phrase, rest = decompose(cell, arrays_of(rnn), x[row].numpy(), span)
        np.testing.assert_allclose(beta[row, -1], phrase, atol=1e-12)
        np.testing.assert_allclose(gamma[row, -1], rest, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_span_of_all_steps_is_everything_and_one_of_none_nothing(cell):
    """What is one step early or late fails here: the bias of the only step of a sequence belongs to it."""
    rnn = layers_of(cell, 2)
    for time in (1, 4):
        x = torch.randn(3, time, 4, dtype=torch.float64)
        with torch.no_grad():
            whole = rnn(x)[0]
            beta, gamma = split(rnn, x, torch.ones(3, time, dtype=torch.bool))
            torch.testing.assert_close(beta, whole, rtol=0, atol=1e-12)
            assert gamma.abs().max() < 1e-12
            beta, _ = split(rnn, x, torch.zeros(3, time, dtype=torch.bool))
            assert (beta == 0).all()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_credit_is_what_the_head_reads_of_each_step(cell):
    view = view_of_network(cell)
    view.model.double()
    lengths = torch.tensor([10, 4, 7])
    sample = sample_of(tokens(3), lengths=lengths)
    with untouched(view):
        asked = ask(view, sample)
        credit = decomposition(asked).cells.sum(2)
    head = view.model.head.weight.detach().numpy()
    for row, length in enumerate(lengths.tolist()):
        assert (credit[row, length:] == 0).all()
        for step in range(length):
            x = asked.vectors[row, :length].numpy()
            phrase, _ = decompose(cell, arrays_of(view.model.rnn), x, {step})
            assert float(credit[row, step]) == pytest.approx(
                float(head[asked.output[row]] @ phrase), abs=1e-12
            )


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_learned_first_state_belongs_to_no_step(cell):
    """h and c start apart; a span of all steps is then not everything, and one of none still nothing."""
    torch.manual_seed(0)
    rnn = RNN(cell, 4, 5, 2, learned_initial_state=True).double()
    with torch.no_grad():
        for place, part in enumerate(rnn.initial):
            part.copy_(torch.randn(part.shape) + 2 * place)
        x = torch.randn(3, 4, 4, dtype=torch.float64)
        beta, gamma = split(rnn, x, torch.ones(3, 4, dtype=torch.bool))
        torch.testing.assert_close(beta + gamma, rnn(x)[0], rtol=0, atol=1e-12)
        assert gamma.abs().max() > 0.1
        assert (split(rnn, x, torch.zeros(3, 4, dtype=torch.bool))[0] == 0).all()


class Foreign(nn.Module):
    """Reads the last state, or with `end` the state that the layer hands over."""

    def __init__(self, kind=nn.LSTM, end=False, cell_end=False, **options):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.head = kind(4, 5, **options), nn.Linear(5, 2)
        self.end, self.cell_end = end, cell_end

    def forward(self, x):
        output, end = self.layer(x)
        if self.cell_end:
            return self.head(end[1][-1])
        if self.end:
            return self.head((end[0] if isinstance(end, tuple) else end)[-1])
        return self.head(output[:, -1] if self.layer.batch_first else output[-1])


def foreign(model, x, **options):
    view = view_of_module(
        model, x, None, lambda inputs, n: model(inputs, **options), lambda o, t: o.sum(1), (), None
    )
    return view, asked_of(view, view.embed(x), None, FIRST)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_torch_layers_are_decomposed(kind, end, layers):
    x = torch.randn(3, 6, 4)
    model = Foreign(kind, end, num_layers=layers, batch_first=True)
    view, asked = foreign(model, x)
    with untouched(view):
        credit = decomposition(asked).cells.sum(2)
    rnn = RNN.from_torch(model.layer).double()
    for step in range(6):
        phrase, _ = decompose(kind.__name__.lower(), arrays_of(rnn), x[1].numpy(), {step})
        assert float(credit[1, step]) == pytest.approx(
            float(model.head.weight[0].detach().numpy() @ phrase), abs=1e-5
        )
    assert not model.layer._forward_hooks


def test_spans_share_what_is_too_long_for_single_steps():
    view = view_of_network("gru")
    with untouched(view):
        asked = ask(view, sample_of(tokens(3)))
        credit = decomposition(asked, 3).cells.sum(2)
        inside = (torch.arange(10) < 4).expand(3, -1)
        beta, _ = split(view.model.rnn, asked.vectors, inside)
    read = (beta[:, -1] @ view.model.head.weight.T).gather(1, asked.output[:, None])[:, 0]
    torch.testing.assert_close(credit[:, :4].sum(1), read)
    torch.testing.assert_close(credit[:, 0], credit[:, 3])


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: view_of_network("rnn"), "for LSTM and GRU; this is RNN"),
        (lambda: view_of_network("lstm", bidirectional=True), "reads from the end"),
        (lambda: view_of_network("lstm", layer_norm=True), "layer_norm"),
        (lambda: view_of_network("gru", zoneout=0.1), "zoneout"),
        (lambda: view_of_network("lstm", projection_size=3), "projection_size"),
        (lambda: view_of_network("gru", num_layers=2, residual=True), "residual"),
        (lambda: view_of_network("lstm", pooling="max"), "not linear"),
    ],
)
def test_what_cannot_be_decomposed_says_why(made, reason):
    view = made()
    with untouched(view):
        asked = ask(view, sample_of(tokens(3)))
        assert reason in refusal(asked)
        with pytest.raises(RecipeError, match="not possible"):
            decomposition(asked)
    assert not any(module._forward_hooks for module in view.model.modules())


def test_an_answer_from_elsewhere_is_refused():
    x = torch.randn(3, 6, 4)
    view, asked = foreign(Foreign(cell_end=True, batch_first=True), x)
    assert "not read from the states of its last layer alone" in refusal(asked)
    view, asked = foreign(Foreign(nn.RNN, batch_first=True), x)
    assert "for LSTM and GRU" in refusal(asked)
    two = nn.ModuleList([Foreign(batch_first=True), Foreign(batch_first=True)])
    view = view_of_module(
        two, x, None, lambda inputs, n: two[0](inputs) + two[1](inputs), lambda o, t: o.sum(1), (), None
    )
    assert "2 recurrent modules" in refusal(asked_of(view, view.embed(x), None, FIRST))


class Packed(Foreign):
    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.full((len(x),), x.shape[1]), batch_first=True)
        return self.head(self.layer(packed)[1][0][-1])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Packed(batch_first=True), "read a packed batch"),
        (Foreign(bias=False, batch_first=True), "for LSTM and GRU with biases"),
        (Foreign(nn.RNN, batch_first=True), "for LSTM and GRU with biases"),
    ],
)
def test_torch_layers_that_are_refused(model, reason):
    _, asked = foreign(model, torch.randn(3, 6, 4))
    assert reason in refusal(asked)


def test_layers_that_read_something_else_are_refused():
    """What is credited is twice, or one step less of, what the layers read."""
    view = view_of_network("gru")
    for change in (lambda e: 2 * e, lambda e: e[:, 1:]):
        changed = replace(view, read=lambda e, n, change=change: view.read(change(e), n))
        with untouched(view):
            assert "something else" in refusal(ask(changed, sample_of(tokens(3))))
    idle = replace(view, read=lambda e, n: e.sum(1))
    with untouched(view):
        assert "something else" in refusal(ask(idle, sample_of(tokens(3))))


def test_a_module_that_reads_time_first_is_decomposed():
    x, model = torch.randn(3, 6, 4), Foreign()
    view = view_of_module(
        model, x, None, lambda inputs, n: model(inputs.transpose(0, 1)), lambda o, t: o.sum(1), (), None
    )
    with untouched(view):
        credit = decomposition(asked_of(view, view.embed(x), None, FIRST)).cells.sum(2)
    rnn = RNN.from_torch(model.layer).double()
    for step in range(6):
        phrase, _ = decompose("lstm", arrays_of(rnn), x[2].numpy(), {step})
        assert float(credit[2, step]) == pytest.approx(
            float(model.head.weight[0].detach().numpy() @ phrase), abs=1e-5
        )


def test_another_layers_state_is_no_state_of_the_last():
    x = torch.randn(3, 6, 4)
    model = Foreign(nn.GRU, num_layers=2, batch_first=True)
    view = view_of_module(
        model,
        x,
        None,
        lambda inputs, n: model.head(model.layer(inputs)[1][0]),
        lambda o, t: o.sum(1),
        (),
        None,
    )
    assert "not read from the states of its last layer alone" in refusal(
        asked_of(view, view.embed(x), None, FIRST)
    )
    ours = Foreign(batch_first=True)
    ours.layer = RNN("lstm", 4, 5)
    view = view_of_module(
        ours,
        x,
        None,
        lambda inputs, n: ours.head(ours.layer(inputs)[1][0][0].h),
        lambda o, t: o.sum(1),
        (),
        None,
    )
    assert "not read from the states of its last layer alone" in refusal(
        asked_of(view, view.embed(x), None, FIRST)
    )


def test_mean_pooling_is_linear_too():
    view = view_of_network("lstm", pooling="mean")
    with untouched(view):
        assert refusal(ask(view, sample_of(tokens(3), lengths=torch.tensor([10, 3, 6])))) is None
