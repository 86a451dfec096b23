"""`exercises/NN_slug.ipynb`, made from the master in `solutions/` by nbgrader's preprocessors."""

import copy
import hashlib
import re
from pathlib import Path

from nbformat import NotebookNode, v4

from lesson_support.authoring.notebooks import (
    NOTEBOOK_METADATA,
    notebook_text,
    parse_notebook,
    read_notebook,
    tags,
    write_notebook,
)
from lesson_support.errors import LessonError
from lesson_support.grading.library import questions_of
from lesson_support.questions.kinds import Repair

STUB = "# Your code here.\nraise NotImplementedError"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HEADER = "generated"
KEEP_OUTPUT = "keep-output"


def make_exercise(number: int, course: Path) -> Path:
    """Write the exercise of lesson `number`; equal masters give equal bytes.

    LessonError, and no file touched, where nbgrader is not installed, there is no master, a solution is not
    marked, or the exercise in the way was changed by a person.
    """
    master = _master(number, course)
    target = course / "exercises" / master.name
    notebook = exercise_notebook(number, master)
    if target.exists() and not _is_ours(target):
        raise LessonError(
            f"{target} was changed by hand: expected it as it was generated from solutions/{master.name}; "
            "move your change there and delete the exercise"
        )
    target.parent.mkdir(exist_ok=True)
    write_notebook(target, notebook)
    return target


def stale_exercises(course: Path) -> list[str]:
    """What is wrong with the exercises of a checkout, one sentence each; empty where all are up to date."""
    problems = []
    masters = {file.name: file for file in sorted((course / "solutions").glob("[0-9][0-9]_*.ipynb"))}
    for name, master in masters.items():
        target = course / "exercises" / name
        if not target.is_file():
            problems.append(f"exercises/{name} is missing")
        elif not _is_ours(target):
            problems.append(f"exercises/{name} was changed by hand")
        elif target.read_text(encoding="utf-8") != notebook_text(exercise_notebook(int(name[:2]), master)):
            problems.append(
                f"exercises/{name} is older than solutions/{name}: run `lessons exercises {name[:2]}`"
            )
    for file in sorted((course / "exercises").glob("[0-9][0-9]_*.ipynb")):
        if file.name not in masters:
            problems.append(f"exercises/{file.name} has no master in solutions/")
    return problems


def exercise_notebook(number: int, master: Path) -> NotebookNode:
    """The exercise in memory: solutions cleared, outputs gone, a header cell after the title."""
    questions = {question.name: question for question in questions_of(number)}
    notebook = read_notebook(master)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            question = questions.get(cell.id.replace("-", "_"))
            stub = source_of_broken(question) if isinstance(question, Repair) else STUB
            _clear_solution(cell, stub, master)
        cell.metadata.pop("nbgrader", None)
    _clear_outputs(notebook)
    notebook.metadata = copy.deepcopy(NOTEBOOK_METADATA)
    notebook.cells.insert(1, _header(number, master.name))
    _sign(notebook)
    return notebook


def source_of_broken(question: Repair) -> str:
    """The broken code under the name that the learner repairs."""
    import inspect

    written = inspect.getsource(question.broken).rstrip()
    return re.sub(rf"\b{question.broken.__name__}\b", question.name, written)


def _preprocessors():
    try:
        from nbgrader.preprocessors import ClearOutput, ClearSolutions
    except ImportError:
        raise LessonError(
            "nbgrader is not installed: expected it for making exercises; pip install "
            "'lesson-support[instructor]'"
        ) from None
    return ClearOutput, ClearSolutions


def _clear_solution(cell: NotebookNode, stub: str, master: Path) -> None:
    _, clear_solutions = _preprocessors()
    if cell.source.count(END) > cell.source.count(BEGIN):
        raise LessonError(f"the cell {cell.id} of {master} ends a solution that it does not begin")
    clear = clear_solutions(
        code_stub={"python": stub},
        enforce_metadata=False,
        begin_solution_delimeter=BEGIN,
        end_solution_delimeter=END,
    )
    clear.log.disabled = True
    try:
        clear.preprocess_cell(cell, {"language": "python"}, 0)
    except RuntimeError as error:
        raise LessonError(f"the cell {cell.id} of {master}: {error}") from None


def _clear_outputs(notebook: NotebookNode) -> None:
    clear_output, _ = _preprocessors()
    kept = {cell.id: cell.outputs for cell in notebook.cells if KEEP_OUTPUT in tags(cell)}
    clear_output().preprocess(notebook, {})
    for cell in notebook.cells:
        if cell.id in kept:
            cell.outputs = kept[cell.id]


def _master(number: int, course: Path) -> Path:
    found = sorted((course / "solutions").glob(f"{number:02}_*.ipynb"))
    if len(found) != 1:
        raise LessonError(
            f"{course / 'solutions'} holds {len(found)} notebooks {number:02}_*.ipynb: expected one"
        )
    return found[0]


def _header(number: int, name: str) -> NotebookNode:
    text = (
        f"*Generated from `solutions/{name}`. Work in your own copy: `lessons start {number:02}` makes one "
        "in `work/`, and nothing overwrites it.*"
    )
    return v4.new_markdown_cell(text, id=HEADER, metadata={"lesson": {"generated": ""}})


def _sign(notebook: NotebookNode) -> None:
    """Record the hash of everything but the hash, so that a person's change shows."""
    header = next(cell for cell in notebook.cells if cell.id == HEADER)
    header.metadata.lesson.generated = ""
    header.metadata.lesson.generated = hashlib.sha256(notebook_text(notebook).encode()).hexdigest()


def _is_ours(file: Path) -> bool:
    """Whether `file` is, byte for byte, what some run of `make_exercise` wrote."""
    text = file.read_text(encoding="utf-8")
    try:
        notebook = parse_notebook(text, str(file))
        _sign(notebook)
    except (LessonError, StopIteration, AttributeError):
        return False
    return notebook_text(notebook) == text
