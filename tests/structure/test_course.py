"""The course itself: every written lesson keeps every rule, and what is generated is up to date."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

from lesson_support import catalog
from lesson_support.authoring.exercises import stale_exercises
from lesson_support.authoring.notebooks import read_notebook
from lesson_support.authoring.pictures import PICTURE, picture_text, write_picture
from lesson_support.authoring.prose import banned_words
from lesson_support.authoring.reviewing import review
from lesson_support.authoring.tables import stale_tables

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = [entry for entry in catalog.lessons() if catalog.written(entry, ROOT)]


def tracked() -> list[Path]:
    """The files that are, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_written_lessons_keep_every_rule():
    assert [str(problem) for problem in review(WRITTEN, ROOT)] == []


def test_every_notebook_is_a_lesson_of_the_catalog():
    stems = {entry.stem for entry in catalog.lessons()}
    for folder in ("lessons", "exercises", "solutions"):
        assert {path.stem for path in (ROOT / folder).glob("*.ipynb")} <= stems


def test_a_written_lesson_has_its_exercise_and_solution():
    for entry in WRITTEN:
        for folder in ("exercises", "solutions"):
            assert (ROOT / folder / f"{entry.stem}.ipynb").is_file(), (entry.stem, folder)


def test_solutions_are_executed_without_errors():
    for path in (ROOT / "solutions").glob("*.ipynb"):
        for cell in read_notebook(path).cells:
            if cell.cell_type == "code":
                assert cell.execution_count is not None, (path.name, cell.id)
                assert all(output.output_type != "error" for output in cell.outputs), (path.name, cell.id)


def test_what_is_generated_is_up_to_date(tmp_path):
    assert stale_tables(ROOT) == [], "run `lessons tables`"
    assert stale_exercises(ROOT) == [], "run `lessons exercises`"
    assert (ROOT / PICTURE).read_text(encoding="utf-8") == picture_text(), "run `lessons tables`"
    assert write_picture(tmp_path) == [tmp_path / PICTURE] and write_picture(tmp_path) == []


def requirements() -> set[str]:
    """Every distribution that pyproject.toml or requirements.txt names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [
        *project["dependencies"],
        *(x for extra in project["optional-dependencies"].values() for x in extra),
    ]
    lines += (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = (re.match(r"[A-Za-z][\w.-]*", line) for line in lines)
    return {match[0].lower() for match in names if match}


def test_every_dependency_has_its_reason():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("## Dependencies, one reason each")[1].lower()
    assert {"torch", "nbgrader", "jupyterlab"} <= requirements()
    unexplained = {
        name for name in requirements() if name.replace("jupyter-book", "jupyter-book 1") not in table
    }
    assert unexplained == set()


def test_requirements_pin_what_pyproject_admits():
    pins = dict(
        re.findall(r"(?m)^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"))
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in project["dependencies"]:
        name, at_least = re.match(r"([\w.-]+)>=([\d.]+)", line).groups()
        assert Version(pins[name]) >= Version(at_least), line


def test_pages_of_the_book_use_no_banned_word():
    pages = [*(ROOT / "book").rglob("*.md"), ROOT / "README.md"]
    assert [str(p) for page in pages for p in banned_words(page.stem, page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("words", [["check"], ["format", "--check"]])
def test_code_is_formatted_and_free_of_lint(words):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *words, "--no-cache", "lesson_support", "tests", "book"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_repository_stays_small():
    sizes = {path: path.stat().st_size for path in tracked()}
    assert sum(sizes.values()) < 40_000_000
    assert {path.name: size for path, size in sizes.items() if size > 700_000} == {}


def foreign(text: str) -> list[str]:
    """Paths of one machine in `text`."""
    return re.findall(r"(?<![\w.:/])/(?:root|home|work|Users)/\w[\w./-]*", text)


def test_no_file_carries_a_path_of_one_machine():
    found = {}
    for path in tracked():
        if path.suffix in (".png", ".ico") or path == Path(__file__):
            continue
        inside = path.read_text(encoding="utf-8")
        if path.is_relative_to(ROOT / "tests"):
            continue  # tests of that very rule hold such paths
        if hits := foreign(inside):
            found[path.name] = hits
    assert found == {}
    assert foreign("see /home/someone/notes") and not foreign("see https://x.org/home/page and work/lessons")
