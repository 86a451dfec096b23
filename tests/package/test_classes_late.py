"""Late work: the language of policies, the arithmetic across zones, deadlines per lesson and student."""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesson_support.errors import LessonError
from lesson_support.grading.classes.deadlines import Deadlines, read_deadlines
from lesson_support.grading.classes.lateness import (
    Rule,
    deduction,
    parse_deadline,
    parse_policy,
    parse_rule,
    span_text,
    time_late,
)

POLICY = "2026-12-01T23:59+01:00: 10% per day, at most 50%"
DEADLINE = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
zones = pytest.mark.skipif("Europe/Berlin" not in available_timezones(), reason="no time zones here")


def test_the_policy_of_the_help_text():
    deadline, rule = parse_policy(POLICY)
    assert deadline == DEADLINE
    assert rule == Rule(Decimal(10), DAY, Decimal(50))


@pytest.mark.parametrize(
    "text, rule",
    [
        ("", Rule()),
        ("5% per hour", Rule(Decimal(5), HOUR)),
        ("2.5 % per 12 hours,at most 20%", Rule(Decimal("2.5"), 12 * HOUR, Decimal(20))),
        ("grace 15 minutes, 10% per week", Rule(Decimal(10), 7 * DAY, grace=15 * MINUTE)),
        ("nothing  after 2 days", Rule(end=2 * DAY)),
        ("100% per minute", Rule(Decimal(100), MINUTE)),
    ],
)
def test_clauses(text, rule):
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text, words",
    [
        ("10% a day", "'10% a day' is no clause"),
        ("10% per fortnight", "is no clause"),
        ("10% per 0 days", "is no clause"),
        ("-10% per day", "is no clause"),
        ("10% per day, 5% per day", "twice"),
        ("101% per day", "more than 100%"),
        ("at most 200%", "more than 100%"),
        ("at most \u202e50%", "u202e"),
    ],
)
def test_a_clause_that_is_not_understood_is_named(text, words):
    with pytest.raises(LessonError, match=words):
        parse_rule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-12-01T23:59",
        "2026-12-01",
        "2026-13-01T23:59+01:00",
        "2026-12-01T23:59+01:00:10% per day",
        "1764629940",
    ],
)
def test_a_deadline_needs_a_time_and_a_zone(text):
    with pytest.raises(LessonError, match="is no deadline: expected a time with its zone"):
        parse_policy(text)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../../etc/passwd", "/etc/localtime"])
def test_a_zone_that_does_not_exist(zone):
    with pytest.raises(LessonError, match="is not known here|is no deadline"):
        parse_policy(f"2026-12-01T23:59 {zone}: 10% per day")


# arithmetic


@pytest.mark.parametrize(
    "late, percent",
    [
        (-DAY, 0),
        (timedelta(0), 0),
        (timedelta(microseconds=1), 10),
        (DAY, 10),
        (DAY + SECOND, 20),
        (4 * DAY, 40),
        (5 * DAY, 50),
        (400 * DAY, 50),
    ],
)
def test_each_day_begun_counts_up_to_the_cap(late, percent):
    assert parse_rule("10% per day, at most 50%").percent_lost(late) == percent


def test_grace_forgives_and_then_counts_from_the_deadline():
    rule = parse_rule("10% per hour, grace 90 minutes")
    assert [rule.percent_lost(each * MINUTE) for each in (89, 90, 91, 121)] == [0, 0, 20, 30]


def test_nothing_after():
    rule = parse_rule("10% per day, at most 30%, nothing after 7 days")
    assert [rule.percent_lost(each) for each in (7 * DAY, 7 * DAY + SECOND)] == [30, 100]


def test_never_more_than_everything():
    assert parse_rule("30% per day").percent_lost(9 * DAY) == 100


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**12))
@settings(max_examples=200, deadline=None)
def test_later_never_loses_less(first, more):
    rule = parse_rule("7.5% per 6 hours, at most 60%, grace 1 hour, nothing after 30 days")
    early, late = (rule.percent_lost(timedelta(microseconds=each)) for each in (first, first + more))
    assert 0 <= early <= late <= 100


@pytest.mark.parametrize(
    "points, percent, lost",
    [
        ("7.5", "10", "0.75"),
        ("3.33", "50", "1.67"),
        ("1", "33.3", "0.33"),
        ("0.1", "5", "0.01"),
        ("9", "0", "0"),
    ],
)
def test_deductions_are_exact_with_halves_up(points, percent, lost):
    assert deduction(Decimal(points), Decimal(percent)) == Decimal(lost)


def test_one_moment_in_three_zones_is_one_lateness():
    moment = DEADLINE + 3 * HOUR
    for offset in (-11, 0, 5.75, 14):
        elsewhere = moment.astimezone(timezone(timedelta(hours=offset)))
        assert time_late(DEADLINE, elsewhere) == 3 * HOUR
    assert time_late(parse_deadline("2026-12-01T23:59+01:00"), datetime(2026, 12, 2, 2, 59)) == 3 * HOUR


