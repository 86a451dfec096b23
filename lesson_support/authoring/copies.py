"""`lessons start`: a learner's own copies of a lesson and its exercise, which nothing overwrites."""

import hashlib
from pathlib import Path

from nbformat import NotebookNode

from lesson_support import catalog
from lesson_support.authoring.calls import predictions
from lesson_support.authoring.notebooks import block, notebook_text, read_notebook, tags
from lesson_support.errors import LessonError
from lesson_support.paths import make_folder, write_whole

# Where a copy's notebook metadata keeps the hash of what it was made with.
MARK = "working_copy"


def _content_hash(notebook: NotebookNode) -> str:
    """Of what a person writes: the cells' kinds and sources. Running a copy, or saving it, is no change."""
    content = [(cell.cell_type, cell.source) for cell in notebook.cells if cell.source.strip()]
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def working_copy(notebook: NotebookNode) -> NotebookNode:
    """`notebook` as a learner gets it: not executed, without the camera's notes, marked with its hash.

    Code that would spoil something (a prediction holds its answer) or is only plumbing starts out folded.
    """
    notebook.cells = [cell for cell in notebook.cells if block(cell) != "camera"]
    for cell in notebook.cells:
        cell.get("metadata", {}).get("lesson", {}).pop("ran", None)
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
            if predictions(cell.source) or {"hide-input", "remove-cell"} & set(tags(cell)):
                cell.metadata["jupyter"] = {"source_hidden": True}
    notebook.metadata[MARK] = _content_hash(notebook)
    return notebook


def start(number: int | str, course_folder: Path, work_folder: Path) -> list[Path]:
    """Copy lesson `number` and, where there is one, its exercise into `work_folder`; the paths of the copies.

    The folders mirror the course's, so links between the two go on working. An untouched copy is
    brought up to date; one that a person has changed is an error, and so is a lesson that is only planned. On
    an error no file changes.
    """
    entry = catalog.lesson_entry(number)
    if not catalog.written(entry, course_folder):
        done = ", ".join(each.label for each in catalog.lessons() if catalog.written(each, course_folder))
        raise LessonError(
            f"lesson {entry.label} ({entry.title}) is planned, not written; written are: {done or 'none yet'}"
        )
    names = [Path(folder) / f"{entry.stem}.ipynb" for folder in ("lessons", "exercises")]
    copies = {
        Path(work_folder) / name: working_copy(read_notebook(Path(course_folder) / name))
        for name in names
        if (Path(course_folder) / name).is_file()
    }
    outdated = {path: copy for path, copy in copies.items() if not _is_current(path, copy)}
    for path, copy in outdated.items():
        make_folder(path.parent, "your working copies")
        write_whole(path, notebook_text(copy))
    return list(copies)


def _is_current(path: Path, copy: NotebookNode) -> bool:
    """Whether `path` holds this copy already, perhaps executed; an error if a person's own work is there."""
    if not path.exists():
        return False
    there = read_notebook(path)
    if there.metadata.get(MARK) != _content_hash(there):
        raise LessonError(
            f"{path} has been changed since it was started: expected an untouched copy; rename or delete it "
            "to start again"
        )
    return there.metadata[MARK] == copy.metadata[MARK]
