"""The benchmark of the graders: the notebooks it grades, the table it makes, and what it does not time."""

import json
import sys

import pytest

from lesson_support import measured
from lesson_support.bench import grading
from lesson_support.errors import LessonError
from lesson_support.grading.sandbox.worker import cells_of


def test_the_notebooks_are_right_untouched_and_partly_right():
    made = grading.submissions(50)
    assert len({*made}) == 50
    answered = [sum("raise NotImplementedError" not in text for _, text in cells_of(each)) for each in made]
    whole, untouched = max(answered), min(answered)
    assert answered.count(whole) >= 20 and answered.count(untouched) >= 10
    assert len({*answered}) > 2 and whole - untouched == 3  # the fourth question has code to repair


def test_both_graders_are_measured_on_the_same_notebooks(monkeypatch, tmp_path, capsys):
    pytest.importorskip("nbgrader")
    for name, value in {"NOTEBOOKS": 2, "CHUNK": 1, "SANDBOXES": 1, "GRADINGS": 4}.items():
        monkeypatch.setattr(grading, name, value)
    run = measured.record_run(grading.measure(), tmp_path)
    records = measured.load_run(run)
    ours, _, theirs = records["grading/speed"].result.rows
    assert (ours.n, theirs.n) == (2, 2) and ours.labels[0].startswith("this grader")
    assert theirs.labels[0].startswith("nbgrader 0.") and 0 < theirs.low <= theirs.median <= theirs.high
    assert ours.median > theirs.median
    assert [row.labels for row in records["grading/memory"].result.rows] == [(1,), (2,), (3,), (4,)]
    assert "grades per second" in capsys.readouterr().out


def test_graders_that_do_not_agree_are_not_timed():
    with pytest.raises(AssertionError, match="do not give the same scores"):
        grading._interleaved({"a": lambda chunk: [(1.0,)], "b": lambda chunk: [(0.5,)]}, 1)


def test_the_turns_change_and_every_grader_gets_every_chunk(monkeypatch):
    monkeypatch.setattr(grading, "CHUNK", 2)
    asked = []

    def grader(name):
        return lambda chunk: asked.append((name, chunk)) or [(1.0,)] * len(chunk)

    speeds = grading._interleaved({"a": grader("a"), "b": grader("b")}, 3)
    assert asked[2:] == [("a", range(2)), ("b", range(2)), ("b", range(2, 3)), ("a", range(2, 3))]
    assert {name: len(each) for name, each in speeds.items()} == {"a": 2, "b": 2}


def test_without_nbgrader_it_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "nbgrader", None)
    with pytest.raises(LessonError, match="nbgrader is not installed"):
        grading.measure()


def test_the_cells_of_nbgrader_are_the_check_cells():
    source = grading._with_grade_cells(json.loads(grading.submissions(1)[0]), tests=True)
    marked = [cell for cell in source["cells"] if "nbgrader" in cell["metadata"]]
    assert sum(cell["metadata"]["nbgrader"]["points"] for cell in marked) == 10
    assert all("evaluate(" in cell["source"] for cell in marked)
