"""The report as tables for a spreadsheet: `grades.csv` and `summary.csv`."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

from lesson_support.grading.classes.marks import Row, number_text

# A cell that begins like this is a formula for a spreadsheet, whoever wrote it. Where the semicolon separates
# cells a new one begins behind every semicolon.
FORMULA = re.compile(r"((?:^|[;\t\r\n])\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
FACTS = "student name lesson points raw late_deduction possible status note late submitted clock".split()
TOTALS = "student name submitted absent ungraded points raw late_deduction possible percent".split()


def safe_cell(text: str) -> str:
    """`text` as no spreadsheet computes with it."""
    return FORMULA.sub(r"\1'", text)


def csv_text(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A CSV with a byte order mark, without which spreadsheets misread names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe_cell(cell) for cell in heading])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def grades_text(rows: Sequence[Row]) -> str:
    """One line for each student and lesson, one column for each question; blank where it does not apply."""
    columns = list(dict.fromkeys(_column(row, mark) for row in by_lesson(rows) for mark in row.marks))
    return csv_text([*FACTS, "seconds", "file", *columns], (_grades_row(row, columns) for row in rows))


def by_lesson(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.lesson)


def _column(row: Row, mark) -> str:
    return f"{row.lesson:02}/{mark.question}"


def _grades_row(row: Row, columns: Sequence[str]) -> list[str]:
    scores = {_column(row, mark): mark.score for mark in row.marks} if row.raw is not None else {}
    points = [number_text(value) for value in (row.final, row.raw, row.lost, row.possible)]
    facts = [row.status, row.note, row.late, row.submitted, row.clock]
    seconds = "" if row.seconds is None else f"{row.seconds:.3f}"
    cells = [number_text(scores.get(column)) for column in columns]
    return [row.student, row.name, f"{row.lesson:02}", *points, *facts, seconds, row.origin, *cells]


def summary_text(rows: Sequence[Row]) -> str:
    """One line for each student."""
    lines = []
    for student, group in groupby(rows, key=lambda row: row.student):
        theirs = list(group)
        counted = [row for row in theirs if row.raw is not None]
        final, raw, lost = (
            sum((getattr(row, name) for row in counted), Decimal(0)) for name in ("final", "raw", "lost")
        )
        possible = sum((row.possible for row in theirs), Decimal(0))
        absent = sum(row.origin == "" for row in theirs)
        counts = [len(theirs) - absent, absent, len(theirs) - len(counted)]
        percent = final / possible * 100 if possible else None
        totals = [number_text(value) for value in (final, raw, lost, possible)]
        share = "" if percent is None else f"{percent:.1f}"
        lines.append([student, theirs[0].name, *map(str, counts), *totals, share])
    return csv_text(TOTALS, lines)
