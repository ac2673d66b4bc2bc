"""How cells start: orthogonal recurrence, open forget gates, or torch's uniform on request."""

from __future__ import annotations

import math

import pytest
import torch

from elman.cells.contract import Affine
from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError
from elman.models.rnn import RNN

CELLS = sorted(catalogue("cells"))


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_weights_are_orthogonal_gate_by_gate(cell):
    network = RNN(cell, 6, 8)
    for name, weight in network.named_parameters():
        if name.endswith(("hh.weight", "hn.weight")):
            for block in weight.detach().split(8):
                torch.testing.assert_close(block @ block.T, torch.eye(8), rtol=1e-5, atol=1e-5)


GATES = {"lstm": 4, "lstm_peephole": 4, "gru": 3, "gru_before": 3, "mgu": 2, "mingru": 2, "minlstm": 3}


@pytest.mark.parametrize("cell", sorted(set(CELLS) - {"lru"}))  # which starts as its paper says, below
def test_input_weights_are_xavier_gate_by_gate(cell):
    gates = GATES.get(cell, 1)
    weight = RNN(cell, 100, 60).layers[0][0].ih.weight.detach()
    assert weight.shape == (gates * 60, 100)
    bound = math.sqrt(6 / (100 + 60))
    for block in weight.split(60):
        assert 0.99 * bound < block.abs().max() <= bound and abs(block.std() - bound / math.sqrt(3)) < 0.01


