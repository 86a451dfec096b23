"""`lessons lint`: a lesson's anatomy and language, as the structure tests see them."""

from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from lesson_support.authoring.anatomy import anatomy_problems
from lesson_support.authoring.notebooks import block, read_notebook
from lesson_support.authoring.page import Problem
from lesson_support.authoring.prose import prose_problems
from lesson_support.catalog import Lesson, lessons, written
from lesson_support.claims import published_claims


def lesson_path(entry: Lesson, course: Path) -> Path:
    return course / "lessons" / f"{entry.stem}.ipynb"


def lesson_texts(notebook: NotebookNode) -> list[tuple[str, str]]:
    """The markdown of a lesson's page by cell id: what the lint of the language reads (not the camera's)."""
    return [
        (cell.id, cell.source)
        for cell in notebook.cells
        if cell.cell_type == "markdown" and block(cell) != "camera"
    ]


def review(entries: Iterable[Lesson], course: Path) -> list[Problem]:
    """What is wrong with these lessons; for phrases shared with others, all written lessons are read."""
    wanted = {entry.stem: entry for entry in entries}
    notebooks = {
        entry.stem: read_notebook(lesson_path(entry, course)) for entry in lessons() if written(entry, course)
    }
    found = []
    for stem, entry in wanted.items():
        if stem in notebooks:
            for each in anatomy_problems(notebooks[stem], entry, claims=published_claims()):
                found.append(Problem(f"{stem}:{each.where}", each.rule, each.message))
    language = prose_problems({stem: lesson_texts(notebook) for stem, notebook in notebooks.items()})
    return found + [each for each in language if each.where.split(":")[0] in wanted]
