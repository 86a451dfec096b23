"""The `lessons` command as a person meets it: exit codes, one sentence on error, nothing changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LESSONS = [sys.executable, "-m", "lesson_support.cli"]


def lessons(*words, cwd=ROOT, **environment):
    """Run the command as a user would, in a process of its own."""
    return subprocess.run(
        [*LESSONS, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.fixture
def course(tmp_path):
    """A checkout with one written lesson (number 1) whose notebook prints one line."""
    for folder in ("book", "lessons", "exercises", "solutions"):
        (tmp_path / folder).mkdir()
    (tmp_path / "_config.yml").write_text("title: a course for tests\n")
    cell = {
        "cell_type": "code",
        "id": "say",
        "metadata": {"lesson": {"block": "build"}},
        "source": ["print(6 * 7)"],
        "outputs": [{"output_type": "stream", "name": "stdout", "text": ["42\n"]}],
        "execution_count": 1,
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "lessons" / "01_tensor_mechanics.ipynb").write_text(json.dumps(notebook))
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(done, *words):
    """The command said one sentence on standard error that holds `words`, and failed."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("lessons: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_list_shows_all_fifty_and_which_are_planned(course):
    done = lessons("list", LESSONS_COURSE=str(course))
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line[:2].isdigit()]
    assert [int(row[:2]) for row in rows] == list(range(1, 51))
    assert "planned" not in rows[0] and all("planned" in row for row in rows[1:])


def test_list_of_one_phase(course):
    done = lessons("list", "--phase", "9", LESSONS_COURSE=str(course))
    rows = [int(line[:2]) for line in done.stdout.splitlines() if line[:2].isdigit()]
    assert rows == list(range(34, 44))
    refused(lessons("list", "--phase", "11", LESSONS_COURSE=str(course)), "phase 11", "1 to 10")


def test_path_ends_in_the_lesson_after_its_prerequisites(course):
    done = lessons("path", "42", LESSONS_COURSE=str(course))
    numbers = [int(line[:2]) for line in done.stdout.splitlines() if line[:2].isdigit() and line[2:4] == "  "]
    assert numbers[-1] == 42 and 40 in numbers and 36 in numbers and 50 not in numbers


@pytest.mark.parametrize("command", ["run", "path", "start", "fmt", "lint"])
def test_a_lesson_that_does_not_exist(course, command):
    before = contents(course)
    refused(lessons(command, "99", LESSONS_COURSE=str(course)), "99", "1 to 50")
    assert contents(course) == before


@pytest.mark.parametrize("command", ["run", "start", "fmt", "lint"])
def test_a_planned_lesson(course, command):
    before = contents(course)
    refused(lessons(command, "2", LESSONS_COURSE=str(course)), "planned", "written are: 01")
    assert contents(course) == before


@pytest.mark.parametrize("command", ["run", "start", "fmt"])
def test_a_corrupt_notebook(course, command):
    (course / "lessons" / "01_tensor_mechanics.ipynb").write_text('{"cells": [')
    before = contents(course)
    refused(lessons(command, "1", LESSONS_COURSE=str(course)), "01_tensor_mechanics.ipynb")
    assert contents(course) == before


def test_run_reports_seconds_and_twice_gives_no_diff(course):
    first = lessons("run", "1", LESSONS_COURSE=str(course))
    assert first.returncode == 0, first.stderr
    assert "01_tensor_mechanics" in first.stdout
    once = contents(course / "lessons")
    assert lessons("run", "tensor_mechanics", LESSONS_COURSE=str(course)).returncode == 0
    assert contents(course / "lessons") == once


def test_start_makes_a_copy_without_outputs(course):
    done = lessons("start", "1", LESSONS_COURSE=str(course))
    assert done.returncode == 0, done.stderr
    copy = json.loads((course / "work" / "lessons" / "01_tensor_mechanics.ipynb").read_text())
    assert copy["cells"][0]["outputs"] == []
    assert "42" in (course / "lessons" / "01_tensor_mechanics.ipynb").read_text()


def test_a_place_that_cannot_be_written_is_named(course):
    before = contents(course)
    done = lessons("start", "1", "--into", str(course / "_config.yml" / "work"), LESSONS_COURSE=str(course))
    refused(done, str(course / "_config.yml" / "work"))
    assert contents(course) == before


def test_a_home_that_cannot_be_written_is_named(course):
    home = course / "_config.yml" / "records"  # below a file: not even root may create it
    done = lessons("doctor", LESSONS_COURSE=str(course), LESSONS_HOME=str(home))
    (line,) = (line for line in done.stdout.splitlines() if "your records" in line)
    assert line.startswith("✘") and "progress cannot be kept" in line


def test_progress_of_nobody_yet(course):
    done = lessons("progress", LESSONS_COURSE=str(course), LESSONS_HOME=str(course / "nobody"))
    assert done.returncode == 0 and "0 of 10" in done.stdout
    assert not (course / "nobody").exists()


def test_check_wants_a_working_copy_first(course):
    refused(lessons("check", "1", LESSONS_COURSE=str(course)), "lessons start 01")


def test_outside_a_checkout_the_folder_is_named(tmp_path):
    refused(lessons("start", "1", LESSONS_COURSE=str(tmp_path)), str(tmp_path), "_config.yml")
    assert lessons("list", LESSONS_COURSE=str(tmp_path)).stdout.count("min") == 50


def test_doctor_knows_this_machine(course):
    done = lessons("doctor", LESSONS_COURSE=str(course))
    assert done.returncode == 0, done.stderr
    import torch

    assert torch.__version__ in done.stdout and "C++ compiler" in done.stdout


def test_doctor_says_what_is_missing_and_still_ends_well(course, tmp_path):
    done = lessons("doctor", LESSONS_COURSE=str(course), PATH=str(tmp_path), CXX="no-such-compiler")
    assert done.returncode == 0, done.stderr
    compiler = next(line for line in done.stdout.splitlines() if "C++ compiler" in line)
    assert compiler.startswith("✘") and "no-such-compiler" in done.stdout


def test_help_names_every_command():
    done = lessons("--help")
    assert done.returncode == 0
    for command in ("list", "path", "start", "run", "fmt", "lint", "tables", "doctor"):
        assert f" {command} " in done.stdout


def test_importing_the_package_does_not_import_torch():
    code = "import sys; from lesson_support import cli, claims, draw; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "False", done.stderr


def test_an_unknown_name_says_what_the_package_offers():
    import lesson_support

    with pytest.raises(AttributeError, match="verify"):
        lesson_support.veryfy  # noqa: B018
    assert {"lesson", "verify", "draw"} <= set(dir(lesson_support))
