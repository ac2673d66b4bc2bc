"""Credit where it is known: additive and product functions, a shift register, and Captum as the oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network
from torch import nn

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.attribution import _half, _within, attribution
from elman.interpretation.methods import METHODS
from elman.interpretation.view import shuffled


def additive():
    """A bag of tokens: the logit of class 1 is the sum of (token - 5)."""

    def read(embedded, lengths):
        time = embedded.shape[1]
        valid = (
            torch.ones(len(embedded), time)
            if lengths is None
            else (torch.arange(time) < lengths[:, None]).float()
        )
        value = ((embedded[..., 0] - 5) * valid).sum(1)
        return torch.stack([-value, value], 1)

    return view_of(read, embed=lambda inputs: inputs.float()[..., None], baseline=torch.tensor([5.0]))


def test_an_additive_classifier_gets_its_terms_as_credit():
    inputs, lengths = tokens(), torch.tensor([10, 4] * 6)
    finding = attribution(additive(), sample_of(inputs, lengths=lengths))
    total = ((inputs - 5) * (torch.arange(10) < lengths[:, None])).sum(1)
    sign = torch.where(total > 0, 1, -1)[:, None]
    expected = sign * (inputs - 5) * (torch.arange(10) < lengths[:, None])
    np.testing.assert_allclose(finding.arrays["credit"], expected.numpy(), atol=1e-5)
    assert finding.residual < 1e-6 and "Half of the credit" in finding.sentence
    assert (
        "<td>8</td><td>yes</td><td>3</td>" in finding.html
        and "<td>2</td><td>no</td><td>3</td>" in finding.html
    )


@pytest.mark.parametrize("tap", [1, 4, 9])
def test_credit_of_a_shift_register_is_all_at_its_tap(tap):
    view = view_of(
        lambda e, n: torch.stack([0 * e[:, -tap, 0], e[:, -tap, 0]], 1),
        embed=lambda inputs: inputs.float()[..., None],
    )
    finding = attribution(view, sample_of(tokens()))
    assert finding.value == tap == finding.interval[0] == finding.interval[1]
    assert finding.arrays["recency"][tap - 1] == pytest.approx(1)


@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_padding_gets_nothing_on_either_side(cell):
    view, inputs = view_of_network(cell), tokens()
    right = inputs.clone()
    right[::2, 6:] = 0
    found = attribution(view, sample_of(right, lengths=torch.tensor([6, 10] * 6))).arrays["credit"]
    assert (found[::2, 6:] == 0).all() and (found[:, :6] != 0).all()
    left = inputs.clone()
    left[::2, :4] = 0
    found = attribution(view, sample_of(left, lengths=torch.full((12,), 10))).arrays["credit"]
    assert (found[::2, :4] == 0).all() and (found[:, 4:] != 0).all()


def test_batches_do_not_change_the_answer():
    view, inputs = view_of_network("gru"), tokens(70, 9)
    together = attribution(view, sample_of(inputs)).arrays["credit"]
    one = attribution(view, sample_of(inputs[64:65])).arrays["credit"]
    np.testing.assert_allclose(together[64:65], one, atol=1e-6)


def test_series_are_credited_by_feature():
    values = torch.randn(20, 30, 3, generator=torch.Generator().manual_seed(0))
    view = view_of(
        lambda e, n: 2 * e[:, -3, 1:2] - e[:, -1, 2:3], labels=(), names=None, embed=lambda inputs: inputs
    )
    finding = attribution(view, sample_of(values, torch.zeros(20)))
    features = finding.arrays["features"]
    assert {tuple(place) for place in np.argwhere(features > 0)} == {(27, 1), (29, 2)}
    assert features[27, 1] == pytest.approx(2 * float(values[:, -3, 1].abs().mean()), rel=1e-5)
    assert "vconcat" in finding.chart and "<span" not in finding.html


def test_where_sequences_differ_the_interval_says_so():
    x = torch.zeros(20, 10, 1)
    x[::2, 0], x[1::2, 9] = 1.0, 1.0  # half of them answer by the first step, half by the last
    view = view_of(lambda e, n: e.sum(1), labels=(), names=None, embed=lambda inputs: inputs)
    finding = attribution(view, sample_of(x, torch.zeros(20)))
    assert finding.interval == (1, 10) and finding.interval[0] <= finding.value <= finding.interval[1]


def test_shuffled_weights_come_back_to_the_bit_also_after_an_error():
    view = view_of_network("lstm")
    before = [weight.clone() for weight in view.model.parameters()]
    with pytest.raises(RuntimeError), shuffled(view):
        changed = [
            not torch.equal(weight, old)
            for weight, old in zip(view.model.parameters(), before)
            if weight.dim() > 1
        ]
        assert all(changed)
        for weight, old in zip(view.model.parameters(), before):
            torch.testing.assert_close(weight.flatten().sort()[0], old.flatten().sort()[0])
        raise RuntimeError
    assert all(torch.equal(weight, old) for weight, old in zip(view.model.parameters(), before))


@pytest.mark.parametrize(("sharp", "said"), [(1e4, "Beware: 100% of the change of the output is credited to no step."), (1.0, "Credit adds up to the output within 0.1%.")])  # fmt: skip
def test_an_answer_that_jumps_on_the_path_is_called_out(sharp, said):
    """A step at 0.31 of the way, where none of 32 points is near enough to see its slope."""
    view = view_of(
        lambda e, n: (sharp * (e.mean((1, 2)) - 0.31)).sigmoid()[:, None], labels=(), names=None, embed=lambda inputs: inputs
    )  # fmt: skip
    finding = attribution(view, sample_of(torch.ones(12, 10, 1), torch.zeros(12)))
    assert said in finding.sentence


def test_a_map_that_weights_do_not_change_is_called_out():
    """What does not depend on the weights correlates perfectly with its own shuffled self."""
    finding = attribution(additive(), sample_of(tokens()))
    assert "correlation 1.00" in finding.sentence and "may not be learnt" in finding.sentence


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_whole_finding(method):
    inputs = tokens()
    inputs[::2, 6:] = 0
    sample = sample_of(inputs, lengths=torch.tensor([6, 10] * 6))
    finding = attribution(view_of_network("lstm"), sample, method=method)
    assert finding.arrays["credit"].shape == (12, 10) and (finding.arrays["credit"][::2, 6:] == 0).all()
    assert METHODS[method].words in finding.sample and finding.sentence.endswith(".")
    assert (finding.residual is not None) == METHODS[method].adds_up
    assert ("speaks" in finding.html or "against" in finding.html) == METHODS[method].signed
    names = [row["steps ordered by"] for row in finding.table]
    assert {one.words for one in METHODS.values()} <= set(names)
    assert names[-3:] == [
        "the shuffled network's map",
        "chance, low end (of 20 orders)",
        "chance, high end (of 20 orders)",
    ]


def test_the_table_is_that_of_the_additive_classifier():
    """All methods but the slope find the terms; the best of chance is behind them."""
    finding = attribution(additive(), sample_of(tokens(16, 20)))
    rows = {row["steps ordered by"]: row for row in finding.table}
    best = rows["integrated gradients"]["comprehensiveness"]
    for name in ("occlusion", "gradient x input"):
        assert rows[name]["comprehensiveness"] == pytest.approx(best, abs=1e-6)
    assert best > rows["chance, high end (of 20 orders)"]["comprehensiveness"]
    assert (
        "it matters to the answer" in finding.sentence
        and "Not compared: contextual decomposition" in finding.html
    )
    assert (
        "the shuffled network's map finds such steps as well" in finding.sentence
    )  # weights have no part in it


def forecaster(steps=3):
    """A forecast of two series whose step k ahead is k times the step k before the end of the first feature."""
    read = lambda e, n: torch.stack(
        [torch.stack([k * e[:, -k, 0], e[:, -k, 1]], -1) for k in range(1, steps + 1)], 1
    ).flatten(1)
    view = view_of(read, labels=(), names=None, embed=lambda inputs: inputs)
    return replace(view, ahead=lambda outputs: outputs.reshape(len(outputs), steps, 2))


def test_any_step_of_a_forecast_is_explained():
    values = torch.randn(20, 9, 2, generator=torch.Generator().manual_seed(0))
    sample = sample_of(values, torch.zeros(20, 3, 2))
    for horizon in (1, 2, 3):
        finding = attribution(forecaster(), sample, horizon=horizon)
        expected = np.zeros((20, 9, 2))
        expected[:, -horizon, 0] = horizon * values[:, -horizon, 0]
        np.testing.assert_allclose(finding.arrays["cells"], expected, atol=1e-6)
        assert finding.value == horizon
    first = attribution(forecaster(), sample)
    assert first.value == 1 and first.arrays["recency_ahead_3"][2] == pytest.approx(1)
    np.testing.assert_allclose(first.arrays["credit_ahead_3"][:, -3], 3 * values[:16, -3, 0], atol=1e-6)


def rows_of(chart):
    """All rows of data in a picture."""
    if isinstance(chart, dict):
        yield from (row for row in chart.get("values", ()) if isinstance(row, dict))
        chart = list(chart.values())
    for each in chart if isinstance(chart, list) else ():
        yield from rows_of(each)


def drawn(finding):
    """The curves of how far back credit reaches, by name."""
    curves = {}
    for row in rows_of(finding.chart):
        if "share of the credit" in row:
            curves.setdefault(row["network"], []).append(row["share of the credit"])
    return curves


def test_how_far_back_credit_reaches_is_drawn_for_both_networks_and_both_ends_of_a_horizon():
    view, sample = view_of_network("gru"), sample_of(tokens(20, 9))
    finding = attribution(view, sample)
    curves = drawn(finding)
    assert set(curves) == {"trained", "weights shuffled"}
    assert curves["trained"] == pytest.approx(finding.arrays["recency"])
    assert curves["weights shuffled"] == pytest.approx(finding.arrays["recency_shuffled"])
    assert finding.control == _half(finding.arrays["recency_shuffled"]) and len(curves["trained"]) == 9
    values = torch.randn(20, 9, 2, generator=torch.Generator().manual_seed(0))
    ahead = attribution(
        replace(forecaster(), model=nn.Identity()), sample_of(values, torch.zeros(20, 3, 2)), horizon=2
    )
    curves = drawn(ahead)
    assert set(curves) == {"2 steps ahead", "1 step ahead", "3 steps ahead"}
    assert curves["2 steps ahead"] == pytest.approx(ahead.arrays["recency"])
    assert curves["3 steps ahead"] == pytest.approx(ahead.arrays["recency_ahead_3"])
    two = attribution(replace(forecaster(2), model=nn.Identity()), sample_of(values, torch.zeros(20, 2, 2)))
    assert set(drawn(two)) == {"1 step ahead", "2 steps ahead"}


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_what_is_missing_in_the_credit_is_a_share_whatever_the_scale(scale):
    """An answer that jumps where no point is near: all of it is missing."""
    view = view_of(
        lambda e, n: scale * (1e4 * (e.mean((1, 2)) - 0.31)).sigmoid()[:, None], labels=(), names=None, embed=lambda inputs: inputs
    )  # fmt: skip
    finding = attribution(view, sample_of(torch.ones(12, 10, 1), torch.zeros(12)))
    assert finding.residual == pytest.approx(1.0, abs=1e-3)


def test_how_nearly_credit_adds_up_is_said_in_per_cent():
    assert [_within(gap) for gap in (0.0, 0.0004, 0.0005, 0.031)] == [
        "within 0.1%", "within 0.1%", "within 0.1%", "within 3.1%",
    ]  # fmt: skip


def test_what_cannot_be_asked_is_refused():
    sample = sample_of(torch.randn(4, 9, 2), torch.zeros(4, 3, 2))
    with pytest.raises(RecipeError, match="horizon is 4; this network answers with 3 values"):
        attribution(forecaster(), sample, horizon=4)
    with pytest.raises(RecipeError, match="answers with a class"):
        attribution(additive(), sample_of(tokens()), horizon=1)
    with pytest.raises(UnknownName, match="occlusion"):
        attribution(additive(), sample_of(tokens()), method="oclusion")
    with pytest.raises(RecipeError, match="contextual decomposition is not possible"):
        attribution(additive(), sample_of(tokens()), method="decomposition")


def test_without_weights_nothing_is_said_to_be_shuffled():
    view = replace(additive(), model=nn.Identity())
    finding = attribution(view, sample_of(tokens()))
    assert finding.control is None and "no weights that could be shuffled" in finding.sentence
    assert "recency_shuffled" not in finding.arrays and "deletion_shuffled" not in finding.arrays


def test_arrays_go_into_an_npz(tmp_path):
    finding = attribution(view_of_network("gru"), sample_of(tokens()), method="shapley")
    np.savez(tmp_path / "found.npz", **finding.arrays)
    with np.load(tmp_path / "found.npz") as kept:
        assert kept["standard_error"].shape == kept["credit"].shape and kept["deletion_random"].shape == (
            20,
            7,
        )
