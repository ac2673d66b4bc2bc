"""RNN: any cell in layers and directions, batch first, with every gate readable."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, is_grad_enabled, nn
from torch.compiler import is_compiling

from elman.cells.contract import Cell, first_weight
from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError, UnknownName
from elman.engine import streaming
from elman.engine.checks import (
    check_input,
    check_place,
    check_reset,
    check_state,
    check_tensor,
    checked_lengths,
)
from elman.engine.contract import Call, Result
from elman.engine.executors.vendor import lay_together
from elman.engine.plan import Plan, plan, run
from elman.engine.time import reverse, reverse_resets, valid_steps
from elman.models import initialisation as starting
from elman.models import torch_bridge
from elman.models.cell_maker import CellMaker, maker, refuse
from elman.models.weight_drop import recurrent, thinned
from elman.models.zoneout import draw_mask

DIRECTIONS = ("forward", "backward")


class RNN(nn.Module):
    """Recurrent layers around one kind of cell.

    cell           a name from `elman cells`, a file (`mycell.py`, `mycell.py:Mine`), or a callable (input_size, hidden_size) -> Cell
    activation, layer_norm, projection_size   handed to the cell, where they are set
    dropout        share of features zeroed between layers in training, one mask per step
    variational_dropout   one mask per sequence instead, and on the first layer's input and the last one's output, too
                   (Gal and Ghahramani 2016; for the recurrent connections, see weight_drop)
    weight_drop    share of the recurrent weights zeroed in training, one mask per call (Merity et al. 2018)
    zoneout        share of the state that keeps its old value at a step (Krueger et al. 2017); in evaluation the mean
    residual       a layer's input is added to its output where the sizes agree
    learned_initial_state   the first state is a parameter instead of zeros
    initialisation, forget_bias, longest_memory   how weights start: see models/initialisation.py
    executor       "auto", or the name of one (`plan` says which ran)
    cell_options   further options of the cell

    A state is a tuple over layers of tuples over directions of the cell's State, each part (batch, hidden_size), or
    (batch, projection_size) for what is projected. Raises UnknownName for an unknown cell, option, initialisation or executor, and
    RecipeError for an option that other cells take or a size or share out of range.
    """

    def __init__(
        self,
        cell: str | CellMaker,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        activation: str | None = None,
        layer_norm: bool = False,
        projection_size: int | None = None,
        weight_drop: float = 0.0,
        zoneout: float = 0.0,
        residual: bool = False,
        learned_initial_state: bool = False,
        variational_dropout: bool = False,
        initialisation: str = "cell",
        forget_bias: float | None = None,
        longest_memory: float | None = None,
        executor: str = "auto",
        **cell_options: Any,
    ) -> None:
        super().__init__()
        common = {"activation": activation, "layer_norm": layer_norm, "projection_size": projection_size}
        given = {name: value for name, value in common.items() if value is not None and value is not False}
        make = maker(cell, given | cell_options)
        starting.check(initialisation, forget_bias, longest_memory)
        shares = {"dropout": dropout, "zoneout": zoneout, "weight_drop": weight_drop}
        for name, share in shares.items():
            if not (isinstance(share, Real) and 0 <= share < 1):
                raise RecipeError(f"{name} is {share}; expected a share: 0 or more, less than 1.")
        for name, size in (
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ):
            if not isinstance(size, Integral):
                raise RecipeError(f"{name} must be a whole number, got {size!r}.")
            if size < 1:
                raise RecipeError(f"{name} must be at least 1, got {size}.")
        if executor != "auto" and executor not in catalogue("engine.executors"):
            raise UnknownName("executor", executor, ["auto", *catalogue("engine.executors")])
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.directions = DIRECTIONS if bidirectional else DIRECTIONS[:1]
        self.zoneout, self.residual, self.executor = zoneout, residual, executor
        self.variational_dropout, self.weight_drop = variational_dropout, weight_drop
        self.streams = streaming.Streams()
        self.layers = nn.ModuleList()
        size = input_size
        for _ in range(num_layers):
            layer = nn.ModuleList(make(size, hidden_size) for _ in self.directions)
            self.layers.append(layer)
            for one in layer:
                starting.start(one, initialisation, forget_bias, longest_memory)  # type: ignore[arg-type]
            size = sum(one.output_size for one in layer)  # type: ignore[misc]
        self.output_size = size
        self.dropout = nn.Dropout(dropout)
        first: Any = self.layers[0]
        self.state_names, self.readings = first[0].state_names, first[0].readings
        self.traced = first[0].traced
        if weight_drop:
            refuse(first[0], "weight_drop", "recurrent weights", recurrent)
        self.initial: nn.ParameterList | None = None
        if learned_initial_state:
            sizes = first[0].state_sizes * len(self.directions) * num_layers
            self.initial = nn.ParameterList(torch.zeros(size) for size in sizes)

    def forward(
        self,
        x: Tensor,
        state: Any = None,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
        *,
        final: bool = True,
    ) -> tuple[Tensor, Any]:
        """x (batch, time, input_size) -> output (batch, time, output_size) and the state after the last valid step.

        lengths (batch,): steps after a sequence's length change nothing and give 0. reset (batch, time) bool: the
        state starts afresh before such a step; nothing crosses that border in either direction. With `final=False` no
        state is made (None), where nobody wants one. Raises RecipeError for what does not fit these shapes.
        """
        output, states, _ = self._run(x, state, lengths, reset, readings=False, final=final)
        return output, states

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> dict[str, Tensor]:
        """Every gate and state at every step: "layers.0.forward.forget_gate" -> (batch, time, hidden_size).

        Readings are taken before zoneout; steps after a sequence's end are 0.
        """
        return self._run(x, state, lengths, None, readings=True, final=False)[2]

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step for streaming: x (batch, input_size) -> output (batch, output_size) and the next state.

        Raises RecipeError for a bidirectional network, which cannot know what comes after the step.
        """
        if state is not None and not is_grad_enabled() and not is_compiling():
            of = self.__dict__  # a look into it takes a third of an attribute's time, which counts here
            modules = of["_modules"]
            if not (of["zoneout"] or of["residual"] or len(of["directions"]) == 2) and not (
                of["training"] and (of["weight_drop"] or of["variational_dropout"] or modules["dropout"].p)
            ):
                made = of["streams"].step(modules["layers"], x, state, of["executor"])
                if made is not None:
                    return made  # type: ignore[no-any-return]
        if len(self.directions) == 2:
            raise RecipeError("a bidirectional network reads from the end, too; give it the whole sequence.")
        check_tensor(x, self.input_size)
        if x.dim() != 2 or x.shape[-1] != self.input_size:
            raise RecipeError(f"got a step of shape {tuple(x.shape)}; expected (batch, {self.input_size}).")
        if self.zoneout or (self.training and (self.weight_drop or self.variational_dropout)):
            output, state = self(x[:, None], state)
            return output[:, 0], state
        layers: Any = self.layers
        check_place(x, first_weight(self))
        if state is None:
            state = self.initial_state(x.shape[0])
        else:
            check_state(state, layers, x)
        states = []
        for depth, (layer, before) in enumerate(zip(layers, state)):
            old = layer[0].State(*before[0])
            output, after = streaming.step(layer[0], x, old, self.executor)
            states.append((_carried(after, old),))
            x = self._between(x, output, depth)
        return x, tuple(states)

    def plan(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
        *,
        readings: bool = False,
    ) -> Plan:
        """Which executor would run the first layer on this input, and why each other one would not."""
        cell: Any = self.layers[0][0]  # type: ignore[index]
        check_input(x, self.input_size, first_weight(self))
        lengths = checked_lengths(lengths, x)
        check_reset(reset, x)
        x = x.transpose(0, 1)
        again = None if reset is None else reset.transpose(0, 1)
        hold = self._hold(cell, x, drawn=False)
        state = cell.initial_state(x.shape[1])
        return plan(Call(cell, x, state, lengths, hold, again, None, readings), self.executor)

    def initial_state(self, batch_size: int) -> Any:
        """The state before the first step: zeros, or what was learned."""
        layers: Any = self.layers
        if self.initial is None:
            return tuple(tuple(cell.initial_state(batch_size) for cell in layer) for layer in layers)
        parts = iter(self.initial)
        return tuple(
            tuple(
                cell.State(*(next(parts).expand(batch_size, -1) for _ in cell.state_names)) for cell in layer
            )
            for layer in layers
        )

    @staticmethod
    def detach(state: Any) -> Any:
        """The state cut off from the graph that made it, for truncated backpropagation."""
        return tuple(tuple(type(one)(*(part.detach() for part in one)) for one in layer) for layer in state)

    def _run(
        self,
        x: Tensor,
        state: Any,
        lengths: Tensor | None,
        reset: Tensor | None,
        *,
        readings: bool,
        final: bool,
    ) -> tuple[Tensor, Any, dict[str, Tensor]]:
        check_input(x, self.input_size, first_weight(self))
        check_reset(reset, x)
        lengths = checked_lengths(lengths, x)
        if state is not None:
            check_state(state, self.layers, x)
        fresh = self.initial_state(x.shape[0]) if state is None or reset is not None else None
        state = fresh if state is None else state
        x = self._drop(x.transpose(0, 1), locked=True)
        if self.residual and lengths is not None:  # what is added to an output must be 0 where that is
            valid = valid_steps(lengths, x.shape[0])
            x = x if valid is None else x.masked_fill(~valid[..., None], 0.0)
        again = None if reset is None else reset.transpose(0, 1)
        states: list[Any] = []
        trace: dict[str, Tensor] = {}
        layers: Any = self.layers
        for depth, layer in enumerate(layers):
            outputs, ends = [], []
            for side, cell in enumerate(layer):
                start = None if fresh is None else fresh[depth][side]
                backward = self.directions[side] == "backward"
                inputs = reverse(x, lengths) if backward else x
                turned = reverse_resets(again, lengths) if backward and again is not None else again
                before = cell.State(*state[depth][side])
                hold = self._hold(cell, inputs, drawn=self.training)
                if self.weight_drop and self.training:
                    cell = thinned(cell, self.weight_drop)
                call = Call(cell, inputs, before, lengths, hold, turned, start, readings, final)
                result = self._answer(call)
                turn = (lambda value: reverse(value, lengths)) if backward else (lambda value: value)
                outputs.append(turn(result.output))
                ends.append(_carried(result.state, before))
                for name, value in result.readings.items():
                    trace[f"layers.{depth}.{self.directions[side]}.{name}"] = turn(value).transpose(0, 1)
            output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
            x = self._between(x, output, depth)
            states.append(tuple(ends))
        return x.transpose(0, 1), tuple(states) if final else None, trace

    def _answer(self, call: Call) -> Result:
        """One layer and direction over all steps; who reads long sequences in pieces stands in for it."""
        return run(call, self.executor)

    def _between(self, x: Tensor, output: Tensor, depth: int) -> Tensor:
        """A layer's input and output (..., features) -> the next layer's input, or the output of the whole."""
        if self.residual and output.shape == x.shape:
            output = output + x
        if depth == self.num_layers - 1:
            return self._drop(output, locked=True)
        return self._drop(output, locked=self.variational_dropout)

    def _drop(self, x: Tensor, *, locked: bool) -> Tensor:
        """Dropout of x (time, batch, features); locked: one mask for all steps, and only where variational dropout is on.

        The mask is drawn in the order of memory of a batch-first tensor, however x lies: executors differ in that.
        """
        if not (self.training and self.dropout.p) or (locked and not self.variational_dropout):
            return x
        if x.dim() == 2:
            return x * self.dropout(x.new_ones(x.shape))
        time, batch, features = x.shape
        mask: Tensor = self.dropout(x.new_ones(batch, 1 if locked else time, features))
        return x * mask.transpose(0, 1)

    def _hold(self, cell: Cell, x: Tensor, *, drawn: bool) -> tuple[Tensor, ...] | None:
        """Zoneout for x (time, batch, features): a mask where it is drawn, else its rate; one for each part of the state."""
        if not self.zoneout:
            return None
        shapes = [(*x.shape[:2], size) for size in cell.state_sizes]
        if drawn:
            return tuple(draw_mask(shape, self.zoneout, x) for shape in shapes)
        rate = torch.full((), self.zoneout, device=x.device, dtype=x.dtype)
        return tuple(rate.expand(shape) for shape in shapes)

    def _apply(self, fn: Any, recurse: bool = True) -> RNN:
        """Moves to a device or type end here: on a GPU the new weights are laid where cuDNN wants them."""
        super()._apply(fn, recurse)
        layers: Any = self.layers
        for layer in layers:
            for cell in layer:
                lay_together(cell)
        return self

    @classmethod
    def from_torch(cls, module: nn.Module) -> RNN:
        """The same network as a torch.nn.LSTM, GRU or RNN, or as one of their cells (one layer), weights copied.

        Values, device, type, `requires_grad` and mode are kept. Raises RecipeError for another module and for `bias=False`.
        """
        return torch_bridge.from_torch(cls, module)

    def to_torch(self) -> nn.Module:
        """A batch-first torch.nn.LSTM, GRU or RNN with these weights, copied.

        Raises RecipeError for a cell or an option that torch lacks, by its name.
        """
        return torch_bridge.to_torch(self)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, executor={self.executor!r}"


def _carried(state: Any, before: Any) -> Any:
    """A state to go on from, in the type of the one before: under autocast on a CPU some cells end in half precision."""
    if state is None or not torch.is_autocast_enabled("cpu") or not before[0].is_cpu:
        return state
    return type(state)(*(part.to(old.dtype) for part, old in zip(state, before)))
