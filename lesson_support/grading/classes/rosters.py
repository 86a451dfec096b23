"""The roster: a CSV that says who is in the class and under which names a learning platform knows them."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.grading.classes.names import folded, visible
from lesson_support.records import LAST_LESSON, did_you_mean

EXPECTED = "student, name, lms, submitted, submitted_01"


@dataclass
class Roster:
    """`names` maps each student to the name that people read, in the file's order; `submitted` maps (student,
    lesson), with None for every lesson, to a time."""

    names: dict[str, str] = field(default_factory=dict)
    submitted: dict[tuple[str, int | None], datetime] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)

    def find(self, keys: Iterable[str]) -> str | None:
        """The student to whom the first known key belongs."""
        return next((self.by_key[folded(key)] for key in keys if folded(key) in self.by_key), None)

    def time(self, student: str, lesson: int) -> datetime | None:
        return self.submitted.get((student, lesson), self.submitted.get((student, None)))


def table_rows(file: Path, needed: Iterable[str], what: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with their line numbers, cells without blanks around them, headings in lower case.

    Comma, semicolon or tab; with or without a byte order mark. LessonError for a file that is no such table.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise LessonError(f"cannot read {file} ({error.strerror}): expected {what}") from None
    except UnicodeDecodeError as error:
        raise LessonError(
            f"{file} is not UTF-8 (byte {error.start}): expected {what} saved as 'CSV UTF-8'"
        ) from None
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        heading = [cell.strip().lower() for cell in next(lines, [])]
        rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines]
    except csv.Error as error:
        raise LessonError(f"{file} is not a table ({error}): expected {what}") from None
    for column in needed:
        if column not in heading:
            hint = did_you_mean(column, heading) or f"; its columns are {', '.join(heading) or '(none)'}"
            raise LessonError(f"{file} has no column {column!r}: expected {what}{hint}")
    if doubled := {name for name in heading if name and heading.count(name) > 1}:
        raise LessonError(f"{file} has the column {min(doubled)!r} twice: expected each once")
    for line, row in rows:
        if len(row) > len(heading):
            raise LessonError(f"{file} line {line} has {len(row)} cells: expected {len(heading)}")
    return [(line, dict(zip(heading, row, strict=False))) for line, row in rows if any(row)]


def read_roster(file: Path) -> Roster:
    """The roster in `file`; LessonError, with the lines, where two rows claim one student or one name."""
    roster, lines = Roster(), {}
    rows = table_rows(file, ["student"], f"a roster with the columns {EXPECTED}")
    for line, row in rows:
        student = visible(row["student"])
        if not student:
            raise LessonError(f"{file} line {line} has no student: expected an id in every row")
        if student in lines:
            raise LessonError(
                f"{file} lists {student} twice, in lines {lines[student]} and {line}: expected once"
            )
        lines[student] = line
        roster.names[student] = visible(row.get("name", "")) or student
        for column, cell in row.items():
            if cell and (lesson := _lesson_of(column)) != 0:
                roster.submitted[student, lesson] = _time(cell, f"{file} line {line}")
    owners: dict[str, tuple[str, int]] = {}
    for line, row in rows:
        student = visible(row["student"])
        for key in (student, *filter(None, (visible(key.strip()) for key in row.get("lms", "").split("|")))):
            owner, first = owners.setdefault(folded(key), (student, line))
            if owner != student:
                raise LessonError(
                    f"{file} gives {key} to {owner} (line {first}) and to {student} (line {line}): "
                    "expected one student for each name"
                )
    roster.by_key = {key: owner for key, (owner, _) in owners.items()}
    shared = [folded(name) for name in roster.names.values()]
    for student, name in roster.names.items():
        if shared.count(folded(name)) == 1:  # two people of one name are told apart by other keys only
            roster.by_key.setdefault(folded(name), student)
    return roster


def _lesson_of(column: str) -> int | None:
    """The lesson of a column of times, None for all lessons, 0 for a column of something else."""
    match = re.fullmatch(r"submitted(?:_(\d{1,2}))?", column)
    if not match:
        return 0
    return int(match[1]) if match[1] and 1 <= int(match[1]) <= LAST_LESSON else (None if not match[1] else 0)


def _time(text: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise LessonError(
            f"{where}: {visible(text)!r} is no time: expected one such as 2026-12-01T23:59+01:00"
        ) from None
