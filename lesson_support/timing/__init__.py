"""Ratios of running times that survive a busy machine: functions sampled in turn, round by round.

A clock's drift, a neighbour's load and the processor's frequency hit all samples of a round alike, so their
ratios hold still where the times do not. Intervals come from order statistics and assume no distribution.
"""

import itertools
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lesson_support.errors import LessonError
from lesson_support.timing.agreement import agree, difference
from lesson_support.timing.sampling import Timer, median_interval, no_collections

__all__ = ["Ratio", "Standing", "agree", "compare", "difference", "ratio"]

Function = Callable[[], object]
Same = Callable[[object, object], bool]

_FEWEST = 3


@dataclass(frozen=True)
class Ratio:
    """How many times as long `slow` takes.

    The median lies in [low, high] with probability `confidence`. That is less than was asked for where time
    ended the sampling early; the interval is then all that was seen.
    """

    median: float
    low: float
    high: float
    pairs: int
    slow_seconds: float
    fast_seconds: float
    confidence: float


@dataclass(frozen=True)
class Standing:
    """One function among several: its median `seconds`, and how many times as long the base takes."""

    seconds: float
    ratio: float
    low: float
    high: float
    rounds: int


def ratio(
    slow: Function,
    fast: Function,
    *,
    at_least: float | None = None,
    pairs: int = 15,
    time_limit: float = 2.0,
    confidence: float = 0.98,
    same: Same | None = agree,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """The median of slow_i / fast_i over pairs of samples.

    Takes `pairs` pairs; given `at_least`, goes on instead until the interval lies wholly above or below it.
    `time_limit` seconds end either, though not before three pairs. Several looks at one interval make its
    confidence nominal, so ask for thresholds far from the ratio you expect. Both results are compared first,
    by `same` (None: not at all). Results that differ and arguments without meaning are LessonErrors.
    """
    _require(at_least is None or at_least >= 1, "at_least", at_least, "a ratio of 1 or more")
    _require(
        isinstance(pairs, int) and pairs >= _FEWEST, "pairs", pairs, f"a whole number of {_FEWEST} or more"
    )
    _require(time_limit > 0, "time_limit", time_limit, "seconds above 0")
    _require_probability(confidence)
    slow_timer, fast_timer = _timers({"slow": slow, "fast": fast}, "slow", same, clock).values()
    slow_times: list[float] = []
    fast_times: list[float] = []
    next_look = _FEWEST
    with no_collections():
        started = clock()
        for taken in itertools.count(1):
            # The order turns, so that neither side always finds the caches as the other leaves them.
            sides = [(slow_timer, slow_times), (fast_timer, fast_times)]
            for timer, times in sides if taken % 2 else reversed(sides):
                times.append(timer.sample())
            if taken < _FEWEST:
                continue
            if clock() - started >= time_limit or (at_least is None and taken >= pairs):
                break
            if at_least is not None and taken >= next_look:
                next_look = taken + 1 + taken // 8
                low, high, reached = median_interval(_quotients(slow_times, fast_times), confidence)
                if reached >= confidence and (low > at_least or high < at_least):
                    break
    ratios = _quotients(slow_times, fast_times)
    low, high, reached = median_interval(ratios, confidence)
    slow_seconds, fast_seconds = statistics.median(slow_times), statistics.median(fast_times)
    return Ratio(statistics.median(ratios), low, high, len(ratios), slow_seconds, fast_seconds, reached)


def compare(
    functions: Mapping[str, Function],
    *,
    rounds: int = 15,
    base: str | None = None,
    confidence: float = 0.98,
    same: Same | None = agree,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Standing]:
    """A sample of every function in each round, in an order that turns; each against `base` (else the first).

    Results are compared with the base's as in `ratio`. Fewer than seven rounds cannot reach 98%.
    """
    _require(len(functions) >= 2, "functions", list(functions), "two or more by name")
    base = next(iter(functions)) if base is None else base
    _require(base in functions, "base", base, f"one of {', '.join(functions)}")
    _require(
        isinstance(rounds, int) and rounds >= _FEWEST,
        "rounds",
        rounds,
        f"a whole number of {_FEWEST} or more",
    )
    _require_probability(confidence)
    timers = _timers(functions, base, same, clock)
    times: dict[str, list[float]] = {name: [] for name in functions}
    with no_collections():
        for turn in range(rounds):
            first = turn // 2 % len(timers)
            order = [*timers][first:] + [*timers][:first]
            for name in reversed(order) if turn % 2 else order:
                times[name].append(timers[name].sample())
    standings = {}
    for name in functions:
        ratios = _quotients(times[base], times[name])
        low, high, _ = median_interval(ratios, confidence)
        standings[name] = Standing(
            statistics.median(times[name]), statistics.median(ratios), low, high, rounds
        )
    return standings


def _timers(
    functions: Mapping[str, Function], base: str, same: Same | None, clock: Callable[[], float]
) -> dict[str, Timer]:
    """A settled timer for each function, once all have shown that they compute what the base does."""
    for name, function in functions.items():
        _require(callable(function), name, function, "a function without arguments")
    timers = {name: Timer(function, clock) for name, function in functions.items()}
    expected = timers[base].result
    for name, timer in timers.items():
        if same is None or name == base or expected is None or timer.result is None:
            continue
        if not same(expected, timer.result):
            found = difference(expected, timer.result) if same is agree else "the given comparison says no"
            raise LessonError(f"{base} and {name} do not compute the same: {found}")
    for timer in timers.values():
        timer.settle()
    return timers


def _quotients(slow: list[float], fast: list[float]) -> list[float]:
    return [s / f if f > 0 else math.inf for s, f in zip(slow, fast, strict=True)]


def _require_probability(confidence: float) -> None:
    _require(0 < confidence < 1, "confidence", confidence, "a probability between 0 and 1")


def _require(holds: bool, name: str, came: object, expected: str) -> None:
    if not holds:
        raise LessonError(f"{name} = {came!r}: expected {expected}")
