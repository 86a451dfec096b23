"""What one student reads: points per lesson, and for each question the smallest case that went wrong."""

from collections.abc import Callable, Sequence

from lesson_support import catalog
from lesson_support.grading.classes.journal import results_of
from lesson_support.grading.classes.marks import MEANING, Row, number_text
from lesson_support.grading.classes.pages import Markup, element, joined, page
from lesson_support.grading.judging import Result

SIGNS = {"correct": "✔ correct", "partly": "◐ partly correct", "incorrect": "✘ incorrect"}
FIELDS = ("case", "expected", "got", "note", "printed")


def feedback_page(rows: Sequence[Row], record_of: Callable[[Row], dict | None]) -> str:
    """The page of the one student to whom all `rows` belong; `record_of` finds what was graded."""
    sections = [_lesson(row, record_of(row)) for row in rows]
    return page(f"Feedback for {rows[0].name}", sections)


def title_of(lesson: int) -> str:
    return f"{lesson:02} · {catalog.lesson_entry(lesson).title}"


def _lesson(row: Row, record: dict | None) -> Markup:
    results = results_of(record) if record else {}
    told = [element("h2", title_of(row.lesson)), element("p", _points(row))]
    for sentence in (row.late, row.note, "" if row.status == "ok" else _because(row)):
        if sentence:
            told.append(element("p", sentence, class_="soft"))
    for mark in row.marks:
        # Where nothing could be run there is nothing to say about single questions.
        if mark.question in results:
            told.append(_question(results[mark.question], number_text(mark.score)))
    return element("section", *told)


def _because(row: Row) -> str:
    return f"status {row.status}: {MEANING[row.status]}"


def _points(row: Row) -> Markup:
    if row.final is None:
        return element("strong", "no points yet")
    total = element("strong", f"{number_text(row.final)} of {number_text(row.possible)} points")
    if not row.lost:
        return total
    return joined([total, f" ({number_text(row.raw)} reached, {number_text(row.lost)} lost by being late)"])


def _question(result: Result, score: str) -> Markup:
    sign = element(
        "span", SIGNS.get(result.status, "– not attempted"), class_=result.status.partition(" ")[0]
    )
    heading = element("h3", element("code", result.question), " ", sign)
    facts = [element("div", f"{score} of {result.points:g} points", class_="soft")]
    pairs = []
    for name in FIELDS:
        if text := getattr(result, name).rstrip():
            pairs += [element("dt", name), element("dd", element("pre", text))]
    return joined([heading, *facts, element("dl", *pairs) if pairs else ""])
