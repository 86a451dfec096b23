"""Exercises are made from their masters, byte for byte, and never over a person's work."""

import builtins
import shutil
from pathlib import Path

import pytest

from lesson_support.authoring.exercises import make_exercise, stale_exercises
from lesson_support.authoring.notebooks import read_notebook, write_notebook
from lesson_support.errors import LessonError

COURSE = Path(__file__).resolve().parents[2]
NAME = "01_tensor_mechanics.ipynb"


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "exercises").mkdir()
    shutil.copy(COURSE / "solutions" / NAME, tmp_path / "solutions" / NAME)
    return tmp_path


def change_master(course, change):
    master = course / "solutions" / NAME
    notebook = read_notebook(master)
    change({cell.id: cell for cell in notebook.cells})
    write_notebook(master, notebook)


def test_the_exercises_of_the_course_are_up_to_date():
    assert stale_exercises(COURSE) == []


def test_an_exercise_holds_stubs_and_no_solution(course):
    file = make_exercise(1, course)
    notebook = read_notebook(file)
    cells = {cell.id: cell for cell in notebook.cells}
    assert "raise NotImplementedError" in cells["offset-of"].source
    assert "place +=" not in cells["offset-of"].source
    assert cells["slim-checkpoint"].source.startswith("def slim_checkpoint(state: dict) -> dict:")
    assert "copies" not in cells["slim-checkpoint"].source
    text = file.read_text()
    assert "SOLUTION" not in text and "checksum" not in text
    assert f"solutions/{NAME}" in notebook.cells[1].source
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    masters = [cell.id for cell in read_notebook(course / "solutions" / NAME).cells]
    assert [cell.id for cell in notebook.cells] == [masters[0], "generated", *masters[1:]]


def test_making_twice_gives_the_same_bytes(course):
    first = make_exercise(1, course).read_bytes()
    assert make_exercise(1, course).read_bytes() == first
    assert stale_exercises(course) == []


def test_a_marked_output_is_kept(course):
    def tag(cells):
        cells["slim-checkpoint-try"].metadata["tags"] = ["keep-output"]

    change_master(course, tag)
    cells = {cell.id: cell for cell in read_notebook(make_exercise(1, course)).cells}
    assert cells["slim-checkpoint-try"].outputs[0].data["text/plain"] == "True"
    assert cells["offset-of-check"].outputs == []


@pytest.mark.parametrize("where", ["source", "layout", "nonsense"])
def test_what_a_person_changed_is_never_overwritten(course, where):
    file = make_exercise(1, course)
    if where == "source":
        notebook = read_notebook(file)
        notebook.cells[3].source += "\nmine = 1"
        write_notebook(file, notebook)
    elif where == "layout":
        file.write_text(file.read_text() + "\n")
    else:
        file.write_text("not a notebook")
    before = file.read_bytes()
    with pytest.raises(LessonError, match="changed by hand"):
        make_exercise(1, course)
    assert file.read_bytes() == before
    assert stale_exercises(course) == [f"exercises/{NAME} was changed by hand"]


def test_an_exercise_follows_its_master(course):
    make_exercise(1, course)

    def rename(cells):
        cells["intro"].source += "\n\nOne more sentence."

    change_master(course, rename)
    (problem,) = stale_exercises(course)
    assert "is older than" in problem
    make_exercise(1, course)
    assert stale_exercises(course) == []


def test_missing_and_orphaned_exercises_are_stale(course):
    assert stale_exercises(course) == [f"exercises/{NAME} is missing"]
    file = make_exercise(1, course)
    file.rename(file.with_name("02_other.ipynb"))
    assert stale_exercises(course) == [
        f"exercises/{NAME} is missing",
        "exercises/02_other.ipynb has no master in solutions/",
    ]


@pytest.mark.parametrize(
    "source, told",
    [
        ("### BEGIN SOLUTION\nx = 1", "no end solution"),
        ("x = 1\n### END SOLUTION", "does not begin"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "nested"),
    ],
)
def test_a_region_that_is_not_closed_is_an_error(course, source, told):
    def break_it(cells):
        cells["offset-of"].source = source

    change_master(course, break_it)
    with pytest.raises(LessonError, match=f"the cell offset-of .*{told}"):
        make_exercise(1, course)
    assert not (course / "exercises" / NAME).exists()


def test_without_nbgrader_the_error_says_what_to_install(course, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **named):
        if name.startswith("nbgrader"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(LessonError, match="nbgrader is not installed"):
        make_exercise(1, course)


def test_without_a_master_there_is_no_exercise(course):
    with pytest.raises(LessonError, match="holds 0 notebooks"):
        make_exercise(2, course)
