"""One sample of a running time, and the interval that many samples support."""

import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lesson_support.errors import LessonError
from lesson_support.timing.agreement import snapshot

# Long beside reading a clock and the loop around the calls, both well under a microsecond.
SHORTEST_SAMPLE = 200e-6
# A first call this long needs no second one to know that one call makes a sample.
_PLAINLY_LONG = 50 * SHORTEST_SAMPLE


class Timer:
    """Seconds per call of one function, in samples of enough calls to be read off the clock."""

    def __init__(self, function: Callable[[], object], clock: Callable[[], float]):
        """Calls `function` once, keeping its result."""
        self._function, self._clock, self._calls = function, clock, 1
        started = clock()
        result = function()
        self._wait = _device_wait()
        self._wait()
        self._first_seconds = clock() - started
        self.result = snapshot(result)

    def settle(self) -> None:
        """Warm up, find how many calls make a sample, and let go of the result."""
        self.result = None
        if self._first_seconds >= _PLAINLY_LONG:
            return
        while self._elapsed() < SHORTEST_SAMPLE:
            self._calls *= 2
            if self._calls > 1 << 24:
                raise LessonError("the clock stands still: expected one that advances while a function runs")

    def sample(self) -> float:
        """Seconds per call, device included."""
        return self._elapsed() / self._calls

    def _elapsed(self) -> float:
        function = self._function
        started = self._clock()
        for _ in itertools.repeat(None, self._calls):
            function()
        self._wait()
        return self._clock() - started


def _device_wait() -> Callable[[], None]:
    """Waits for the CUDA device if this process uses one: a launch returns before its kernel has run."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return torch.cuda.synchronize
    return lambda: None


@contextmanager
def no_collections() -> Iterator[None]:
    """No garbage collection, which would land in one sample of many."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def median_interval(values: list[float], confidence: float) -> tuple[float, float, float]:
    """(low, high, reached): the narrowest pair of order statistics, equally far from both ends, that holds
    the median with probability `confidence`; if there is none, the extremes and the probability they reach.

    The median lies below the k-th smallest of n values as often as fewer than k of n fair coins show heads.
    """
    n, ordered = len(values), sorted(values)
    outcomes = 2**n
    left_out, ways, below = 0, 1, 1  # `below` of the outcomes put the median under ordered[left_out]
    while True:
        ways = ways * (n - left_out) // (left_out + 1)
        narrower = below + ways
        if 2 * narrower / outcomes > 1 - confidence or 2 * (left_out + 1) >= n:
            break
        left_out, below = left_out + 1, narrower
    return ordered[left_out], ordered[n - 1 - left_out], max(0.0, 1 - 2 * below / outcomes)
