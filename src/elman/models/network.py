"""The network: inputs, recurrent layers, pooling, head. All that is predicted passes through recurrent states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.core.recipe import ModelOptions
from elman.models.heads import PARAMETERS, TiedHead
from elman.models.inputs import PatchInputs, TokenInputs
from elman.models.pooling import pool, pooled_size, running_pool
from elman.models.rnn import RNN


class Output(NamedTuple):
    """What a network gives: `values` as its head shapes them, and the state after the last valid step."""

    values: Tensor
    state: Any


def recurrent_layers(options: ModelOptions, input_size: int) -> RNN:
    """The recurrent part that the options describe."""
    return RNN(
        options.cell,
        input_size=input_size,
        hidden_size=options.hidden_size,
        num_layers=options.num_layers,
        bidirectional=options.bidirectional,
        dropout=options.dropout if options.num_layers > 1 or options.variational_dropout else 0.0,
        variational_dropout=options.variational_dropout,
        activation=options.activation,
        layer_norm=options.layer_norm,
        projection_size=options.projection_size,
        weight_drop=options.weight_drop,
        zoneout=options.zoneout,
        residual=options.residual,
        learned_initial_state=options.learned_initial_state,
        initialisation=options.initialisation,
        forget_bias=options.forget_bias,
        longest_memory=options.longest_memory,
        executor=options.executor,
    )


def head_dropout(options: ModelOptions) -> nn.Dropout:
    """Before the head; variational dropout has its mask there already."""
    return nn.Dropout(0.0 if options.variational_dropout else options.dropout)


class SequenceNetwork(nn.Module):
    """Vectors to logits: one set per sequence (classes, a number), or one per step (pooling "none": next token).

    `forward(inputs, lengths, state, ratios)` is `read(embed(inputs, ratios), lengths, state)`: analyses enter between the two.
    """

    inputs: nn.Module
    head: nn.Module

    def __init__(self, options: ModelOptions, inputs: nn.Module, size: int, *, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling
        self.inputs = inputs
        self.rnn = recurrent_layers(options, size)
        self.directions = 2 if options.bidirectional else 1
        self.dropout = head_dropout(options)
        self.features = pooled_size(pooling, self.rnn.output_size)

    def embed(self, inputs: Tensor, ratios: Tensor | None = None) -> Tensor:
        """Inputs to vectors (batch, time, size)."""
        raise NotImplementedError

    def vectors(self, inputs: Tensor) -> Tensor:
        """What the recurrent layers read (batch, time, size)."""
        return self.embed(inputs)

    def read(self, embedded: Tensor, lengths: Tensor | None = None, state: Any = None) -> Output:
        """Vectors to logits: (batch, outputs), or (batch, time, outputs) where nothing is pooled."""
        output, state = self.rnn(embedded, state, lengths, final=self.pooling == "none")
        if self.pooling != "none":
            output = pool(self.pooling, output, lengths, self.directions)
        return Output(self.head(self.dropout(output)), state)

    def read_steps(self, embedded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The logits after every step (batch, time, outputs), as if the sequence ended there.

        Raises ValueError for a bidirectional network, whose backward half has seen the end.
        """
        if self.directions == 2:
            raise ValueError("a bidirectional network has read the end before the first step")
        output, _ = self.rnn(embedded, lengths=lengths, final=False)
        if self.pooling != "none":
            output = running_pool(self.pooling, output)
        values: Tensor = self.head(output)
        return values

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: Any = None, ratios: Tensor | None = None
    ) -> Output:
        return self.read(self.embed(inputs, ratios), lengths, state)


