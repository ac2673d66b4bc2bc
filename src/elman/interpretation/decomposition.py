"""Contextual decomposition of an LSTM or a GRU: what a span of steps gave to the answer (Murdoch, Liu and Yu 2018).

Every state is split, h = beta + gamma: beta is what comes of the span alone, gamma all that the other steps had a part in. An
activation of a sum is shared among its terms, f(beta + gamma + bias) = L(beta) + L(gamma) + L(bias), by the mean of what each adds over the
orders in which the bias comes first (section 3.2.2). A product goes to beta where no factor of gamma is in it; the product of two biases goes to beta
at the steps of the span, its last one included, else to gamma. The output gate is not split. The rules for the GRU, whose 1 - z
is taken as -L(beta) - L(gamma) + (1 - L(bias)), and for several layers are ours, by the same reasoning.

That beta + gamma is h says nothing about where the border runs: the tests hold each span against a second implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from elman.cells.gru import GRU
from elman.cells.lstm import LSTM
from elman.core.errors import RecipeError
from elman.interpretation.credit import Asked, Credit
from elman.interpretation.occlusion import parts, spread
from elman.interpretation.view import View
from elman.models.rnn import RNN

OTHERWISE = "its layers read something else than what is credited"
MOST = 64  # spans, each of which is a pass of its own
Shares = tuple[Tensor, ...]  # of beta, of gamma, and of the bias


def decomposition(asked: Asked, most: int = MOST) -> Credit:
    """F(beta) - F(0) of each step, or span of steps: beta of the last layer read out as its state is.

    Raises RecipeError where `refusal` says why not.
    """
    reason, layers = _layers(asked.view)
    if layers is not None and layers.input_size != asked.vectors.shape[2]:
        reason, layers = OTHERWISE, None
    if layers is None:
        raise RecipeError(f"contextual decomposition is not possible: {reason}.")
    part, count = parts(asked, most)
    batch = len(asked.vectors)
    found: list[Tensor] = []
    with torch.no_grad():
        for places in torch.arange(count * batch, device=part.device).split(
            max(1, asked.rows_at_once() // 2)
        ):
            inside, row = part[:, 0] == (places // batch)[:, None], places % batch
            beta, gamma = split(layers, asked.vectors[row], inside)
            if not found:
                reason = _unread(asked, beta, gamma, row)
                if reason is not None:
                    raise RecipeError(f"contextual decomposition is not possible: {reason}.")
            found.append(_read(asked, beta, row) - _read(asked, torch.zeros_like(beta), row))
        each = torch.cat(found).unflatten(0, (count, batch))
    return Credit(spread(asked, each, part))


def passes(asked: Asked, most: int = MOST) -> float:
    """How often decomposition has its states read: twice for each span, and five times what it begins with, to see that it may."""
    count, batch = parts(asked, most)[1], len(asked.vectors)
    return 2 * count + 5 * min(count, max(1, asked.rows_at_once() // 2) / batch)


def refusal(asked: Asked) -> str | None:
    """Why this network cannot be decomposed; None where it can."""
    try:
        decomposition(asked, 2)  # halves: of a whole, nothing is left that could show what is not linear
    except RecipeError as error:
        return str(error).removeprefix("contextual decomposition is not possible: ").removesuffix(".")
    return None


def split(layers: RNN, vectors: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """beta and gamma of the last layer at every step, each (batch, time, size); inside (batch, time): the steps of the span."""
    beta, gamma = vectors * inside[..., None], vectors * ~inside[..., None]
    stack: Any = layers.layers
    for layer, start in zip(stack, layers.initial_state(len(vectors))):
        run = _lstm if isinstance(layer[0], LSTM) else _gru
        beta, gamma = run(layer[0], beta, gamma, inside, start[0])
    return beta, gamma


def _lstm(cell: Any, beta: Tensor, gamma: Tensor, inside: Tensor, start: Any) -> tuple[Tensor, Tensor]:
    h, c = (torch.zeros_like(start.h), start.h), (torch.zeros_like(start.c), start.c)
    bias, found = cell.ih.bias + cell.hh.bias, []
    here, there = beta @ cell.ih.weight.T, gamma @ cell.ih.weight.T
    for step in range(inside.shape[1]):
        b = (here[:, step] + h[0] @ cell.hh.weight.T).chunk(4, -1)
        g = (there[:, step] + h[1] @ cell.hh.weight.T).chunk(4, -1)
        fixed = bias.chunk(4)
        i, f = (_share(torch.sigmoid, b[k], g[k], fixed[k]) for k in (0, 1))
        n, o = _share(torch.tanh, b[2], g[2], fixed[2]), (b[3] + g[3] + fixed[3]).sigmoid()
        new, kept = _product(i, n, inside[:, step, None]), (f[0] + f[2]) * c[0]
        c = new[0] + kept, new[1] + f[1] * c[0] + (f[0] + f[1] + f[2]) * c[1]
        mine, others, _ = _share(torch.tanh, *c, torch.zeros_like(c[0]))
        h = o * mine, o * others
        found.append(torch.stack(h))
    both = torch.stack(found, 2)
    return both[0], both[1]


def _gru(cell: Any, beta: Tensor, gamma: Tensor, inside: Tensor, start: Any) -> tuple[Tensor, Tensor]:
    h, found = (torch.zeros_like(start.h), start.h), []
    here, there = beta @ cell.ih.weight.T, gamma @ cell.ih.weight.T
    for step in range(inside.shape[1]):
        b, g, fixed = here[:, step].chunk(3, -1), there[:, step].chunk(3, -1), cell.ih.bias.chunk(3)
        hb, hg, hf = (
            (h[0] @ cell.hh.weight.T).chunk(3, -1),
            (h[1] @ cell.hh.weight.T).chunk(3, -1),
            cell.hh.bias.chunk(3),
        )
        r, z = (_share(torch.sigmoid, b[k] + hb[k], g[k] + hg[k], fixed[k] + hf[k]) for k in (0, 1))
        reset = _product(r, (hb[2], hg[2], hf[2].expand_as(hb[2])), None)
        n = _share(torch.tanh, b[2] + reset[0], g[2] + reset[1], fixed[2] + reset[2])
        new = _product((-z[0], -z[1], 1 - z[2]), n, inside[:, step, None])
        h = new[0] + (z[0] + z[2]) * h[0], new[1] + z[1] * h[0] + (z[0] + z[1] + z[2]) * h[1]
        found.append(torch.stack(h))
    both = torch.stack(found, 2)
    return both[0], both[1]


def _share(f: Callable[[Tensor], Tensor], b: Tensor, g: Tensor, bias: Tensor) -> Shares:
    """f(b + g + bias) among its three terms: the mean over the two orders that begin with the bias, which gets f(bias)."""
    alone, first, second, whole = f(bias), f(b + bias), f(g + bias), f(b + g + bias)
    return (first - alone + whole - second) / 2, (second - alone + whole - first) / 2, alone.expand_as(b)


def _product(x: Shares, y: Shares, inside: Tensor | None) -> Shares:
    """The product of two sums to beta, gamma and bias; with `inside` (batch, 1), bias times bias to beta there, else to gamma."""
    fixed = x[2] * y[2]
    mine = x[0] * (y[0] + y[2]) + x[2] * y[0]
    others = x[1] * (y[0] + y[1] + y[2]) + (x[0] + x[2]) * y[1]
    if inside is None:
        return mine, others, fixed
    return mine + fixed * inside, others + fixed * ~inside, torch.zeros_like(fixed)


def _layers(view: View) -> tuple[str | None, RNN | None]:
    """The recurrent layers of a network, or why there are none that can be decomposed."""
    found = [module for module in view.model.modules() if isinstance(module, (RNN, nn.RNNBase))]
    if len(found) != 1:
        return f"it has {len(found) or 'no'} recurrent modules, and one is expected", None
    module = found[0]
    if isinstance(module, nn.RNNBase):
        if not isinstance(module, (nn.LSTM, nn.GRU)) or not module.bias:
            return "it is for LSTM and GRU with biases", None
        module = RNN.from_torch(module)
    cells: list[Any] = [layer[0] for layer in module.layers]  # type: ignore[index]
    if not all(isinstance(cell, (LSTM, GRU)) for cell in cells):
        return f"it is for LSTM and GRU; this is {type(cells[0]).__name__}", None
    if len(module.directions) == 2:
        return "the network reads from the end, too", None
    options = {
        "layer_norm": any(cell.ih.norm is not None for cell in cells), "zoneout": module.zoneout,
        "projection_size": any(cell.projection_size for cell in cells), "residual": module.residual,
    }  # fmt: skip
    given = [name for name, value in options.items() if value]
    return (f"it does not know {', '.join(given)}", None) if given else (None, module)


def _unread(asked: Asked, beta: Tensor, gamma: Tensor, row: Tensor) -> str | None:
    """Why what the network reads out of its layers' states is no sum over their parts; None where it is one."""
    seen: list[Any] = []
    with _instead(asked.view, None, seen):
        whole = asked.number(asked.vectors[row], row)
    if any(isinstance(given, PackedSequence) for given in seen):
        return "its layers read a packed batch"
    read = asked.vectors[row]
    if not seen or not any(torch.equal(seen[0], each) for each in (read, read.transpose(0, 1))):
        return OTHERWISE
    near = lambda a, b: torch.allclose(a, b, rtol=1e-3, atol=1e-4 * float(whole.abs().max().clamp(min=1)))
    if not near(_read(asked, beta + gamma, row), whole):
        return "its answer is not read from the states of its last layer alone"
    parted = _read(asked, beta, row) + _read(asked, gamma, row) - _read(asked, torch.zeros_like(beta), row)
    return None if near(parted, whole) else "what reads its states is not linear in them"


