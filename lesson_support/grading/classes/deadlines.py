"""Deadlines of a class: one for everything, or a table of lessons, with extensions for students."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from lesson_support.errors import LessonError
from lesson_support.grading.classes.lateness import (
    Rule,
    parse_deadline,
    parse_policy,
    parse_rule,
    span_text,
    time_late,
)
from lesson_support.grading.classes.names import folded, visible
from lesson_support.grading.classes.rosters import table_rows
from lesson_support.records import LESSON_NUMBER, TEXT, Field, check_record, read_toml

_MOMENT = Field(
    "a time with its zone, such as 2026-12-01T23:59:00+01:00", lambda value: isinstance(value, str | datetime)
)
Key = tuple[int | None, str | None]  # (lesson, student): None stands for all


@dataclass(frozen=True)
class Judgement:
    """`percent` of the points is lost; `note` says why, or why not."""

    percent: Decimal = Decimal(0)
    note: str = ""


@dataclass(frozen=True)
class Deadlines:
    """`text` is the policy as it was written, for the report."""

    entries: Mapping[Key, tuple[datetime, Rule]] = field(default_factory=dict)
    text: str = ""

    def judge(self, student: str, lesson: int, submitted: datetime | None) -> Judgement:
        """What a submission loses. A student's own deadline goes before the lesson's; where there is no
        deadline, or no time is known, nothing is lost."""
        keys = ((lesson, folded(student)), (None, folded(student)), (lesson, None), (None, None))
        entry = next((self.entries[key] for key in keys if key in self.entries), None)
        if entry is None:
            return Judgement()
        if submitted is None:
            return Judgement(note="time of submission unknown: nothing deducted")
        deadline, rule = entry
        late = time_late(deadline, submitted)
        if late.total_seconds() <= 0:
            return Judgement()
        percent = rule.percent_lost(late)
        loss = f"{percent.normalize():f}% deducted" if percent else "nothing deducted"
        return Judgement(percent, f"{span_text(late)} late: {loss}")


def read_deadlines(policy: str) -> Deadlines:
    """The policy that `--late` names: a CSV or TOML file, or the policy itself."""
    if not policy.lower().endswith((".csv", ".toml")):
        return Deadlines({(None, None): parse_policy(policy)}, " ".join(policy.split()))
    file = Path(policy)
    entries: dict[Key, tuple[datetime, Rule]] = {}
    lines = []
    for each in _from_toml(file) if file.suffix.lower() == ".toml" else _from_csv(file):
        key = (each.lesson, folded(visible(each.student)) or None)
        if key in entries:
            raise LessonError(f"{each.where} states a deadline again: expected one for each case")
        try:
            entries[key] = (parse_deadline(each.until), parse_rule(each.rule))
        except LessonError as error:
            raise LessonError(f"{each.where}: {error}") from None
        whose = "all lessons" if each.lesson is None else f"lesson {each.lesson:02}"
        whose += f", {each.student}" if each.student else ""
        lines.append(f"{whose}: " + ": ".join(filter(None, [each.until, each.rule])))
    return Deadlines(entries, "\n".join(lines))


class _Line(NamedTuple):
    """One deadline as it stands in a file."""

    where: str
    lesson: int | None
    student: str
    until: str
    rule: str


def _from_csv(file: Path) -> Iterator[_Line]:
    """Columns `lesson` (a number or `all`), `deadline`, and optionally `student` and `rule`."""
    for line, row in table_rows(file, ["lesson", "deadline"], "deadlines: lesson, deadline, student, rule"):
        where = f"{file} line {line}"
        number = row["lesson"].lower()
        lesson = int(number) if number.isascii() and number.isdecimal() else None
        if number not in ("all", "") and not LESSON_NUMBER.accepts(lesson):
            raise LessonError(f"{where}: lesson is {visible(number)!r}: expected 1 to 50, or all")
        yield _Line(where, lesson, row.get("student", ""), row["deadline"], row.get("rule", ""))


def _from_toml(file: Path) -> Iterator[_Line]:
    """A table `[[deadline]]` for each: `until`, and optionally `lesson`, `student` and `rule`; a `rule` at
    the top holds where a deadline states none."""
    data = read_toml(file)
    tables = Field("tables [[deadline]]", lambda value: isinstance(value, list) and bool(value))
    check_record(data, {"deadline": tables}, str(file), {"rule": TEXT})
    optional = {"lesson": LESSON_NUMBER, "student": TEXT, "rule": TEXT}
    for position, record in enumerate(data["deadline"], 1):
        where = f"{file}, deadline {position}"
        check_record(record, {"until": _MOMENT}, where, optional)
        until = record["until"]
        text = until.isoformat() if isinstance(until, datetime) else until
        rule = record.get("rule", data.get("rule", ""))
        yield _Line(where, record.get("lesson"), record.get("student", ""), text, rule)
