"""Gradient flow: how much of the loss at each step reaches the state of the steps before it.

The norm of dL_t / ds_s over the full state s (h and c of all layers), for every pair of a step t with a loss and a step s at or before it,
as RNNbow itemises it (Cashman et al. 2018). All items of one s sum to the gradient of the whole loss there: what is left over is the residual.
Beside it, of the recurrent weights, the spectral radius of the block of each gate (Pascanu et al. 2013: where it is below 1 in a plain
network, gradients fade).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.errors import RecipeError
from elman.interpretation.editing import edited
from elman.interpretation.view import Sample, View, untouched

STEPS = 32  # at the end of each sequence: a pass back for each step that has a loss


@dataclass(frozen=True)
class Flow:
    """items (t, s): mean over sequences of the norm of dL_t/ds_s, 0 for s after t; `asked` (t,) are the steps that have a loss.

    `by_lag` (lags,): mean over t of the item `lag` steps back. residual: what the items leave over of the whole gradient, as its share.
    """

    items: np.ndarray
    asked: np.ndarray
    residual: float

    @property
    def by_lag(self) -> np.ndarray:
        """Mean norm by lag from 0 on, over all steps with a loss that reach so far back."""
        steps = self.items.shape[1]
        return np.array(
            [
                np.mean([row[at - lag] for row, at in zip(self.items, self.asked) if at >= lag] or [0.0])
                for lag in range(min(steps, int(self.asked.max()) + 1))
            ]
        )


def gradient_flow(view: View, sample: Sample, steps: int = STEPS) -> Flow | None:
    """Itemised gradients over `steps` steps; None for a network whose state cannot be reached, or that reads from the end.

    A language model has a loss at every step: its first `steps` are taken. Any other network has one at the end: of each sequence the last
    `steps` are read. Half of the sequences at least are that long; the others are left out.
    """
    every = view.names_next_step and view.read_steps is not None
    lengths = np.array([sample.length(row) for row in range(len(sample))])
    steps = min(steps, int(np.median(lengths)))
    kept = np.flatnonzero(lengths >= steps)
    rows = torch.from_numpy(kept)
    inputs = sample.inputs[rows.to(sample.inputs.device)].to(view.device)
    if every:
        inputs = inputs[:, : steps + 1]
        truth = [inputs[:, at + 1] for at in range(inputs.shape[1] - 1)]
        inputs = inputs[:, : len(truth)]
    else:
        ends = torch.from_numpy(lengths[kept])
        inputs = torch.stack([row[int(end) - steps : int(end)] for row, end in zip(inputs, ends)])
        truth = [sample.targets[rows.to(sample.targets.device)].to(view.device)]
    if not truth or not len(kept):
        return None
    leaves: dict[int, list[Tensor]] = {}
    from_the_end = False

    def look(name: str, step: int, values: Tensor) -> Tensor:
        nonlocal from_the_end
        from_the_end = from_the_end or ".backward." in name
        leaf = torch.zeros_like(values, requires_grad=True)
        leaves.setdefault(step, []).append(leaf)
        return values + leaf

    with untouched(view), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        try:
            with edited(view.model, look):
                vectors = view.embed(inputs)
                if every:
                    assert view.read_steps is not None
                    outputs = view.read_steps(vectors, None)
                    losses = [view.loss(outputs[:, at], true).sum() for at, true in enumerate(truth)]
                else:
                    losses = [view.loss(view.read(vectors, None), truth[0]).sum()]
        except RecipeError:
            return None
        if from_the_end or sorted(leaves) != list(range(inputs.shape[1])):
            return None  # a direction that has read the end; patches, or a horizon that is run through
        flat = [leaf for step in sorted(leaves) for leaf in leaves[step]]
        each = [_gradients(loss, flat, len(leaves)) for loss in losses]
        whole = _gradients(torch.stack(losses).sum(), flat, len(leaves))
    left = float((torch.stack(each).sum(0) - whole).norm() / whole.norm().clamp_min(1e-30))
    items = np.stack([one.norm(dim=-1).mean(0).double().cpu().numpy() for one in each])  # (t, s)
    asked = np.arange(len(truth)) if every else np.array([inputs.shape[1] - 1])
    return Flow(items, asked, left)


def spectral_radii(model: nn.Module) -> dict[str, np.ndarray]:
    """Largest modulus of the eigenvalues of each gate's block of every recurrent weight: name -> (blocks,), in the order of the weights' rows.

    Where h is projected (LSTMs of Sak et al. 2014), the block after the projection: from h to the gate, and back to h.
    """
    weights, found = dict(model.named_parameters()), {}
    for name, weight in weights.items():
        recurrent = name.rpartition(".")[0].endswith("hh") or "weight_hh" in name
        if not recurrent or weight.dim() != 2:
            continue
        there = name.replace("weight_hh", "weight_hr").replace("hh.weight", "hr.weight")
        projection = weights[there].detach().double().cpu() if there != name and there in weights else None
        units = weight.shape[1] if projection is None else projection.shape[1]
        if weight.shape[0] % units == 0:
            blocks = weight.detach().double().cpu().split(units)
            back = blocks if projection is None else [projection @ block for block in blocks]
            found[name] = np.array([float(torch.linalg.eigvals(one).abs().max()) for one in back])
    return found


def _gradients(loss: Tensor, leaves: list[Tensor], steps: int) -> Tensor:
    """Of the loss with respect to the full state at each step (batch, steps, size)."""
    found = torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
    filled = [torch.zeros_like(leaf) if one is None else one for one, leaf in zip(found, leaves)]
    parts = len(leaves) // steps
    return torch.stack([torch.cat(filled[at * parts : (at + 1) * parts], -1) for at in range(steps)], 1)