class TokenNetwork(SequenceNetwork):
    """Tokens (batch, time) to logits."""

    inputs: TokenInputs

    def __init__(
        self,
        options: ModelOptions,
        vocabulary_size: int,
        outputs: int,
        *,
        pooling: str,
        bigrams: Sequence[int] = (),
        ratios: Sequence[Sequence[float]] = (),
    ) -> None:
        size = options.embedding_size or min(128, max(16, vocabulary_size // 2))
        inputs = TokenInputs(
            vocabulary_size,
            size,
            bigrams=bigrams,
            ratios=ratios,
            dropout=options.embedding_dropout,
            token_dropout=options.token_dropout,
        )
        super().__init__(options, inputs, size, pooling=pooling)
        if options.tied and pooling == "none":
            self.head = TiedHead(self.features, self.inputs.embedding)
        else:
            self.head = nn.Linear(self.features, outputs)

    def embed(self, inputs: Tensor, ratios: Tensor | None = None) -> Tensor:
        """Token numbers (batch, time) to vectors (batch, time, size)."""
        vectors: Tensor = self.inputs(inputs, ratios)
        return vectors


class ValueNetwork(SequenceNetwork):
    """Values (batch, time, features) to logits; values are their own vectors."""

    def __init__(self, options: ModelOptions, features: int, outputs: int, *, pooling: str) -> None:
        super().__init__(options, nn.Identity(), features, pooling=pooling)
        self.head = nn.Linear(self.features, outputs)

    def embed(self, inputs: Tensor, ratios: Tensor | None = None) -> Tensor:
        """Values are read as they are."""
        return inputs


NEARLY_NONE = 1e-3  # in sizes of a window, where a forecast of counts starts when there were none


class ForecastNetwork(nn.Module):
    """Values (batch, context, features) to a forecast (batch, horizon, series, parameters), all steps at once.

    The first `series` features are what is forecast, the next `known` are known in advance, the rest is observed.
    Without known covariates the head reads the final state. With them, the recurrent layers run on over the
    horizon, reading the covariates (and zeros for what is not known yet), and the head reads each step.
    `window_norm` takes a level off the series and puts it back onto the forecast: "last" value or "mean"
    (Zeng et al. 2023, NLinear), so the network sees shapes rather than levels; "scale" divides by its size instead, so
    that large and small entities look alike, and a forecast starts from the mean of the window's seasons.
    """

    def __init__(
        self,
        options: ModelOptions,
        *,
        features: int,
        series: int,
        known: int,
        horizon: int,
        patch_length: int = 1,
        window_norm: str = "none",
        season: int = 1,
    ) -> None:
        super().__init__()
        self.series, self.known, self.horizon, self.season = series, known, horizon, season
        self.window_norm, self.patch_length = window_norm, patch_length
        self.distribution, self.parameters_each = options.distribution, PARAMETERS[options.distribution]
        wide = features + (series if window_norm == "scale" else 0)
        self.inputs = PatchInputs(wide, patch_length, options.embedding_size or options.hidden_size)
        self.rnn = recurrent_layers(options, self.inputs.size)
        self.dropout = head_dropout(options)
        steps = patch_length if known else horizon
        self.directions = 2 if options.bidirectional else 1
        self.head = nn.Linear(self.rnn.output_size, steps * series * self.parameters_each)

    def embed(self, inputs: Tensor) -> Tensor:
        """Values are read as they are."""
        return inputs

    def read(self, embedded: Tensor, lengths: Tensor | None = None, state: Any = None) -> Output:
        """The forecast from values alone; covariates known in advance count as zero (their training mean)."""
        return self(embedded)

    def vectors(self, inputs: Tensor, future: Tensor | None = None) -> Tensor:
        """What the recurrent layers read (batch, patches, size): the level taken off, the known future behind."""
        level, scale = self._level(inputs), self._scale(inputs)
        parts = [(inputs[..., : self.series] - level) / scale, inputs[..., self.series :]]
        if self.window_norm == "scale":  # what the division took away is told
            parts.append(scale.log().expand(-1, inputs.shape[1], -1))
        centred = torch.cat(parts, -1)
        vectors: Tensor = self.inputs(centred)
        if self.known:
            vectors = torch.cat([vectors, self.inputs(self._ahead(inputs, future))], 1)
        return vectors

    def forward(self, inputs: Tensor, future: Tensor | None = None) -> Output:
        batch = len(inputs)
        output, state = self.rnn(self.vectors(inputs, future), final=False)
        if self.known:
            ahead = -(-self.horizon // self.patch_length)
            values = self.head(self.dropout(output[:, -ahead:]))
            values = values.reshape(batch, ahead * self.patch_length, self.series, self.parameters_each)
            values = values[:, : self.horizon]
        else:
            last = pool("last", output, None, self.directions)
            values = self.head(self.dropout(last)).reshape(
                batch, self.horizon, self.series, self.parameters_each
            )
        return Output(self._onto(values, self._start(inputs), self._scale(inputs)), state)

    def _level(self, inputs: Tensor) -> Tensor:
        target = inputs[..., : self.series]
        if self.window_norm == "last":
            return target[:, -1:]
        if self.window_norm == "mean":
            return target.mean(1, keepdim=True)
        return torch.zeros_like(target[:, :1])

    def _start(self, inputs: Tensor) -> Tensor:
        """What a forecast adds to (batch, 1 or horizon, series): the level, or for "scale" the mean of the window's seasons."""
        return self._level(inputs) if self.window_norm != "scale" else self._seasons(inputs).mean(1)

    def _seasons(self, inputs: Tensor) -> Tensor:
        """For each step of the horizon what stood there in the seasons before (batch, seasons, horizon, series), last first.

        Where a window is shorter than a season, every step is one.
        """
        length = inputs.shape[1]
        season = self.season if self.season <= length else 1
        phase = torch.arange(self.horizon, device=inputs.device) % season
        back = season * torch.arange(1, length // season + 1, device=inputs.device)
        return inputs[:, length - back[:, None] + phase, : self.series]

    def _scale(self, inputs: Tensor) -> Tensor:
        """What a window's series are divided by (batch, 1, series): 1 + their mean size (Salinas et al. 2020, section 3.3)."""
        target = inputs[..., : self.series]
        if self.window_norm == "scale":
            return 1 + target.abs().mean(1, keepdim=True)
        return torch.ones_like(target[:, :1])

    def _ahead(self, inputs: Tensor, future: Tensor | None) -> Tensor:
        """The horizon as input rows, a multiple of the patch length long: zeros where nothing is known yet, for "scale" what
        stood there in the last season.
        """
        batch, features = len(inputs), inputs.shape[2] + (self.series if self.window_norm == "scale" else 0)
        steps = -(-self.horizon // self.patch_length) * self.patch_length
        rows = inputs.new_zeros(batch, steps, features)
        if future is not None:
            rows[:, : self.horizon, self.series : self.series + self.known] = future
        if self.window_norm == "scale":
            scale = self._scale(inputs)
            rows[:, : self.horizon, : self.series] = self._seasons(inputs)[:, 0] / scale
            rows[..., -self.series :] = scale.log()
        return rows

    def _onto(self, values: Tensor, start: Tensor, scale: Tensor) -> Tensor:
        """Level and size put back: onto every quantile, or onto the parameters of a distribution."""
        start, scale = start[..., None], scale[..., None]
        if self.distribution == "negative_binomial":
            first, second = values.split(1, -1)
            mean = nn.functional.softplus(first + _before_softplus((start / scale).clamp(min=NEARLY_NONE)))
            dispersion = nn.functional.softplus(second)
            return torch.cat([mean * scale, dispersion * scale.rsqrt()], -1)
        if self.distribution == "student_t":
            location, width, freedom = values.split(1, -1)
            if self.window_norm == "scale":
                # `student_t` takes the softplus of a width.
                width = _before_softplus((nn.functional.softplus(width) * scale).clamp(min=1e-6))
            return torch.cat([location * scale + start, width, freedom], -1)
        return values * scale + start


def _before_softplus(positive: Tensor) -> Tensor:
    """The inverse of softplus; does not overflow."""
    return positive + torch.log(-torch.expm1(-positive))
