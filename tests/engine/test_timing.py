"""What timings say: medians of neighbours, classes of sizes."""

from __future__ import annotations

import pytest

from elman.engine.timing import Ratio, interleaved, ratio
from elman.models.speed import Speed, against_torch, by_class


def test_a_ratio_is_the_median_of_neighbours_in_time() -> None:
    found = ratio([2.0, 40.0, 6.0], [1.0, 10.0, 2.0])  # not that of the medians, 6 / 2
    assert (found.value, found.low, found.high, found.repetitions) == (3.0, 2.0, 4.0, 3)


def test_runs_take_turns() -> None:
    order: list[str] = []
    seconds = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repetitions=3)
    assert order[:2] == ["a", "b"]
    assert [len(values) for values in seconds.values()] == [3, 3]
    # each round runs all of a before all of b
    assert "".join(dict.fromkeys("".join(order[-4000:]))) in ("ab", "ba")


def test_no_round_begins_after_the_budget() -> None:
    import time

    seconds = interleaved({"slow": lambda: time.sleep(0.01)}, repetitions=50, budget=0.0)
    assert len(seconds["slow"]) == 3


def test_means_are_geometric_and_by_class() -> None:
    def speed(size: tuple[int, int, int, int], value: float) -> Speed:
        one = Ratio(value, value, value, 9)
        return Speed("gru", size, ("native", "native"), 1.0, one, 1.0, 1.0, one, 1.0)

    means = by_class(
        [
            speed((4, 5, 6, 256), 1.0),
            speed((4, 5, 6, 512), 4.0),
            speed((1, 5, 6, 256), 9.0),
            speed((4, 5, 6, 64), 3.0),
        ]
    )
    assert means[("gru", "hidden 256-650")] == pytest.approx((2.0, 2.0))
    assert means[("gru", "batch 1")] == pytest.approx((9.0, 9.0))
    assert means[("gru", "hidden 64")] == pytest.approx((3.0, 3.0))


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_a_layer_is_measured_beside_torch(cell: str) -> None:
    found = against_torch(cell, (2, 3, 4, 5), repetitions=3)
    assert found.training.value > 0 and found.forward.value > 0
    assert found.training.low <= found.training.value <= found.training.high
    assert found.executors[0] in ("native", "vendor")


def test_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    from elman.__main__ import main

    assert main(["bench", "gru", "--hidden", "5", "--repetitions", "3"]) == 0
    out = capsys.readouterr().out
    assert "32, 100, 5, 5" in out and "Geometric means" in out
    assert main(["bench", "minlstm"]) == 2
    assert "unknown cell of torch.nn 'minlstm'" in capsys.readouterr().err
    assert main(["bench", "--hidden", "0"]) == 2
    assert main(["bench", "--threads", "0"]) == 2
