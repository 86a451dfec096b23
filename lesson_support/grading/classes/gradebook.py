"""Scores per question into nbgrader's gradebook, for courses that keep their grades there.

A lesson is an assignment with one notebook, a question is one of its grade cells. What an instructor entered
by hand (manual scores, extra credit, comments) stays.
"""

import contextlib
import os
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from lesson_support import catalog
from lesson_support.errors import LessonError
from lesson_support.grading.classes.marks import Row


def nbgrader_api():
    """nbgrader's gradebook module; LessonError where it is not installed."""
    try:
        from nbgrader import api
    except ImportError:
        raise LessonError(
            "nbgrader is not installed: expected it for a gradebook; pip install 'lesson-support[instructor]'"
        ) from None
    return api


def write_gradebook(file: Path, rows: Sequence[Row]) -> None:
    """Bring the gradebook in `file` up to date with `rows`; it is created where there is none. Rows without
    points, because nothing came or nothing was graded, are left out."""
    api = nbgrader_api()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            _own_programs(),
            warnings.catch_warnings(action="ignore", category=RuntimeWarning),  # of its database layer
            api.Gradebook(f"sqlite:///{file.resolve()}") as book,
        ):
            defined: set[tuple[int, str]] = set()
            for row in rows:
                if row.raw is not None and row.origin:
                    _define(book, row, defined)
                    _enter(book, row)
    except (api.StatementError, api.InvalidEntry, OSError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise LessonError(f"cannot write {file} ({reason}): expected a gradebook of nbgrader") from None


@contextlib.contextmanager
def _own_programs() -> Iterator[None]:
    """nbgrader starts `alembic` to create a gradebook and finds it only in an activated environment."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _define(book, row: Row, defined: set) -> None:
    stem = catalog.lesson_entry(row.lesson).stem
    if (row.lesson, "") not in defined:
        book.update_or_create_assignment(stem)
        book.update_or_create_notebook(stem, stem)
        defined.add((row.lesson, ""))
    for mark in row.marks:
        if (row.lesson, mark.question) not in defined:
            book.update_or_create_grade_cell(
                mark.question, stem, stem, max_score=float(mark.points), cell_type="code"
            )
            defined.add((row.lesson, mark.question))


def _enter(book, row: Row) -> None:
    stem = catalog.lesson_entry(row.lesson).stem
    book.update_or_create_student(row.student, last_name=row.name)
    book.update_or_create_submission(stem, row.student, timestamp=_utc(row.submitted))
    sheet = book.find_submission_notebook(stem, stem, row.student)
    sheet.late_submission_penalty = float(row.lost) or None
    for mark in row.marks:
        grade = book.find_grade(mark.question, stem, stem, row.student)
        grade.auto_score, grade.needs_manual_grade = float(mark.score), False
    book.db.commit()


def _utc(submitted: str) -> datetime | None:
    """nbgrader keeps UTC without a zone; a time of an unknown zone is entered as it is."""
    if not submitted:
        return None
    time = datetime.fromisoformat(submitted)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
