"""Grading beyond one machine: a function of plain values that an engine such as Dask can send anywhere.

    client = distributed.Client("scheduler:8786")
    futures = client.map(grade_task, notebooks, lessons, students=…, …)

Each process keeps its sandboxes open between tasks, so that libraries are imported once.
"""

import atexit
import contextlib
import functools
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lesson_support.grading.classes.batch import Box, Factory, Plan
from lesson_support.grading.classes.journal import opened
from lesson_support.grading.classes.shelf import Shelf


class _Open(NamedTuple):
    factory: Factory
    manager: contextlib.AbstractContextManager[Box]
    box: Box


_idle: list[_Open] = []  # all from one factory
_lock = threading.Lock()


def grade_task(
    notebook: bytes,
    lesson: int,
    seed: int,
    student: str = "",
    *,
    sandbox: Factory | None = None,
    questions_dir: str | None = None,
    limits: str = "",
) -> dict:
    """The record of one notebook, as plain values: what `grade_class` with the same seed, questions and
    limits would file for this student and lesson. `sandbox` is a class or function of a module, the course's
    own sandbox if none is given."""
    plan = _plan(questions_dir, seed, limits)
    with _borrowed(sandbox or _default()) as box:
        return plan.grade(box, notebook, student, lesson)


def keep_records(out: Path, records: Iterable[dict]) -> None:
    """File records in the journal of the report `out`: the next `grade_class` there finds them graded."""
    with opened(out) as journal:
        for record in records:
            journal.keep(record)


def _default() -> Factory:
    from lesson_support.grading.sandbox import Sandbox

    return Sandbox


@functools.lru_cache(maxsize=4)
def _plan(questions_dir: str | None, seed: int, limits: str) -> Plan:
    return Plan.of(Shelf(Path(questions_dir) if questions_dir else None), seed, limits)


@contextlib.contextmanager
def _borrowed(sandbox: Factory) -> Iterator[Box]:
    """An open sandbox that no other thread uses meanwhile; one that failed is not used again."""
    with _lock:
        idle, _idle[:] = _idle[:], []
        fitting = [each for each in idle if each.factory == sandbox]
        strays = [each for each in idle if each.factory != sandbox]
        taken = fitting.pop() if fitting else None
        _idle.extend(fitting)
    for stray in strays:
        stray.manager.__exit__(None, None, None)
    if taken is None:
        manager = sandbox()
        taken = _Open(sandbox, manager, manager.__enter__())
    try:
        yield taken.box
    except BaseException:
        taken.manager.__exit__(None, None, None)
        raise
    with _lock:
        _idle.append(taken)


@atexit.register
def _close_all() -> None:
    while _idle:
        _idle.pop().manager.__exit__(None, None, None)
