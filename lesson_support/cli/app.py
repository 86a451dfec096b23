"""What the commands share: the app they join, the console they print to, the words that name a lesson."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lesson_support import catalog, paths
from lesson_support.errors import LessonError

app = typer.Typer(
    help="Fifty executable lessons in PyTorch engineering: find, start, run and check them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# In a pipe nothing is cut to the width of a screen that is not there.
PIPED = {} if sys.stdout.isatty() else {"width": 200, "soft_wrap": True}
console = Console(highlight=False, emoji=False, markup=False, **PIPED)

Numbers = Annotated[list[str], typer.Argument(help="lesson numbers or slugs: 1, 01, tensor_mechanics")]
Number = Annotated[str, typer.Argument(help="a lesson number or slug: 1, 01, tensor_mechanics")]


def state_of(entry: catalog.Lesson) -> str:
    """The word planned, or nothing for a written lesson and where no checkout is at hand to look in."""
    try:
        return "" if catalog.written(entry, paths.course()) else "planned"
    except LessonError:
        return ""


def notebook_of(text: str) -> Path:
    """The notebook of a written lesson; a planned one is an error that says so."""
    entry = catalog.lesson_entry(text)
    folder = paths.course()
    if not catalog.written(entry, folder):
        done = (
            ", ".join(each.label for each in catalog.lessons() if catalog.written(each, folder)) or "none yet"
        )
        raise LessonError(
            f"lesson {entry.label} ({entry.title}) is planned, not written; written are: {done}"
        )
    return folder / "lessons" / f"{entry.stem}.ipynb"
