"""Files as students hand them in: each gets its score and a reason, and nobody else's grade changes."""

import copy
import json
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from lesson_support import catalog
from lesson_support.grading.classes.intake import collect
from lesson_support.grading.classes.whole_class import grade_class
from lesson_support.grading.sandbox import Limits, Sandbox

COURSE = Path(__file__).parents[2]
FIRST, FOURTH = (f"{catalog.lesson_entry(number).stem}.ipynb" for number in (1, 4))
SOLUTION = (COURSE / "solutions" / FIRST).read_bytes()
EXERCISE = (COURSE / "exercises" / FIRST).read_bytes()
ANSWERS = ("offset-of", "window-layout", "test-contiguity", "slim-checkpoint")
FULL, NOTHING = (2, 2, 3, 3), (0, 0, 0, 0)
MOST = 50 << 20  # bytes of the largest file here


def solved():
    return json.loads(SOLUTION)


def written(notebook, **options):
    return json.dumps(notebook, **options).encode()


def code(source, **more):
    return {"cell_type": "code", "id": "added", "metadata": {}, "execution_count": None, "outputs": []} | {
        "source": source,
        **more,
    }


def with_cells(change):
    """The solution with another list of cells."""
    notebook = solved()
    notebook["cells"] = change(notebook["cells"])
    return written(notebook)


def edited(**sources):
    """The solution with other code in the cells of these ids."""

    def change(cells):
        return [
            cell | {"source": sources.get(cell["id"].replace("-", "_"), cell["source"])} for cell in cells
        ]

    return with_cells(change)


