"""Which method is trusted, judged on results put there by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from elman.interpretation.comparison import RANDOM, Compared, count_of, reads, table, trust
from elman.interpretation.credit import ask
from elman.interpretation.faithfulness import Faithful, passes
from elman.interpretation.methods import METHODS

from .networks import sample_of, tokens, view_of, view_of_network


def faithful(*comprehensiveness):
    """Results of some sequences; sufficiency is half of it, the area a tenth."""
    values = np.array(comprehensiveness)
    return Faithful(values, values / 2, values / 10, np.zeros((7, len(values))))


def held(mine=(0.5, 0.6, 0.55), **more):
    """Integrated gradients against 20 random orders around 0.1."""
    random = [faithful(0.1 + k / 1000, 0.1, 0.1 - k / 1000) for k in range(20)]
    return Compared({"integrated_gradients": faithful(*mine)}, random=random, count=3, **more)


def test_steps_that_matter_more_than_random_ones_are_trusted():
    said = trust(held(), "integrated_gradients")
    assert said == (
        "Without the steps it credits most, the answer falls by 0.55, without as many at random by 0.1: "
        "it matters to the answer what it points to."
    )


@pytest.mark.parametrize("mine", [(0.1, 0.1, 0.1), (0.9, 0.0, 0.0), (0.0, 0.05, 0.1)])
def test_no_more_than_chance_is_not_trusted(mine):
    said = trust(held(mine, shuffled=faithful(0.9, 0.9, 0.9)), "integrated_gradients")
    assert "do not trust this map" in said and "shuffled network" not in said


def test_a_shuffled_networks_map_that_does_as_well_is_told():
    as_well, worse = faithful(0.55, 0.55, 0.55), faithful(0.5, 0.5, 0.5)
    assert "though the shuffled network's map finds such steps as well." in trust(
        held(shuffled=as_well), "integrated_gradients"
    )
    assert "though" not in trust(held(shuffled=worse), "integrated_gradients")


def test_a_better_method_is_named_and_the_table_has_the_best_first():
    both = held(shuffled=faithful(0.2, 0.2, 0.2))
    both.methods["gradient"] = faithful(0.7, 0.8, 0.9)
    both.methods["occlusion"] = faithful(0.6, 0.6, 0.6)
    assert trust(both, "integrated_gradients").endswith("; gradient finds steps that lower it by 0.8.")
    assert trust(both, "gradient").endswith("what it points to.")
    rows = table(both)
    assert [row["steps ordered by"] for row in rows] == [
        "gradient", "occlusion", "integrated gradients", "the shuffled network's map",
        "chance, low end (of 20 orders)", "chance, high end (of 20 orders)",
    ]  # fmt: skip
    assert [row["comprehensiveness"] for row in rows[:4]] == pytest.approx([0.8, 0.6, 0.55, 0.2])
    assert [row["sufficiency"] for row in rows[:4]] == pytest.approx([0.4, 0.3, 0.275, 0.1])
    assert [row["area under deletion"] for row in rows[:4]] == pytest.approx([0.08, 0.06, 0.055, 0.02])
    # The mean of every order is 0.1.
    for row in rows[4:]:
        assert (row["comprehensiveness"], row["sufficiency"], row["area under deletion"]) == pytest.approx(
            (0.1, 0.05, 0.01)
        )
    apart = Compared(dict(both.methods), random=[faithful(k / 20) for k in range(21)], count=1)
    low, high = table(apart)[-2:]
    assert (low["comprehensiveness"], high["comprehensiveness"]) == pytest.approx((0.025, 0.975))
    assert (low["sufficiency"], high["area under deletion"]) == pytest.approx((0.0125, 0.0975))


@pytest.mark.parametrize(
    ("sequences", "steps", "count"), [(200, 10, 149), (100, 10, 100), (50, 1000, 4), (2, 1000, 2)]
)
def test_as_many_sequences_as_there_is_time_for(sequences, steps, count):
    assert count_of(sample_of(torch.zeros(sequences, steps))) == count


def test_exactly_chance_is_no_more_than_chance():
    same = Compared(
        {"integrated_gradients": faithful(0.5, 0.5)}, shuffled=faithful(0.9, 0.9), random=[faithful(0.5, 0.5)] * 3, count=2
    )  # fmt: skip
    said = trust(same, "integrated_gradients")
    assert "do not trust this map" in said and "though" not in said


def test_one_sequence_can_be_judged_and_of_two_methods_the_better_is_named():
    one = Compared({"integrated_gradients": faithful(0.6)}, random=[faithful(0.1), faithful(0.2)], count=1)
    assert trust(one, "integrated_gradients").endswith("it matters to the answer what it points to.")
    one.methods["gradient"] = faithful(0.7)
    assert trust(one, "integrated_gradients").endswith("; gradient finds steps that lower it by 0.7.")


def test_the_shuffled_networks_map_is_judged_too_where_there_are_weights():
    torch.manual_seed(0)
    network, none = view_of_network(), view_of(lambda vectors, lengths: vectors[:, -1].repeat(1, 3), labels=("a", "b", "c"))  # fmt: skip
    none = replace(none, model=nn.Identity())
    assert network.has_weights and not none.has_weights
    for view, x, orders in ((network, tokens(), RANDOM + 2), (none, torch.rand(12, 10, 1), RANDOM + 1)):
        few = sample_of(x)
        judged = passes(ask(view, few, None))
        work = METHODS["gradient"].work(ask(view, few, None), 4, False)
        assert reads(view, few, ["gradient"], None, 4, False) == 12 * (1 + work + orders * judged)
