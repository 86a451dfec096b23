"""The two limits of one core of this machine: memory traffic and multiply-adds.

A kernel that moves three streams cannot beat the triad; a matrix product cannot beat the FMA peak.
Limits are maxima, so the best of many runs counts.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lesson_support import native
from lesson_support.errors import LessonError
from lesson_support.native.toolchain import processor

_MIB = 1 << 20
_RUNS = 40
# About 2 ms of multiply-adds on a core with 512-bit registers, 10 ms on one with 128-bit ones.
_ROUNDS = 1 << 19


@dataclass(frozen=True)
class Limits:
    """What one thread reaches at best: 10⁹ bytes a second through h = a·b, 10⁹ float32 operations a second.

    `how` is "native" (streamed stores, independent chains of multiply-adds) or "fallback": PyTorch's own
    multiplication and matrix product, which lie below the limits. `note` says it in a sentence.
    """

    triad_gb_s: float
    fma_gflop_s: float
    threads: int
    how: str
    note: str
    device: str

    def ceiling(self, flop_per_byte: float) -> float:
        """The roofline: the most GFLOP/s that work of this intensity can reach."""
        if flop_per_byte <= 0:
            raise LessonError(f"flop_per_byte = {flop_per_byte!r}: expected operations per byte above 0")
        return min(self.fma_gflop_s, flop_per_byte * self.triad_gb_s)


_measured: Limits | None = None


def limits(*, refresh: bool = False) -> Limits:
    """This machine's limits, measured on first use in half a second (after a build); `refresh` repeats it."""
    global _measured
    if _measured is None or refresh:
        with _one_thread():
            _measured = _measure()
    return _measured


def _measure() -> Limits:
    try:
        operators = native.operators("roofline")
    except LessonError as reason:
        note = f"lower bounds, by torch.mul(out=) and a 1024³ torch.mm(out=): {reason}"
        return Limits(_plain_triad(), _matmul_rate(), 1, "fallback", note, processor())
    size = _array_bytes() // _MIB
    note = f"best of {_RUNS} runs on one thread; {operators.instructions()}; {size} MiB per array"
    return Limits(_triad(operators.triad), _fma_rate(operators.fma_peak), 1, "native", note, processor())


def _plain_triad() -> float:
    import torch

    return _triad(lambda a, b, h: torch.mul(a, b, out=h))


def _triad(multiply: Callable) -> float:
    """GB/s of `multiply(a, b, h)`, counting each array once."""
    import torch

    count = _array_bytes() // 4
    # Filled, not just allocated: the first touch of a page costs more than its traffic.
    a, b, h = (torch.full((count,), value) for value in (3.0, 5.0, 0.0))
    seconds = _best_seconds(lambda: multiply(a, b, h))
    if not bool((h == 15.0).all()):
        raise AssertionError("the triad left elements of its output unwritten")
    return 3 * 4 * count / seconds / 1e9


def _fma_rate(fma_peak: Callable) -> float:
    """GFLOP/s of independent multiply-add chains; their mean must show that every round was computed."""
    operations, mean = fma_peak(_ROUNDS)
    if mean != _ROUNDS:
        raise AssertionError(f"the multiply-add chains ended at {mean}, not at {_ROUNDS}")
    return operations / _best_seconds(lambda: fma_peak(_ROUNDS)) / 1e9


def _matmul_rate() -> float:
    import torch

    n = 1024
    a, b, h = (torch.full((n, n), 1.0) for _ in range(3))
    return 2 * n**3 / _best_seconds(lambda: torch.mm(a, b, out=h), runs=10) / 1e9


def _best_seconds(run: Callable[[], object], runs: int = _RUNS) -> float:
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best


def _array_bytes() -> int:
    """Three of these are at least four times the last cache, and at most 384 MiB."""
    return min(max(4 * _last_cache_bytes() // 3, 32 * _MIB), 128 * _MIB) // 64 * 64


def _last_cache_bytes() -> int:
    """The largest cache a core sees, or 32 MiB where the system does not say."""
    sizes = []
    try:
        if sys.platform == "darwin":
            for name in ("hw.l3cachesize", "hw.perflevel0.l2cachesize", "hw.l2cachesize"):
                asked = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True)
                sizes.append(int(asked.stdout or 0))
        else:
            for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
                sizes.append(int(file.read_text(encoding="ascii").strip().removesuffix("K")) * 1024)
    except (OSError, ValueError):
        pass
    return max(sizes, default=0) or 32 * _MIB


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
