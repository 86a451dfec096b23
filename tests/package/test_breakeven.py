"""The break-even size against a table of every n, its limits in closed form; and the sectors of a warp."""

import random

import pytest

from lesson_support.devices.breakeven import Accelerator, break_even, device_seconds, host_seconds
from lesson_support.devices.coalescing import sectors, strided_warp
from lesson_support.errors import LessonError


def test_the_size_found_separates_losing_from_winning():
    rng = random.Random(5)
    for _ in range(200):
        device = Accelerator(
            "d", 10 ** rng.uniform(11, 15), 10 ** rng.uniform(9, 11), 10 ** rng.uniform(-7, -4)
        )
        host, matrices, products = (
            device.flop_s * 10 ** rng.uniform(-4, -0.3),
            rng.randint(0, 3),
            rng.randint(1, 9),
        )
        n = break_even(device, host, matrices=matrices, products=products)

        def wins(size, device=device, host=host, matrices=matrices, products=products):
            ours = device_seconds(size, device, matrices=matrices, products=products)
            return ours < products * host_seconds(size, host)

        assert wins(1.0001 * n) and not wins(0.9999 * n)


def test_by_hand():
    device = Accelerator("d", 1000.0, 10.0, 2.0)
    assert host_seconds(10, 500.0) == 4.0
    assert device_seconds(10, device) == 4 * 2.0 + 3 * 4 * 100 / 10 + 2.0
    assert device_seconds(10, device, matrices=1, products=5) == 6 * 2.0 + 40.0 + 5 * 2.0


def test_without_latency_it_is_six_rates_over_the_link():
    device = Accelerator("d", 1e15, 1e10, 0.0)
    assert break_even(device, 1e11) == pytest.approx(6 * 1e11 / 1e10, rel=1e-3)


def test_without_transfers_it_is_the_launch_alone():
    device = Accelerator("d", 1e15, 1e10, 1e-5)
    assert break_even(device, 1e11, matrices=0) == pytest.approx((1e-5 * 1e11 / 2) ** (1 / 3), rel=1e-3)


def test_a_slower_device_never_pays():
    assert break_even(Accelerator("d", 1e9, 1e10, 0.0), 1e9) is None
    assert break_even(Accelerator("d", 1e9, 1e10, 0.0), 2e9) is None


@pytest.mark.parametrize(
    "arguments, told",
    [((0, 1, 0), "flop_s = 0"), ((1, -1, 0), "link_bytes_s = -1"), ((1, 1, -1), "call_s = -1")],
)
def test_a_device_without_meaning_is_refused(arguments, told):
    with pytest.raises(LessonError, match=told):
        Accelerator("d", *arguments)


def slowly(stride, itemsize, offset):
    touched = set()
    for lane in range(32):
        for byte in range(itemsize):
            touched.add(((offset + lane * stride) * itemsize + byte) // 32)
    return len(touched)


@pytest.mark.parametrize("itemsize", [1, 2, 4, 8, 16])
def test_sectors_against_every_byte(itemsize):
    for stride in range(40):
        for offset in range(9):
            assert sectors(strided_warp(stride, itemsize, offset), itemsize) == slowly(
                stride, itemsize, offset
            )


def test_sectors_by_hand():
    counted = [sectors(strided_warp(stride)) for stride in (0, 1, 2, 4, 8, 16, 100)]
    assert counted == [1, 4, 8, 16, 32, 32, 32]
    assert sectors(strided_warp(1, offset=1)) == 5
    assert sectors([0, 4, 8, 12], 4) == 1 and sectors([30], 4) == 2 and sectors([]) == 0
    with pytest.raises(LessonError, match="itemsize = 3: expected 1, 2, 4, 8 or 16"):
        sectors([0], 3)
