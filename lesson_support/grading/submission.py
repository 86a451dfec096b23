"""Check a learner's notebook as a file: its cells run in a process of their own, then every question is
judged."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.grading import progress
from lesson_support.grading.judging import Result
from lesson_support.grading.learner import entry_of
from lesson_support.grading.library import questions_of
from lesson_support.grading.showing import points_text

GRACE = 20.0  # seconds beyond a step's own limit after which its process is stopped from outside
START = 60.0  # seconds for the process to begin its first step
DEATHS = 5  # processes that may die before the rest is given up


@dataclass(frozen=True)
class Report:
    """`results` in the questions' order; `troubles` says which cells failed and how; `note` is empty, or one
    sentence about progress that was not kept."""

    path: Path
    lesson: int
    results: tuple[Result, ...]
    troubles: tuple[str, ...]
    note: str = ""

    @property
    def score(self) -> float:
        return round(sum(result.score for result in self.results), 2)

    @property
    def points(self) -> int:
        return sum(result.points for result in self.results)

    def lines(self) -> Iterator[str]:
        """What a learner reads."""
        for trouble in self.troubles:
            yield f"! {trouble}"
        for result in self.results:
            first, *rest = result.lines()
            yield f"{result.question}: {first}"
            yield from rest
        yield f"{self.score:g} of {points_text(self.points)}"
        if self.note:
            yield f"({self.note})"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def check_notebook(
    path: Path, lesson_number: int, *, cell_seconds: float = 30.0, seed: int | None = None, keep: bool = True
) -> Report:
    """Run the code cells of the notebook at `path` with this interpreter, then judge the questions of the
    lesson.

    A cell that fails, hangs or kills its process loses only itself. `keep` records what was reached as
    progress. LessonError for a file that is no notebook.
    """
    path = Path(path).resolve()
    questions = questions_of(lesson_number)
    job = {
        "lesson": lesson_number,
        "cells": _code_cells(path),
        "skip": [],
        "cell_seconds": cell_seconds,
        "seed": secrets.randbits(32) if seed is None else seed,
    }
    troubles: dict[str, str] = {}
    results: dict[str, Result] = {}
    for _ in range(DEATHS):
        events, fate = _run(job, path.parent)
        for event in events:
            if "result" in event:
                results[event["ends"]] = Result(**event["result"])
            elif event.get("trouble"):
                troubles[event["ends"]] = event["trouble"]
        begun = next((event["begins"] for event in reversed(events) if "begins" in event), None)
        ended = {event["ends"] for event in events if "ends" in event}
        if not fate and begun in ended:
            break
        if begun is None or begun in ended:
            raise LessonError(
                f"{path} could not be checked: its process {fate or 'ended early'} before the first cell"
            )
        troubles[begun] = fate or "ended its process"
        job["skip"].append(begun)
    for question in questions:
        if question.name not in results:
            lost = troubles.pop(question.name, "its process died too often")
            results[question.name] = Result(question.name, question.points, "incorrect", "died", note=lost)
    ordered = tuple(results[question.name] for question in questions)
    told = tuple(f"the cell {name}: {trouble}" for name, trouble in troubles.items())
    return Report(path, lesson_number, ordered, told, _keep(lesson_number, ordered) if keep else "")


def _keep(number: int, results: tuple[Result, ...]) -> str:
    done = [result for result in results if result.status != "not attempted"]
    return progress.record({f"{number:02}/{result.question}": entry_of(result) for result in done})


def _code_cells(path: Path) -> list[dict[str, str]]:
    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a learner's editor may leave cells without ids
            notebook = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        return [{"id": str(cell.get("id", i)), "source": str(cell.source)} for i, cell in enumerate(cells, 1)]
    except OSError as error:
        raise LessonError(f"cannot read {path} ({error.strerror}): expected a notebook") from None
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise LessonError(f"{path} is not a notebook ({told}): expected one that Jupyter opens") from None


def _run(job: dict, folder: Path) -> tuple[list[dict], str]:
    """One process over `job`: its events, and what became of it in words, nothing where it ended as it
    should."""
    with tempfile.TemporaryDirectory(prefix="lessons-check-", ignore_cleanup_errors=True) as scratch:
        orders, events = Path(scratch, "job.json"), Path(scratch, "events.jsonl")
        orders.write_text(json.dumps(job), encoding="utf-8")
        events.touch()
        environment = {**os.environ, "IPYTHONDIR": scratch, "MPLBACKEND": "agg", "LESSONS_STATIC": "1"}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lesson_support.grading.child", str(orders), str(events)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            fate = _watch(process, events)
        finally:
            _stop(process)
        return _read(events), fate


def _watch(process: subprocess.Popen, events: Path) -> str:
    size, deadline = -1, time.monotonic() + START
    while process.poll() is None:
        if events.stat().st_size != size:
            size = events.stat().st_size
            allowed = next(
                (event["seconds"] for event in reversed(_read(events)) if "seconds" in event), START
            )
            deadline = time.monotonic() + allowed + GRACE
        elif time.monotonic() > deadline:
            return "was stopped: it did not end in time"
        time.sleep(0.02)
    code = process.returncode
    if code == 0:
        return ""
    return (
        f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended its process with code {code}"
    )


def _stop(process: subprocess.Popen) -> None:
    """End the process and what it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass
    process.wait()


def _read(events: Path) -> list[dict]:
    lines = events.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