@zones
def test_days_are_24_hours_across_a_change_of_clocks():
    # Clocks in Berlin go back from 03:00 to 02:00 on 25 October 2026.
    deadline = parse_deadline("2026-10-24T23:59 Europe/Berlin")
    assert deadline == datetime(2026, 10, 24, 21, 59, tzinfo=UTC)
    same_clock = datetime(2026, 10, 25, 23, 59, tzinfo=ZoneInfo("Europe/Berlin"))
    assert time_late(deadline, same_clock) == 25 * HOUR
    assert time_late(deadline, same_clock.replace(tzinfo=None)) == 25 * HOUR
    assert parse_rule("10% per day").percent_lost(time_late(deadline, same_clock)) == 20


@pytest.mark.parametrize("text, span", [("1 min", SECOND), ("2 days 3 h 5 min", 2 * DAY + 185 * MINUTE)])
def test_spans_for_people(text, span):
    assert span_text(span) == text


# deadlines of a class


def test_one_deadline_for_everything():
    deadlines = read_deadlines(POLICY)
    judged = deadlines.judge("ann", 1, DEADLINE + 2 * HOUR)
    assert judged.percent == 10 and judged.note == "2 h late: 10% deducted"
    assert deadlines.judge("ann", 1, DEADLINE).note == ""
    assert deadlines.text == POLICY


def test_an_unknown_time_loses_nothing_and_says_so():
    judged = read_deadlines(POLICY).judge("ann", 1, None)
    assert judged.percent == 0 and "unknown" in judged.note
    assert Deadlines().judge("ann", 1, None).note == ""


def test_lateness_without_a_rule_is_shown_and_costs_nothing():
    judged = read_deadlines("2026-12-01T23:59+01:00").judge("ann", 1, DEADLINE + DAY)
    assert judged.percent == 0 and judged.note == "1 day late: nothing deducted"


CSV = """\ufefflesson;deadline;rule;student
1;2026-12-01T23:59+01:00;10% per day;
2;2026-12-08T23:59+01:00;;
1;2026-12-03T23:59+01:00;10% per day;Ann
all;2026-12-31T23:59+01:00;nothing after 1 day;bob
"""
TOML = """
rule = "10% per day"
[[deadline]]
lesson = 1
until = 2026-12-01T23:59:00+01:00
[[deadline]]
lesson = 2
until = "2026-12-08T23:59+01:00"
rule = "at most 90%"
[[deadline]]
lesson = 1
student = "Ann"
until = 2026-12-03T23:59:00+01:00
[[deadline]]
student = "bob"
until = 2026-12-31T23:59:00+01:00
rule = "nothing after 1 day"
"""


@pytest.mark.parametrize("name, text", [("late.csv", CSV), ("late.toml", TOML)])
def test_deadlines_per_lesson_and_student(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    deadlines = read_deadlines(str(tmp_path / name))
    noon = datetime(2026, 12, 3, 12, tzinfo=UTC)
    assert deadlines.judge("cat", 1, noon).percent == 20
    assert deadlines.judge("cat", 2, noon + 9 * DAY).note.endswith("late: nothing deducted")
    assert deadlines.judge("cat", 3, noon).note == ""
    assert deadlines.judge("ann", 1, noon).note == ""  # an extension, found by any spelling
    assert deadlines.judge("ANN", 1, noon + DAY).percent == 10
    assert deadlines.judge("bob", 1, noon + 20 * DAY).percent == 0
    assert deadlines.judge("bob", 1, noon + 90 * DAY).percent == 100
    assert re.search(r"^lesson 01: 2026-12-01T23:59(:00)?\+01:00: 10% per day$", deadlines.text, re.M)
    assert "\nall lessons, bob: " in deadlines.text


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("l.csv", "lesson\n1\n", "no column 'deadline'"),
        ("l.csv", "lesson,deadline\n51,2026-12-01T23:59Z\n", "line 2: lesson is '51'"),
        ("l.csv", "lesson,deadline\n²,2026-12-01T23:59Z\n", "line 2: lesson is '²'"),
        ("l.csv", "lesson,deadline\n1,soon\n", "line 2: 'soon' is no deadline"),
        (
            "l.csv",
            "lesson,deadline\n1,2026-12-01T23:59Z\n01,2026-12-02T23:59Z\n",
            "line 3 states a deadline again",
        ),
        ("l.csv", 'lesson,deadline,rule\n1,2026-12-01T23:59Z,"50%"\n', "line 2: '50%' is no clause"),
        ("l.toml", "rule = '10% per day'\n", "no 'deadline'"),
        ("l.toml", "[[deadline]]\nlesson = 1\n", "deadline 1 has no 'until'"),
        ("l.toml", "[[deadline]]\nuntil = 2026-12-01T23:59:00\n", "deadline 1: .* is no deadline"),
        ("l.toml", "[[deadline]]\nuntil = 2026-12-01T23:59:00Z\nlesson = 99\n", "lesson is 99"),
        ("l.toml", "[[deadline]]\nuntil = 2026-12-01T23:59:00Z\nextra = 1\n", "unknown key 'extra'"),
        ("l.toml", "no toml", "not valid TOML"),
    ],
)
def test_a_file_of_deadlines_that_cannot_be_used(tmp_path, name, text, words):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(LessonError, match=words):
        read_deadlines(str(tmp_path / name))


def test_a_file_of_deadlines_that_is_not_there(tmp_path):
    with pytest.raises(LessonError, match="cannot read"):
        read_deadlines(str(tmp_path / "late.csv"))
