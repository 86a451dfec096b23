"""Exercise 49 against rustc: what it says about nine programs, and where it refuses straight lines."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lesson_support.authoring.notebooks import read_notebook
from lesson_support.questions.lesson_49 import borrowing, ownership

pytestmark = pytest.mark.skipif(shutil.which("rustc") is None, reason="no Rust compiler here")
MASTER = Path(__file__).resolve().parents[2] / "solutions" / "49_rust_kernels.ipynb"

_LINES = {
    "let": "let mut {0} = String::new();",
    "share": "let {0} = &{1};",
    "mut": "let {0} = &mut {1};",
    "use": "look({0});",
    "read": "look(&{0});",
    "write": "{0}.push('a');",
    "move": "drop({0});",
}


def errors(source: str, folder: Path) -> list[dict]:
    """What rustc finds wrong with `source`, in its own words."""
    file = folder / "program.rs"
    file.write_text(source, encoding="utf-8")
    command = ["rustc", "--edition=2021", "--emit=metadata", "--error-format=json", "-Awarnings", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder)
    said = [json.loads(line) for line in done.stderr.splitlines()]
    found = [each for each in said if each["level"] == "error" and each["spans"]]
    assert bool(found) == bool(done.returncode), done.stderr
    return found


def programs_of_the_exercise() -> dict[str, str]:
    task = next(cell for cell in read_notebook(MASTER).cells if cell.id == "rustc-says-task").source
    return dict(re.findall(r"^\*\*(\w)\*\*\n\n```rust\n(.*?)\n```", task, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", sorted(ownership.RECORDED))
def test_the_compiler_says_what_was_recorded(name, tmp_path):
    programs = programs_of_the_exercise()
    assert programs.keys() == ownership.RECORDED.keys()
    found = errors(f"fn main() {{\n{programs[name]}\n}}", tmp_path)
    codes = {each["code"]["code"] for each in found}
    assert codes == ({ownership.RECORDED[name]} - {None})


def refused_by_rustc(programs: list[list], folder: Path) -> list[int | None]:
    """For each program the first line with an error, all of them compiled at once, a function each."""
    source, owner = ["fn look(_: &str) {}"], [None]
    for number, program in enumerate(programs):
        source += [f"pub fn f{number}() {{"]
        owner += [None]
        for at, (what, *names) in enumerate(program):
            source.append(_LINES[what].format(*names))
            owner.append((number, at))
        source += ["}"]
        owner += [None]
    first: list[int | None] = [None] * len(programs)
    for error in errors("\n".join([*source, "fn main() {}"]), folder):
        line = next(span["line_start"] for span in error["spans"] if span["is_primary"])
        number, at = owner[line - 1]
        first[number] = at if first[number] is None else min(first[number], at)
    return first


def test_the_rule_is_rustcs(tmp_path):
    rng = np.random.default_rng(49)
    programs = [program for (program,) in borrowing.cases(rng)] + borrowing.programs(rng, 260, 12)
    refused = refused_by_rustc(programs, tmp_path)
    for program, line in zip(programs, refused, strict=True):
        assert borrowing.first_refusal(program) == borrowing.oracle(program) == line, program
    assert 60 < sum(line is not None for line in refused) < 260
