"""From a record to the line of a report: points per question, what lateness takes, what is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lesson_support.grading.classes.deadlines import Deadlines
from lesson_support.grading.classes.intake import Submission
from lesson_support.grading.classes.journal import results_of
from lesson_support.grading.classes.lateness import deduction
from lesson_support.questions.kinds import Question

# What a status means, for people. A zero without a reason does not exist.
MEANING = {
    "ok": "graded",
    "timeout": "graded; something ran out of time",
    "died": "graded; its process died",
    "unreadable": "the file is no notebook that can be read",
    "missing": "graded; a question was not attempted",
    "absent": "nothing was handed in",
    "protocol": "graded; it interfered with the grader",
    "ungraded": "not graded yet: no points, not zero points",
}
NO_POINTS = ("ungraded",)


@dataclass(frozen=True)
class Mark:
    """One question of one submission."""

    question: str
    points: float
    score: Decimal
    status: str
    cause: str


@dataclass(frozen=True)
class Row:
    """One student and lesson. `final` is `raw` less `lost`; all three are None for what is ungraded."""

    student: str
    name: str
    lesson: int
    status: str
    note: str
    marks: tuple[Mark, ...]
    possible: Decimal
    raw: Decimal | None
    lost: Decimal | None
    final: Decimal | None
    late: str = ""
    submitted: str = ""
    clock: str = ""
    origin: str = ""
    seconds: float | None = None
    measures: tuple[str, ...] = ()


def row_of(
    submission: Submission,
    name: str,
    questions: tuple[Question, ...],
    outcome: dict | tuple[str, str],
    deadlines: Deadlines,
) -> Row:
    """`outcome` is the record of a graded submission, else its status and why there is none."""
    record = outcome if isinstance(outcome, dict) else {}
    status, note = (record["status"], record["note"]) if record else outcome
    marks = _marks(questions, record, status)
    raw = None if status in NO_POINTS else sum((mark.score for mark in marks), Decimal(0))
    judged = deadlines.judge(submission.student, submission.lesson, submission.submitted)
    lost = None if raw is None else deduction(raw, judged.percent)
    return Row(
        submission.student,
        name,
        submission.lesson,
        status,
        "; ".join(filter(None, [note, submission.note])),
        marks,
        possible_points(questions),
        raw,
        lost,
        None if raw is None else raw - lost,
        judged.note,
        _time_text(submission.submitted),
        submission.clock,
        submission.origin,
        record.get("seconds"),
        tuple(record.get("measures", ())),
    )


def absent_row(student: str, name: str, lesson: int, questions: tuple[Question, ...]) -> Row:
    """A row for work that never came."""
    marks = _marks(questions, {}, "absent")
    nothing = Decimal(0)
    return Row(
        student, name, lesson, "absent", "", marks, possible_points(questions), nothing, nothing, nothing
    )


def possible_points(questions: tuple[Question, ...]) -> Decimal:
    return sum((Decimal(str(question.points)) for question in questions), Decimal(0))


def _marks(questions: tuple[Question, ...], record: Mapping, status: str) -> tuple[Mark, ...]:
    results = results_of(record) if record else {}
    marks = []
    for question in questions:
        result = results.get(question.name)
        score = Decimal(str(result.score)) if result else Decimal(0)
        how = (result.status, result.cause) if result else ("not attempted", status)
        marks.append(Mark(question.name, question.points, score, *how))
    return tuple(marks)


def _time_text(time: datetime | None) -> str:
    return "" if time is None else time.isoformat(timespec="seconds")


def number_text(value: Decimal | float | None) -> str:
    """`7`, `7.5`, nothing for None."""
    return "" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")
