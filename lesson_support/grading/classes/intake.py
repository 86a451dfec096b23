"""Who handed in what: every notebook gets a student and a lesson, or a sentence that says why not."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.grading.classes.archives import list_zip
from lesson_support.grading.classes.containers import Found, list_folder
from lesson_support.grading.classes.naming import claim_of, read_path, without_wrapper
from lesson_support.grading.classes.rosters import Roster, read_roster


@dataclass(frozen=True)
class Submission:
    """One notebook of one student for one lesson.

    `submitted` has no zone where only a local clock is known; `clock` says whose it is: roster, archive, file
    or nothing. `read` gives the bytes or raises `Unreadable`.
    """

    student: str
    lesson: int
    origin: str
    read: Callable[[], bytes] = field(repr=False)
    submitted: datetime | None = None
    clock: str = ""
    note: str = ""

    @property
    def label(self) -> str:
        return f"{self.student}, lesson {self.lesson:02}"


@dataclass(frozen=True)
class Intake:
    """`submissions` in the order of students and lessons, at most one for each pair; `students` maps
    everyone, roster or not, to the name that people read; `problems` are sentences; `root` is where all of it
    was found."""

    submissions: tuple[Submission, ...]
    students: dict[str, str]
    problems: tuple[str, ...] = ()
    root: Path | None = None


def collect(submissions: Path, *, roster: Path | None = None) -> Intake:
    """Everything in the folder or zip `submissions`. Nothing is left out without a sentence in `problems`;
    LessonError where there is nothing to look in, or the roster cannot be used."""
    people = read_roster(roster) if roster is not None else None
    if submissions.is_dir():
        gathering, clock = list_folder(submissions), "file"
    elif submissions.is_file():
        gathering, clock = list_zip(submissions), "archive"
    else:
        raise LessonError(f"there is no {submissions}: expected a folder or a zip with notebooks")
    problems = gathering.sentences()
    named = []
    for found in gathering.found:
        if (parts := read_path(found.path)) is None:
            problems.append(f"{found.origin} names no lesson, and was not graded: expected NN_slug.ipynb")
        else:
            named.append((found, parts))
    outer = without_wrapper([parts for _, parts in named])
    handed_in = defaultdict(list)
    students = dict(people.names) if people else {}
    strangers: set[str] = set()
    for (found, parts), bare in zip(named, outer, strict=True):
        # A roster may know the outermost folder; without one it is only a wrapper.
        claim = claim_of(parts if people else bare)
        if claim is None:
            problems.append(f"{found.origin} names no student, and was not graded")
            continue
        student = people.find(claim.keys) if people else None
        if student is None:
            student = (claim_of(bare) or claim).fallback.strip() or "(no name)"
            students.setdefault(student, student)
            if people and student not in people.names:
                strangers.add(student)
        handed_in[student, parts.lesson].append((parts.attempt, found, claim.late))
    problems += [f"{student} is not on the roster, and was graded" for student in sorted(strangers)]
    chosen = [_newest(pair, files, clock, problems) for pair, files in sorted(handed_in.items())]
    if people:
        chosen = [_timed(each, people) for each in chosen]
    return Intake(tuple(chosen), students, tuple(problems), submissions)


def _newest(pair: tuple[str, int], files: Iterable, clock: str, problems: list[str]) -> Submission:
    ordered = sorted(files, key=lambda each: (each[0], _instant(each[1]), each[1].origin))
    *older, (_, found, late) = ordered
    if older:
        whose, names = f"{pair[0]}, lesson {pair[1]:02}", ", ".join(file.origin for _, file, _ in older)
        problems.append(f"{whose}: graded {found.origin}, the newest of {len(ordered)}, not {names}")
    note = "marked LATE by the learning platform" if late else ""
    known = clock if found.modified else ""
    return Submission(*pair, found.origin, found.read, found.modified, known, note)


def _instant(found: Found) -> float:
    if found.modified is None:
        return 0.0
    zoned = found.modified if found.modified.tzinfo else found.modified.replace(tzinfo=UTC)
    return zoned.timestamp()


def _timed(submission: Submission, people: Roster) -> Submission:
    time = people.time(submission.student, submission.lesson)
    if time is None:
        return submission
    facts = (submission.student, submission.lesson, submission.origin, submission.read)
    return Submission(*facts, time, "roster", submission.note)


def absent(intake: Intake) -> list[tuple[str, int]]:
    """Every (student, lesson) without a submission, for the lessons that somebody handed in."""
    lessons = sorted({each.lesson for each in intake.submissions})
    present = {(each.student, each.lesson) for each in intake.submissions}
    pairs = ((student, lesson) for student in sorted(intake.students) for lesson in lessons)
    return [pair for pair in pairs if pair not in present]
