"""Where the trials lie, and how a command is run on one."""

import os
import subprocess
from pathlib import Path

from lesson_support import paths
from lesson_support.errors import LessonError

FOLDER = paths.PACKAGE / "native" / "trials"
SECONDS = 60


def source_of(name: str) -> Path:
    """The file of a trial, such as race.rs; a LessonError where there is none."""
    file = FOLDER / name
    if not file.is_file():
        raise LessonError(f"there is no trial {name!r}: expected a file of native/trials")
    return file


def finished(command: list[str], seconds: float = SECONDS) -> subprocess.CompletedProcess:
    """The command's end, its words in `stdout` and `stderr`; panics come without a backtrace."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        env=os.environ | {"RUST_BACKTRACE": "0"},
    )
