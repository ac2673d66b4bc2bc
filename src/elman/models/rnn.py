"""RNN: any cell in layers and directions, batch first, with every gate readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from elman.cells.contract import Cell
from elman.core.catalogue import catalogue, find
from elman.core.errors import RecipeError
from elman.engine.contract import Call, Result
from elman.engine.plan import Plan, plan, run
from elman.engine.time import reverse

CellMaker = Callable[[int, int], Cell]
DIRECTIONS = ("forward", "backward")
TORCH_CLASSES = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class RNN(nn.Module):
    """Recurrent layers around one kind of cell.

    cell           a name from `elman cells`, or a callable (input_size, hidden_size) -> Cell
    dropout        share of features zeroed between layers in training, one mask per step
    zoneout        share of the state that keeps its old value at a step (Krueger et al. 2017); in evaluation the mean
    residual       a layer's input is added to its output where the sizes agree
    learned_initial_state   the first state is a parameter instead of zeros
    executor       "auto", or the name of one (`plan` says which ran)
    cell_options   handed to the cell, such as `activation` or `layer_norm`

    A state is a tuple over layers of tuples over directions of the cell's State, each part (batch, hidden_size).
    Raises UnknownName for an unknown cell and RecipeError for an option that the cell does not take.
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
        zoneout: float = 0.0,
        residual: bool = False,
        learned_initial_state: bool = False,
        executor: str = "auto",
        **cell_options: Any,
    ) -> None:
        super().__init__()
        make = cell if callable(cell) else _maker(cell, {k: v for k, v in cell_options.items() if v})
        if not 0 <= zoneout < 1 or not 0 <= dropout < 1:
            raise RecipeError(f"dropout and zoneout are shares below 1; got {dropout} and {zoneout}.")
        for name, size in (
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ):
            if size < 1:
                raise RecipeError(f"{name} must be at least 1, got {size}.")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.directions = DIRECTIONS if bidirectional else DIRECTIONS[:1]
        self.zoneout, self.residual, self.executor = zoneout, residual, executor
        self.layers = nn.ModuleList()
        size = input_size
        for _ in range(num_layers):
            layer = nn.ModuleList(make(size, hidden_size) for _ in self.directions)
            self.layers.append(layer)
            size = sum(one.output_size for one in layer)  # type: ignore[misc]
        self.output_size = size
        self.dropout = nn.Dropout(dropout)
        first: Any = self.layers[0]
        self.state_names, self.readings = first[0].state_names, first[0].readings
        self.initial: nn.ParameterList | None = None
        if learned_initial_state:
            parts = num_layers * len(self.directions) * len(self.state_names)
            self.initial = nn.ParameterList(torch.zeros(hidden_size) for _ in range(parts))

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
        state starts afresh before such a step. With `final=False` no state is made (None): ragged LSTM batches are
        then several times faster on a CPU.
        """
        output, states, _ = self._run(x, state, lengths, reset, readings=False, final=final)
        return output, states

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> dict[str, Tensor]:
        """Every gate and state at every step: "layers.0.forward.forget_gate" -> (batch, time, hidden_size).

        Readings are taken before zoneout; steps after a sequence's end are 0.
        """
        return self._run(x, state, lengths, None, readings=True, final=False)[2]

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step for streaming: x (batch, input_size) -> output (batch, output_size) and the next state."""
        output, state = self(x[:, None], state)
        return output[:, 0], state

    def plan(self, x: Tensor, lengths: Tensor | None = None, *, readings: bool = False) -> Plan:
        """Which executor would run the first layer on this input, and why each other one would not."""
        cell: Any = self.layers[0][0]  # type: ignore[index]
        call = self._call(
            cell, x.transpose(0, 1), cell.initial_state(x.shape[0]), lengths, None, readings, True, None
        )
        return plan(call, self.executor)

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
        self._check(x, lengths)
        fresh = self.initial_state(x.shape[0]) if state is None or reset is not None else None
        state = fresh if state is None else state
        x = x.transpose(0, 1)
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
                turned = reverse(again, lengths) if backward and again is not None else again
                before = cell.State(*state[depth][side])
                call = self._call(cell, inputs, before, lengths, turned, readings, final, start)
                result: Result = run(call, self.executor)
                turn = (lambda value: reverse(value, lengths)) if backward else (lambda value: value)
                outputs.append(turn(result.output))
                ends.append(result.state)
                for name, value in result.readings.items():
                    trace[f"layers.{depth}.{self.directions[side]}.{name}"] = turn(value).transpose(0, 1)
            output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
            if self.residual and output.shape == x.shape:
                output = output + x
            x = self.dropout(output) if depth < self.num_layers - 1 else output
            states.append(tuple(ends))
        return x.transpose(0, 1), tuple(states) if final else None, trace

    def _call(
        self, cell: Cell, x: Tensor, state: Any, lengths: Tensor | None, reset: Tensor | None, readings: bool,
        final: bool, fresh: Any,
    ) -> Call:  # fmt: skip
        hold = None
        if self.zoneout:
            shape = (*x.shape[:2], cell.hidden_size)
            rate = torch.full((), self.zoneout, device=x.device, dtype=x.dtype).expand(shape)
            hold = tuple(torch.bernoulli(rate) if self.training else rate for _ in cell.state_names)
        return Call(cell, x, state, lengths, hold, reset, fresh, readings, final)

    def _check(self, x: Tensor, lengths: Tensor | None) -> None:
        if x.dim() != 3 or x.shape[-1] != self.input_size:
            raise RecipeError(
                f"got input of shape {tuple(x.shape)}; expected (batch, time, {self.input_size})."
            )
        if x.shape[1] == 0:
            raise RecipeError("got a sequence of 0 steps; expected at least 1.")
        if lengths is not None and lengths.shape != x.shape[:1]:
            raise RecipeError(f"got lengths of shape {tuple(lengths.shape)}; expected ({x.shape[0]},).")

    @classmethod
    def from_torch(cls, module: nn.Module) -> RNN:
        """The same network as a torch.nn.LSTM, GRU or RNN, weights copied; refuses what it cannot express."""
        names = {kind: name for name, kind in TORCH_CLASSES.items()}
        if type(module) not in names:
            raise RecipeError(
                f"got a {type(module).__name__}; expected torch.nn.LSTM, torch.nn.GRU or torch.nn.RNN."
            )
        source: Any = module
        if source.proj_size or not source.bias:
            raise RecipeError("a projection, or weights without bias, has no counterpart here.")
        options = {"activation": source.nonlinearity} if isinstance(module, nn.RNN) else {}
        network = cls(
            names[type(module)], source.input_size, source.hidden_size, source.num_layers,
            bidirectional=source.bidirectional, dropout=source.dropout, **options,
        )  # fmt: skip
        network.to(source.weight_ih_l0)
        with torch.no_grad():
            for mine, theirs in network._pairs(source):
                mine.copy_(theirs)
        return network.train(module.training)

    def to_torch(self) -> nn.Module:
        """A batch-first torch.nn.LSTM, GRU or RNN with these weights; refuses options that torch lacks."""
        cell: Any = self.layers[0][0]  # type: ignore[index]
        refused = [name for name in ("zoneout", "residual", "initial") if getattr(self, name)]
        if cell.kernel not in TORCH_CLASSES or cell.ih.norm is not None or refused:
            raise RecipeError(
                f"torch.nn has no {type(cell).__name__} with {', '.join(refused) or 'these options'}."
            )
        options = {"nonlinearity": cell.activation} if cell.kernel == "rnn" else {}
        theirs = TORCH_CLASSES[cell.kernel](
            self.input_size, self.hidden_size, self.num_layers, batch_first=True,
            bidirectional=len(self.directions) == 2, dropout=self.dropout.p, **options,
        )  # fmt: skip
        theirs.to(cell.ih.weight)
        with torch.no_grad():
            for mine, other in self._pairs(theirs):
                other.copy_(mine)
        return theirs.train(self.training)

    def _pairs(self, theirs: Any) -> list[tuple[Tensor, Tensor]]:
        pairs = []
        layers: Any = self.layers
        for depth, layer in enumerate(layers):
            for side, cell in enumerate(layer):
                end = f"_l{depth}" + ("_reverse" if side else "")
                for name, affine in (("ih", cell.ih), ("hh", cell.hh)):
                    pairs.append((affine.weight, getattr(theirs, f"weight_{name}{end}")))
                    pairs.append((affine.bias, getattr(theirs, f"bias_{name}{end}")))
        return pairs

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, executor={self.executor!r}"


def _maker(name: str, options: dict[str, Any]) -> CellMaker:
    """The cell called `name` in `cells/`, with options; RecipeError names the cells that take a refused option."""
    kind = _cell(name)
    for option in options:
        if option not in kind.__init__.__annotations__:
            able = [other for other in catalogue("cells") if option in _cell(other).__init__.__annotations__]
            raise RecipeError(
                f"cell {name!r} takes no {option!r}. Cells that do: {', '.join(able) or 'none'}."
            )
    return lambda input_size, hidden_size: kind(input_size, hidden_size, **options)


def _cell(name: str) -> Any:
    """The one concrete Cell class that a file of `cells/` defines."""
    module = find("cells", name)
    kinds = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Cell))
    return next(kind for kind in kinds if kind.__module__ == module.__name__)
