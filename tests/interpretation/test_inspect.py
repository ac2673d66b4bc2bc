"""Models made elsewhere: answers through the door are the model's own, and it is left as it was, also after an error."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import elman
from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.foreign import view_of_module, view_of_step
from elman.interpretation.probes import probes
from elman.interpretation.walk import credit
from elman.models.rnn import RNN


class Tagger(nn.Module):
    """Tokens to classes, by the last step; a dropout that evaluation must switch off."""

    def __init__(self, kind=nn.LSTM, *, batch_first=True, each=False, **options):
        super().__init__()
        self.embed, self.each, self.first = nn.Embedding(9, 5), each, batch_first
        self.encoder = kind(5, 6, batch_first=batch_first, **options)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6 * (1 + options.get("bidirectional", False)), 3)

    def forward(self, tokens):
        vectors = self.embed(tokens)
        output, _ = self.encoder(vectors if self.first else vectors.transpose(0, 1))
        output = output if self.first else output.transpose(0, 1)
        output = self.head(self.drop(output))
        return output if self.each else output[:, -1]


class Packed(nn.Module):
    """Lengths given, packed on the way in, the order of the batch changed or not."""

    def __init__(self, enforce_sorted=False):
        super().__init__()
        self.enforce_sorted = enforce_sorted
        self.encoder, self.head = nn.GRU(2, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=self.enforce_sorted)
        output = pad_packed_sequence(self.encoder(packed)[0], batch_first=True)[0]
        return self.head(output[torch.arange(len(x)), lengths - 1]), "and more"


class ByCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.LSTMCell(2, 4), nn.Linear(4, 2)

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0])


def tokens(count=6, time=8):
    return torch.randint(1, 9, (count, time), generator=torch.Generator().manual_seed(0))


def loss(outputs, targets):
    return (outputs - targets).square().flatten(1).mean(1)


def door(model, inputs, lengths=None):
    call = lambda given, valid: model(given) if lengths is None else model(given, valid)
    return view_of_module(model, inputs, lengths, call, loss, (), None)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
def test_what_goes_in_through_the_door_comes_out_as_from_the_model(kind, batch_first, options):
    torch.manual_seed(0)
    model = Tagger(kind, batch_first=batch_first, **options).eval()
    view, inputs = door(model, tokens()), tokens()
    vectors = view.embed(inputs)
    torch.testing.assert_close(vectors, model.embed(inputs))
    torch.testing.assert_close(view.read(vectors, None), model(inputs))
    other = torch.randn(4, 5, 5, requires_grad=True)  # another count, another length
    view.read(other, None).sum().backward()
    assert other.grad.abs().sum(2).gt(0).all()
    names = view.trace(inputs, None)
    assert any(name.startswith("encoder.layers.0.forward.") for name in names)


def test_the_last_valid_step_is_the_answer_where_every_step_has_one():
    torch.manual_seed(0)
    model, inputs = Tagger(each=True).eval(), tokens()
    view = door(model, inputs)
    lengths = torch.tensor([3, 8, 1, 5, 8, 2])
    expected = torch.stack([model(row[None, :n])[0, -1] for row, n in zip(inputs, lengths)])
    torch.testing.assert_close(view.read(view.embed(inputs), lengths), expected)
    torch.testing.assert_close(view.read_steps(view.embed(inputs), None), model(inputs))


@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_batches(enforce_sorted):
    torch.manual_seed(0)
    model, x = Packed(enforce_sorted), torch.randn(4, 7, 2)
    lengths = torch.tensor([7, 5, 3, 1]) if enforce_sorted else torch.tensor([3, 7, 1, 5])
    view = door(model, x, lengths)
    torch.testing.assert_close(view.embed(x), x)
    torch.testing.assert_close(view.read(x, lengths), model(x, lengths)[0])
    found = elman.inspect(model, x, lengths=lengths, questions=["memory", "gates"])
    assert [finding.question for finding in found] == ["memory", "gates"]


def test_a_loop_over_a_cell():
    torch.manual_seed(0)
    model, x = ByCell(), torch.randn(3, 6, 2)
    view = door(model, x)
    torch.testing.assert_close(view.embed(x), x)
    torch.testing.assert_close(view.read(x * 2, None), model(x * 2))
    stepping, _ = view.stepping()
    torch.testing.assert_close(
        model.head(stepping.states(x)[:, -1, :4].float()), model(x), rtol=1e-4, atol=1e-5
    )


def test_our_own_layers_inside_a_users_model():
    torch.manual_seed(0)

    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = RNN("mingru", 3, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    x = torch.randn(5, 9, 3)
    found = elman.inspect(Mine(), x, torch.tensor([0, 1, 0, 1, 0]))
    assert {"dynamics", "probes", "interventions"} <= {finding.question for finding in found}


def state_of(model):
    return (
        copy.deepcopy(model.state_dict()),
        [module.training for module in model.modules()],
        [weight.requires_grad for weight in model.parameters()],
        [weight.grad for weight in model.parameters()],
        sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()),
        torch.get_rng_state(),
    )


def same(before, after):
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert before[1:5] == after[1:5] and torch.equal(before[5], after[5])


def test_every_question_leaves_the_model_as_it_was():
    torch.manual_seed(0)
    model = Tagger().train()
    model.head.weight.requires_grad_(False)
    before = state_of(model)
    found = elman.inspect(model, tokens(12), torch.tensor([0, 1, 2] * 4), labels=("a", "b", "c"))
    questions = {
        "memory",
        "connectivity",
        "attribution",
        "gates",
        "dynamics",
        "probes",
        "interventions",
        "saturation",
    }
    assert questions <= {finding.question for finding in found}
    same(before, state_of(model))


def test_classes_without_names_are_told_by_their_numbers():
    torch.manual_seed(0)
    model, inputs, targets = Tagger(), tokens(60), torch.arange(60) % 3
    asked = {"questions": ["errors", "calibration", "memory"]}
    found = elman.inspect(model, inputs, targets, **asked)
    named = elman.inspect(model, inputs, targets, labels=("class 0", "class 1", "class 2"), **asked)
    assert [each.sentence for each in found] == [each.sentence for each in named]
    assert {row["true"] for row in found[0].table} <= {"class 0", "class 1", "class 2"}


def test_a_model_that_fails_is_left_as_it_was():
    class Fails(Tagger):
        def forward(self, tokens):
            if len(tokens) > 1:
                raise ZeroDivisionError
            return super().forward(tokens)

    model = Fails().train()
    before = state_of(model)
    with pytest.raises(ZeroDivisionError):
        elman.inspect(model, tokens(), torch.zeros(6, dtype=torch.long))
    same(before, state_of(model))


def test_a_model_by_its_class_and_its_weights(tmp_path):
    torch.manual_seed(0)
    trained = Tagger(nn.GRU)

    class Trained(Tagger):
        def __init__(self):
            super().__init__(nn.GRU)

    torch.save(trained.state_dict(), tmp_path / "weights.pt")
    inputs, targets = tokens(12), torch.tensor([0, 1, 2] * 4)
    expected = elman.inspect(trained, inputs, targets, questions=["memory"])[0]
    for weights in (trained.state_dict(), tmp_path / "weights.pt"):
        found = elman.inspect(Trained, inputs, targets, questions=["memory"], state_dict=weights)[0]
        np.testing.assert_array_equal(found.arrays["loss_cut"], expected.arrays["loss_cut"])
    with pytest.raises(RecipeError, match="give its state_dict"):
        elman.inspect(Trained, inputs)
    with pytest.raises(RecipeError, match="does not fit Trained"):
        elman.inspect(Trained, inputs, state_dict={})
    with pytest.raises(RecipeError, match="cannot be made without arguments"):
        elman.inspect(nn.Linear, inputs, state_dict={})


def test_time_first():
    torch.manual_seed(0)
    layer = nn.GRU(2, 3)
    x = torch.randn(10, 4, 2)  # time, batch
    by_time = elman.inspect(layer, x, time_first=True, questions=["memory"])[0]
    by_batch = elman.inspect(nn.Sequential(_Turned(layer)), x.transpose(0, 1), questions=["memory"])[0]
    np.testing.assert_allclose(by_time.arrays["loss_cut"], by_batch.arrays["loss_cut"], atol=1e-7)


class _Turned(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.transpose(0, 1))[0].transpose(0, 1)


def test_the_views_of_analyses_agree_with_our_own_network():
    torch.manual_seed(0)
    rnn = RNN("lstm", 3, 4)
    theirs = rnn.to_torch()
    x, targets = torch.randn(20, 15, 3), torch.randn(20, 4)
    call = lambda inputs, lengths: theirs(inputs)[0][:, -1]
    own = lambda inputs, lengths: rnn(inputs)[0][:, -1]
    for question in ("memory", "attribution", "dynamics"):
        a = elman.inspect(theirs, x, targets, questions=[question], call=call)[0]
        b = elman.inspect(rnn, x, targets, questions=[question], call=own)[0]
        assert a.value == pytest.approx(b.value, rel=1e-4)
    a, b = (elman.inspect(m, x, questions=["gates"], call=c)[0] for m, c in ((theirs, call), (rnn, own)))
    np.testing.assert_allclose(
        next(v for k, v in a.arrays.items() if k.startswith("time_scales")),
        next(v for k, v in b.arrays.items() if k.startswith("time_scales")), rtol=1e-3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: elman.inspect(nn.Linear(2, 3), torch.zeros(2, 3, 2)), "Linear has no recurrent layer"),
        (lambda: elman.inspect(Tagger(), torch.zeros(3)), r"a single sequence is inputs\[None\]"),
        (
            lambda: elman.inspect(Tagger(), tokens(), torch.zeros(2, dtype=torch.long)),
            "6 sequences but 2 targets",
        ),
        (lambda: elman.inspect(lambda s, x: s, torch.zeros(2, 3)), "needs a state to start from"),
        (lambda: elman.inspect(Tagger(), tokens(), call=lambda i, n: {"a": 1}), "Say how to call it"),
    ],
)
def test_what_does_not_fit_is_said(made, message):
    with pytest.raises(RecipeError, match=message):
        made()


def test_an_unknown_question_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match="memory"):
        elman.inspect(Tagger(), tokens(), questions=["memoory"])


def test_attribution_by_another_method_and_of_another_value():
    """The second of two values is twice the step before the last."""
    step = lambda state, x: torch.cat([state[:, 1:], x], 1)
    options = {
        "start": torch.zeros(2),
        "readout": lambda state: torch.stack([state[:, 1], 2 * state[:, 0]], 1),
    }
    x = torch.randn(6, 8)
    for method in ("occlusion", "shapley"):
        (found,) = elman.inspect(step, x, questions=["attribution"], method=method, horizon=2, **options)
        assert found.value == 2 and found.control is None
        torch.testing.assert_close(
            torch.from_numpy(found.arrays["credit"])[:, -2], 2 * x[:, -2], rtol=1e-4, atol=1e-5
        )
    with pytest.raises(UnknownName, match="occlusion"):
        elman.inspect(step, x, questions=["attribution"], method="oclusion", **options)


def test_every_token_of_a_users_model_is_credited_the_first_of_them_too():
    """Two tokens, 0 and 1, and an answer that sums their vectors: 0 is a token like any other, and no padding."""

    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.rnn = nn.Embedding(2, 1), nn.RNN(1, 1, batch_first=True, nonlinearity="relu")
            with torch.no_grad():
                self.embedding.weight.copy_(torch.tensor([[3.0], [1.0]]))
                for weight, value in zip(self.rnn.parameters(), (1.0, 1.0, 0.0, 0.0)):
                    weight.fill_(value)

        def forward(self, x):
            return self.rnn(self.embedding(x))[0][:, -1]

    bits = torch.randint(0, 2, (20, 8), generator=torch.Generator().manual_seed(0))
    (found,) = elman.inspect(Sums(), bits, questions=["attribution"])
    np.testing.assert_allclose(found.arrays["credit"], np.where(bits == 0, 3.0, 1.0), rtol=1e-5)


def test_what_has_no_weights_has_no_shuffled_control_and_says_so():
    x = torch.randn(24, 12, generator=torch.Generator().manual_seed(0))
    step = lambda state, value: torch.tanh(0.9 * state + value)
    found = {finding.question: finding for finding in elman.inspect(step, x, start=torch.zeros(1))}
    for question in ("connectivity", "attribution", "dynamics", "probes", "saturation"):
        assert "no weights that could be shuffled" in found[question].sentence, question
        assert not [name for name in found[question].arrays if "shuffled" in name]
    for question in ("connectivity", "attribution", "dynamics", "probes", "saturation"):
        assert found[question].control is None
    assert "with shuffled weights" not in found["probes"].sentence
    named = probes(
        view_of_step(step, torch.zeros(1), None, lambda o, t: o.sum(1), (), None, 1),
        sample_of(x[..., None], x[:, -1]),
        {"the sign": (x > 0).numpy().astype(int)},
    )
    assert "no weights" in named.sentence and "with weights shuffled" not in named.table[0]
    with pytest.raises(RecipeError, match="no weights"):
        credit(
            view_of_step(step, torch.zeros(1), None, lambda o, t: o.sum(1), (), None, 1),
            x[:1, :, None],
            control=True,
        )


def test_a_language_model_is_told_not_guessed():
    """A network of bits whose classes are called 0 and 1, too, answers with a class of the whole sequence."""
    bits = torch.randint(0, 2, (30, 9), generator=torch.Generator().manual_seed(0))
    names = lambda row: [str(int(bit)) for bit in row]

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.embedding, self.gru = torch.nn.Embedding(5, 3), torch.nn.GRU(3, 4, batch_first=True)
            self.head = torch.nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.gru(self.embedding(x))[0])

    asked = {"questions": ["readout"], "labels": ("0", "1"), "step_names": names}
    for inputs in (bits, bits + 3):  # tokens beyond the classes, too
        (found,) = elman.inspect(Model(), inputs, bits.sum(1) % 2, **asked)
        assert found.title == "Readout along the sequence"
    (found,) = elman.inspect(Model(), bits, bits[:, 0], names_next_step=True, **asked)
    assert found.unit == "bits per step"
    with pytest.raises(RecipeError, match="2 labels, but token 4"):
        elman.inspect(Model(), bits + 3, bits[:, 0], names_next_step=True, **asked)
    with pytest.raises(RecipeError, match="names of the steps"):
        elman.inspect(Model(), bits, bits[:, 0], names_next_step=True, labels=("0", "1"))
    with pytest.raises(RecipeError, match="output after every step"):
        elman.inspect(torch.nn.Sequential(Tagger(), Last()), tokens(), names_next_step=True)


class Last(torch.nn.Module):
    """The last of what comes at every step."""

    def forward(self, x):
        return x[:, -1]


def test_weights_beside_a_made_module_are_refused() -> None:
    model = torch.nn.LSTM(1, 4, batch_first=True)
    with pytest.raises(RecipeError, match="state_dict is for a class"):
        elman.inspect(model, torch.zeros(2, 5, 1), state_dict="nowhere.pt", questions=["gates"])


@pytest.mark.parametrize(
    ("model", "inputs", "options", "words"),
    [
        (Tagger, torch.zeros(4, 5, dtype=torch.long), {"lengths": torch.tensor([5, 4, 3, 2])},
         r"^Tagger fails with inputs \(4, 5\) and lengths: TypeError: .*takes 2 positional arguments but 3 were given. Say how: .*call=lambda"),
        (Packed, torch.zeros(4, 5, 2), {}, r"^Packed fails with inputs \(4, 5, 2\): TypeError: .*missing 1 required.*lengths"),
        (ByCell, torch.zeros(4, 5, 3), {}, r"^ByCell fails with inputs \(4, 5, 3\): RuntimeError: .*time_first=True"),
        (Tagger, torch.zeros(4, 5, dtype=torch.long), {"call": lambda inputs, lengths: 1 / 0}, "ZeroDivisionError.*call=lambda"),
    ],
)  # fmt: skip
def test_a_model_that_is_called_wrongly_says_how_to_say_it(model, inputs, options, words):
    made = model().train()
    with pytest.raises(RecipeError, match=words) as raised:
        elman.inspect(made, inputs, **options)
    assert isinstance(raised.value.__cause__, Exception)  # with the line of the user's own that raised it
    assert made.training and not any(module._forward_pre_hooks for module in made.modules())
    if model is Tagger:
        asked = {"questions": ["memory"], "lengths": torch.tensor([5, 4, 3, 2])}
        assert elman.inspect(made, inputs, call=lambda given, lengths: made(given), **asked)


def test_names_of_steps_that_are_no_function_are_refused_with_the_fix():
    with pytest.raises(RecipeError, match="step_names is a list; a function is expected"):
        elman.inspect(Tagger(), torch.randint(0, 9, (4, 6)), step_names=[["a"] * 6] * 4)
