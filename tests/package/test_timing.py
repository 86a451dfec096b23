"""Ratios from a clock whose ticks we choose; one real case with a margin that no load can close."""

import gc
import itertools
import math
import random
import re

import numpy as np
import pytest
import torch

from lesson_support.errors import LessonError
from lesson_support.timing import agree, compare, difference, ratio
from lesson_support.timing.sampling import median_interval


class Clock:
    """A clock that only its own functions move."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def function(self, name, *seconds, result=None):
        """Takes these seconds in turn, over and over."""
        durations = itertools.cycle(seconds)

        def run():
            self.now += next(durations)
            self.calls.append(name)
            return result

        return run


def timed(slow, fast, **options):
    clock = Clock()
    found = ratio(clock.function("slow", *slow), clock.function("fast", *fast), clock=clock, **options)
    return found, clock


def test_a_constant_ratio_is_found_exactly():
    found, _ = timed([0.3], [0.1], time_limit=60)
    assert (found.median, found.low, found.high) == pytest.approx((3, 3, 3))
    assert (found.slow_seconds, found.fast_seconds) == pytest.approx((0.3, 0.1))
    assert found.pairs == 15 and found.confidence >= 0.98


def test_the_median_is_of_pairs_so_that_drift_cancels():
    clock = Clock()

    def lasting(seconds):
        def run():
            clock.now += seconds * 1.2 ** (len(clock.calls) // 2)
            clock.calls.append(seconds)

        return run

    found = ratio(lasting(0.3), lasting(0.1), clock=clock, pairs=9, time_limit=1e6)
    assert (found.low, found.high) == pytest.approx((3, 3))


def test_an_outlier_does_not_move_the_median():
    found, _ = timed([0.3] * 8 + [30.0], [0.1], pairs=15, time_limit=1e6)
    assert found.median == pytest.approx(3) and found.high == pytest.approx(3)


def test_long_functions_run_once_a_sample_in_turning_order():
    _, clock = timed([0.3], [0.1], pairs=4, time_limit=60)
    assert clock.calls == ["slow", "fast"] + ["slow", "fast", "fast", "slow"] * 2


def test_short_functions_fill_a_sample():
    found, clock = timed([0.3], [1e-6], pairs=3, time_limit=60)
    assert found.fast_seconds == pytest.approx(1e-6)
    assert clock.calls.count("slow") == 1 + 3
    # one for the result, 1 + 2 + … + 256 to find the size of a sample, three samples
    assert clock.calls.count("fast") == 1 + 511 + 3 * 256


def test_sampling_stops_once_the_interval_clears_the_threshold():
    above, _ = timed([0.3], [0.1], at_least=2, time_limit=1e6)
    below, _ = timed([0.3], [0.1], at_least=5, time_limit=1e6)
    assert above.pairs == below.pairs == 7  # the fewest whose extremes hold the median with 98%
    assert above.low > 2 and below.high < 5
    patient, _ = timed([0.3], [0.1], at_least=2, time_limit=1e6, confidence=0.999)
    assert 11 <= patient.pairs <= 12


def test_an_undecided_interval_ends_with_the_time():
    found, clock = timed([0.15, 0.25], [0.1], at_least=2, time_limit=20)
    assert found.low < 2 < found.high
    assert 20 <= clock.now < 22 and found.pairs > 50


def test_slow_functions_get_three_pairs_and_say_what_that_is_worth():
    found, clock = timed([40.0, 50.0, 60.0], [1.0], at_least=10, time_limit=2)
    assert found.pairs == 3 and clock.calls.count("slow") == 4
    assert (found.low, found.high, found.confidence) == pytest.approx((40, 60, 0.75))


def test_intervals_are_those_of_the_sign_test():
    values = list(range(1, 16))
    assert median_interval(values, 0.98) == (3, 13, pytest.approx(0.99261, abs=1e-5))
    assert median_interval(values, 0.95) == (4, 12, pytest.approx(0.96484, abs=1e-5))
    assert median_interval([5, 1, 3, 2, 4, 6], 0.98) == (1, 6, 0.96875)
    assert median_interval([2.0], 0.98) == (2.0, 2.0, 0.0)
    low, high, reached = median_interval(list(range(5000)), 0.98)
    assert (low, high) == (2417, 2582) and 0.98 <= reached < 0.981


def test_intervals_hold_the_median_as_often_as_they_claim():
    source, holds = random.Random(0), 0
    for _ in range(4000):
        low, high, reached = median_interval([source.expovariate(1) for _ in range(15)], 0.9)
        holds += low <= math.log(2) <= high
    assert holds / 4000 == pytest.approx(reached, abs=0.015)


def test_no_collection_falls_into_a_sample_and_the_setting_returns():
    clock, seen = Clock(), []

    def watching():
        clock.now += 0.1
        seen.append(gc.isenabled())
        if len(seen) == 6:
            raise KeyError("stop")

    assert gc.isenabled()
    with pytest.raises(KeyError):
        ratio(watching, watching, clock=clock, time_limit=60)
    assert seen == [True, True, False, False, False, False] and gc.isenabled()


def test_a_sample_waits_for_the_device(monkeypatch):
    clock = Clock()

    def synchronize():
        clock.now += 0.05

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    found = ratio(clock.function("slow", 0.3), clock.function("fast", 0.1), clock=clock, time_limit=60)
    assert (found.slow_seconds, found.fast_seconds) == pytest.approx((0.35, 0.15))


def test_a_clock_that_stands_still_is_an_error():
    with pytest.raises(LessonError, match="clock stands still"):
        ratio(lambda: None, lambda: None, clock=lambda: 0.0)


def nothing():
    return None


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        ((nothing, 3), {}, "fast = 3: expected a function"),
        (("x", nothing), {}, "slow = 'x': expected a function"),
        ((nothing, nothing), {"at_least": 0.5}, "at_least = 0.5: expected a ratio of 1 or more"),
        ((nothing, nothing), {"at_least": math.nan}, "at_least = nan"),
        ((nothing, nothing), {"time_limit": 0}, "time_limit = 0: expected seconds above 0"),
        ((nothing, nothing), {"pairs": 2}, "pairs = 2: expected a whole number of 3 or more"),
        ((nothing, nothing), {"pairs": 7.5}, "pairs = 7.5"),
        ((nothing, nothing), {"confidence": 98}, "confidence = 98: expected a probability"),
        (({"a": nothing},), {}, r"functions = \['a'\]: expected two or more"),
        (({"a": nothing, "b": 1},), {}, "b = 1: expected a function"),
        (({"a": nothing, "b": nothing},), {"base": "c"}, "base = 'c': expected one of a, b"),
        (({"a": nothing, "b": nothing},), {"rounds": 2}, "rounds = 2"),
        (({"a": nothing, "b": nothing},), {"confidence": 0}, "confidence = 0"),
    ],
)
def test_arguments_without_meaning(arguments, options, told):
    with pytest.raises(LessonError, match=told):
        (ratio if len(arguments) == 2 else compare)(*arguments, **options)


def pair_of_results(slow, fast, **options):
    clock = Clock()
    slow, fast = clock.function("slow", 0.3, result=slow), clock.function("fast", 0.1, result=fast)
    return ratio(slow, fast, clock=clock, pairs=3, **options)


def test_functions_that_differ_are_not_timed():
    with pytest.raises(
        LessonError, match=r"slow and fast do not compute the same: largest difference 0.5 at \(1,\)"
    ):
        pair_of_results([1.0, 2.0], torch.tensor([1.0, 2.5]))
    assert pair_of_results(1.0, 2.0, same=None).median == pytest.approx(3)
    assert pair_of_results(1.0, 2.0, same=lambda a, b: (a, b) == (1.0, 2.0)).median == pytest.approx(3)
    assert pair_of_results(None, 2.0).median == pytest.approx(3)
    with pytest.raises(
        LessonError, match="slow and fast do not compute the same: the given comparison says no"
    ):
        pair_of_results(1.0, 1.0, same=lambda a, b: False)


@pytest.mark.parametrize("buffer", [torch.zeros(3), np.zeros(3), [np.zeros(3)], {"h": torch.zeros(3)}])
def test_a_shared_output_does_not_hide_a_difference(buffer):
    def filling(value):
        def run():
            target = (
                buffer["h"] if isinstance(buffer, dict) else buffer[0] if isinstance(buffer, list) else buffer
            )
            target[:] = value
            return buffer

        return run

    assert ratio(filling(1.0), filling(1.0), pairs=3).pairs == 3
    with pytest.raises(LessonError, match="largest difference 1"):
        ratio(filling(1.0), filling(2.0), pairs=3)


ALIKE = [
    (1, 1.0),
    ("text", "text"),
    (True, np.True_),
    ([1.0, 2.0], (1.0, 2.0)),
    ([[1, 2], [3, 4]], torch.tensor([[1, 2], [3, 4]])),
    ([], []),
    (torch.tensor([1.0, math.nan, math.inf]), np.array([1.0, math.nan, math.inf])),
    (torch.ones(3, dtype=torch.bfloat16), torch.full((3,), 1.02)),
    (torch.ones(3, dtype=torch.float16), torch.full((3,), 1.005)),
    (torch.tensor([1000.0, 0.0]), torch.tensor([1000.0, 0.01])),
    (torch.tensor([1.0], requires_grad=True), 1.0 + np.zeros(1)),
    ([torch.ones(2), torch.ones(3)], [torch.ones(2), torch.ones(3)]),
    ([torch.ones(2), torch.ones(2)], torch.ones(2, 2)),
    ({"a": [1, 2]}, {"a": (1, 2)}),
    (torch.tensor([1 + 2j]).conj(), [1 - 2j]),
    ([[1, 2], [3]], [[1, 2], [3]]),
]


@pytest.mark.parametrize(("left", "right"), ALIKE)
def test_results_alike(left, right):
    assert difference(left, right) is None and difference(right, left) is None and agree(left, right)


DIFFERENT = [
    (1, 2, "largest difference 1 "),
    ("text", "test", "'text' against 'test'"),
    (2**60, 2**60 + 1, "against"),
    (np.uint8(1), np.uint8(2), "largest difference 1 "),
    (1.0, 1.0 + 1e-8, "largest difference 1e-08"),
    (torch.ones(2), torch.tensor([1.0, 1.001]), r"largest difference 0.001 at \(1,\) \(1.0 against 1.00"),
    (torch.ones(2, dtype=torch.bfloat16), torch.full((2,), 1.1), "largest difference 0.1"),
    (torch.ones(2), torch.ones(2, 1), r"shape \(2,\) against \(2, 1\)"),
    (torch.tensor([1.0, math.nan]), torch.tensor([1.0, 1.0]), r"difference inf at \(1,\)"),
    (torch.tensor([math.inf]), torch.tensor([-math.inf]), "difference inf"),
    (
        [torch.ones(2) * 1e6, torch.ones(2)],
        [torch.ones(2) * 1e6, torch.ones(2) * 1.1],
        r"^\[1\]: largest difference 0.1",
    ),
    ([torch.ones(2)], [torch.ones(2), torch.ones(2)], "1 results against 2"),
    ([1, 2], [1, 2, 3], "shape"),
    ([[1, 2], [3]], [[1, 2], [4]], r"^\[1\]: largest difference 1 "),
    ({"a": 1}, {"b": 1}, r"keys \['a'\] against \['b'\]"),
    ({"a": 1}, {"a": 2}, r"^\['a'\]: largest"),
    ("1", 1, "'1' against 1"),
    (object(), object(), "only a same= of yours"),
    (torch.tensor([1 + 2j]), torch.tensor([1 - 2j]), "largest difference 4"),
]


@pytest.mark.parametrize(("left", "right", "told"), DIFFERENT)
def test_results_different(left, right, told):
    assert re.search(told, difference(left, right)) and not agree(left, right) and not agree(right, left)


def test_a_comparison_ranks_each_against_the_base():
    clock = Clock()
    functions = {
        name: clock.function(name, seconds, result=1.0)
        for name, seconds in {"loop": 0.4, "blas": 0.1, "slower": 0.8}.items()
    }
    found = compare(functions, rounds=9, clock=clock)
    assert [*found] == ["loop", "blas", "slower"]
    assert [found[name].ratio for name in found] == pytest.approx([1, 4, 0.5])
    assert found["blas"].low == pytest.approx(4) == found["blas"].high
    assert found["blas"].seconds == pytest.approx(0.1) and found["blas"].rounds == 9
    assert compare(functions, base="blas", clock=clock)["loop"].ratio == pytest.approx(0.25)


def test_a_comparison_turns_its_order():
    clock = Clock()
    compare({name: clock.function(name, 0.1) for name in "abc"}, rounds=6, clock=clock)
    order = "".join(clock.calls)
    assert order[:3] == "abc" and order[3:] == "abc" + "cba" + "bca" + "acb" + "cab" + "bac"


def test_a_comparison_names_the_function_that_differs():
    with pytest.raises(LessonError, match="a and c do not compute the same: largest difference 1 "):
        compare({"a": lambda: 1, "b": lambda: 1, "c": lambda: 2}, rounds=3)


def test_a_real_loop_is_slower_than_its_closed_form():
    n = 20_000

    def loop():
        total = 0
        for i in range(n):
            total += i
        return total

    found = ratio(loop, lambda: n * (n - 1) // 2, at_least=10)
    assert found.low > 10 and found.confidence >= 0.98
    assert 0 < found.fast_seconds < found.slow_seconds
