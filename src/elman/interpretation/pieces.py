"""Long sequences read in pieces: told after each piece, ended there if wanted, with the gates of one piece in memory.

A piece begins with the state that the one before it left, so what comes out is what the whole gives, but for rounding. Where gradients are
wanted, a piece is run once more on the way back instead of being kept (checkpoints, Chen et al. 2016): a hundred thousand steps take the
memory of their states, not of all their gates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.checkpoint import checkpoint

from elman.engine.contract import Call, Result
from elman.models.rnn import RNN
from elman.models.torch_bridge import LAYERS, STEPS

PIECE = 4096  # steps of all rows together: enough that a fused kernel does not notice the border


@contextmanager
def in_pieces(
    model: nn.Module,
    told: Callable[[float], None] = lambda steps: None,
    *,
    size: int = PIECE,
    only: Sequence[str] = (),
) -> Iterator[None]:
    """Recurrent layers in `model`, ours and those of torch.nn, run `size` steps at a time inside the block; also after an error nothing is left.

    `told` hears after each piece how many steps of one sequence through the whole network were done since; what it raises ends the run. Of
    a trace, the readings named in `only` are kept ("layers.0.forward.h"), all where none is named. Sequences of several lengths and resets
    run whole, and so do torch's layers that `runs_whole` names; these are told of when they are through, a *Cell module after each step.
    """
    undo: list[Callable[[], Any]] = []
    found = [module for module in model.modules() if isinstance(module, (RNN, nn.RNNBase, *_CELLS))]
    way = _Pieces(lambda steps: told(steps / len(found)), size, only)
    try:
        for module in found:
            if isinstance(module, RNN):
                undo.append(_put(module, "_answer", way.of(module, module._answer)))
            elif isinstance(module, nn.RNNBase):
                before = module.__dict__.get("_answering")
                undo.append(_put(module, "_answering", partial(way.beside, before)))
                undo.append(_put(module, "forward", partial(way.foreign, module, module.forward)))
            else:
                undo.append(module.register_forward_hook(way.stepped).remove)
        yield
    finally:
        for back in reversed(undo):
            back()


_CELLS = tuple(STEPS.values())


def runs_whole(module: nn.Module) -> bool:
    """Whether a layer of torch.nn reads a sequence in one: where it reads from both ends, has a `forward` of its own, or draws its dropout."""
    if not isinstance(module, nn.RNNBase):
        return False
    drawn = module.training and module.dropout > 0 and module.num_layers > 1
    return type(module) not in LAYERS.values() or module.bidirectional or drawn


def _put(module: nn.Module, name: str, value: Any) -> Callable[[], None]:
    """Lay something over what a module has of its class; gives the way back."""
    before = module.__dict__.get(name)
    object.__setattr__(module, name, value)

    def back() -> None:
        if before is None:
            module.__dict__.pop(name)
        else:
            object.__setattr__(module, name, before)

    return back


@dataclass(frozen=True)
class _Pieces:
    """How long sequences are read; see `in_pieces`."""

    told: Callable[[float], None]
    size: int
    only: Sequence[str]

    def of(self, network: RNN, whole: Callable[[Call], Result]) -> Callable[[Call], Result]:
        """What stands in for the answer of a layer of ours."""
        return _Answer(network, whole, self)

    def beside(self, before: Any, network: RNN) -> Callable[[Call], Result]:
        """The same of layers that run beside a torch module, which tells itself how far it is: they only ask whether to end."""
        whole = before(network) if before else partial(RNN._answer, network)
        return replace(self, told=lambda steps: self.told(0.0)).of(network, whole)

    def stepped(self, module: Any, args: Any, output: Any) -> None:
        """A *Cell module has made a step."""
        self.told(float(args[0].shape[:-1].numel()))

    def foreign(self, module: Any, whole: Callable[..., Any], input: Any, hx: Any = None) -> Any:
        """What a layer of torch.nn gives."""
        if isinstance(input, PackedSequence) or runs_whole(module):
            found = whole(input, hx)
            packed = isinstance(input, PackedSequence)
            self.told(float(len(input.data) if packed else input.shape[:-1].numel()))
            return found
        time = 1 if module.batch_first and input.dim() == 3 else 0
        rows = input.shape[:-1].numel() // max(1, input.shape[time])
        outputs = []
        for part in input.split(max(1, self.size // max(1, rows)), time):
            output, hx = self._foreign_piece(module, whole, part, hx)
            outputs.append(output)
            self.told(float(part.shape[:-1].numel()))
        return torch.cat(outputs, time), hx

    def _foreign_piece(self, module: Any, whole: Callable[..., Any], part: Tensor, hx: Any) -> Any:
        if not torch.is_grad_enabled():
            return whole(part, hx)
        given = () if hx is None else (hx,) if isinstance(hx, Tensor) else tuple(hx)

        def run(x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            before = None if not state else state[0] if len(state) == 1 else state
            # cuDNN has no backward pass in evaluation mode, and the way back runs it once more.
            with torch.backends.cudnn.flags(enabled=module.training):
                output, after = whole(x, before)
            return (output, after) if isinstance(after, Tensor) else (output, *after)

        output, *after = checkpoint(run, part, *given, use_reentrant=False, preserve_rng_state=False)
        return output, after[0] if len(after) == 1 else tuple(after)


class _Answer:
    """What stands in for a layer's own answer."""

    def __init__(self, network: RNN, whole: Callable[[Call], Result], way: _Pieces) -> None:
        self.whole, self.told, self.size, self.only = whole, way.told, way.size, way.only
        self.share = 1.0 / (network.num_layers * len(network.directions))
        layers: Any = network.layers
        self.names = {
            id(cell): f"layers.{depth}.{side}"
            for depth, layer in enumerate(layers)
            for side, cell in zip(network.directions, layer)
        }

    def __call__(self, call: Call) -> Result:
        time, batch = call.x.shape[:2]
        if call.lengths is not None or call.reset is not None:
            found = self.whole(call)
            self.told(time * batch * self.share)
            return self._kept(found, call.cell)
        step, state, parts = max(1, self.size // batch), call.state, []
        for begin in range(0, time, step):
            part = self._kept(self._piece(call, state, slice(begin, begin + step)), call.cell)
            parts.append(part)
            state = part.state
            self.told(len(part.output) * batch * self.share)
        names = parts[0].readings
        readings = {name: torch.cat([part.readings[name] for part in parts]) for name in names}
        return Result(torch.cat([part.output for part in parts]), state, readings)

    def _piece(self, call: Call, state: Any, steps: slice) -> Result:
        hold = None if call.hold is None else tuple(part[steps] for part in call.hold)
        piece = replace(call, x=call.x[steps], state=state, hold=hold, final=True)
        if call.readings or not torch.is_grad_enabled():
            return self.whole(piece)

        def run(x: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
            found = self.whole(replace(piece, x=x, state=type(state)(*parts)))
            return found.output, *found.state

        output, *after = checkpoint(run, piece.x, *state, use_reentrant=False, preserve_rng_state=False)
        return Result(output, type(state)(*after), {})

    def _kept(self, found: Result, cell: Any) -> Result:
        if not self.only:
            return found
        ends = tuple(f".{name}" for name in self.only)
        wanted = {
            name: each
            for name, each in found.readings.items()
            if any(end.endswith(f".{self.names[id(cell)]}.{name}") for end in ends)
        }
        return replace(found, readings=wanted)
