"""`lessons start`: copies without answers, which nobody's work is lost under."""

import pytest
from nbformat import from_dict, v4

from lesson_support import catalog
from lesson_support.authoring.copies import start
from lesson_support.authoring.notebooks import read_notebook, write_notebook
from lesson_support.errors import LessonError

STEM = catalog.lesson_entry(1).stem
NAMES = [f"lessons/{STEM}.ipynb", f"exercises/{STEM}.ipynb"]


def cells(answer="print(1)"):
    output = from_dict({"output_type": "stream", "name": "stdout", "text": "1\n"})
    live = from_dict({"lesson": {"block": "build", "ran": "0123456789ab"}, "tags": ["hide-output"]})
    return [
        v4.new_markdown_cell(f"# Title, [exercise](../exercises/{STEM}.ipynb)", id="title"),
        v4.new_markdown_cell("Shots", id="camera", metadata=from_dict({"lesson": {"block": "camera"}})),
        v4.new_code_cell(answer, id="code", execution_count=3, outputs=[output], metadata=live),
    ]


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "course"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True)
        write_notebook(folder / name, v4.new_notebook(cells=cells()))
    return folder


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*.ipynb"))}


def edit(path, change):
    notebook = read_notebook(path)
    change(notebook)
    write_notebook(path, notebook)


def test_what_would_spoil_an_answer_starts_out_folded(course, work):
    asking = "predict('Q?', {'a': 'one', 'b': 'two', 'c': 'three'}, answer='a')"
    path = course / NAMES[0]
    edit(path, lambda nb: nb.cells.append(v4.new_code_cell(asking, id="asking")))
    edit(
        path,
        lambda nb: nb.cells.append(v4.new_code_cell("plot()", id="p", metadata={"tags": ["hide-input"]})),
    )
    folded = [
        cell.metadata.get("jupyter", {}).get("source_hidden", False)
        for cell in read_notebook(start(1, course, work)[0]).cells
        if cell.cell_type == "code"
    ]
    assert folded == [False, True, True]
    assert start(1, course, work)  # folding is no change


def test_copies_hold_no_output_and_no_camera(course, work):
    before = contents(course)
    assert start(1, course, work) == [work / name for name in NAMES]
    for name in NAMES:
        copy = read_notebook(work / name)
        assert [cell.id for cell in copy.cells] == ["title", "code"]
        assert (copy.cells[1].outputs, copy.cells[1].execution_count) == ([], None)
        assert copy.cells[1].metadata == {"lesson": {"block": "build"}, "tags": ["hide-output"]}
    assert contents(course) == before


def test_a_lesson_without_exercise_is_copied_alone(course, work):
    (course / NAMES[1]).unlink()
    assert start("01", course, work) == [work / NAMES[0]]


def test_starting_again_changes_nothing(course, work):
    start(1, course, work)
    before = contents(work)
    start(1, course, work)
    assert contents(work) == before


def test_a_copy_that_was_only_run_is_untouched_and_keeps_its_outputs(course, work):
    start(1, course, work)

    def run(notebook):
        notebook.cells[1].update(execution_count=1, outputs=cells()[2].outputs)
        notebook.cells.append(v4.new_code_cell("", id="empty"))

    edit(work / NAMES[0], run)
    before = contents(work)
    start(1, course, work)
    assert contents(work) == before


@pytest.mark.parametrize("name", NAMES)
def test_what_a_person_wrote_is_not_overwritten(course, work, name):
    start(1, course, work)
    edit(work / name, lambda notebook: notebook.cells[1].update(source="print(2)"))
    for each in NAMES:  # a newer course, so that both copies are due
        write_notebook(course / each, v4.new_notebook(cells=cells("print(3)")))
    before = contents(work)
    with pytest.raises(LessonError, match=f"{name} has been changed"):
        start(1, course, work)
    assert contents(work) == before


def test_a_notebook_of_a_persons_own_is_not_overwritten(course, work):
    (work / "lessons").mkdir(parents=True)
    write_notebook(work / NAMES[0], v4.new_notebook(cells=cells()))
    before = contents(work)
    with pytest.raises(LessonError, match="has been changed"):
        start(1, course, work)
    assert contents(work) == before


def test_an_untouched_copy_follows_the_course(course, work):
    start(1, course, work)
    write_notebook(course / NAMES[1], v4.new_notebook(cells=cells("print(3)")))
    start(1, course, work)
    assert read_notebook(work / NAMES[1]).cells[1].source == "print(3)"


def test_a_planned_lesson_is_refused(course, work):
    with pytest.raises(LessonError, match="lesson 02 .* is planned.* written are: 01"):
        start(2, course, work)
    assert not work.exists()
