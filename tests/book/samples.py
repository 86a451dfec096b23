"""A small book in a folder of its own, built as the real one is.

`_config.yml`, extensions, styles and generated pages are the project's; only the lessons are samples.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from nbformat import v4

from lesson_support.authoring.notebooks import NOTEBOOK_METADATA, write_notebook
from tests.book import sample_lessons
from tests.book.sample_lessons import FIRST, SECOND

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("claims", "errors", "measurements", "runtimes", "instructors/camera")


def write_book(folder: Path, change: Callable[[dict], None] = lambda notebooks: None, **config) -> Path:
    """Write the sample book; `change` may alter notebooks by name, `config` the `sphinx: config` keys."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    settings["sphinx"]["config"].update(config)
    (folder / "_config.yml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    for part in ("_ext", "_static"):
        shutil.copytree(
            ROOT / "book" / part, folder / "book" / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    for page in GENERATED:
        target = folder / "book" / f"{page}.md"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "book" / f"{page}.md", target)
    (folder / "book" / "start.md").write_text("# Sample\n\nA book for tests.\n", encoding="utf-8")
    phases = folder / "book" / "phases"
    phases.mkdir()
    (phases / "01.md").write_text("# Phase 1\n\nTensors.\n", encoding="utf-8")
    write_notebooks(folder, change)
    toc = {
        "format": "jb-book",
        "root": "book/start",
        "parts": [
            {"caption": "Lessons", "chapters": [
                {"file": "book/phases/01", "sections": [
                    {"file": f"lessons/{FIRST}", "sections": [{"file": f"exercises/{FIRST}"}]},
                    {"file": f"lessons/{SECOND}"}]}]},
            {"caption": "Reference", "chapters": [{"file": f"book/{page}"} for page in GENERATED]},
        ],
    }  # fmt: skip
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
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


def build(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Build the book in `folder` with Jupyter Book; its pages are in `_build/html`."""
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ".", "--keep-going", "--quiet", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)
