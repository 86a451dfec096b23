"""The notebooks behind the pages: which page is which lesson, and what its cells state, show and ask."""

import functools
from dataclasses import dataclass
from pathlib import Path

from lesson_support import catalog
from lesson_support.authoring.calls import ClaimCall, claim_calls
from lesson_support.authoring.notebooks import read_notebook

MARKS = ("✔ ", "✘ ", "⚖ ")
LESSONS, EXERCISES = "lessons/", "exercises/"


def entry_of(docname: str, folder: str = LESSONS) -> catalog.Lesson | None:
    """The catalog's entry of a page in `folder`; None for any other page."""
    if not docname.startswith(folder):
        return None
    return {entry.stem: entry for entry in catalog.lessons()}.get(docname.removeprefix(folder))


@dataclass(frozen=True)
class Written:
    """A lesson that this build publishes."""

    entry: catalog.Lesson
    docname: str
    cells: list


def written_lessons(env) -> list[Written]:
    """The lessons among the pages of the book, in order."""
    found = [(entry, LESSONS + entry.stem) for entry in catalog.lessons()]
    return [Written(entry, name, cells(env, name)) for entry, name in found if name in env.found_docs]


def cells(env, docname: str) -> list:
    """The cells of the notebook behind a page."""
    path = Path(env.doc2path(docname))
    return _cells(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=128)
def _cells(path: Path, _changed: int) -> list:
    return read_notebook(path).cells


@dataclass(frozen=True)
class Stated:
    """A claim of a cell, and the line that running it printed; None where the two cannot be paired."""

    call: ClaimCall
    line: str | None

    @property
    def anchor(self) -> str:
        return f"claim-{self.call.claim}"


def stated_claims(cell) -> list[Stated]:
    """The claims of a code cell beside their stored lines: one line a call, in the order of the calls."""
    if cell.cell_type != "code":
        return []
    calls = claim_calls(cell.source)
    printed = "".join(
        out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"
    )
    lines = [line for line in printed.splitlines() if line.startswith(MARKS)]
    if any(out.output_type == "error" for out in cell.outputs):
        calls = calls[: len(lines)]  # a claim that fails on purpose ends its cell and prints nothing
    if len(lines) != len(calls):
        lines = [None] * len(calls)
    return [Stated(call, line) for call, line in zip(calls, lines, strict=True) if call.claim]
