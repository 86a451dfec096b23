"""What the instructor reads first: who has how much, what went wrong, and which protections were in force."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from lesson_support.grading.classes.feedback import title_of
from lesson_support.grading.classes.marks import MEANING, Row, number_text
from lesson_support.grading.classes.names import file_stem
from lesson_support.grading.classes.pages import Markup, element, joined, listed, page, table
from lesson_support.grading.classes.tables import by_lesson

OUTCOMES = ("correct", "partly", "incorrect", "not attempted")


def overview_page(rows: Sequence[Row], problems: Sequence[str], seed: int, late: str) -> str:
    """The instructor's page."""
    files = [element("a", name, href=name) for name in ("grades.csv", "summary.csv")]
    return page(
        "Grades",
        [
            element("p", files[0], " · ", files[1], f" · seed {seed}"),
            *_section("Problems", listed(problems) if problems else element("p", "none")),
            *_section("Status", _statuses(rows)),
            *_section("Protections in force", *_protections(rows)),
            *_section("Late policy", element("pre", late) if late else element("p", "none")),
            *_section("Questions", _questions(rows)),
            *_section("Students", _students(rows)),
        ],
    )


def _section(title: str, *content: Markup) -> list[Markup]:
    return [element("h2", title), *content]


def counts_of(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows have each status, in a fixed order."""
    counted = Counter(row.status for row in rows)
    return {status: counted[status] for status in MEANING if counted[status]}


def _statuses(rows: Sequence[Row]) -> Markup:
    lines = [(status, str(count), MEANING[status]) for status, count in counts_of(rows).items()]
    return table(["status", "count", "meaning"], lines, numbers=[1])


def measures_of(rows: Sequence[Row]) -> dict[tuple[str, ...], int]:
    """Each set of protections with the number of submissions graded under it, most first."""
    counted = Counter(row.measures for row in rows if row.seconds is not None)
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def _protections(rows: Sequence[Row]) -> list[Markup]:
    found = measures_of(rows)
    told = []
    for measures, count in found.items():
        noun = "submission was" if count == 1 else "submissions were"
        told.append(
            element("p", f"{count} {noun} graded under:" if measures else f"{count} {noun} graded with none")
        )
        told.append(listed(measures) if measures else joined([]))
    return told or [element("p", "nothing was run")]


def _questions(rows: Sequence[Row]) -> Markup:
    """Success per question, over what was handed in and graded."""
    lines = []
    for lesson, group in groupby(by_lesson(rows), key=lambda row: row.lesson):
        graded = [row for row in group if row.seconds is not None]
        names = dict.fromkeys(mark.question for row in graded for mark in row.marks)
        for name in names:
            marks = [mark for row in graded for mark in row.marks if mark.question == name]
            outcomes = Counter(mark.status for mark in marks)
            causes = Counter(mark.cause for mark in marks if mark.cause and mark.status == "incorrect")
            rate = 100 * sum(float(mark.score) for mark in marks) / sum(mark.points for mark in marks)
            why = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()))
            shares = [str(outcomes[outcome]) for outcome in OUTCOMES]
            lines.append([title_of(lesson), name, f"{rate:.0f}%", *shares, why])
    heading = ["lesson", "question", "points reached", *OUTCOMES, "incorrect because"]
    return table(heading, lines, numbers=range(2, 7))


def _students(rows: Sequence[Row]) -> Markup:
    lines = []
    for row in rows:
        link = element("a", row.student, href=f"feedback/{file_stem(row.student)}.html")
        points = "" if row.final is None else f"{number_text(row.final)} of {number_text(row.possible)}"
        notes = "; ".join(filter(None, [row.note, row.late]))
        lines.append([link, row.name, f"{row.lesson:02}", points, row.status, notes])
    return table(["student", "name", "lesson", "points", "status", "note"], lines, numbers=[3])
