"""A small book in a folder of its own, built as the real one is.

`_config.yml`, extensions, styles and pages are the project's; only the lessons are samples.
"""

import functools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from nbformat import v4

from lesson_support.authoring.notebooks import NOTEBOOK_METADATA, write_notebook
from lesson_support.authoring.tables import write_tables
from tests.book import sample_lessons
from tests.book.sample_lessons import FIRST, SECOND

ROOT = Path(__file__).resolve().parents[2]


def pages() -> list[Path]:
    """The pages of the book that are written by hand; those of the phases are generated."""
    book = ROOT / "book"
    return sorted(path.relative_to(ROOT) for path in (*book.glob("*.md"), *book.glob("instructors/*.md")))


def write_book(folder: Path, change: Callable[[dict], None] = lambda notebooks: None, **config) -> Path:
    """Write the sample book; `change` may alter notebooks by name, `config` the `sphinx: config` keys."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    settings["sphinx"]["config"].update(config)
    (folder / "_config.yml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    for part in ("_ext", "_static"):
        shutil.copytree(
            ROOT / "book" / part, folder / "book" / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    for page in pages():
        target = folder / page
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / page, target)
    write_notebooks(folder, change)
    write_tables(folder)
    return folder


def write_notebooks(folder: Path, change: Callable[[dict], None] = lambda notebooks: None) -> None:
    """Write the sample notebooks, `change`d."""
    notebooks = {
        f"lessons/{FIRST}": sample_lessons.lesson_one(),
        f"lessons/{SECOND}": sample_lessons.lesson_two(),
        f"exercises/{FIRST}": sample_lessons.exercise_one(),
    }
    change(notebooks)
    for name, cells in notebooks.items():
        path = folder / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
            cell.execution_count = count
        write_notebook(path, v4.new_notebook(cells=cells, metadata=NOTEBOOK_METADATA))


def write_report(folder: Path) -> None:
    """A report of a test run: the first lesson took 20 seconds, the second 50."""
    cases = "".join(
        f'<testcase classname="{place}.{stem}.ipynb" name="Cell {cell}" time="{seconds}"/>'
        for place, stem, cell, seconds in (
            ("lessons", FIRST, 0, 12.5),
            ("lessons", FIRST, 1, 7.5),
            ("lessons", SECOND, 0, 50),
            ("solutions", FIRST, 0, 900),
        )
    )
    (folder / ".test-report").mkdir()
    (folder / ".test-report" / "tier-2.xml").write_text(
        f"<testsuites><testsuite>{cases}</testsuite></testsuites>"
    )


@functools.cache
def sample_site(temporary: Path) -> Path:
    """The pages of the sample book, built once a session below pytest's temporary folder."""
    folder = temporary / "sample-book"
    folder.mkdir()
    write_book(
        folder,
        html_baseurl="https://example.org/book/",
        course_redirects={"lessons/01_former": f"lessons/{FIRST}"},
    )
    write_report(folder)
    return _site(folder, folder)


@functools.cache
def real_site(temporary: Path) -> Path:
    """The pages of the book itself, built once a session with warnings as errors."""
    return _site(ROOT, temporary / "real-book")


def _site(source: Path, output: Path) -> Path:
    built = build(source, "-W", "-n", "--path-output", str(output))
    assert built.returncode == 0, built.stdout + built.stderr
    return output / "_build" / "html"


def build(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Build the book in `folder` with Jupyter Book; its pages are in `_build/html`."""
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ".", "--keep-going", "--quiet", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)