def as_format_3():
    """As the IPython Notebook of 2013 wrote it: worksheets, `input`, `prompt_number`."""
    cells = []
    for cell in solved()["cells"]:
        text = cell["source"] if isinstance(cell["source"], list) else cell["source"].splitlines(True)
        if cell["cell_type"] == "code":
            cells.append({"cell_type": "code", "input": text, "outputs": [], "prompt_number": 1})
        else:
            cells.append({"cell_type": "markdown", "source": text})
    sheets = [{"cells": cells, "metadata": {}}]
    return written({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": sheets})


def executed(size=1000):
    """The solution as it is saved after a run, with `size` bytes of outputs."""
    notebook = solved()
    ran = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for count, cell in enumerate(ran, 1):
        cell["execution_count"] = count
        text = "x" * (size // len(ran))
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    return written(notebook)


WRONG = {
    "offset_of": "def offset_of(index, shape, stride, offset):\n    return 0",
    "window_layout": "def window_layout(length, stride, offset, width, step):\n    return (1, 1), (1, 1), 0",
    "test_contiguity": "def test_contiguity(is_contiguous):\n    pass",
    "slim_checkpoint": "def slim_checkpoint(state):\n    return {}",
}
STRIP = (
    "import ast\n"
    "class Strip(ast.NodeTransformer):\n"
    "    def visit_Assert(self, node):\n"
    "        return ast.copy_location(ast.Pass(), node)\n"
    "get_ipython().ast_transformers.append(Strip())"
)
PRAISE = (
    "import sys, lesson_support\n"
    "from lesson_support.grading import learner\n"
    "def check(*_, **__): print('✔ correct (10 points)'); return True\n"
    "def exercise(*_): return check\n"
    "for place in (lesson_support, learner, sys.modules['lesson_support']):\n"
    "    place.check = place.exercise = place.solution = check"
)
LOUD = (
    "import logging, os, sys, warnings\n"
    "warnings.warn('careful'); print('careful', file=sys.stderr)\n"
    "logging.error('careful'); os.write(2, b'careful')\n"
    "quiet = offset_of\n"
    "def offset_of(*arguments):\n"
    "    warnings.warn('careful'); print('careful', file=sys.stderr); os.write(2, b'careful')\n"
    "    return quiet(*arguments)"
)


@dataclass(frozen=True)
class File:
    """What is handed in; its points, status, and a part of the note."""

    content: bytes
    points: tuple[float, ...] = FULL
    status: str = "ok"
    note: str = ""


def cases():
    stub = {cell["id"]: cell for cell in json.loads(EXERCISE)["cells"]}
    doubled = [copy.deepcopy(cell) for cell in solved()["cells"]]
    return {
        "broken": File(SOLUTION[: len(SOLUTION) // 2], NOTHING, "unreadable", "the notebook"),
        "empty": File(b"", NOTHING, "unreadable", "the notebook"),
        "conflict": File(
            SOLUTION.replace(b"{", b"<<<<<<< HEAD\n{", 1), NOTHING, "unreadable", "the notebook"
        ),
        "html": File(b"<!DOCTYPE html><title>Sign in</title>", NOTHING, "unreadable", "the notebook"),
        "other-lesson": File(
            (COURSE / "solutions" / FOURTH).read_bytes(),
            NOTHING,
            "missing",
            "not attempted: offset_of, window_layout, test_contiguity, slim_checkpoint",
        ),
        "format-3": File(as_format_3()),
        "untouched": File(EXERCISE, NOTHING, "missing", "not attempted: offset_of"),
        "executed": File(executed()),
        "fifty-megabytes": File(executed(MOST)),
        "byte-order-mark": File(b"\xef\xbb\xbf" + SOLUTION),
        "utf-16": File(SOLUTION.decode().encode("utf-16")),
        "windows-lines": File(written(solved(), indent=1).replace(b"\n", b"\r\n")),
        "deleted-answer": File(
            with_cells(lambda cells: [cell for cell in cells if cell["id"] != "window-layout"]),
            (2, 0, 3, 3),
            "missing",
            "not attempted: window_layout",
        ),
        "deleted-checks": File(
            with_cells(lambda cells: [cell for cell in cells if not cell["id"].endswith("-check")])
        ),
        "deleted-imports": File(
            with_cells(lambda cells: [cell for cell in cells if cell["id"] != "open"]),
            note="the cell slim-checkpoint-try: NameError",
        ),
        "answers-only": File(with_cells(lambda cells: [cell for cell in cells if cell["id"] in ANSWERS])),
        "edited-check": File(
            edited(offset_of=WRONG["offset_of"], offset_of_check="print('✔ correct')\nassert True"),
            (0, 2, 3, 3),
        ),
        "reversed": File(with_cells(lambda cells: cells[::-1]), note="the cell offset-of-check: NameError"),
        "doubled": File(with_cells(lambda cells: cells + doubled)),
        "doubled-with-a-stub": File(
            with_cells(lambda cells: [*cells, stub["offset-of"]]),
            (0, 2, 3, 3),
            "missing",
            "not attempted: offset_of",
        ),
        "asserts-stripped": File(with_cells(lambda cells: [code(STRIP), *cells]), (2, 2, 0, 3)),
        "checks-redefined": File(
            with_cells(lambda cells: [*json.loads(edited(**WRONG))["cells"], code(PRAISE)]),
            NOTHING,
        ),
        "checks-redefined-first": File(
            with_cells(lambda cells: [code(PRAISE), *json.loads(edited(**WRONG))["cells"]]), NOTHING
        ),
        "checks-redefined-honestly": File(with_cells(lambda cells: [code(PRAISE), *cells])),
        "loud": File(with_cells(lambda cells: [*cells, code(LOUD)])),
        "code-as-markdown": File(
            with_cells(
                lambda cells: [
                    cell | {"cell_type": "markdown"} if cell["id"] == "test-contiguity" else cell
                    for cell in cells
                ]
            ),
            (2, 2, 0, 3),
            "missing",
            "not attempted: test_contiguity",
        ),
    }


CASES = cases()
TOO_LARGE = "seventy-megabytes"


def sandboxes():
    return Sandbox(limits=Limits(call_seconds=5.0, cell_seconds=5.0, notebook_seconds=30.0))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A class of one for each case; after each, in the same sandbox, somebody honest."""
    place = tmp_path_factory.mktemp("class")
    for name, case in {**CASES, TOO_LARGE: File(b" " * (70 << 20) + SOLUTION)}.items():
        for student, content in ((name, case.content), (f"{name}-honest", SOLUTION)):
            file = place / "in" / student / FIRST
            file.parent.mkdir(parents=True)
            file.write_bytes(content)
    (place / "in" / "linked").mkdir()
    (place / "in" / "linked" / FIRST).symlink_to(COURSE / "solutions" / FIRST)
    (place / "roster.csv").write_text("student\nlinked\n" + "".join(f"{name}\n" for name in names()))
    intake = collect(place / "in", roster=place / "roster.csv")
    found = grade_class(intake, place / "out", sandbox=sandboxes, seed=3)
    yield found
    for file in (place / "in").glob(f"*/{FIRST}"):
        file.unlink()  # the large ones are not kept for pytest's last three runs


def names():
    return [each for name in (*CASES, TOO_LARGE) for each in (name, f"{name}-honest")]


def rows_of(report):
    return {row.student: row for row in report.rows}


def points_of(row):
    return tuple(float(mark.score) for mark in row.marks)


def test_files_are_graded(report):
    assert set(rows_of(report)) == {*names(), "linked"}
    told = "\n".join(report.problems)
    for name, case in CASES.items():
        assert (f"{name}, lesson 01: unreadable" in told) == (case.status == "unreadable")


@pytest.mark.parametrize("name", CASES)
def test_a_file_gets_its_score_and_a_reason(report, name):
    row, case = rows_of(report)[name], CASES[name]
    assert (points_of(row), row.status) == (case.points, case.status), row
    assert case.note in row.note and (row.note or case.status == "ok")
    assert row.final == Decimal(sum(case.points))
    for mark, full in zip(row.marks, FULL, strict=True):
        assert mark.score == full or mark.cause, "a lost point without a cause"


@pytest.mark.parametrize("name", [*CASES, TOO_LARGE])
def test_whoever_comes_after_it_is_graded_as_ever(report, name):
    row = rows_of(report)[f"{name}-honest"]
    assert (points_of(row), row.status, row.note) == (FULL, "ok", "")


def test_a_notebook_that_is_too_large_says_so(report):
    row = rows_of(report)[TOO_LARGE]
    assert (points_of(row), row.status) == (NOTHING, "unreadable")
    assert "73 MB are too large for a notebook" in row.note


def test_a_link_to_the_solution_earns_nothing(report):
    row = rows_of(report)["linked"]
    assert (row.status, row.raw) == ("absent", Decimal(0)) and row.origin == ""
    assert f"linked/{FIRST} is a symbolic link and was not followed" in report.problems


def test_a_hostile_zip_costs_nobody_else_a_point(tmp_path):
    file = tmp_path / "in" / "class.zip"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for student in ("Zoë Ångström", "李明", "🦆", "a\u202eb", "con", ".."):
            archive.writestr(f"{student}/{FIRST}", SOLUTION)
        for path in ("../../evil", "/tmp/evil", "C:\\evil", "ann/../../evil"):
            archive.writestr(f"{path}/{FIRST}", SOLUTION)
        archive.writestr(f"bob/../<script>/{FIRST}", b"{")
        archive.writestr(f"<b>&amp;/{FIRST}", b"{")
    before = set(tmp_path.rglob("*"))
    report = grade_class(collect(file), tmp_path / "out", sandbox=sandboxes, seed=3, jobs=2)
    rows = rows_of(report)
    assert {name: (float(row.final), row.status) for name, row in rows.items()} == {
        **dict.fromkeys(("Zoë Ångström", "李明", "🦆", "a\\u202eb", "con"), (10.0, "ok")),
        "<b>&amp;": (0.0, "unreadable"),
    }
    assert sum("outside the archive" in each for each in report.problems) == 6
    made = set(tmp_path.rglob("*")) - before
    assert all(each.is_relative_to(tmp_path / "out") for each in made)
    assert "evil" not in "".join(each.name for each in made)
    pages = list((tmp_path / "out" / "feedback").glob("*.html"))
    assert len(pages) == len(rows)
    assert all("<b>&amp;/" not in page.read_text(encoding="utf-8") for page in pages)
