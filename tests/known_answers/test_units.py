"""Units on networks built by hand: a counter of brackets, a neuron that is planted, gates at a known bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, view_of

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.labels import labels_of, moved, split_classes
from elman.interpretation.saturation import saturation
from elman.interpretation.spans import Hit, matches, spans
from elman.interpretation.units import followed, units
from elman.known_networks import Counter, Planted, brackets, silent
from elman.models.rnn import RNN
from elman.report.charts import draw

SIGNS = lambda row: ["(" if value else ")" for value in row]


def counter():
    """The counter of brackets as a view of tokens (1 opens, 0 closes), 40 words, and how many are open."""
    model = Counter()
    one_hot = lambda inputs: torch.stack([inputs, 1 - inputs], -1).float()
    view = view_of(
        trace=lambda inputs, lengths: model.rnn.trace(one_hot(inputs), lengths=lengths), names=SIGNS
    )
    x, depth = brackets()
    return replace(view, model=model), sample_of(x[..., 0].long()), depth


def test_the_counters_memory_follows_the_open_brackets():
    view, sample, depth = counter()
    assert np.array_equal(labels_of(view, sample)["open brackets"], depth)
    finding = units(view, sample)
    best = {row["what"]: row for row in finding.table}["open brackets"]
    assert best["unit"] == "layers.0.forward.c.0" and best["share of variance"] == pytest.approx(1, abs=1e-6)
    assert best["shuffled"] < 0.2 and finding.value == pytest.approx(1, abs=1e-6)
    assert finding.control == best["shuffled"] and "open brackets" in finding.sentence
    assert "background" in finding.html and "follows open brackets" in finding.html


def test_the_planted_neuron_is_the_one_that_sums():
    model = Planted()
    x = torch.rand(60, 10, 2, generator=torch.Generator().manual_seed(0))
    view = replace(view_of(trace=lambda inputs, lengths: model.rnn.trace(inputs), names=None), model=model)
    total = x[..., 0].cumsum(1).numpy()
    finding = units(view, sample_of(x, (x[..., 0].sum(1) > 5).long()), {"total": total})
    assert finding.table[0]["unit"] == "layers.0.forward.h.5"
    assert finding.value == pytest.approx(1, abs=1e-6)
    second = np.sort(finding.arrays["share"][:, 0])[-2]
    assert second < 0.95 and finding.arrays["units"][5] == "layers.0.forward.h.5"
    classes = units(view, sample_of(x, (x[..., 0].sum(1) > 5).long()))
    assert {row["what"]: row["unit"] for row in classes.table}["class yes"] == "layers.0.forward.h.5"
    assert "<svg" in draw(classes.chart) and classes.html == ""


def test_random_units_follow_nothing_beyond_the_shuffles():
    noise = torch.randn(60, 30, 8, generator=torch.Generator().manual_seed(0))
    view = view_of(
        trace=lambda inputs, lengths: {"layers.0.forward.h": noise[: len(inputs), : inputs.shape[1]]}
    )
    coin = np.random.default_rng(1).integers(0, 2, (60, 30)).astype(float)
    finding = units(view, sample_of(torch.ones(60, 30, dtype=torch.long)), {"coin": coin})
    assert finding.value < 0.01 and finding.control < 0.01
    assert finding.arrays["share"].shape == (8, 1)


def test_the_share_is_the_squared_correlation_where_the_label_is_known():
    draw = np.random.default_rng(0)
    states, labels = draw.normal(size=(50, 3)), draw.normal(size=(50, 2))
    states[:, 2] = 0.1
    labels[10:, 1] = np.nan
    share = followed(states.astype(np.float32), labels)
    assert share[0, 0] == pytest.approx(np.corrcoef(states[:, 0], labels[:, 0])[0, 1] ** 2, abs=1e-6)
    assert share[1, 1] == pytest.approx(np.corrcoef(states[:10, 1], labels[:10, 1])[0, 1] ** 2, abs=1e-6)
    assert not share[2].any()


def test_labels_are_read_off_the_text():
    rows = ['a "b" (c)', 'x" y\n("z ']
    letters = sorted(set("".join(rows)))
    inputs = torch.tensor([[letters.index(sign) for sign in row] for row in rows])
    view = view_of(names=lambda row: [letters[int(value)] for value in row])
    many = sample_of(inputs.repeat(5, 1), torch.arange(10) % 2, torch.tensor([9, 8] * 5))
    found = labels_of(view, many)
    assert found["inside quotes"][0].tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert found["inside quotes"][1, :8].tolist() == [1, 0, 0, 0, 0, 0, 1, 1]
    assert found["open brackets"][0].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0]
    assert found["place in the line"][1, :8].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert found["position"][1, 7] == 7 and np.isnan(found["position"][1, 8])
    assert found["token 'a'"][0].tolist() == [1] + [0] * 8
    last = found["class yes"]
    assert np.isnan(last[0, :8]).all() and last[0, 8] == 0 and last[1, 7] == 1 and np.isnan(last[1, 8])


def test_words_open_and_close_quotes_by_turns_and_curly_ones_say_which():
    texts = [['"', "yes", '"', "he", "said"], ["said", "”", "and", "“", "no"]]
    view = view_of(names=lambda row: texts[int(row[0])])
    inputs = torch.tensor([[0] * 5, [1] * 5]).repeat(5, 1)
    found = labels_of(view, sample_of(inputs))["inside quotes"]
    assert found[0].tolist() == [1, 1, 0, 0, 0] and found[1].tolist() == [1, 0, 0, 1, 1]


def test_series_are_held_against_their_features_and_the_number_to_tell():
    x = torch.randn(20, 6, 2, generator=torch.Generator().manual_seed(0))
    view = replace(view_of(labels=(), names=None), feature_names=("wind",))
    found = labels_of(view, sample_of(x, torch.arange(20).float()))
    assert set(found) == {"position", "wind", "input 2", "the true value"}
    assert np.allclose(found["input 2"], x[..., 1]) and found["the true value"][3, 5] == 3


def test_shuffled_labels_are_another_sequences_turned_round():
    values = np.arange(24.0).reshape(4, 6)
    values[1, 4:] = np.nan
    lengths = np.array([6, 4, 6, 6])
    other = moved(values, lengths, np.random.default_rng(0))
    partners = set()
    for row in range(4):
        mine = other[row, : lengths[row]]
        assert np.isfinite(mine).all() and np.isnan(other[row, lengths[row] :]).all()
        (partner,) = set((mine // 6).astype(int))
        partners.add(partner)
        assert partner != row
        steps = (np.diff(mine) % lengths[partner]).astype(int)
        assert (steps == 1).all()
    assert partners == {0, 1, 2, 3}
    answers = np.full((4, 6), np.nan)
    answers[[0, 1, 2, 3], [5, 3, 5, 5]] = [0, 1, 2, 3]
    swapped = moved(answers, lengths, np.random.default_rng(0))
    assert np.isfinite(swapped).sum() == 4 and np.isfinite(swapped[[0, 1, 2, 3], [5, 3, 5, 5]]).all()


def test_text_labels_become_one_for_each_class():
    found = split_classes({"tag": np.array([["noun", "verb", ""]]), "size": np.array([[1, 2, 3]])})
    assert found["tag noun"][0, :2].tolist() == [1, 0] and np.isnan(found["tag verb"][0, 2])
    assert found["size"].dtype == np.float64


def test_a_unit_can_be_named_and_mistakes_are_told():
    view, sample, depth = counter()
    assert "follows" not in units(view, sample, unit="layers.0.forward.h.0").html
    with pytest.raises(UnknownName, match=r"layers\.0\.forward\.h\.0"):
        units(view, sample, unit="layers.0.forward.h.1")
    with pytest.raises(RecipeError, match=r"\(40, 24\)"):
        units(view, sample, {"depth": depth[:, :3]})
    assert units(view_of(), sample) is None and spans(view_of(), sample) is None


def thermometer(depth):
    """Units that are on where at least 1, 2 ... 8 brackets are open (sequences, time, 8)."""
    return depth[..., None] > np.arange(8) + 0.5


def test_every_exact_hit_has_the_selections_depth():
    _, _, depth = counter()
    on = thermometer(depth)
    for row, start in ((0, 5), (3, 11), (7, 20)):
        for hit in matches(on, row, start, start + 1, count=12):
            assert hit.others == 0 and hit.shared == depth[row, start]
            assert depth[hit.row, hit.start] == depth[row, start]


def test_hits_are_ranked_by_what_they_share_and_never_overlap():
    on = np.zeros((2, 8, 3), bool)
    on[0, 0:2, 0] = on[0, 0:2, 1] = True  # the selection
    on[0, 4:7, 0] = on[0, 4:7, 1] = on[0, 4:7, 2] = True
    on[1, 3:5, 0] = on[1, 3:5, 1] = True
    on[1, 6:8, 0] = True
    hits = matches(on, 0, 0, 2, count=3)
    assert hits == [Hit(1, 3, 2, 0), Hit(0, 4, 2, 1), Hit(1, 6, 1, 0)]
    valid = np.ones((2, 8), bool)
    valid[1, 4:] = False
    assert [(hit.row, hit.start) for hit in matches(on, 0, 0, 2, valid=valid, count=1)] == [(0, 4)]
    with pytest.raises(RecipeError, match="no span"):
        matches(on, 0, 5, 9)


def test_spans_of_a_network_that_keeps_what_it_reads_read_the_same():
    """The state is the token itself, one unit each: what looks alike inside has read the same."""
    inputs = torch.randint(0, 3, (30, 20), generator=torch.Generator().manual_seed(0))
    stay = inputs.repeat_interleave(4, 1)[:, :20]
    view = view_of(
        trace=lambda inputs, lengths: {"layers.0.forward.h": torch.nn.functional.one_hot(inputs, 3).float()}
    )
    finding = spans(view, sample_of(stay))
    assert finding.value == 1.0 and 0.2 < finding.control < 0.5
    assert "Selected" in finding.html and finding.table[0]["units shared"] == 1
    chosen = spans(view, sample_of(stay), (2, 4, 8))
    row = chosen.table[0]
    assert (stay[row["sequence"], row["from step"] : row["from step"] + 4] == stay[2, 4]).all()


def test_spans_of_series_are_told_by_their_distance():
    x = torch.randint(0, 2, (30, 5, 1), generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 1)
    x = torch.cat([x, 1 - x], -1).float()
    view = view_of(trace=lambda inputs, lengths: {"layers.0.forward.h": inputs}, names=None, labels=())
    finding = spans(view, sample_of(x), above=0.5)
    assert finding.value == 1.0 and abs(finding.control) < 0.3
    assert "<svg" in draw(finding.chart) and finding.html == ""


def test_noise_inside_tells_nothing_of_what_was_read():
    noise = torch.rand(30, 20, 6, generator=torch.Generator().manual_seed(2)) > 0.5
    view = view_of(trace=lambda inputs, lengths: {"layers.0.forward.h": noise[: len(inputs)].float()})
    finding = spans(
        view, sample_of(torch.randint(0, 4, (30, 20), generator=torch.Generator().manual_seed(3))), above=0.2
    )
    low, high = finding.interval
    assert abs(finding.value - 0.25) < 0.1 and low <= finding.value <= high


def test_gates_at_their_bounds_are_counted():
    network = silent("lstm", 4)
    with torch.no_grad():
        network.layers[0][0].ih.bias[4:8] = torch.tensor([5.0, -5.0, 0.0, 1.0])  # forget gates
    view = replace(
        view_of(trace=lambda inputs, lengths: network.trace(inputs, lengths=lengths)), model=network
    )
    finding = saturation(view, sample_of(torch.zeros(3, 5, 1), lengths=torch.tensor([5, 2, 3])))
    assert finding.arrays["left.layers.0.forward.forget_gate"].tolist() == [0, 1, 0, 0]
    assert finding.arrays["right.layers.0.forward.forget_gate"].tolist() == [1, 0, 0, 0]
    assert "<svg" in draw(finding.chart) and finding.value == 2 / 12 and len(finding.arrays["units"]) == 12
    assert "1 are shut (below 0.1) and 1 wide open (above 0.9)" in finding.sentence


def test_a_switch_is_at_either_bound_and_a_cell_without_gates_has_its_states():
    network = silent("rnn", 2)
    with torch.no_grad():
        network.layers[0][0].ih.weight[:, 0] = torch.tensor([9.0, 0.1])
    view = replace(view_of(trace=lambda inputs, lengths: network.trace(inputs)), model=network)
    finding = saturation(view, sample_of(torch.tensor([[1.0, -1.0, 1.0, -1.0]])[..., None]))
    assert finding.arrays["left"].tolist() == [0.5, 0] and finding.arrays["right"].tolist() == [0.5, 0]
    assert finding.value == 0 and "1 are switches" in finding.sentence
    assert saturation(view_of(), sample_of(torch.zeros(2, 3, 1))) is None


def test_the_network_is_left_as_it_was():
    network = RNN("gru", 1, 5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    view = replace(view_of(trace=lambda inputs, lengths: network.trace(inputs), names=None), model=network)
    sample = sample_of(torch.randn(12, 3, 1).repeat_interleave(6, 1))
    for question in (units, spans, saturation):
        first, second = question(view, sample), question(view, sample)
        assert first.sentence == second.sentence and first.control == second.control
    assert network.training and all(
        torch.equal(value, before[name]) for name, value in network.state_dict().items()
    )


def test_of_many_steps_some_are_drawn_and_those_without_a_label_do_not_count():
    numbers = np.random.default_rng(0)
    states = numbers.normal(size=(12_000, 2))
    label = states[:, 0] + numbers.normal(size=12_000)
    whole = np.corrcoef(states[:, 0], label)[0, 1] ** 2
    found = followed(states, label[:, None])
    assert found[0, 0] == pytest.approx(whole, abs=0.02) and found[0, 0] != pytest.approx(whole, abs=1e-9)
    assert np.array_equal(found, followed(states, label[:, None]))
    exact = followed(states[:10_000], label[:10_000, None])
    assert exact[0, 0] == pytest.approx(np.corrcoef(states[:10_000, 0], label[:10_000])[0, 1] ** 2, abs=1e-6)
    some = np.where(np.arange(12_000) < 500, label, np.nan)
    both = followed(states, np.stack([some, label], 1))
    assert both[0, 0] == pytest.approx(np.corrcoef(states[:500, 0], label[:500])[0, 1] ** 2, abs=1e-6)
    assert both[0, 1] == found[0, 0]
    single = np.where(np.arange(12_000) < 1, label, np.nan)
    assert not followed(states, single[:, None]).any()
    pair = np.where(np.arange(12_000) < 2, label, np.nan)
    assert followed(states, pair[:, None]) == pytest.approx(np.ones((2, 1)), abs=1e-6)


def test_what_is_said_of_units_is_what_was_measured():
    """Of three units the second is the label itself, and noise is followed by none."""
    numbers = np.random.default_rng(0)
    label, noise = numbers.normal(size=(40, 20)), numbers.normal(size=(40, 20))
    state = torch.from_numpy(numbers.normal(size=(40, 20, 3))).float()
    state[..., 1] = torch.from_numpy(label).float()
    view = view_of(
        trace=lambda inputs, lengths: {"layers.0.forward.h": state[: len(inputs), : inputs.shape[1]]}
    )
    finding = units(view, sample_of(torch.ones(40, 20, dtype=torch.long)), {"noise": noise, "label": label})
    assert "Of 3 entries of the state, number 1 of" in finding.sentence
    assert "follows one thing most closely: label, which explains 100% of its variance" in finding.sentence
    assert (
        "1 of 2 things asked about are followed more closely than in any of 10 shuffles" in finding.sentence
    )
    assert finding.table[0]["what"] == "label" and finding.arrays["names"].tolist() == ["noise", "label"]
    assert finding.arrays["best"] == pytest.approx(finding.arrays["share"].max(0))
    assert finding.arrays["control"].shape == (2,) and finding.arrays["control"].max() < 0.02


def test_the_control_has_as_many_units_to_choose_from():
    """Of 300 units of noise the best follows a label of noise for a tenth of its variance, by chance."""
    numbers = np.random.default_rng(0)
    state = torch.from_numpy(numbers.normal(size=(20, 5, 300))).float()
    view = view_of(trace=lambda inputs, lengths: {"layers.0.forward.h": state[: len(inputs)]})
    finding = units(
        view, sample_of(torch.ones(20, 5, dtype=torch.long)), {"noise": numbers.normal(size=(20, 5))}
    )
    assert 0.05 < finding.control < 0.15 and abs(finding.value - finding.control) < 0.05
    view = view_of(trace=lambda inputs, lengths: {"layers.0.forward.h": state[: len(inputs)]}, names=None)
    assert units(view, sample_of(torch.ones(20, 5, 1)), {}) is None  # no label, no answer