@pytest.mark.parametrize("name", ["lstm", "lstm_peephole"])
def test_the_forget_gate_starts_open(name):
    cell = RNN(name, 6, 8).layers[0][0]
    both = cell.ih.bias.detach().view(4, 8)
    if cell.hh.bias is not None:
        both = both + cell.hh.bias.detach().view(4, 8)
    assert both[1].eq(1).all() and both[[0, 2, 3]].eq(0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_uniform_is_torchs(cell):
    torch.manual_seed(0)
    network = RNN(cell, 6, 16, 2, initialisation="uniform", layer_norm=True)
    for affine in network.modules():
        if isinstance(affine, Affine):
            for value in (affine.weight, affine.bias):
                assert value is None or (value.abs().max() <= 0.25 and value.std() > 0.1)
            assert affine.norm is None or ((affine.norm.weight == 1).all() and (affine.norm.bias == 0).all())


@pytest.mark.parametrize("cell", CELLS)
def test_what_torch_lacks_starts_as_the_cell_says(cell):
    """Peepholes, leak rates and eigenvalues keep their own start: uniform eigenvalues would forget at once."""
    networks = []
    for initialisation in ("cell", "uniform"):
        torch.manual_seed(3)
        networks.append(RNN(cell, 6, 16, initialisation=initialisation).layers[0][0])
    first, second = (dict(network.named_parameters(recurse=False)) for network in networks)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("cell", CELLS)
def test_a_seed_fixes_the_start(cell):
    first, second = (torch.manual_seed(3) and RNN(cell, 6, 8).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_peepholes_start_shut():
    assert (RNN("lstm_peephole", 6, 8).layers[0][0].peephole == 0).all()


def test_the_past_of_an_indrnn_starts_between_0_and_1():
    u = RNN("indrnn", 6, 4000).layers[0][0].recurrent.detach()
    assert 0 <= u.min() < 0.01 and 0.99 < u.max() <= 1 and abs(u.mean() - 0.5) < 0.03


def test_time_scales_of_a_leaky_rnn_start_spread():
    a = RNN("leaky_rnn", 6, 4000, time_scale=50.0).layers[0][0].leak.detach().sigmoid()
    tau = 1 / a
    assert 2 <= tau.min() < 2.2 and 49 < tau.max() < 50.001 and abs(tau.mean() - 26) < 1
    with pytest.raises(RecipeError, match="at least 2"):
        RNN("leaky_rnn", 6, 8, time_scale=1.5)
    shortest = RNN("leaky_rnn", 6, 8, time_scale=2.0).layers[0][0].leak.detach()
    assert (shortest == 0).all()  # sigmoid(0) = 1 / 2
    usual = 1 / RNN("leaky_rnn", 6, 4000).layers[0][0].leak.detach().sigmoid()
    assert 9.9 < usual.max() < 10.001


def test_eigenvalues_of_an_lru_start_on_the_ring():
    cell = RNN("lru", 6, 4000, r_min=0.5, r_max=0.9, max_phase=math.pi / 4).layers[0][0]
    size = torch.exp(-torch.exp(cell.nu_log.detach()))
    angle = torch.exp(cell.theta_log.detach())
    assert 0.5 <= size.min() < 0.51 and 0.89 < size.max() <= 0.9
    assert abs(size.square().mean() - (0.25 + 0.81) / 2) < 0.01  # uniform in area
    assert angle.max() <= math.pi / 4 and abs(angle.mean() - math.pi / 8) < 0.02
    torch.testing.assert_close(torch.exp(cell.gamma_log.detach()), (1 - size.square()).sqrt())
    assert abs(cell.ih.weight.std() * math.sqrt(2 * 6) - 1) < 0.02
    assert abs(cell.out.weight[:, :999].std() * math.sqrt(4000) - 1) < 0.02
    assert abs(cell.skip.weight.std() * math.sqrt(6) - 1) < 0.02
    assert abs(torch.corrcoef(torch.stack([size, angle]))[0, 1]) < 0.1
    usual = torch.exp(RNN("lru", 6, 4000).layers[0][0].theta_log.detach())
    assert 0.99 * 2 * math.pi < usual.max() <= 2 * math.pi


@pytest.mark.parametrize(
    "options", [{"r_min": 0.9, "r_max": 0.5}, {"r_min": -0.1}, {"r_max": 1.1}, {"max_phase": 0.0}]
)
def test_a_ring_that_is_none_is_refused(options):
    with pytest.raises(RecipeError, match="r_min < r_max"):
        RNN("lru", 6, 8, **options)


@pytest.mark.parametrize("drawn", [0.0, 1.0])
def test_eigenvalues_at_the_ends_of_the_ring_are_finite(drawn, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.full(shape, drawn))
    cell = RNN("lru", 6, 8).layers[0][0]
    assert all(parameter.isfinite().all() for parameter in cell.parameters())


FORGETTING = ["gru", "gru_before", "leaky_rnn", "lstm", "lstm_peephole", "mgu", "mingru", "minlstm"]


def kept(name, **options):
    """The share of each unit's state that a step keeps, and the gates, where inputs and weights count for nothing."""
    cell = RNN(name, 6, 4000, **options).layers[0][0]
    with torch.no_grad():
        for affine in cell.modules():
            if isinstance(affine, Affine):
                affine.weight.zero_()
        state = cell.State(*(torch.ones(1, 4000) for _ in cell.state_names))
        new, readings = cell.step(cell.project(torch.zeros(1, 6)), state)
    return new[-1][0], dict(zip(cell.readings, readings))


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("name", FORGETTING)
@pytest.mark.parametrize("layer_norm", [False, True])
def test_chrono_spreads_memories_to_the_longest(name, layer_norm, monkeypatch):
    monkeypatch.setattr(torch.nn.init, "orthogonal_", lambda block: block)  # of no account here, and slow
    share, readings = kept(name, initialisation="chrono", longest_memory=60.0, layer_norm=layer_norm)
    steps = 1 / (1 - share)  # Tallec and Ollivier: the characteristic forgetting time
    assert 2 <= steps.min() < 2.2 and 58 < steps.max() < 60.01 and abs(steps.mean() - 31) < 1.5
    if "input_gate" in readings:
        torch.testing.assert_close(readings["input_gate"][0], 1 - share, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FORGETTING)
@pytest.mark.parametrize("initialisation", ["cell", "uniform"])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_forget_bias_keeps_its_share(name, initialisation, layer_norm, monkeypatch):
    monkeypatch.setattr(torch.nn.init, "orthogonal_", lambda block: block)
    cell = RNN(name, 6, 8, initialisation=initialisation, forget_bias=1.5, layer_norm=layer_norm).layers[0][0]
    ((biases, sign), *_) = cell.keepers()
    torch.testing.assert_close(sum(biases), torch.full((8,), 1.5 * sign))
    if initialisation == "cell":
        share, readings = kept(name, forget_bias=1.5, layer_norm=layer_norm)
        let_in = (
            readings["input_gate"][0] if name == "minlstm" else None
        )  # its two gates are brought to the sum 1
        expected = 1 / (1 + math.exp(-1.5))
        if let_in is None:
            torch.testing.assert_close(share, torch.full((4000,), expected))
        else:
            torch.testing.assert_close(share, torch.full((4000,), expected / (expected + 0.5)))
            torch.testing.assert_close(share + let_in, torch.ones(4000))


@pytest.mark.parametrize("name", ["lstm", "lstm_peephole"])
def test_the_forget_gate_starts_open_under_a_norm_too(name, monkeypatch):
    monkeypatch.setattr(torch.nn.init, "orthogonal_", lambda block: block)
    share, _ = kept(name, layer_norm=True)
    torch.testing.assert_close(share, torch.full((4000,), 1 / (1 + math.exp(-1))))


def test_orthogonal_makes_a_users_cell_so_too():
    from elman.cells.contract import Cell, initialise

    class Own(Cell):
        def __init__(self, input_size, hidden_size):
            super().__init__(input_size, hidden_size)
            self.ih, self.hh = Affine(input_size, hidden_size), Affine(hidden_size, 2 * hidden_size)
            initialise(self.ih, 1, recurrent=False)
            initialise(self.hh, 2, recurrent=True)
            torch.nn.init.ones_(self.hh.weight)

        def project(self, x):
            return self.ih(x)

        def step(self, projected, state):
            a, b = self.hh(state.h).chunk(2, -1)
            return self.State((projected + a * b).tanh()), ()

    cell = RNN(Own, 3, 8, initialisation="orthogonal").layers[0][0]
    for block in cell.hh.weight.detach().split(8):
        torch.testing.assert_close(block @ block.T, torch.eye(8), rtol=1e-5, atol=1e-5)
    with pytest.raises(RecipeError, match="no gate that forgets"):
        RNN(Own, 3, 8, forget_bias=1.0)


def test_a_projection_starts_orthonormal():
    cell = RNN("lstm", 6, 8, projection_size=3).layers[0][0]
    torch.testing.assert_close(
        (cell.hr.weight @ cell.hr.weight.T).detach(), torch.eye(3), rtol=1e-5, atol=1e-5
    )
    for block in cell.hh.weight.detach().split(8):
        torch.testing.assert_close(block.T @ block, torch.eye(3), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"initialisation": "chrono"},
            "longest_memory, the longest dependency expected in steps, go together",
        ),
        ({"longest_memory": 9.0}, "go together"),
        ({"initialisation": "chrono", "longest_memory": 2.0}, "more than 2"),
        ({"initialisation": "chrono", "longest_memory": math.inf}, "more than 2"),
        ({"initialisation": "chrono", "longest_memory": 9.0, "forget_bias": 1.0}, "leave out forget_bias"),
        ({"projection_size": 8}, "less than hidden_size=8"),
        ({"projection_size": 0}, "1 or more"),
    ],
)
def test_settings_that_contradict_each_other_are_told(options, words):
    with pytest.raises(RecipeError, match=words):
        RNN("lstm", 6, 8, **options)
