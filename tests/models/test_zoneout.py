"""The masks of zoneout: their rate, their independence, their types."""

import pytest
import torch

import elman
from elman.engine import kernels
from elman.models.zoneout import draw_mask, split_mix


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.97])
def test_ones_come_at_their_rate_whatever_their_place(rate):
    torch.manual_seed(0)
    mask = draw_mask((500, 100, 8), rate, torch.zeros(()))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    for part in range(4):  # the four elements of one random number
        found = mask.flatten()[part::4].mean().item()
        assert found == pytest.approx(rate, abs=5 * (rate * (1 - rate) / 1e5) ** 0.5)


def test_the_four_elements_of_one_number_are_independent():
    torch.manual_seed(1)
    quarters = draw_mask((200_000, 4), 0.3, torch.zeros(()))
    correlations = torch.corrcoef(quarters.T) - torch.eye(4)
    assert correlations.abs().max() < 5 / 200_000**0.5


@pytest.mark.parametrize("shape", [(0, 3, 5), (1, 1, 1), (3, 1, 5), (7, 2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_any_shape_and_type(shape, dtype):
    mask = draw_mask(shape, 0.5, torch.zeros((), dtype=dtype))
    assert mask.shape == shape and mask.dtype is dtype and mask.is_contiguous()


def test_a_rate_below_the_resolution_still_holds_now_and_then():
    torch.manual_seed(0)
    assert 0 < draw_mask((10**7,), 1e-7, torch.zeros(())).sum() < 10**7 / 65536 * 1.5


def test_masks_repeat_with_the_seed_and_differ_between_calls():
    network = elman.RNN("lstm", 3, 8, zoneout=0.3)
    x = torch.randn(2, 9, 3)
    torch.manual_seed(5)
    first, second = network(x)[0], network(x)[0]
    torch.manual_seed(5)
    again = network(x)[0]
    assert torch.equal(first, again) and not torch.equal(first, second)


def test_under_vmap_each_sample_draws_its_own():
    def held(x):
        return draw_mask((64,), 0.5, x) + 0 * x

    different = torch.func.vmap(held, randomness="different")(torch.zeros(2))
    assert not torch.equal(different[0], different[1])


def test_compiled_it_keeps_its_rate():
    compiled = torch.compile(lambda x: draw_mask(tuple(x.shape), 0.25, x), dynamic=True)
    for steps in (30, 41):
        assert compiled(torch.zeros(steps, 100, 10)).mean().item() == pytest.approx(0.25, abs=0.02)


def test_the_numbers_are_those_of_split_mix():
    """The reference's first numbers from the seed 1234567 (Vigna's splitmix64.c)."""
    found = [int(number) % 2**64 for number in split_mix(torch.tensor(1234567), 3)]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.skipif(kernels.library() is None, reason="the native library was not built")
@pytest.mark.parametrize("instructions", kernels.INSTRUCTION_SETS)
@pytest.mark.parametrize("dtype", kernels.TYPES)
@pytest.mark.parametrize("count", [0, 1, 3, 64, 255, 256, 257, 131_072, 131_073, 200_001])
def test_the_library_draws_what_torch_draws(count, dtype, instructions, monkeypatch):
    monkeypatch.setenv("ELMAN_NATIVE_ISA", instructions)
    like = torch.zeros((), dtype=dtype)
    torch.manual_seed(count)
    native = draw_mask((count,), 0.3, like)
    monkeypatch.setattr(kernels, "library", lambda: None)
    torch.manual_seed(count)
    assert torch.equal(native, draw_mask((count,), 0.3, like))
