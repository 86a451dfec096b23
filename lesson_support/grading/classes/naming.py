"""What a path says: which lesson a notebook answers, and which names may be its student's.

ann/01_tensor_mechanics.ipynb                                     a folder for each student
ann_01_tensor_mechanics.ipynb                                     one flat folder
Ann Lee_12345_assignsubmission_file_/01_tensor_mechanics.ipynb    Moodle
leeann_LATE_123_456_01_tensor_mechanics-1.ipynb                   Canvas
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lesson_support import catalog
from lesson_support.records import LAST_LESSON

MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_file_?")
# In a flat export the student's own file name follows: only the first match comes from the platform.
FLAT_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_file(?=_|$)")
CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<number>\d+)_\d+(?=_|$)")
NUMBERED = re.compile(r"(\d\d)(?!\d)")


@dataclass(frozen=True)
class Named:
    """`attempt` counts resubmissions; `prefix` is what the file name holds before the lesson."""

    lesson: int
    attempt: int
    prefix: str
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """Who a path says the student is: `keys` may stand in a roster, `fallback` is used where none does."""

    keys: tuple[str, ...]
    fallback: str
    late: bool = False


@functools.cache
def _lesson_pattern() -> re.Pattern:
    stems = sorted((lesson.stem for lesson in catalog.lessons()), key=len, reverse=True)
    return re.compile(
        r"(?<!\d)(?:" + "|".join(stem.replace("_", "[_ -]") for stem in stems) + ")", re.IGNORECASE
    )


def read_path(path: tuple[str, ...]) -> Named | None:
    """The parts of a path; None where the file name says no lesson."""
    *folders, name = path
    stem = name[: -len(".ipynb")]
    matches = list(_lesson_pattern().finditer(stem))
    if matches:
        start, end = matches[-1].span()
    elif folders and (numbered := NUMBERED.match(stem)):
        start, end = numbered.span()
    else:
        return None
    lesson = int(stem[start : start + 2])
    again = re.search(r"(\d{1,6})\)?\s*$", stem[end:])
    attempt = int(again[1]) if again and matches else 0
    prefix = stem[:start].rstrip("_- ")
    return Named(lesson, attempt, prefix, tuple(folders)) if 1 <= lesson <= LAST_LESSON else None


def without_wrapper(all_named: Sequence[Named]) -> list[Named]:
    """The same without the one outermost folder that an archive often adds around all students."""
    tops = {named.folders[:1] for named in all_named}
    if len(tops) != 1 or tops == {()} or any(MOODLE.fullmatch(top) for top in next(iter(tops))):
        return list(all_named)
    seconds = {named.folders[1:2] for named in all_named}
    students_below = (
        () not in seconds
        and len(seconds) > 1
        and not all(_lesson_pattern().match(second) or NUMBERED.match(second) for (second,) in seconds)
    )
    prefixes = {named.prefix for named in all_named}
    flat_below = seconds == {()} and "" not in prefixes and (len(prefixes) > 1 or _from_platform(prefixes))
    moodle_below = () not in seconds and all(MOODLE.fullmatch(second) for (second,) in seconds)
    if not (students_below or flat_below or moodle_below):
        return list(all_named)
    return [Named(each.lesson, each.attempt, each.prefix, each.folders[1:]) for each in all_named]


def _from_platform(prefixes: set[str]) -> bool:
    return all(FLAT_MOODLE.match(prefix) or CANVAS.match(prefix) for prefix in prefixes)


def claim_of(named: Named) -> Claim | None:
    """Who handed it in, as the names say; None where they say nothing."""
    for folder in named.folders:
        if match := MOODLE.fullmatch(folder):
            return _platform_claim(match)
    for pattern in (FLAT_MOODLE, CANVAS):
        if match := pattern.match(named.prefix):
            claim = _platform_claim(match)
            return Claim((*claim.keys, *named.folders), claim.fallback, claim.late)
    keys = (*named.folders, *([named.prefix] if named.prefix else []))
    return Claim(keys, keys[0]) if keys else None


def _platform_claim(match: re.Match) -> Claim:
    # Two people may share a name, so without a roster the number stays with it.
    both = f"{match['name']}_{match['number']}"
    return Claim((both, match["number"], match["name"]), both, bool(match.groupdict().get("late")))
