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
_BENCHMARKS = {"limits": "limits", "grading": "grading"}


def benchmark_names() -> list[str]:
    return list(_BENCHMARKS)


def run_benchmarks(names: Iterable[str], *, progress: Callable[[str], None] = lambda name: None) -> Path:
    """Measure the named benchmarks, all if none is named, and keep the run; its file."""
    chosen = list(names) or benchmark_names()
    for name in chosen:
        if name not in _BENCHMARKS:
            known = ", ".join(_BENCHMARKS)
            close = did_you_mean(name, _BENCHMARKS)
            raise LessonError(f"there is no benchmark {name!r}: expected {known}{close}")
    results = {}
    for name in chosen:
        progress(name)
        results |= import_module(f"lesson_support.bench.{_BENCHMARKS[name]}").measure()
    return measured.record_run(results, paths.home() / "measurements")


def shares(standings: dict[str, Standing], column: str, unit: str, shape: str) -> dict:
    """A table of speeds as shares of the first, from one interleaved comparison."""
    rows = [
        {
            column: name,
            "median": round(each.ratio, 4),
            "spread": [round(each.low, 4), round(each.high, 4)],
            "n": each.rounds,
        }
        for name, each in standings.items()
    ]
    return {"unit": unit, "shape": shape, "columns": [column], "rows": rows}
