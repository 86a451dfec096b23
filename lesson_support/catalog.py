"""The one list of the fifty lessons, read from catalog.toml."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.records import (
    LAST_LESSON,
    LESSON_NUMBER,
    TEXT,
    Field,
    check_record,
    did_you_mean,
    is_whole,
    list_of,
    one_of,
    read_toml,
    whole,
)

SHAPES = ("build", "ladder", "investigation", "bug hunt", "proof")
LENGTHS = ("short", "standard", "long")
NEEDS = ("triton", "compiler", "rustc", "gpu-published", "processes")

_OUTCOME = Field("text of at most 16 words", lambda value: TEXT.accepts(value) and len(value.split()) <= 16)
_PHASE_FIELDS = {"number": whole(1, 99), "title": TEXT, "question": TEXT, "capstone": TEXT}
_LESSON_FIELDS = {
    "number": LESSON_NUMBER,
    "slug": Field(
        "a name such as tensor_mechanics",
        lambda value: (
            isinstance(value, str) and value.isascii() and value.isidentifier() and value == value.lower()
        ),
    ),
    "title": TEXT,
    "phase": whole(1, 99),
    "shape": one_of(*SHAPES),
    "length": one_of(*LENGTHS),
    "difficulty": whole(1, 10),
    "needs": list_of(one_of(*NEEDS)),
    "prerequisites": list_of(LESSON_NUMBER),
    "outcomes": list_of(_OUTCOME, low=2, high=4),
    "minutes": whole(5, 240),
}


@dataclass(frozen=True)
class Lesson:
    """`needs` is what it uses beyond torch and NumPy; `outcomes` continue "afterwards you can"."""

    number: int
    slug: str
    title: str
    phase: int
    shape: str
    length: str
    difficulty: int
    needs: tuple[str, ...]
    prerequisites: tuple[int, ...]
    outcomes: tuple[str, ...]
    minutes: int

    @property
    def label(self) -> str:
        return f"{self.number:02}"

    @property
    def stem(self) -> str:
        return f"{self.label}_{self.slug}"


@dataclass(frozen=True)
class Phase:
    """`question` is what its lessons answer, `capstone` the task after them."""

    number: int
    title: str
    question: str
    capstone: str
    lessons: tuple[Lesson, ...]


@dataclass(frozen=True)
class Catalog:
    phases: tuple[Phase, ...]
    lessons: tuple[Lesson, ...]


def load_catalog(path: Path) -> Catalog:
    """The catalog in `path`; a LessonError names the file, the entry, what came and what was expected."""
    content = read_toml(path)
    entries = Field("a list of entries", lambda value: isinstance(value, list) and len(value) > 0)
    check_record(content, {"phase": entries, "lesson": entries}, str(path))
    found = []
    for position, record in enumerate(content["lesson"], start=1):
        where = f"{path}, lesson {_name(record, position)}"
        check_record(record, _LESSON_FIELDS, where)
        _check_place(record, found, where)
        found.append(
            Lesson(
                **{key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
            )
        )
    if len(found) != LAST_LESSON:
        raise LessonError(f"{path} ends at lesson {found[-1].number}: expected lessons 1 to {LAST_LESSON}")
    phases = []
    for position, record in enumerate(content["phase"], start=1):
        where = f"{path}, phase {_name(record, position)}"
        check_record(record, _PHASE_FIELDS, where)
        if record["number"] != position:
            raise LessonError(f"{where} stands at place {position}: expected the phases as 1, 2, 3 and so on")
        members = tuple(entry for entry in found if entry.phase == position)
        if not members:
            raise LessonError(f"{where} has no lessons: expected at least one")
        phases.append(Phase(**record, lessons=members))
    for entry in found:
        if entry.phase > len(phases):
            raise LessonError(
                f"{path}, lesson {entry.number} ({entry.slug}): there is no phase {entry.phase}: "
                f"expected 1 to {len(phases)}"
            )
    return Catalog(tuple(phases), tuple(found))


def _name(record: Any, position: int) -> str:
    """How an error calls an entry that may lack any key."""
    if not isinstance(record, dict):
        return f"at place {position}"
    title = record.get("slug", record.get("title", "unnamed"))
    return f"{record.get('number', f'at place {position}')} ({title})"


def _check_place(record: dict[str, Any], earlier: list[Lesson], where: str) -> None:
    """Numbers run 1, 2, 3…, slugs are unique, phases do not go back, prerequisites come before the lesson."""
    number = record["number"]
    if any(entry.number == number for entry in earlier):
        raise LessonError(f"{where}: the number {number} is taken: expected each number once")
    if any(entry.slug == record["slug"] for entry in earlier):
        raise LessonError(f"{where}: the slug is taken: expected each slug once")
    if number != len(earlier) + 1:
        raise LessonError(
            f"{where} stands where lesson {len(earlier) + 1} belongs: expected the lessons in order"
        )
    if earlier and record["phase"] < earlier[-1].phase:
        raise LessonError(
            f"{where} is in phase {record['phase']} after a lesson of phase {earlier[-1].phase}: "
            "expected the lessons of a phase together"
        )
    for needed in record["prerequisites"]:
        if needed >= number:
            raise LessonError(f"{where} builds on lesson {needed}: expected only lessons before {number}")


@functools.cache
def _catalog() -> Catalog:
    return load_catalog(paths.PACKAGE / "catalog.toml")


def lessons() -> tuple[Lesson, ...]:
    """All fifty, in order."""
    return _catalog().lessons


def phases() -> tuple[Phase, ...]:
    """All ten, in order, each with its lessons."""
    return _catalog().phases


def lesson_entry(which: int | str) -> Lesson:
    """The lesson that `which` names: 1, "1", "01", "tensor_mechanics" or "01_tensor_mechanics"."""
    entries = lessons()
    if is_whole(which):
        named = {entry.number: entry for entry in entries}.get(which)
    elif isinstance(which, str) and which.isascii() and which.isdigit():
        named = {entry.number: entry for entry in entries}.get(int(which))
    else:
        named = {name: entry for entry in entries for name in (entry.slug, entry.stem)}.get(str(which))
    if named is None:
        names = [entry.stem if str(which)[:1].isdigit() else entry.slug for entry in entries]
        close = "" if str(which).isdigit() else did_you_mean(str(which), names)
        raise LessonError(
            f"there is no lesson {which}: expected a number from 1 to {len(entries)} "
            f"or a slug such as {entries[0].slug}{close}"
        )
    return named


def route(which: int | str) -> tuple[Lesson, ...]:
    """The shortest route to a lesson: all that it builds on, in teaching order, itself last."""
    target = lesson_entry(which)
    wanted, queue = {target.number}, [target]
    while queue:
        for number in queue.pop().prerequisites:
            if number not in wanted:
                wanted.add(number)
                queue.append(lesson_entry(number))
    # a prerequisite has a smaller number, so the order of numbers is an order of teaching
    return tuple(entry for entry in lessons() if entry.number in wanted)


def written(entry: Lesson, course_folder: Path) -> bool:
    """Whether the checkout in `course_folder` holds the notebook of this lesson."""
    return (Path(course_folder) / "lessons" / f"{entry.stem}.ipynb").is_file()
