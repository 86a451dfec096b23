"""`show_source`: the real code of the package, on the page."""

import inspect
import textwrap

from lesson_support.errors import LessonError
from lesson_support.paths import PACKAGE

_LANGUAGES = {
    ".py": "python",
    ".cpp": "cpp",
    ".h": "cpp",
    ".rs": "rust",
    ".js": "javascript",
    ".toml": "toml",
}


def show_source(*things, between: tuple[str, str] | None = None) -> None:
    """Show the source of functions, classes, Triton kernels, or of a package file such as
    `"native/cpp/roofline.cpp"`; `between=("first line holds", "last line holds")` cuts a part out of it;
    "^…" stands for a line that begins so.

    Unknown files and markers that are not there are errors that name them.
    """
    from IPython.display import Markdown, display

    if not things:
        raise LessonError("show_source got nothing: expected a function, a class or a package file's path")
    for thing in things:
        text, language = _source_of(thing)
        if between is not None:
            text = _part(text, between, thing)
        display(Markdown(f"```{language}\n{text.rstrip()}\n```"))


def _source_of(thing) -> tuple[str, str]:
    if isinstance(thing, str):
        file = PACKAGE / thing
        if not file.is_file() or PACKAGE not in file.resolve().parents:
            raise LessonError(f"lesson_support has no file {thing!r}: expected a path inside the package")
        return file.read_text(encoding="utf-8"), _LANGUAGES.get(file.suffix, "text")
    target = getattr(thing, "fn", thing)  # a Triton JITFunction keeps its Python function in .fn
    try:
        return textwrap.dedent(inspect.getsource(target)), "python"
    except (OSError, TypeError):
        raise LessonError(
            f"{thing!r} has no Python source: expected a function or class written in Python, or a file"
        ) from None


def _part(text: str, between: tuple[str, str], thing) -> str:
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if _holds(line, between[0])), None)
    if first is None:
        raise LessonError(f"no line of {thing!r} holds {between[0]!r}")
    last = next((i for i, line in enumerate(lines[first:], first) if _holds(line, between[1])), None)
    if last is None:
        raise LessonError(f"no line of {thing!r} after line {first + 1} holds {between[1]!r}")
    return textwrap.dedent("\n".join(lines[first : last + 1]))


def _holds(line: str, marker: str) -> bool:
    return line.startswith(marker[1:]) if marker.startswith("^") else marker in line
