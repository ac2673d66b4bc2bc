"""Pieces of memory and of probes, by hand: borders, shares and ranks that whole networks seldom meet."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.interpretation.memory import _between, lengths_tried, memory, settled
from elman.interpretation.probes import (
    CLASSES,
    STATES,
    Probed,
    _of_others,
    _places,
    _read_ago,
    _states,
    probe,
    probes,
)

from .networks import sample_of, tokens, view_of, view_of_network


def test_context_is_tried_at_equal_ratios_from_one_step_to_all():
    assert lengths_tried(2**15) == [2**power for power in range(16)]
    assert lengths_tried(1) == [1] and lengths_tried(3) == [1, 2, 3]


def test_a_curve_settles_where_it_stays_within_the_margin():
    assert settled([1, 4, 9], np.array([1.0, 0.5, 0.0]), 0.5) == 4  # as much as the margin is within it
    assert settled([1, 4, 9], np.array([1.0, 0.5, 0.0]), 0.4) == 9
    assert settled([1, 4, 9], np.array([0.0, 0.5, 0.0]), 0.4) == 9  # it comes back, but has not stayed
    assert settled([1, 4, 9], np.array([0.1, 0.1, 0.1]), 0.0) == 1


@pytest.mark.parametrize(
    ("cut", "tolerance", "tried"),
    [
        ({1: 1.0, 4: 1.0, 9: 0.0, 12: 0.0}, 0.02, 6),
        ({1: 1.0, 3: 0.0}, 0.02, 2),
        ({1: 1.0, 4: 1.0, 6: 0.0}, 0.02, 5),
        ({1: 1.0, 4: 1.0, 5: 0.0}, 0.02, None),  # nothing lies between
        ({1: 1.0, 94: 1.0, 100: 0.0}, 0.02, 97),
        ({1: 1.0, 95: 1.0, 100: 0.0}, 0.02, None),  # a twentieth of the horizon is close
        ({1: 1.0, 2: 0.05, 8: 0.0}, 0.1, None),  # a tenth of what is saved from the first on
        ({1: 0.01, 4: 0.01, 8: 0.0}, 0.02, 6),
        ({1: 1.0, 4: 0.3, 9: 0.0}, 0.4, 2),
        ({1: 2.0, 4: 1.3, 9: 1.0}, 0.4, 2),
        ({1: 2.0, 4: 1.5, 9: 1.0}, 0.4, 6),
        ({1: 1.0, 4: 1.0, 9: 1.0}, 0.02, None),
    ],
)
def test_the_gap_before_the_horizon_is_halved(cut, tolerance, tried):
    assert _between({n: np.array([loss]) for n, loss in cut.items()}, tolerance) == tried


def test_a_network_that_no_step_moves_has_a_horizon_of_one_for_certain():
    blind = view_of(lambda embedded, lengths: torch.ones(len(embedded), 2))
    found = memory(blind, sample_of(tokens(50, 20), torch.arange(50) % 2))
    assert found.interval == (1.0, 1.0) and found.control is None
    assert [row["how far back"] for row in found.table] == ["loss settles (the memory horizon)"]


def test_order_that_does_not_count_and_context_that_is_all_there_is_are_said():
    bits = torch.randint(0, 2, (400, 16), generator=torch.Generator().manual_seed(0))

    def adds(embedded, lengths):
        total = 4 * (embedded - 0.5).sum(1)
        return torch.stack([-total, total], 1)

    def first(embedded, lengths):
        seen = embedded[:, -16] - 0.5 if embedded.shape[1] == 16 else torch.zeros(len(embedded))
        return torch.stack([-8 * seen, 8 * seen], 1)

    whole = memory(view_of(adds), sample_of(bits, (bits.sum(1) > 8).long()))
    assert "The order of steps counts for nothing that can be shown" in whole.sentence
    oldest = memory(view_of(first), sample_of(bits, bits[:, 0]))
    assert "the last 16 steps (all there is in these sequences)" in oldest.sentence
    # One step alone, shuffled, stays where it is.
    assert "The order of steps counts over the last 15." in oldest.sentence
    last = memory(
        view_of(lambda e, n: torch.stack([-e[:, -2:].sum(1), e[:, -2:].sum(1)], 1)),
        sample_of(bits, (bits[:, -2:].sum(1) > 0).long()),
    )
    assert "(all there is" not in last.sentence


def test_horizons_do_not_hang_on_the_scale_of_the_loss():
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(300, 24, generator=draw)
    weights = 0.7 ** torch.arange(23, -1, -1).float()
    read = lambda embedded, lengths: (embedded * weights[-embedded.shape[1] :]).sum(1, keepdim=True)
    found = []
    for scale in (0.01, 1.0, 100.0):
        square = lambda outputs, targets, scale=scale: scale * (outputs[:, 0] - targets).square()
        found.append(memory(view_of(read, labels=(), names=None, loss=square), sample_of(x, x @ weights)))
    assert len({(each.value, each.control) for each in found}) == 1 and found[0].control > 1


def test_slopes_beside_the_horizon_are_those_of_the_first_sequences_however_small(monkeypatch):
    from elman.interpretation import memory as module

    true, asked = module.slopes, []

    def slopes(view, few):
        asked.append(few.rows.tolist())
        return true(view, few)

    monkeypatch.setattr(module, "slopes", slopes)
    x = torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    weights = 0.01 * 0.5 ** torch.arange(11, -1, -1).float()
    read = lambda embedded, lengths: (embedded * weights[-embedded.shape[1] :]).sum(1, keepdim=True)
    square = lambda outputs, targets: (outputs[:, 0] - targets).square()
    found = module.memory(view_of(read, labels=(), names=None, loss=square), sample_of(x, x @ weights))
    assert asked == [list(range(module.BESIDE))]
    rows = {row["how far back"]: row["steps"] for row in found.table}
    assert rows["half of the slope of the answer"] <= 2


def test_the_longest_sequence_is_asked_with_all_of_its_steps():
    lengths = torch.tensor([3, 12] * 4)
    found = memory(view_of_network("gru"), sample_of(tokens(8, 12), torch.arange(8) % 3, lengths))
    assert found.arrays["context"].max() == 12 and "up to 12 steps" in found.sample


def test_the_slowest_unit_is_the_one_that_keeps_longest():
    view = view_of_network("lstm")
    with torch.no_grad():
        cell = view.model.rnn.layers[0][0]
        for weight in (cell.ih.weight, cell.hh.weight):
            weight[6:12] = 0.0
        cell.ih.bias[6:12] = torch.tensor([0.0, 1.0, 2.0, 2.0, 3.0, 4.0])
    rows = {row["how far back"]: row["steps"] for row in memory(view, sample_of(tokens())).table}
    scales = {bias: 1 / np.log1p(np.exp(-bias)) for bias in (2.0, 4.0)}
    median, slowest = (value for name, value in rows.items() if "keeping gate" in name)
    assert median == pytest.approx(scales[2.0], rel=1e-4)
    assert slowest == pytest.approx(scales[4.0], rel=1e-4)


@pytest.mark.parametrize(
    ("score", "control", "error", "clear"),
    [
        (0.5, 0.45, 0.02, False),
        (0.52, 0.45, 0.02, True),
        (0.5, 0.495, 0.0, False),
        (0.52, 0.5, 0.0, True),
        (0.01, 0.0, 0.0, False),  # no more than the least that counts
        (0.2, 0.5, 0.01, False),
    ],
)
def test_a_probe_is_clear_three_errors_and_a_hundredth_above_its_control(score, control, error, clear):
    assert Probed(score, control, error).clear is clear


def test_the_error_is_that_of_a_mean_over_sequences():
    """Labels of one kind only in the half that is fitted: right where a sequence holds that kind, wrong elsewhere."""
    rows = np.repeat(np.arange(8), 5)
    half = np.isin(rows, np.random.default_rng(0).permutation(np.arange(8))[:4])
    shares = np.array([0, 1, 2, 5])  # of five answers
    labels = np.zeros(40, int)
    for name, share in zip(np.unique(rows[~half]), shares):
        labels[np.flatnonzero(rows == name)[: 5 - share]] = 1
    found = probe(np.random.default_rng(1).standard_normal((40, 2)), labels, rows)
    assert found.score == pytest.approx(8 / 20) and found.control == pytest.approx(8 / 20)
    draw = np.random.default_rng(0)
    draw.permutation(np.arange(8))
    others = _of_others(labels, rows, half, draw)
    gaps = [(labels[rows == name] == 0).mean() - (others[rows == name] == 0).mean() for name in np.unique(rows[~half])]  # fmt: skip
    assert found.error == pytest.approx(np.std(gaps, ddof=1) / 2) and found.error > 0
    few = [probe(np.ones((5 * n, 1)), labels[: 5 * n], rows[: 5 * n]).error for n in (2, 4)]
    assert np.isinf(few[0]) and np.isfinite(few[1])  # one sequence asked, and two


def test_labels_of_another_sequence_come_from_its_half_and_the_same_rank():
    lengths = [5, 3, 7, 4, 6, 2]
    rows = np.repeat(np.arange(6), lengths)
    ranks = np.concatenate([np.arange(length) for length in lengths])
    fitted = np.isin(rows, [0, 1, 2])
    others = _of_others(rows * 100 + ranks, rows, fitted, np.random.default_rng(0))
    for name, length in enumerate(lengths):
        (partner,) = set(others[rows == name] // 100)
        assert partner != name and (partner < 3) == (name < 3)
        assert (others[rows == name] % 100).tolist() == [k % lengths[partner] for k in range(length)]
    assert sorted({int(others[rows == name][0] // 100) for name in range(6)}) == list(range(6))


def test_of_two_sequences_the_other_is_another():
    rows = np.repeat(np.arange(4), 3)
    others = _of_others(rows, rows, rows < 2, np.random.default_rng(0))
    assert others.tolist() == np.repeat([1, 0, 3, 2], 3).tolist()


def test_all_parts_of_a_state_are_read_side_by_side():
    words = tokens(40, 20)

    def trace(given, lengths):
        return {"h": torch.zeros(*given.shape, 2), "c": torch.nn.functional.one_hot(given, 9).float()}

    assert probes(view_of(trace=trace), sample_of(words)).arrays["score"][0] == 1.0


def test_states_lie_where_they_were_with_zeros_behind_whatever_is_read_at_once():
    """Of 70 sequences 64 are read at once, and each part is as long as its longest."""
    given, lengths = torch.randn(70, 7, 2), torch.tensor([3] * 64 + [5, 2] * 3)
    states = _states(
        view_of(trace=lambda read, valid: {"h": read, "c": 2 * read}), sample_of(given, lengths=lengths)
    )
    expected = np.concatenate([given.numpy(), 2 * given.numpy()], -1)
    expected[:64, 3:] = expected[64:, 5:] = 0
    np.testing.assert_array_equal(states, expected)


def test_states_of_fewer_steps_than_were_read_are_no_answer_and_those_beyond_them_are_left_out():
    given = torch.randn(8, 6, 1)
    assert _states(view_of(trace=lambda read, valid: {"h": read[:, ::2]}), sample_of(given)) is None
    longer = view_of(trace=lambda read, valid: {"h": torch.cat([read, read], 1)})
    np.testing.assert_array_equal(_states(longer, sample_of(given)), given)


def test_what_was_read_is_named_by_the_most_frequent_tokens():
    read = np.repeat(np.arange(CLASSES + 5), np.arange(CLASSES + 5, 0, -1))  # 0 is the most frequent
    inputs = np.stack([read, np.full_like(read, 99)], 1)
    at = np.arange(len(read)), np.ones(len(read), int)
    assert _read_ago(inputs, at, 1).tolist() == np.where(read < CLASSES - 1, read, -1).tolist()
    values = np.stack([read, read + 0.5], -1)[:, None].astype(float)  # two features
    assert _read_ago(values, (at[0], at[1] - 1), 0).tolist() == read.tolist()


def test_places_reach_from_the_lag_to_the_end_of_each_sequence():
    sample = sample_of(tokens(3, 6), lengths=torch.tensor([6, 2, 4]))
    rows, steps = _places(sample, 2, 0)
    assert list(zip(rows.tolist(), steps.tolist())) == [(0, 2), (0, 3), (0, 4), (0, 5), (2, 2), (2, 3)]
    rows, steps = _places(sample_of(tokens(100, 90)), 0, 0)
    assert len(rows) == 2 * STATES and len(set(zip(rows.tolist(), steps.tolist()))) == 2 * STATES


def test_what_a_state_does_not_hold_is_said_and_named_labels_are_ranked_by_what_they_gain():
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(40, 20, 3, generator=draw)
    blind = view_of(trace=lambda given, lengths: {"h": noise[: len(given)]})
    found = probes(blind, sample_of(torch.randn(40, 20, 1, generator=draw)))
    assert found.value == found.control == 0 and found.sentence.startswith("Not even the value just read")
    assert (
        f"R^2 {found.arrays['score'][0]:.2f} against {found.arrays['control'][0]:.2f} for what another"
        in found.sentence
    )
    assert probes(blind, sample_of(tokens(40, 20))).sentence.startswith("Not even the token just read")
    bit, rare = (noise[..., 0] > 0).long().numpy(), np.zeros((40, 20), int)
    rare[:, 0] = 1  # right at 95% without any state
    named = probes(blind, sample_of(tokens(40, 20)), {"rare": rare, "bit": bit})
    assert named.unit == "bit" and named.value > 0.9 > named.control
    alone = probes(blind, sample_of(tokens(40, 20)), {"bit": bit})
    assert alone.sentence.startswith("Can be read from the state: bit.")
    nothing = probes(blind, sample_of(tokens(40, 20)), {"rare": rare})
    assert nothing.sentence.startswith("None of these can be read from the state.")


def test_the_label_told_first_gains_most_not_the_most_often_right_or_the_hardest_to_guess():
    draw = np.random.default_rng(0)
    state = draw.normal(size=(100, 20, 2)).astype(np.float32)
    blind = view_of(trace=lambda given, lengths: {"h": torch.from_numpy(state[: len(given)])})
    bit = (state[..., 0] > 0) ^ (draw.random((100, 20)) < 0.12)  # right at 0.88, by chance 0.5
    rare = np.broadcast_to(np.arange(20) == 0, (100, 20))  # right at 0.95 without any state
    many = np.where(draw.random((100, 20)) < 0.15, state[..., 1] > 0, draw.integers(2, 8, (100, 20)))
    labels = {"rare": rare.astype(int), "many": many, "bit": bit.astype(int)}
    found = probes(blind, sample_of(tokens(100, 20)), labels)
    score, control = (dict(zip(labels, found.arrays[name])) for name in ("score", "control"))
    assert max(score, key=score.get) == "rare" and min(control, key=control.get) == "many"
    assert (found.unit, found.value, found.control) == ("bit", score["bit"], control["bit"])


def test_named_labels_are_ranked_by_this_network_and_not_by_the_shuffled_one(monkeypatch):
    """Whose score, or whose control, would put b first."""
    told = {0: (Probed(0.9, 0.5, 0.01), Probed(0.5, 0.9, 0.01)), 1: (Probed(0.8, 0.5, 0.01), Probed(0.9, 0.1, 0.01))}  # fmt: skip
    monkeypatch.setattr(
        "elman.interpretation.probes._both", lambda states, others, at, labels, *_: told[int(labels[0])]
    )
    labels = {"a": np.zeros((12, 10), int), "b": np.ones((12, 10), int)}
    found = probes(view_of_network("gru"), sample_of(tokens(12, 10)), labels)
    assert (found.unit, found.value) == ("a", 0.9)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_any_number_of_classes_is_read(count):
    labels = np.random.default_rng(0).integers(0, count, 600)
    found = probe(np.eye(count)[labels], labels, np.repeat(np.arange(30), 20))
    assert found.score == 1.0 and found.control < 0.75


def test_a_number_that_is_always_the_same_is_not_read():
    states = np.random.default_rng(0).standard_normal((400, 3))
    for value in (1.0, 0.1, -1e9):
        found = probe(states, np.full(400, value), np.repeat(np.arange(40), 10))
        assert (found.score, found.control, found.clear) == (0.0, 0.0, False)


def test_a_label_is_read_from_the_first_step_on():
    view = view_of(trace=lambda given, lengths: {"h": torch.nn.functional.one_hot(given, 9).float()})
    words = tokens(40, 1) % 2
    assert probes(view, sample_of(words), {"token": words.numpy()}).value == 1.0


def test_how_far_back_is_said_with_what_was_asked():
    lengths = torch.tensor([5, 3] * 200)

    def register(depth):
        pads = lambda x: [torch.nn.functional.pad(x, (k, 0))[:, : x.shape[1]] for k in range(depth)]
        return view_of(trace=lambda given, lengths: {"h": torch.stack(pads(given[..., 0]), -1)})

    x = torch.randn(400, 5, 1, generator=torch.Generator().manual_seed(0))
    said = [probes(register(depth), sample_of(x, lengths=lengths)) for depth in (1, 2, 5)]
    assert [found.arrays["lags"].max() for found in said] == [4, 4, 4]
    assert "tells the value of the last step, and of none before it: R^2 1.00 against" in said[0].sentence
    assert (
        "tells the value of each of the last 2 steps: R^2 1.00 at the farthest, against" in said[1].sentence
    )
    assert "each of the last 5 steps (the farthest asked): R^2 1.00 at the farthest" in said[2].sentence
    assert [found.value for found in said] == [1, 2, 5]  # 0 is said of a state that holds nothing


def test_the_value_of_named_labels_is_this_networks():
    view, words = view_of_network("gru"), tokens(60, 20)
    ago = np.pad(words.numpy(), ((0, 0), (2, 0)))[:, :20]  # what was read two steps before
    found = probes(view, sample_of(words), {"two ago": ago})
    assert found.value == found.arrays["score"][0] != found.arrays["score_shuffled"][0]
    assert found.control == found.arrays["control"][0] == found.table[0]["control"]
    assert found.table[0]["with weights shuffled"] == found.arrays["score_shuffled"][0]
    assert "no weights" not in found.sentence


def test_how_far_back_is_said_of_this_network_and_then_of_the_shuffled_one():
    found = probes(view_of_network("gru"), sample_of(tokens(60, 20)))
    at = list(found.arrays["lags"]).index(found.value - 1)
    score, control, shuffled = (found.arrays[name][at] for name in ("score", "control", "score_shuffled"))
    assert score != pytest.approx(shuffled, abs=0.01)
    assert f"accuracy {score:.2f} at the farthest, against {control:.2f} for" in found.sentence
    assert found.sentence.endswith(f"; with shuffled weights {shuffled:.2f}.")


def test_words_with_pieces_are_told_by_their_own_number():
    words = torch.randint(2, 6, (40, 20), generator=torch.Generator().manual_seed(0))
    pieces = torch.randint(2, 6, (40, 20, 3), generator=torch.Generator().manual_seed(1))
    pieces[..., 0] = words
    view = view_of(trace=lambda given, lengths: {"h": torch.nn.functional.one_hot(given[..., 0], 6).float()})
    assert probes(view, sample_of(pieces)).arrays["score"][0] == 1.0


def test_fewer_than_four_sequences_are_no_sample():
    view = view_of(trace=lambda given, lengths: {"h": given.float()[..., None]})
    assert probes(view, sample_of(tokens(3, 20))) is None
    assert probes(view, sample_of(tokens(4, 20))) is not None
