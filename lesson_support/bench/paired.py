"""Samples of several functions taken in turn, and what they say: rows of a table with their intervals."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from lesson_support import timing
from lesson_support.timing.sampling import Timer, median_interval, no_collections

CONFIDENCE = 0.98

Samples = dict[str, list[float]]


def sampled(functions: Mapping[str, Callable[[], object]], rounds: int) -> Samples:
    """Seconds per call of each function, one sample a round, in an order that turns."""
    timers = {name: Timer(function, time.perf_counter) for name, function in functions.items()}
    for timer in timers.values():
        timer.settle()
    seconds: Samples = {name: [] for name in functions}
    with no_collections():
        for turn in range(rounds):
            for name in list(functions)[:: -1 if turn % 2 else 1]:
                seconds[name].append(timers[name].sample())
    return seconds


def row(labels: Mapping[str, object], values: Sequence[float]) -> dict:
    """One line of a table: the median, and the interval that holds it with the stated confidence."""
    ordered = sorted(values)
    low, high, _ = median_interval(list(values), CONFIDENCE)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    figures = [float(f"{each:.4g}") for each in (low, middle, high)]
    return {**labels, "median": figures[1], "spread": [figures[0], figures[2]], "n": len(ordered)}


def ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """How many times as long the slow one took, sample by sample."""
    return [a / b for a, b in zip(slow, fast, strict=True)]


def require_equal(expected: torch.Tensor, got: torch.Tensor, what: str) -> None:
    """AssertionError unless both hold the same up to rounding."""
    if (found := timing.difference(expected, got.cpu())) is not None:
        raise AssertionError(f"{what}: {found}")


def require_copy(expected: torch.Tensor, got: torch.Tensor, what: str) -> None:
    """AssertionError unless both hold the same bits."""
    if not torch.equal(expected, got.cpu()):
        raise AssertionError(f"{what}: the copy differs from what was copied")
