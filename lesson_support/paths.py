"""Where things live: the package's own data, the course's checkout, and the places a person's files go."""

import os
import sys
from pathlib import Path

from lesson_support.errors import LessonError

PACKAGE = Path(__file__).resolve().parent


def _user_folder(variable: str, xdg: str, fallback: str, mac: str) -> Path:
    """The folder `variable` names, else the platform's usual place for it."""
    if chosen := os.environ.get(variable):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / mac
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get(xdg) or Path.home() / fallback)
    return base / "every-claim-runs"


def home() -> Path:
    """A person's own records (progress, measurements of this machine); `LESSONS_HOME` moves it."""
    return _user_folder("LESSONS_HOME", "XDG_DATA_HOME", ".local/share", "Application Support")


def cache() -> Path:
    """What can be deleted and made again (compiled libraries); `LESSONS_CACHE` moves it."""
    return _user_folder("LESSONS_CACHE", "XDG_CACHE_HOME", ".cache", "Caches")


def course() -> Path:
    """The checkout that holds the lessons: `LESSONS_COURSE`, else the one around the working directory,
    else the one this package was installed from in place."""
    if chosen := os.environ.get("LESSONS_COURSE"):
        candidates = [Path(chosen).expanduser().resolve()]
    else:
        here = Path.cwd()
        candidates = [here, *here.parents, PACKAGE.parent]
    for folder in candidates:
        if (folder / "_config.yml").is_file() and (folder / "book").is_dir():
            return folder
    raise LessonError(
        f"no checkout of the course around {candidates[0]}: expected a folder with _config.yml and book/; "
        "go there or name it in LESSONS_COURSE"
    )


def make_folder(folder: Path, purpose: str) -> Path:
    """Create `folder`; where the system refuses, one sentence that says what it was for."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LessonError(
            f"cannot create {folder} for {purpose} ({error.strerror}): expected a folder that you may write; "
            "LESSONS_HOME or LESSONS_CACHE names another"
        ) from None
    return folder


def write_whole(file: Path, text: str) -> None:
    """Replace `file` by `text`: a reader, or a crash, sees the old file or the new one, never half."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8", newline="\n")
        os.replace(scratch, file)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise LessonError(
            f"cannot write {file} ({error.strerror}): expected a place that you may write"
        ) from None
