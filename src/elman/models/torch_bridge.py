"""Between our RNN and torch.nn's LSTM, GRU and RNN: layers, and the cells that make one step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from elman.cells.contract import Affine
from elman.core.errors import RecipeError
from elman.engine.executors.vendor import refuses_cell

if TYPE_CHECKING:
    from elman.models.rnn import RNN

LAYERS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STEPS: dict[str, Any] = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}
KINDS: tuple[Any, ...] = (*LAYERS.values(), *STEPS.values())
EXPECTED = "torch.nn.LSTM, GRU or RNN, or their cells torch.nn.LSTMCell, GRUCell or RNNCell"


def arguments(module: Any) -> dict[str, Any]:
    """What `RNN` is called with to have the layers, sizes and options of a module of KINDS, or of a class below one."""
    name = next(name for name in LAYERS if isinstance(module, (LAYERS[name], STEPS[name])))
    given = {"cell": name, "input_size": module.input_size, "hidden_size": module.hidden_size}
    if name == "rnn":
        given["activation"] = module.nonlinearity
    if isinstance(module, nn.RNNBase):
        given |= {"num_layers": module.num_layers, "bidirectional": module.bidirectional}
        given |= {"dropout": module.dropout, "projection_size": module.proj_size or None}
    return given


def places(network: RNN, module: nn.Module) -> Iterator[tuple[Affine, str, str]]:
    """Where each weight lives: (affine, "weight" or "bias") in our network, and its name in torch's module."""
    layers: Any = network.layers
    for depth, layer in enumerate(layers):
        for side, cell in enumerate(layer):
            end = f"_l{depth}" + ("_reverse" if side else "") if isinstance(module, nn.RNNBase) else ""
            for name, affine in (("ih", cell.ih), ("hh", cell.hh)):
                yield affine, "weight", f"weight_{name}{end}"
                yield affine, "bias", f"bias_{name}{end}"
            if cell.projection_size:
                yield cell.hr, "weight", f"weight_hr{end}"


def answer_as(network: RNN, module: nn.Module) -> None:
    """Layers of ours that run beside a torch module answer as those who read long sequences in pieces say it shall (`_answering`)."""
    made = module.__dict__.get("_answering")
    if made is None:
        network.__dict__.pop("_answer", None)
    else:
        object.__setattr__(network, "_answer", made(network))


def pairs(network: RNN, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Each weight of our network and the one of torch's module that is its equal."""
    found = places(network, module)
    return [(getattr(affine, part), getattr(module, name)) for affine, part, name in found]


def from_torch(kind: type[RNN], module: nn.Module) -> RNN:
    """A `kind` with copies of a module's weights; see `RNN.from_torch`."""
    if type(module) not in KINDS:
        raise RecipeError(f"got a {type(module).__name__}; expected {EXPECTED}.")
    source: Any = module
    if not source.bias:
        raise RecipeError(
            "bias=False: our cells always have biases, so such weights have no counterpart here."
        )
    network = kind(**arguments(module))
    network.to(next(module.parameters()))
    with torch.no_grad():
        for mine, theirs in pairs(network, module):
            mine.copy_(theirs)
            mine.requires_grad_(theirs.requires_grad)
    return network.train(module.training)


def to_torch(network: RNN) -> nn.Module:
    """A module of torch.nn with copies of our weights; see `RNN.to_torch`."""
    cell: Any = network.layers[0][0]  # type: ignore[index]
    kind = type(cell).__name__
    name = str(cell.kernel).removesuffix("_projected")
    if name not in LAYERS:
        raise RecipeError(f"torch.nn has no {kind}; it has LSTM, GRU and RNN.")
    options = {
        "zoneout": network.zoneout,
        "residual": network.residual,
        "learned_initial_state": network.initial is not None,
        "variational_dropout": network.variational_dropout and network.dropout.p,
        "weight_drop": network.weight_drop,
    }
    refused = [option for option, value in options.items() if value]
    if refused:
        raise RecipeError(f"torch.nn has no {kind} with {', '.join(refused)}.")
    reason = refuses_cell(cell)
    if reason:
        raise RecipeError(f"torch.nn has no {kind} with {reason}.")
    settings = {"nonlinearity": cell.activation} if name == "rnn" else {}
    settings |= {"proj_size": cell.projection_size} if cell.projection_size else {}
    theirs: nn.Module = LAYERS[name](
        network.input_size, network.hidden_size, network.num_layers, batch_first=True,
        bidirectional=len(network.directions) == 2, dropout=network.dropout.p, **settings,
    )  # fmt: skip
    theirs.to(cell.ih.weight)
    with torch.no_grad():
        for mine, other in pairs(network, theirs):
            other.copy_(mine)
            other.requires_grad_(mine.requires_grad)
    return theirs.train(network.training)
