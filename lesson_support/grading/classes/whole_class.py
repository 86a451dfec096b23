"""Grade a class: what is missing is graded, everything is reported.

Run again after any interruption, the same command goes on where it stopped, and the report is the same to the
byte.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.grading.classes.batch import Factory, Outcome, Plan, grade_pending
from lesson_support.grading.classes.containers import Unreadable
from lesson_support.grading.classes.deadlines import Deadlines
from lesson_support.grading.classes.feedback import feedback_page
from lesson_support.grading.classes.gradebook import nbgrader_api, write_gradebook
from lesson_support.grading.classes.intake import Intake, Submission, absent
from lesson_support.grading.classes.journal import Journal, opened
from lesson_support.grading.classes.marks import Row, absent_row, row_of
from lesson_support.grading.classes.names import file_stem
from lesson_support.grading.classes.overview import counts_of, measures_of, overview_page
from lesson_support.grading.classes.shelf import Shelf
from lesson_support.grading.classes.tables import grades_text, summary_text
from lesson_support.paths import write_whole

Progress = Callable[[int, int, str], None]  # (done, to be done, whose notebook was graded last)


@dataclass(frozen=True)
class ClassReport:
    """`rows` by student and lesson; `kept` submissions had been graded by an earlier run."""

    out: Path
    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    seed: int
    kept: int

    def lines(self) -> Iterator[str]:
        """What the command prints."""
        students = len({row.student for row in self.rows})
        counts = ", ".join(f"{count} {status}" for status, count in counts_of(self.rows).items())
        yield f"{_counted(students, 'student')}: {counts or 'nothing was handed in'}"
        if self.kept:
            yield f"{self.kept} of these grades were kept from an earlier run"
        for measures in measures_of(self.rows):
            yield "protections in force:" if measures else "no protection was in force"
            yield from (f"  {measure}" for measure in measures)
        if self.problems:
            yield f"{_counted(len(self.problems), 'problem')}, all listed in the report:"
            yield from (f"  {problem}" for problem in self.problems[:5])
            if len(self.problems) > 5:
                yield f"  … and {len(self.problems) - 5} more"
        yield f"report: {self.out / 'index.html'} (seed {self.seed})"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def grade_class(
    intake: Intake,
    out: Path,
    *,
    sandbox: Factory,
    seed: int | None = None,
    questions_dir: Path | None = None,
    late: Deadlines | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    gradebook: Path | None = None,
    limits: str = "",
) -> ClassReport:
    """Grade `intake` into the folder `out`.

    `seed` decides every student's cases; without one the folder's own is used, or a fresh one is drawn.
    `limits` names limits other than the sandbox's own: a change of them grades anew. LessonError, before
    anything is graded, for questions, a gradebook or an `out` that cannot be used.
    """
    if jobs < 1:
        raise LessonError(f"-j is {jobs}: expected the number of notebooks to grade at a time, 1 or more")
    if intake.root is not None and out.resolve().is_relative_to(intake.root.resolve()):
        raise LessonError(f"{out} lies among the submissions: expected a folder outside of {intake.root}")
    if gradebook is not None:
        nbgrader_api()
    deadlines, shelf = late or Deadlines(), Shelf(questions_dir)
    with opened(out) as journal:
        plan = Plan.of(shelf, journal.seed(seed), limits)
        asked = [each for each in intake.submissions if each.lesson in plan.fingerprints]
        outcomes = {_pair(each): _known(each, plan, journal) for each in asked}
        pending = [each for each in asked if outcomes[_pair(each)] is None]
        kept = sum(outcome is not None and outcome.key != "" for outcome in outcomes.values())
        counter = _counter(len(pending), progress)
        outcomes |= grade_pending(pending, plan, journal, sandbox, jobs, counter)

        def record_of(row: Row) -> dict | None:
            outcome = outcomes.get((row.student, row.lesson))
            return journal.read(row.student, row.lesson, outcome.key) if outcome and outcome.key else None

        rows, problems = _rows(intake, shelf, outcomes, journal, deadlines)
        report = ClassReport(out, tuple(rows), tuple(problems), plan.seed, kept)
        _write(report, record_of, deadlines)
    if gradebook is not None:
        write_gradebook(gradebook, rows)
    return report


def _known(submission: Submission, plan: Plan, journal: Journal) -> Outcome | None:
    """What an earlier run found; None for what is still to be graded."""
    try:
        key = plan.key(submission.read(), *_pair(submission))
    except Unreadable as error:
        return Outcome("unreadable", str(error))
    return Outcome(key=key) if journal.read(*_pair(submission), key) else None


def _rows(
    intake: Intake,
    shelf: Shelf,
    outcomes: Mapping[tuple[str, int], Outcome],
    journal: Journal,
    deadlines: Deadlines,
) -> tuple[list[Row], list[str]]:
    """The rows in order, and all problems."""
    rows, problems = [], list(intake.problems)
    for each in intake.submissions:
        if (outcome := outcomes.get(_pair(each))) is None:
            where = f"{each.origin} answers lesson {each.lesson:02}"
            problems.append(f"{where}, which has no questions, and was not graded")
            continue
        record = journal.read(*_pair(each), outcome.key) if outcome.key else None
        found = record or (outcome.status or "ungraded", outcome.note)
        row = row_of(each, intake.students[each.student], shelf.of(each.lesson), found, deadlines)
        rows.append(row)
        if row.status in ("ungraded", "unreadable"):
            problems.append(f"{each.label}: {row.status}, {row.note or 'no notebook'} ({each.origin})")
    for student, lesson in absent(intake):
        if lesson in shelf.lessons():
            rows.append(absent_row(student, intake.students[student], lesson, shelf.of(lesson)))
            problems.append(f"{student}, lesson {lesson:02}: nothing was handed in")
    return sorted(rows, key=lambda row: (row.student, row.lesson)), problems


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _pair(submission: Submission) -> tuple[str, int]:
    return submission.student, submission.lesson


def _counter(total: int, progress: Progress | None) -> Callable[[Submission], None]:
    done = iter(range(1, total + 1))

    def count(submission: Submission) -> None:
        number = next(done)
        if progress is not None:
            progress(number, total, submission.label)

    return count


def _write(report: ClassReport, record_of: Callable[[Row], dict | None], deadlines: Deadlines) -> None:
    folder = report.out / "feedback"
    folder.mkdir(exist_ok=True)
    current = set()
    for student, group in groupby(report.rows, key=lambda row: row.student):
        file = folder / f"{file_stem(student)}.html"
        write_whole(file, feedback_page(list(group), record_of))
        current.add(file.name)
    for stale in folder.iterdir():  # of students who are gone, and what a killed process was writing
        if stale.name not in current and (stale.suffix == ".html" or stale.name.startswith(".")):
            stale.unlink()
    for scrap in report.out.glob(".*.[0-9]*"):
        with contextlib.suppress(OSError):
            scrap.unlink()
    write_whole(report.out / "grades.csv", grades_text(report.rows))
    write_whole(report.out / "summary.csv", summary_text(report.rows))
    write_whole(
        report.out / "index.html", overview_page(report.rows, report.problems, report.seed, deadlines.text)
    )
