"""What the recurrent layers of a network read is what its analyses are told that they read."""

from __future__ import annotations

import pytest
import torch

from elman.core.recipe import ModelOptions
from elman.interpretation.stepping import stepping_view
from elman.models.network import ForecastNetwork


@pytest.mark.parametrize("window_norm", ["none", "last", "mean"])
@pytest.mark.parametrize(("patch", "known"), [(1, 0), (4, 0), (1, 2), (3, 2)])
def test_the_state_of_a_forecast_is_that_of_its_vectors(window_norm, patch, known):
    torch.manual_seed(0)
    network = ForecastNetwork(
        ModelOptions(hidden_size=4, cell="lstm"), features=4, series=2, known=known, horizon=5,
        patch_length=patch, window_norm=window_norm,
    ).eval()  # fmt: skip
    x = torch.randn(3, 12, 4) + 5
    stepping, read = stepping_view(network.rnn, network.vectors)()
    with torch.no_grad():
        states = stepping.states(read(x))
        h, c = network.rnn(network.vectors(x))[1][0][0]
        trace = network.rnn.trace(network.vectors(x))
        expected = network.head(trace["layers.0.forward.h"][:, -1]) if not known else None
        found = network(x).values
    torch.testing.assert_close(states[:, -1].float(), torch.cat([h, c], -1), rtol=1e-4, atol=1e-5)
    if expected is not None:
        level = {
            "none": torch.zeros(3, 1, 2),
            "last": x[:, -1:, :2],
            "mean": x[..., :2].mean(1, keepdim=True),
        }
        torch.testing.assert_close(found[..., 0], expected.reshape(3, 5, 2) + level[window_norm])
