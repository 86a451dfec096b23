"""The notebooks in a zip as a learning platform exports it, read in place."""

import contextlib
import datetime as dates
import re
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.grading.classes.containers import (
    LARGEST_NOTEBOOK,
    Found,
    Gathering,
    Unreadable,
    is_clutter,
    within_limit,
)
from lesson_support.grading.classes.names import visible

LARGEST_TOTAL = 20 * 2**30  # bytes of all notebooks together, unpacked
UTF8 = 0x800  # the flag that says a name is UTF-8
UNIX_TIMES = 0x5455  # the extra field that holds a time with a zone
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def list_zip(file: Path) -> Gathering:
    """The notebooks in `file`; LessonError where it is no zip or would unpack to more than a class can be."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise LessonError(f"{file} cannot be read ({error}): expected a folder or a zip") from None
    gathering, total, lock = Gathering(), 0, threading.Lock()
    folders, filled = set(), set()
    for info in archive.infolist():
        path, trouble = _place(info)
        filled |= {path[:depth] for depth in range(1, len(path))}
        if info.is_dir() and not trouble:
            folders.add(path)
        elif trouble:
            gathering.problems.append(f"{'/'.join(path)} {trouble}")
        elif gathering.wants(path):
            total += min(info.file_size, LARGEST_NOTEBOOK)
            gathering.found.append(Found(path, _modified(info), _reader(archive, info, lock)))
    for path in sorted(folders - filled):
        if not is_clutter(path):
            gathering.note_empty(path)
    if total > LARGEST_TOTAL:
        raise LessonError(
            f"the notebooks in {file} unpack to more than {LARGEST_TOTAL // 2**30} GB: expected one class"
        )
    return gathering


def _place(info: zipfile.ZipInfo) -> tuple[tuple[str, ...], str]:
    """The path that an entry claims, and what is wrong with it."""
    name = info.orig_filename
    if not info.flag_bits & UTF8:
        with contextlib.suppress(UnicodeError):  # some systems write UTF-8 and forget to say so
            name = name.encode("cp437").decode("utf-8")
    parts = name.replace("\\", "/").split("/")
    path = tuple(visible(part) for part in parts if part not in ("", "."))
    if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return tuple(map(visible, parts)), "names a place outside the archive and was not read"
    if not path or "\0" in name:
        return path or ("(a file without a name)",), "has no usable name and was not read"
    if stat.S_ISLNK(info.external_attr >> 16):
        return path, "is a symbolic link and was not followed"
    return path, ""


def _modified(info: zipfile.ZipInfo) -> dates.datetime | None:
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNIX_TIMES and len(field) >= 5 and field[0] & 1:
            seconds = struct.unpack_from("<i", field, 1)[0]
            return dates.datetime.fromtimestamp(seconds, dates.UTC) if seconds > 0 else None
    if info.date_time[:3] <= (1980, 1, 1):  # what a zip holds where nobody set a clock
        return None
    try:
        return dates.datetime(*info.date_time)
    except ValueError:
        return None


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo, lock: threading.Lock) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            # What the entry says of its own size is not believed.
            with lock, archive.open(info) as source:
                return within_limit(source.read(LARGEST_NOTEBOOK + 1))
        except DAMAGE as error:
            raise Unreadable(f"it cannot be unpacked ({visible(str(error))})") from None

    return read
