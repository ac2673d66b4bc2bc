"""Heads: from recurrent features to logits, or to the parameters of a forecast."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)  # quantiles a probabilistic forecast gives
Distribution = Literal["point", "quantiles", "student_t", "negative_binomial"]
PARAMETERS = {"point": 1, "quantiles": len(LEVELS), "student_t": 3, "negative_binomial": 2}
LEAST = 1e-6  # of a mean and of a dispersion


class TiedHead(nn.Module):
    """Logits through the input embedding (Press and Wolf 2017): features -> embedding size -> vocabulary."""

    def __init__(self, features: int, embedding: nn.Embedding) -> None:
        super().__init__()
        size = embedding.embedding_dim
        self.project = nn.Linear(features, size) if features != size else None
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings))
        self._embedding = [embedding]  # a list: the matrix belongs to the inputs, not to this module

    def forward(self, features: Tensor) -> Tensor:
        if self.project is not None:
            features = self.project(features)
        return nn.functional.linear(features, self._embedding[0].weight, self.bias)


def forecast_loss(distribution: str, parameters: Tensor, targets: Tensor, loss: str) -> Tensor:
    """Loss of each forecast value.

    `parameters` (..., PARAMETERS[distribution]), `targets` (...); NaN targets give 0. Point forecasts use squared
    or absolute error ("mse", "mae"), quantiles the pinball loss, Student-t its negative log-likelihood.
    """
    known = ~targets.isnan()
    targets = targets.nan_to_num()
    if distribution == "point":
        difference = parameters[..., 0] - targets
        each = difference.abs() if loss == "mae" else difference.square()
    elif distribution == "quantiles":
        levels = torch.tensor(LEVELS, device=parameters.device)
        difference = targets[..., None] - quantiles(distribution, parameters)
        each = torch.maximum(levels * difference, (levels - 1) * difference).mean(-1)
    elif distribution == "negative_binomial":
        each = -count_log_probability(parameters, targets)
    else:
        each = -student_t(parameters).log_prob(targets)
    return each * known


def student_t(parameters: Tensor) -> torch.distributions.StudentT:
    """Location, softplus scale, degrees of freedom above 2 (Salinas et al. 2020, DeepAR, with a heavier tail)."""
    location, scale, freedom = parameters.unbind(-1)
    positive = nn.functional.softplus
    return torch.distributions.StudentT(2 + positive(freedom), location, positive(scale) + 1e-4)


def count_log_probability(parameters: Tensor, counts: Tensor) -> Tensor:
    """ln p of counts (...) under a negative binomial law with `parameters` (..., 2): its mean m and dispersion a.

    Its variance is m + a m^2 (Salinas et al. 2020, DeepAR, section 3.1); with a at 0 it is a Poisson law.
    """
    mean, dispersion = parameters.clamp(min=LEAST).unbind(-1)
    shape = 1 / dispersion
    return (
        torch.lgamma(counts + shape) - torch.lgamma(shape) - torch.lgamma(counts + 1)
        - shape * torch.log1p(dispersion * mean) + counts * (torch.log(mean) - torch.log(shape + mean))
    )  # fmt: skip


def point(distribution: str, parameters: Tensor) -> Tensor:
    """The point forecast (...): the value itself, the median, the location, or the mean of counts."""
    if distribution == "quantiles":
        return quantiles(distribution, parameters)[..., LEVELS.index(0.5)]
    return parameters[..., 0]


def quantiles(distribution: str, parameters: Tensor) -> Tensor:
    """Quantiles (..., levels), never crossing. Student-t quantiles are exact (SciPy's inverse)."""
    if distribution == "quantiles":
        return parameters.sort(-1).values
    if distribution == "student_t":
        from scipy.stats import t as student

        law = student_t(parameters)
        standard = student.ppf(torch.tensor(LEVELS).numpy(), law.df.detach().cpu().numpy()[..., None])
        return law.loc[..., None] + law.scale[..., None] * torch.as_tensor(
            standard, dtype=parameters.dtype, device=parameters.device
        )
    if distribution == "negative_binomial":
        from scipy.stats import nbinom

        known = parameters.detach().double().clamp(min=LEAST).cpu().numpy()
        mean, shape = known[..., 0], 1 / known[..., 1]
        chance = shape / (shape + mean)
        found = nbinom.ppf(torch.tensor(LEVELS).double().numpy(), shape[..., None], chance[..., None])
        return torch.as_tensor(found, dtype=parameters.dtype, device=parameters.device)
    raise ValueError("a point forecast has no quantiles of its own")
