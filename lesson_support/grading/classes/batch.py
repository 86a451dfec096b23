"""Grade many submissions with several sandboxes, each in a thread of its own; file every grade at once."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from lesson_support.errors import LessonError
from lesson_support.grading.classes.containers import Unreadable
from lesson_support.grading.classes.intake import Submission
from lesson_support.grading.classes.journal import Journal, case_seed, key_of, record_of
from lesson_support.grading.classes.names import visible
from lesson_support.grading.classes.shelf import Shelf
from lesson_support.grading.judging import Result
from lesson_support.questions.kinds import Question

EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


class Graded(Protocol):
    """What a sandbox says of one notebook; `status` is one of the journal's `STATUSES`."""

    results: tuple[Result, ...]
    status: str
    note: str
    seconds: float


class Box(Protocol):
    """A sandbox; `measures` are the protections in force. Nothing that a submission does makes it raise."""

    measures: tuple[str, ...]

    def grade(self, notebook: bytes, questions: Sequence[Question], *, seed: int) -> Graded: ...


Factory = Callable[[], AbstractContextManager[Box]]


@dataclass(frozen=True)
class Outcome:
    """The key of a filed grade; without one, the status and why."""

    status: str = ""
    note: str = ""
    key: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything but the notebook that a grade depends on."""

    shelf: Shelf
    fingerprints: dict[int, str]
    seed: int
    limits: str = ""

    @classmethod
    def of(cls, shelf: Shelf, seed: int, limits: str = "") -> "Plan":
        return cls(shelf, {lesson: shelf.fingerprint(lesson) for lesson in shelf.lessons()}, seed, limits)

    def key(self, notebook: bytes, student: str, lesson: int) -> str:
        return key_of(notebook, self.fingerprints[lesson], self.seed, student, lesson, self.limits)

    def grade(self, box: Box, notebook: bytes, student: str, lesson: int) -> dict:
        """The record of one notebook."""
        seed = case_seed(self.seed, student, lesson)
        grade = box.grade(notebook, self.shelf.of(lesson), seed=seed)
        return record_of(self.key(notebook, student, lesson), student, lesson, grade, box.measures)


class _Stop(Exception):
    """Somebody interrupted the run."""


def grade_pending(
    pending: Sequence[Submission],
    plan: Plan,
    journal: Journal,
    sandbox: Factory,
    jobs: int,
    progress: Callable[[Submission], None],
) -> dict[tuple[str, int], Outcome]:
    """Grade and file all of `pending`; what became of each, by (student, lesson).

    An interrupt, or a sandbox that cannot even grade an empty notebook, ends the run; what is filed stays.
    """
    run = _Run(iter(pending), plan, journal, sandbox)
    threads = [threading.Thread(target=run.work, daemon=True) for _ in range(min(jobs, len(pending)))]
    for thread in threads:
        thread.start()
    outcomes: dict[tuple[str, int], Outcome] = {}
    try:
        working = len(threads)
        while working:
            submission, outcome = run.news.get()
            if isinstance(outcome, BaseException):
                raise outcome
            if submission is None:
                working -= 1
                continue
            outcomes[submission.student, submission.lesson] = outcome
            progress(submission)
    finally:
        run.stopped.set()
        for thread in threads:
            thread.join()
    return outcomes


class _Run:
    """What the threads share. `news` carries (submission, outcome) to the main thread, then (None, how the
    thread ended)."""

    def __init__(self, pending: Iterator[Submission], plan: Plan, journal: Journal, sandbox: Factory) -> None:
        self.pending, self.plan, self.journal, self.sandbox = pending, plan, journal, sandbox
        self.news: queue.SimpleQueue[tuple[Submission | None, Any]] = queue.SimpleQueue()
        self.lock, self.stopped = threading.Lock(), threading.Event()

    def take(self) -> Iterable[Submission]:
        while not self.stopped.is_set():
            with self.lock:
                submission = next(self.pending, None)
            if submission is None:
                return
            yield submission

    def work(self) -> None:
        try:
            with ExitStack() as stack:
                box = stack.enter_context(self.sandbox())
                for submission in self.take():
                    box, outcome = self.grade(box, submission, stack)
                    self.news.put((submission, outcome))
            self.news.put((None, None))
        except _Stop:
            self.news.put((None, None))
        except BaseException as error:  # it is raised again in the main thread
            self.news.put((None, error))

    def grade(self, box: Box, submission: Submission, stack: ExitStack) -> tuple[Box, Outcome]:
        """File the grade; a sandbox that fails is replaced and asked once more."""
        try:
            notebook = submission.read()
        except Unreadable as error:
            return box, Outcome("unreadable", str(error))
        trouble = ""
        for _ in range(2):
            if self.stopped.is_set():
                raise _Stop
            try:
                record = self.plan.grade(box, notebook, submission.student, submission.lesson)
            except Exception as error:
                trouble = _told(error)
                with suppress(Exception):
                    stack.close()
                box = stack.enter_context(self.sandbox())
            else:
                self.journal.keep(record)
                return box, Outcome(key=record["key"])
        self.probe(box, submission.lesson)
        return box, Outcome("ungraded", f"the grader failed, run it again to retry ({trouble})")

    def probe(self, box: Box, lesson: int) -> None:
        """Whether it is this submission that breaks sandboxes: an empty one must pass."""
        try:
            box.grade(EMPTY, self.plan.shelf.of(lesson), seed=0)
        except Exception as error:
            raise LessonError(
                f"lesson {lesson:02} cannot be graded ({_told(error)}): expected a sandbox that grades an "
                "empty notebook; what was graded is kept, and the same command goes on from there"
            ) from error


def _told(error: Exception) -> str:
    name = "" if isinstance(error, LessonError) else f"{type(error).__name__}: "
    return name + visible(str(error))[:300]
