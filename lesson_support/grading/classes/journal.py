"""What has been graded, one file for each submission: what was written before a run was killed is kept."""

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from lesson_support.errors import LessonError
from lesson_support.grading.classes.names import file_stem, visible
from lesson_support.grading.judging import Result
from lesson_support.paths import write_whole

VERSION = 1
LONGEST = 4000  # characters of one text that a submission caused
STATUSES = ("ok", "missing", "timeout", "died", "protocol", "unreadable")
_TEXTS = [field.name for field in fields(Result) if field.type is str]
_KEYS = {"version", "key", "student", "lesson", "status", "note", "seconds", "measures", "results"}


def case_seed(seed: int, student: str, lesson: int) -> int:
    """The seed of one submission's cases: the same wherever and in whatever order it is graded."""
    return int.from_bytes(_digest(f"{seed}", student, f"{lesson}")[:4], "big")


def key_of(notebook: bytes, fingerprint: str, seed: int, student: str, lesson: int, limits: str = "") -> str:
    """Equal keys give equal grades: the notebook, the questions with their engine, the seed, the limits."""
    content = hashlib.sha256(notebook).hexdigest()
    return _digest(f"{VERSION}", content, fingerprint, f"{seed}", student, f"{lesson}", limits).hex()[:32]


def _digest(*parts: str) -> bytes:
    encoded = (part.encode("utf-8", "surrogatepass") for part in parts)
    return hashlib.sha256(b"".join(len(each).to_bytes(8, "big") + each for each in encoded)).digest()


def record_of(key: str, student: str, lesson: int, grade: Any, measures: tuple[str, ...]) -> dict:
    """A grade as it is kept: plain values, texts of bounded length that every encoding can hold."""
    results = []
    for result in grade.results:
        plain = asdict(result)
        results.append({**plain, **{name: _text(plain[name]) for name in _TEXTS}})
    return {
        "version": VERSION,
        "key": key,
        "student": student,
        "lesson": lesson,
        "status": grade.status,
        "note": _text(grade.note),
        "seconds": round(float(grade.seconds), 3),
        "measures": list(measures),
        "results": results,
    }


def _text(text: str) -> str:
    shown = visible(text[:LONGEST], keep="\n\t")
    return shown if len(text) <= LONGEST else shown + "…"


def results_of(record: dict) -> dict[str, Result]:
    """The results of a record by question."""
    return {each["question"]: Result(**each) for each in record["results"]}


class Journal:
    """The files of one report; one process at a time."""

    def __init__(self, out: Path) -> None:
        self.folder = out / "journal"

    def path(self, student: str, lesson: int) -> Path:
        return self.folder / f"{file_stem(student)}.{lesson:02}.json"

    def read(self, student: str, lesson: int, key: str) -> dict | None:
        """The record of a submission, or None where there is none with this key that can be used."""
        try:
            record = json.loads(self.path(student, lesson).read_text(encoding="utf-8"))
            sound = record.keys() == _KEYS and record["key"] == key and record["status"] in STATUSES
            return record if sound and isinstance(results_of(record), dict) else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None  # graded again

    def keep(self, record: dict) -> None:
        """File a record; from then on it outlives the process."""
        text = json.dumps(record, indent=1, sort_keys=True) + "\n"
        write_whole(self.path(record["student"], record["lesson"]), text)

    def seed(self, wanted: int | None) -> int:
        """The seed of this report: the one asked for, else the one it was begun with, else a fresh one."""
        file = self.folder / "seed"
        if wanted is None:
            try:
                wanted = int(file.read_text(encoding="ascii"))
            except (OSError, ValueError):
                wanted = secrets.randbits(32)
        write_whole(file, f"{wanted}\n")
        return wanted


@contextlib.contextmanager
def opened(out: Path) -> Iterator[Journal]:
    """The journal in the folder `out`, for this process alone; LessonError where another one has it."""
    journal = Journal(out)
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)  # seeds, cases and everybody's grades
        journal.folder.mkdir(mode=0o700, exist_ok=True)
        lock = open(out / ".lock", "a+b")  # noqa: SIM115 - held until the end
    except OSError as error:
        raise LessonError(
            f"cannot write a report in {out} ({error.strerror}): expected a folder that you may write"
        ) from None
    with lock:
        try:
            _lock(lock)
        except OSError:
            raise LessonError(
                f"{out} is in use by another run: expected a report of its own for each"
            ) from None
        for scrap in journal.folder.glob(".*"):  # what a killed process was writing
            scrap.unlink()
        yield journal


def _lock(file: Any) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