def _read(asked: Asked, states: Tensor, row: Tensor) -> Tensor:
    """F where the last layer's states are these (rows, time, size)."""
    with _instead(asked.view, states, []):
        return asked.number(asked.vectors[row], row)


@contextmanager
def _instead(view: View, states: Tensor | None, seen: list[Any]) -> Iterator[None]:
    """The layers give other states, if any, and what they read is kept; all else they give is NaN, so that its use is seen."""
    module: Any = next(one for one in view.model.modules() if isinstance(one, (RNN, nn.RNNBase)))

    def put(_: Any, args: Any, given: Any) -> Any:
        seen.append(args[0])
        if states is None:
            return None
        turned = isinstance(module, nn.RNNBase) and not module.batch_first
        return (states.transpose(0, 1) if turned else states), _poisoned(given[1], states)

    handle = module.register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()


def _poisoned(end: Any, states: Tensor) -> Any:
    """A final state as NaN; torch's h of the last layer is the last of the states."""
    if isinstance(end, Tensor):
        return torch.cat([torch.full_like(end[:-1], torch.nan), states[None, :, -1]])
    if end is None:
        return None
    if isinstance(end[0], Tensor):
        return _poisoned(end[0], states), torch.full_like(end[1], torch.nan)
    return tuple(
        tuple(type(one)(*(torch.full_like(part, torch.nan) for part in one)) for one in layer)
        for layer in end
    )
