"""Tracebacks that show the reader's own lines and the one library line that refused.

A notebook's stock traceback prints thirty lines of library internals with the paths of one machine. A lesson
shows errors on purpose, so its traceback is part of the page: the frames in the notebook, the last frame of a
library as `torch/nn/modules/linear.py:134`, then the error. `%xmode Verbose` brings the full form back.
"""

import linecache
import sysconfig
import traceback
from pathlib import Path
from types import MethodType

from lesson_support.errors import LessonError
from lesson_support.paths import PACKAGE

_LIBRARIES = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib"))


def _library_name(filename: str) -> str | None:
    """`torch/functional.py` for a file of a library or of this package, None for the reader's own."""
    if filename.startswith("<"):
        return filename
    path = Path(filename)
    for folder in _LIBRARIES:
        if folder in path.parents:
            return path.relative_to(folder).as_posix()
    return path.relative_to(PACKAGE.parent).as_posix() if PACKAGE in path.parents else None


def _is_cell(filename: str) -> bool:
    return filename.startswith("<ipython-input") or Path(filename).parent.name.startswith("ipykernel_")


def clean_traceback(error: BaseException) -> list[str]:
    """What a lesson shows for `error`: its cause, the reader's frames, the library frame, the error."""
    lines = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines.append(f"{type(cause).__name__}: {cause}")
        lines.append("which led to:")
    last_library = None
    if not isinstance(error, (LessonError, AssertionError)):
        lines_before = len(lines)
        for frame, line in traceback.walk_tb(error.__traceback__):
            filename = frame.f_code.co_filename
            name = None if _is_cell(filename) else _library_name(filename)
            if name is None:
                where = "this cell" if _is_cell(filename) else Path(filename).name
                function = frame.f_code.co_name
                inside = "" if function == "<module>" else f", in {function}"
                lines.append(f"{where}, line {line}{inside}:")
                lines.append(f"    {linecache.getline(filename, line).strip()}")
                last_library = None
            elif not name.startswith(("IPython/", "ipykernel/", "<")):
                last_library = f"{name}:{line}, in {frame.f_code.co_name}"
        if last_library and len(lines) > lines_before:
            lines.append(last_library)
    lines.append("".join(traceback.format_exception_only(error)).rstrip())
    return lines


def install_tracebacks(shell) -> None:
    """Make `shell` (an IPython shell) show `clean_traceback`; its own form returns with `%xmode Verbose`."""
    if getattr(shell, "_lesson_tracebacks", False):
        return
    stock = shell.showtraceback

    def showtraceback(self, exc_tuple=None, **options):
        kind, error, _ = self._get_exc_info(exc_tuple)
        if issubclass(kind, (SyntaxError, KeyboardInterrupt)) or self.InteractiveTB.mode != "Context":
            return stock(exc_tuple, **options)
        return self._showtraceback(kind, error, clean_traceback(error))

    shell.showtraceback = MethodType(showtraceback, shell)
    shell._lesson_tracebacks = True
