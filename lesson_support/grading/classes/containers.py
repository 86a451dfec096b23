"""The notebooks in a folder, each with its path, its clock and a reader.

No link is followed, and what is left aside is said. `archives` does the same for a zip.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.grading.classes.names import visible

LARGEST_NOTEBOOK = 100 * 2**20  # bytes; fifty megabytes of outputs are a nuisance, not a reason to refuse
MOST_FILES = 100_000
DEEPEST = 12
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
CLUTTER = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")
NAMED = 8  # files that one sentence names


class Unreadable(Exception):
    """A notebook that cannot be read; the message is a sentence for the report."""


@dataclass(frozen=True)
class Found:
    """One notebook. `path` holds the names from the top of the submissions down to the file; `modified` has
    no zone where only a local clock is known."""

    path: tuple[str, ...]
    modified: datetime | None
    read: Callable[[], bytes]

    @property
    def origin(self) -> str:
        return "/".join(self.path)


class Gathering:
    """What has been found so far, and sentences on what was not taken."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.problems: list[str] = []
        self.others: list[str] = []
        self.files = 0

    def wants(self, path: tuple[str, ...]) -> bool:
        """Whether the file at `path` is a notebook to be graded; a file that is none is kept in mind."""
        self.files += 1
        if self.files > MOST_FILES:
            raise LessonError(f"the submissions hold more than {MOST_FILES} files: expected one class")
        if is_clutter(path):
            return False
        suffix = os.path.splitext(path[-1])[1].lower()
        if suffix in ARCHIVES:
            self.problems.append(
                f"{'/'.join(path)} is an archive inside the submissions and was not opened: unpack it first"
            )
        elif suffix != ".ipynb":
            self.others.append("/".join(path))
        return suffix == ".ipynb"

    def note_empty(self, path: tuple[str, ...]) -> None:
        self.problems.append(f"{'/'.join(path)} is an empty folder")

    def sentences(self) -> list[str]:
        if not self.others:
            return sorted(self.problems)
        named = ", ".join(sorted(self.others)[:NAMED]) + (", …" if len(self.others) > NAMED else "")
        return [*sorted(self.problems), f"not notebooks, and not read ({len(self.others)}): {named}"]


def is_clutter(path: tuple[str, ...]) -> bool:
    """What systems and editors leave behind: resource forks, checkpoints, hidden files."""
    return any(part in CLUTTER or part.startswith(".") for part in path)


def list_folder(root: Path) -> Gathering:
    """The notebooks below `root`."""
    gathering, real = Gathering(), Path(os.path.realpath(root))
    _walk(real, real, (), gathering)
    return gathering


def _walk(root: Path, folder: Path, above: tuple[str, ...], gathering: Gathering) -> None:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        gathering.problems.append(f"{'/'.join(above) or folder} cannot be listed ({error.strerror})")
        return
    for entry in entries:
        path = (*above, visible(entry.name))
        where = "/".join(path)
        if is_clutter(path):
            continue
        if entry.is_symlink():
            gathering.problems.append(f"{where} is a symbolic link and was not followed")
        elif entry.is_dir(follow_symlinks=False):
            if len(path) >= DEEPEST:
                gathering.problems.append(f"{where} lies {DEEPEST} folders deep and was not opened")
            else:
                _walk(root, folder / entry.name, path, gathering)
        elif not entry.is_file(follow_symlinks=False):
            gathering.problems.append(f"{where} is neither a file nor a folder and was not opened")
        elif gathering.wants(path):
            modified = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
            gathering.found.append(Found(path, modified, _file_reader(folder / entry.name, root)))
    if above and not entries:
        gathering.note_empty(above)


def _file_reader(file: Path, root: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        # Looked at again: a link may have taken the file's place since it was listed.
        if not Path(os.path.realpath(file)).is_relative_to(root):
            raise Unreadable("it leads out of the submissions through a symbolic link")
        extra = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        try:
            with open(os.open(file, os.O_RDONLY | extra), "rb") as source:
                if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                    raise Unreadable("it is not a regular file")
                return within_limit(source.read(LARGEST_NOTEBOOK + 1))
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from None

    return read


def within_limit(content: bytes) -> bytes:
    """`content`, or Unreadable where it is larger than a notebook may be."""
    if len(content) > LARGEST_NOTEBOOK:
        raise Unreadable(f"it is larger than {LARGEST_NOTEBOOK // 2**20} MB")
    return content
