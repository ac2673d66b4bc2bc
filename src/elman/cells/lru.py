"""LRU: linear recurrent unit, complex and diagonal in time.

    lambda = exp(-exp(nu_log) + i exp(theta_log))     each unit decays and turns
    d = exp(gamma_log) * (B x)                        candidate_real, candidate_imaginary
    s' = lambda * s + d                               complex, held as (real, imaginary)
    h' = Re(C s') + D x                               the output, which no step reads

Orvieto et al. 2023, "Resurrecting recurrent neural networks for long sequences" (sections 3.2-3.4, and the code of appendix
A, whose initialisation this is): |lambda| uniform on the ring from r_min to r_max, its angle in (0, max_phase), gamma =
sqrt(1 - |lambda|^2), B and C complex and Glorot-like. The paper's D is a diagonal; here it is a matrix, because inputs and
units differ in number. No biases, as in the paper.
"""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor, nn

from elman.cells.contract import Affine, LinearCell, Readings, Rows
from elman.core.errors import RecipeError


@final
class LRU(LinearCell):
    """See the module's docstring. State (real, imaginary).

    ih    B (2 * hidden_size, input_size), the real rows, then the imaginary ones; layer norm applies to B x
    out   C (hidden_size, 2 * hidden_size), what multiplies the real parts, then the imaginary ones: [Re C, -Im C]
    skip  D (hidden_size, input_size)

    Raises RecipeError unless 0 <= r_min < r_max <= 1 and max_phase > 0 (radians).
    """

    state_names = ("real", "imaginary")
    readings = ("candidate_real", "candidate_imaginary")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
        layer_norm: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        if not 0 <= r_min < r_max <= 1 or max_phase <= 0:
            raise RecipeError(
                f"got r_min={r_min}, r_max={r_max}, max_phase={max_phase}; expected 0 <= r_min < r_max <= 1 and max_phase > 0."
            )
        self.ih = Affine(input_size, 2 * hidden_size, bias=False, layer_norm=layer_norm)
        self.out = Affine(2 * hidden_size, hidden_size, bias=False)
        self.skip = Affine(input_size, hidden_size, bias=False)
        nn.init.normal_(self.ih.weight, std=(2 * input_size) ** -0.5)
        nn.init.normal_(self.out.weight, std=hidden_size**-0.5)
        nn.init.normal_(self.skip.weight, std=input_size**-0.5)
        inside = torch.rand(2, hidden_size).clamp(1e-6, 1 - 1e-6)  # at the ends the logarithms are infinite
        squared = inside[0] * (r_max**2 - r_min**2) + r_min**2
        self.nu_log = nn.Parameter((-0.5 * squared.log()).log())
        self.theta_log = nn.Parameter((max_phase * inside[1]).log())
        self.gamma_log = nn.Parameter(0.5 * (1 - squared).log())

    def project(self, x: Tensor) -> Tensor:
        scale = self.gamma_log.exp().repeat(2)
        return torch.cat([scale * self.ih(x), self.skip(x)], -1)

    def coefficients(self, projected: Tensor) -> tuple[Rows, tuple[Tensor, ...], Readings]:
        drive = projected.chunk(3, -1)[:2]
        size, angle = (-self.nu_log.exp()).exp(), self.theta_log.exp()
        real, imaginary = size * angle.cos(), size * angle.sin()
        return ((real, -imaginary), (imaginary, real)), drive, drive

    def readout(self, projected: Tensor, state: Any) -> Tensor:
        output: Tensor = self.out(torch.cat([state.real, state.imaginary], -1)) + projected.chunk(3, -1)[2]
        return output
