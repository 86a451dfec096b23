"""What late work loses, in a small language: `2026-12-01T23:59+01:00: 10% per day, at most 50%`.

    POLICY    DEADLINE [: CLAUSE, CLAUSE, …]
    DEADLINE  2026-12-01T23:59+01:00  or  2026-12-01T23:59 Europe/Berlin
    CLAUSE    10% per day       of the points reached, for each period begun (also: per 12 hours, per week)
              at most 50%       never more than that
              grace 15 minutes  nothing for work that is no later; the count still begins at the deadline
              nothing after 7 days

A day is 24 hours. Without clauses lateness is shown and costs nothing.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from lesson_support.errors import LessonError
from lesson_support.grading.classes.names import visible

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
UNITS["week"] = timedelta(weeks=1)
_NUMBER, _SPAN = r"(\d{1,3}(?:\.\d{1,2})?)", r"(?:(\d{1,4}) )?(minute|hour|day|week)s?"
_PER = re.compile(rf"{_NUMBER} ?% per {_SPAN}")
_CAP = re.compile(rf"at most {_NUMBER} ?%")
_GRACE = re.compile(rf"grace {_SPAN}")
_END = re.compile(rf"nothing after {_SPAN}")
CLAUSES = "10% per day, at most 50%, grace 15 minutes, nothing after 7 days"
ZERO = timedelta(0)


@dataclass(frozen=True)
class Rule:
    """`percent` of the points for each `period` begun, `cap` percent at most; all of them after `end`."""

    percent: Decimal = Decimal(0)
    period: timedelta = UNITS["day"]
    cap: Decimal = Decimal(100)
    grace: timedelta = ZERO
    end: timedelta | None = None

    def percent_lost(self, late: timedelta) -> Decimal:
        if late <= ZERO or late <= self.grace:
            return Decimal(0)
        if self.end is not None and late > self.end:
            return Decimal(100)
        periods = -(-late // self.period)  # begun counts as whole
        return min(self.percent * periods, self.cap, Decimal(100))


def deduction(points: Decimal, percent: Decimal) -> Decimal:
    """`percent` of `points`, to two decimals, halves up."""
    return (points * percent / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)


def time_late(deadline: datetime, submitted: datetime) -> timedelta:
    """How long after the deadline; negative before it. A time without a zone is read in the deadline's."""
    if submitted.tzinfo is None:
        submitted = submitted.replace(tzinfo=deadline.tzinfo)
    # Between two times of one zone Python subtracts what the clocks on the wall show: not across a change.
    return submitted.astimezone(UTC) - deadline.astimezone(UTC)


def parse_policy(text: str) -> tuple[datetime, Rule]:
    """A policy of one deadline; LessonError that names the part that is not understood."""
    when, _, clauses = text.strip().partition(": ")
    return parse_deadline(when.rstrip(": ")), parse_rule(clauses)


def parse_deadline(text: str) -> datetime:
    """A time with its zone."""
    when, _, zone = text.strip().partition(" ")
    try:
        deadline = datetime.fromisoformat(when)
        deadline = deadline.replace(tzinfo=_zone(zone.strip())) if zone.strip() else deadline
    except ValueError:
        deadline = None
    if deadline is None or deadline.tzinfo is None:
        raise LessonError(
            f"{visible(text)!r} is no deadline: expected a time with its zone, such as "
            "2026-12-01T23:59+01:00 or 2026-12-01T23:59 Europe/Berlin"
        )
    return deadline


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # KeyError: no such zone, or a system without zones
        raise LessonError(
            f"the time zone {visible(name)!r} is not known here: expected a name such as Europe/Berlin, "
            "or an offset such as +01:00"
        ) from None


def parse_rule(text: str) -> Rule:
    """The clauses, each at most once."""
    found: dict[str, object] = {}
    for clause in filter(None, (" ".join(part.split()) for part in text.split(","))):
        fields = _clause(clause)
        if fields is None or any(value == ZERO for value in fields.values()):
            raise LessonError(
                f"{visible(clause)!r} is no clause of a late policy: expected some of {CLAUSES!r}"
            )
        if doubled := fields.keys() & found.keys():
            raise LessonError(
                f"the late policy {visible(text)!r} states its {min(doubled)} twice: expected once"
            )
        found |= fields
    rule = Rule(**found)
    if max(rule.percent, rule.cap) > 100:
        raise LessonError(f"the late policy {visible(text)!r} takes more than 100%: expected at most that")
    return rule


def _clause(clause: str) -> dict[str, object] | None:
    if match := _PER.fullmatch(clause):
        return {"percent": Decimal(match[1]), "period": _span(match[2], match[3])}
    if match := _CAP.fullmatch(clause):
        return {"cap": Decimal(match[1])}
    if match := _GRACE.fullmatch(clause):
        return {"grace": _span(*match.groups())}
    if match := _END.fullmatch(clause):
        return {"end": _span(*match.groups())}
    return None


def _span(count: str | None, unit: str) -> timedelta:
    return int(count or 1) * UNITS[unit]


def span_text(span: timedelta) -> str:
    """`2 days 3 h 5 min`, to the minute, upwards."""
    minutes = -(-span // UNITS["minute"])
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    days_text = f"{days} day{'' if days == 1 else 's'}" if days else ""
    return " ".join(
        filter(None, [days_text, f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""])
    )
