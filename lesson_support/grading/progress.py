"""What a person has solved: one JSON file, replaced whole, merged and never overwritten."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from lesson_support import paths

VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One question: the best `share` of its points, when it was first solved, how many hints were taken, when
    the solution was first seen. Times are UTC, as `2026-01-31T12:00:00+00:00`."""

    share: float = 0.0
    first_solved: str | None = None
    hints: int = 0
    solution_seen: str | None = None

    def merge(self, other: "Entry") -> "Entry":
        """The best of both; the order does not matter, nor how often."""
        return Entry(
            max(self.share, other.share),
            _earlier(self.first_solved, other.first_solved),
            max(self.hints, other.hints),
            _earlier(self.solution_seen, other.solution_seen),
        )


Progress = Mapping[str, Entry]  # "01/offset_of" -> its entry


def _earlier(a: str | None, b: str | None) -> str | None:
    return min((each for each in (a, b) if each is not None), default=None)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def merge(a: Progress, b: Progress) -> dict[str, Entry]:
    """Everything that either knows."""
    return {key: a.get(key, Entry()).merge(b.get(key, Entry())) for key in sorted({*a, *b})}


def progress_text(progress: Progress) -> str:
    """The file's content."""
    questions = {key: asdict(entry) for key, entry in sorted(progress.items())}
    return json.dumps({"version": VERSION, "questions": questions}, indent=1) + "\n"


def parse_progress(text: str) -> dict[str, Entry]:
    """Read back `progress_text`; ValueError for anything else."""
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("questions"), dict):
        raise ValueError("expected an object with questions")
    if data.get("version") != VERSION:
        raise _OtherVersion(f"version {data.get('version')!r} where {VERSION} was expected")
    return {key: _parse_entry(value) for key, value in data["questions"].items()}


class _OtherVersion(ValueError):
    """Not damaged: written by another edition of the course."""


def _parse_entry(value) -> Entry:
    if not isinstance(value, dict) or set(value) != {field.name for field in fields(Entry)}:
        raise ValueError(f"{value!r} is not an entry")
    entry = Entry(**value)
    times = (entry.first_solved, entry.solution_seen)
    share_fits = type(entry.share) in (int, float) and 0 <= entry.share <= 1
    if (
        not share_fits
        or type(entry.hints) is not int
        or not all(each is None or type(each) is str for each in times)
    ):
        raise ValueError(f"{value!r} is not an entry")
    return entry


def progress_file() -> Path:
    return paths.home() / "progress.json"


def load() -> tuple[dict[str, Entry], str]:
    """What is recorded, and one sentence where it cannot be read (empty where it can). Changes no file."""
    try:
        return parse_progress(progress_file().read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        return {}, f"the progress in {progress_file()} cannot be read ({error})"


def record(news: Progress) -> str:
    """Merge `news` into the file. When this returns nothing, they are on the disk and stay there; otherwise
    it returns one sentence that says what happened. A file that cannot be read is kept under another name."""
    file = progress_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file.parent):
            return _merge_into(file, news)
    except _OtherVersion as error:
        return f"progress was not kept: {file} was written by another edition of the course ({error})"
    except OSError as error:
        return f"progress was not kept: cannot write {file} ({error.strerror}); LESSONS_HOME moves it"


def _merge_into(file: Path, news: Progress) -> str:
    note = ""
    try:
        known = parse_progress(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = {}
    except _OtherVersion:
        raise
    except ValueError:
        aside = _free_name(file)
        os.replace(file, aside)
        known, note = {}, f"the old progress file could not be read; it is kept as {aside}"
    merged = merge(known, news)
    if merged != known or note:
        _write_durably(file, progress_text(merged))
    return note


def _free_name(file: Path) -> Path:
    number = 1
    while (aside := file.with_name(f"{file.stem}.unreadable-{number}{file.suffix}")).exists():
        number += 1
    return aside


def _write_durably(file: Path, text: str) -> None:
    """A crash at any instant leaves the old file or the new one; only the holder of the lock comes here, so
    the scratch file of a killed process is simply written over."""
    scratch = file.with_name(f".{file.name}.new")
    with open(scratch, "w", encoding="utf-8", newline="\n") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    os.replace(scratch, file)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time; the system releases the lock of a process that dies."""
    with open(folder / "progress.lock", "a+b") as file:
        try:
            import fcntl
        except ImportError:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
