"""Benchmarks that can be published: each measures peers and the physical limit in one interleaved run.

A benchmark is a function without arguments that returns results by name, in the form that `measured` accepts.
`lessons bench` runs them and keeps what they found; `--publish` adds it to the course.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from lesson_support import measured, paths
from lesson_support.errors import LessonError
from lesson_support.records import did_you_mean
from lesson_support.timing import Standing

# name -> module of this package whose `measure` it is
_BENCHMARKS = {
    "limits": "limits",
    "gemm": "gemm",
    "scan": "scan",
    "gated": "gated",
    "grading": "grading",
    "pruning": "pruning",
    "pruning_steps": "pruning_steps",
    "pruning_speed": "pruning_speed",
    "rust": "rust",
    "devices": "devices",
}
_ON_REQUEST = frozenset({"devices"})  # needs CUDA, so it runs only when it is named


def benchmark_names() -> list[str]:
    return list(_BENCHMARKS)


def run_benchmarks(names: Iterable[str], *, progress: Callable[[str], None] = lambda name: None) -> Path:
    """Measure the named benchmarks, or all that any machine can run, and keep the run; its file."""
    chosen = list(names) or [name for name in _BENCHMARKS if name not in _ON_REQUEST]
    for name in chosen:
        if name not in _BENCHMARKS:
            known = ", ".join(_BENCHMARKS)
            close = did_you_mean(name, _BENCHMARKS)
            raise LessonError(f"there is no benchmark {name!r}: expected {known}{close}")
    origin, file = measured.provenance_here(), Path()
    for name in chosen:
        progress(name)
        results = import_module(f"lesson_support.bench.{_BENCHMARKS[name]}").measure()
        # One by one: what a later benchmark runs into does not cost the earlier ones.
        file = measured.record_run(results, paths.home() / "measurements", **origin)
    return file


def shares(standings: dict[str, Standing], column: str, unit: str, shape: str) -> dict:
    """A table of speeds as shares of the first, from one interleaved comparison."""
    rows = [
        {
            column: name,
            "median": four_digits(each.ratio),
            "spread": [four_digits(each.low), four_digits(each.high)],
            "n": each.rounds,
        }
        for name, each in standings.items()
    ]
    return {"unit": unit, "shape": shape, "columns": [column], "rows": rows}


def four_digits(value: float) -> float:
    """As many as a timing deserves."""
    return float(f"{value:.4g}")
