"""Long sequences read in pieces: told after each piece, ended there if wanted, with the gates of one piece in memory.

A piece begins with the state that the one before it left, so what comes out is what the whole gives, but for rounding. Where gradients are
wanted, a piece is run once more on the way back instead of being kept (checkpoints, Chen et al. 2016): a hundred thousand steps take the
memory of their states, not of all their gates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from elman.engine.contract import Call, Result
from elman.models.rnn import RNN

PIECE = 4096  # steps of all rows together: enough that a fused kernel does not notice the border


@contextmanager
def in_pieces(
    model: nn.Module,
    told: Callable[[float], None] = lambda steps: None,
    *,
    size: int = PIECE,
    only: Sequence[str] = (),
) -> Iterator[None]:
    """Our recurrent layers in `model` run `size` steps at a time inside the block; also after an error nothing is left.

    `told` hears after each piece how many steps of one sequence through the whole network were done since; what it raises ends the run. Of
    a trace, the readings named in `only` are kept ("layers.0.forward.h"), all where none is named. Sequences of several lengths and
    resets run whole; layers of torch.nn do, too, and are told of when they are through.
    """
    undo: list[Callable[[], Any]] = []
    try:
        for module in model.modules():
            if isinstance(module, RNN):
                before = module.__dict__.get("_answer")
                answering = _Pieces(module, before or module._answer, told, size, only)
                object.__setattr__(module, "_answer", answering)
                undo.append(partial(_back, module, before))
            elif isinstance(module, nn.RNNBase):
                undo.append(module.register_forward_hook(_whole(told)).remove)
        yield
    finally:
        for back in reversed(undo):
            back()


def _back(module: RNN, before: Any) -> None:
    if before is None:
        module.__dict__.pop("_answer")
    else:
        object.__setattr__(module, "_answer", before)


def _whole(told: Callable[[float], None]) -> Any:
    def hook(module: Any, args: Any, output: Any) -> None:
        x = args[0]
        told(float(x.data.shape[0] if hasattr(x, "batch_sizes") else x.shape[:-1].numel()))

    return hook


class _Pieces:
    """What stands in for a layer's own answer."""

    def __init__(
        self,
        network: RNN,
        whole: Callable[[Call], Result],
        told: Callable[[float], None],
        size: int,
        only: Sequence[str],
    ) -> None:
        self.whole, self.told, self.size, self.only = whole, told, size, only
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
