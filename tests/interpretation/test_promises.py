"""What every analysis promises: the network as before, the same answer twice, pictures that can be drawn, text escaped."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network
from torch import nn

from elman.interpretation.attribution import attribution
from elman.interpretation.gates import gates
from elman.interpretation.memory import memory
from elman.interpretation.pictures import COLOURS, coloured
from elman.interpretation.readout import readout
from elman.interpretation.view import MOST_VALUES, untouched
from elman.report.charts import draw
from elman.report.sanitize import sanitize

ANALYSES = (memory, attribution, gates, readout)
SAMPLE = sample_of(tokens(), torch.arange(12) % 3, torch.tensor([10, 4] * 6))


def test_hooks_modes_gradients_and_random_state_come_back_after_an_error():
    view = view_of_network()
    model = view.model
    kept = model.head.register_forward_hook(lambda *_: None)
    model.train()
    model.rnn.eval()
    model.head.bias.requires_grad_(False)
    model.head.weight.grad = torch.ones_like(model.head.weight)
    random = torch.get_rng_state()
    with pytest.raises(RuntimeError), untouched(view):
        assert not model.training and not any(weight.requires_grad for weight in model.parameters())
        model.head.register_forward_pre_hook(lambda *_: None)
        model.rnn.register_full_backward_hook(lambda *_: None)
        model.head.weight.grad = None
        torch.rand(3)
        raise RuntimeError
    assert model.training and not model.rnn.training
    assert not model.head.bias.requires_grad and model.head.weight.requires_grad
    assert (model.head.weight.grad == 1).all() and torch.equal(torch.get_rng_state(), random)
    assert list(model.head._forward_hooks) == [kept.id] and not model.head._forward_pre_hooks
    assert not model.rnn._backward_hooks
    kept.remove()
    assert not model.head._forward_hooks


@pytest.mark.parametrize("analysis", ANALYSES)
def test_the_random_state_outside_does_not_change_the_answer(analysis):
    view = view_of_network("gru")
    torch.manual_seed(1)
    first = analysis(view, SAMPLE)
    torch.manual_seed(2)
    second = analysis(view, SAMPLE)
    assert (first.sentence, first.value, first.control) == (second.sentence, second.value, second.control)


def all_findings():
    series = view_of(
        lambda e, n: e[:, -1:, 0],
        labels=(),
        names=None,
        loss=lambda o, t: (o[:, 0] - t).square(),
        embed=lambda x: x,
    )
    values = sample_of(torch.randn(30, 40, 3), torch.randn(30))
    found = [analysis(view_of_network(cell), SAMPLE) for analysis in ANALYSES for cell in ("lstm", "rnn")]
    letters = view_of_network(classes=9, pooling="none")
    language = replace(letters, step_names=lambda row: ["abcdefghi"[int(value)] for value in row])
    return [*found, readout(language, SAMPLE), memory(series, values), attribution(series, values)]


def test_every_picture_draws_stands_alone_and_has_titles():
    for finding in all_findings():
        assert finding.sentence.endswith(".") and "nan" not in finding.sentence
        if finding.chart is None:
            continue
        assert "<svg" in draw(finding.chart)
        text = json.dumps({key: value for key, value in finding.chart.items() if key != "$schema"})
        assert "http" not in text and '"url"' not in text
        assert '"title"' in text


def test_text_from_the_data_is_escaped_and_survives_the_page():
    evil = '<script>alert("x")</script>'
    view = replace(view_of_network(), step_names=lambda row: [evil] * len(row), labels=(evil, "b", "c"))
    long = sample_of(tokens(4, 60), torch.zeros(4, dtype=torch.long))
    for finding in (attribution(view, long), readout(view, long)):
        assert "<script" not in finding.html and "&lt;script" in finding.html
        assert sanitize(finding.html).count("background") == finding.html.count("background") > 0


def test_white_space_can_be_seen_and_colour_is_signed():
    text = coloured(["a", "\n", "b"], [1.0, 0.0, -1.0], 1.0)
    assert "↵" in text and "<br>" in text
    orange, blue = text.split("<span")[1], text.split("<span")[3]
    assert "217,112,15,0.60" in orange and "47,125,209,0.60" in blue


def test_colours_differ_for_the_colour_blind():
    """Protanopia and deuteranopia simulated by the matrices of Machado et al. 2009: the first four stay apart."""
    matrices = (
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    )
    colours = np.array([[int(one[k : k + 2], 16) / 255 for k in (1, 3, 5)] for one in COLOURS[:2]])
    for matrix in (np.eye(3), *map(np.array, matrices)):
        seen = colours @ matrix.T
        assert np.linalg.norm(seen[0] - seen[1]) > 0.5


def test_a_large_output_is_read_in_smaller_parts():
    sample = sample_of(tokens(40, 200))
    sizes = [len(part) for part in sample.parts(64, outputs=30_000)]
    assert sum(sizes) == 40 and max(sizes) * 200 * 30_000 <= MOST_VALUES
    assert [len(part) for part in sample.parts(64)] == [40]


def test_a_network_without_weights_can_be_asked():
    assert view_of(lambda e, n: e[:, -2:]).device.type == "cpu"
    assert replace(view_of(), model=nn.Identity()).device.type == "cpu"
