"""What the notebook tests really compare: nbval with our sanitizer, on notebooks that are right and wrong."""

import os
import re
import subprocess
import sys

import pytest
from nbformat import from_dict, v4

from lesson_support.authoring.merging import SANITIZER
from lesson_support.authoring.notebooks import write_notebook


def cell(source, *outputs, tags=()):
    return v4.new_code_cell(
        source,
        execution_count=1,
        metadata={"tags": list(tags)},
        outputs=[from_dict(output) for output in outputs],
    )


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def error(name, words, traceback="stored"):
    return {"output_type": "error", "ename": name, "evalue": words, "traceback": [traceback]}


def shown(**data):
    data = {mime.replace("_", "/", 1): value for mime, value in data.items()}
    return {"output_type": "display_data", "data": data, "metadata": {}}


RAISES = ["raises-exception"]
# name -> (cell, whether nbval is content)
CASES = {
    "equal": (cell("print(1)", printed("1\n")), True),
    "changed": (cell("print(2)", printed("1\n")), False),
    "silent": (cell("x = 1", printed("1\n")), False),
    "measured": (cell("print('a (measured 2×), b')", printed("a (measured 1×), b\n")), True),
    "beside measured": (cell("print('a (measured 2×), c')", printed("a (measured 1×), b\n")), False),
    "measured result": (
        cell("display({'text/plain': '(measured 2 s)'}, raw=True)", shown(text_plain="(measured 1 s)")),
        True,
    ),
    "html": (cell("display({'text/html': '<b>2</b>'}, raw=True)", shown(text_html="<b>1</b>")), False),
    "png": (cell("display({'image/png': 'BBBB'}, raw=True)", shown(image_png="AAAA")), True),
    "alt text": (
        cell(
            "display({'image/png': 'AAAA', 'text/plain': 'b'}, raw=True)",
            shown(image_png="AAAA", text_plain="a"),
        ),
        False,
    ),
    "ignored": (cell("print(2)", printed("1\n"), tags=["nbval-ignore-output"]), True),
    "ignored but raising": (cell("1 / 0", tags=["nbval-ignore-output"]), False),
    "unannounced error": (cell("1 / 0", error("ZeroDivisionError", "division by zero")), False),
    "error": (cell("1 / 0", error("ZeroDivisionError", "division by zero"), tags=RAISES), True),
    "another error": (cell("[][0]", error("ZeroDivisionError", "division by zero"), tags=RAISES), False),
    "another message": (cell("raise ValueError('b')", error("ValueError", "a"), tags=RAISES), False),
    "no error": (cell("x = 1", error("ValueError", "a"), tags=RAISES), False),
    "another traceback": (cell("raise ValueError('a')", error("ValueError", "a", "else"), tags=RAISES), True),
}


def nbval(folder, *arguments):
    """The outcome of each cell, by notebook and position, and the output of the run."""
    options = (
        f"--nbval --nbval-current-env --nbval-sanitize-with={SANITIZER} -v --color=no --rootdir {folder}"
    )
    plugins = "-p nbval.plugin -p xdist.plugin -p no:cacheprovider"
    command = [sys.executable, "-m", "pytest", *plugins.split(), *options.split(), *arguments, str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the others cost seconds and say nothing here
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    cell = r"(\w+)(?:\.|::)ipynb::Cell (\d+)"
    found = re.findall(cell + r" (PASSED|FAILED|ERROR)", done.stdout)
    found += [
        (*each, outcome) for outcome, *each in re.findall(r"(PASSED|FAILED|ERROR) " + cell, done.stdout)
    ]
    return {(name, int(number)): outcome for name, number, outcome in found}, done


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """All cases in one kernel: a cell that fails does not stop the next."""
    folder = tmp_path_factory.mktemp("cases")
    write_notebook(folder / "cases.ipynb", v4.new_notebook(cells=[each for each, _ in CASES.values()]))
    found, done = nbval(folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return {name: found["cases", position] for position, name in enumerate(CASES)}


@pytest.mark.parametrize("name", CASES)
def test_nbval_sees(name, outcomes):
    assert outcomes[name] == ("PASSED" if CASES[name][1] else "FAILED")


def test_notebooks_run_side_by_side_each_in_one_kernel(tmp_path):
    for name in ("one", "two"):
        cells = [cell("import os\nx = os.getpid()"), cell("print(x == os.getpid())", printed("True\n"))]
        write_notebook(tmp_path / f"{name}.ipynb", v4.new_notebook(cells=cells))
    found, done = nbval(tmp_path, "-n", "2", "--dist", "loadfile")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(found.values()) == {"PASSED"}
    assert len(re.findall(r"4 passed", done.stdout)) == 1
