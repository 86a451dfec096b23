"""How long each lesson ran in the last test run, beside its budget: from the report of `python -m tests`."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

from . import SAFE
from .lesson_files import written_lessons
from .pieces import link, paragraph, table

REPORT = ".test-report/tier-2.xml"
LESSON_SECONDS, MEAN_SECONDS = 45, 15


class Runtimes(SphinxDirective):
    """`{runtimes}`: a table of seconds; a sentence where there is no report."""

    def run(self):
        self.env.note_reread()
        budget = (
            f"A lesson may take {LESSON_SECONDS} seconds on two cores, all of them {MEAN_SECONDS} on average."
        )
        report = Path(self.env.srcdir) / REPORT
        lessons = written_lessons(self.env)
        seconds = (
            seconds_by_lesson(report, [lesson.entry.stem for lesson in lessons]) if report.is_file() else {}
        )
        if not seconds:
            unknown = (
                "This copy of the book was built without a test run; the published one shows the seconds."
            )
            return [paragraph(f"{budget} {unknown}")]
        rows = []
        for lesson in lessons:
            spent = seconds.get(lesson.entry.stem)
            name = link(
                self.env.app, self.env.docname, lesson.docname, f"{lesson.entry.label} · {lesson.entry.title}"
            )
            mark = "" if spent is None else "over budget" if spent > LESSON_SECONDS else "within budget"
            rows.append(("", [name, "not run" if spent is None else f"{spent:.1f}", mark]))
        mean = sum(seconds.values()) / len(seconds)
        rows.append(("", ["mean", f"{mean:.1f}", "over budget" if mean > MEAN_SECONDS else "within budget"]))
        return [paragraph(budget), table(("lesson", "seconds", "budget"), rows, "runtimes")]


def seconds_by_lesson(report: Path, stems: list[str]) -> dict[str, float]:
    """The seconds of a lesson's cells, summed; solutions of the same name do not count."""
    found: dict[str, float] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("classname", "")
        stem = next((stem for stem in stems if name.replace("/", ".").startswith(f"lessons.{stem}")), None)
        if stem:
            found[stem] = found.get(stem, 0.0) + float(case.get("time", 0))
    return found


def setup(app):
    app.add_directive("runtimes", Runtimes)
    return SAFE
