"""Each hostile notebook gets the score that it deserves and a status that says why; the grader lives on."""

import os
import re
import time
from pathlib import Path

import pytest

from tests.hostile import talking
from tests.hostile.bounds import bounded_sandbox
from tests.hostile.notebooks import FULL, GROUPS
from tests.hostile.questions import HONEST, LIMITS, QUESTIONS, SECRET, notebook

ATTACKS = {name: each for group in (*GROUPS, talking.TALK, talking.VALUES) for name, each in group.items()}
LONGEST = 45.0


@pytest.fixture(scope="module")
def sandbox():
    """One for all attacks; whatever fails, its processes inherit a bound on memory, files and time."""
    patch = pytest.MonkeyPatch()
    patch.setenv("LESSONS_SECRET", SECRET)
    with bounded_sandbox(LIMITS) as made:
        yield made
    patch.undo()


def descendants(process):
    """The numbers of all processes that `process` started, directly or not."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "status").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(re.search(r"PPid:\t(\d+)", text)[1])
    found = {process}
    while more := {each for each, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack(name, sandbox):
    attack = ATTACKS[name]
    started = time.monotonic()
    grade = sandbox.grade(notebook(*attack.cells), QUESTIONS, seed=5)
    assert time.monotonic() - started < LONGEST
    told = grade.note + "".join(line for result in grade.results for line in result.lines())
    told += " ".join(result.cause for result in grade.results)
    if attack.scores is not None:
        assert tuple(result.score for result in grade.results) == attack.scores, told
    if attack.status is not None:
        assert grade.status == attack.status, told
    assert re.search(attack.told, told, re.DOTALL), told
    told.encode()  # it can be written to a file
    assert "\x1b" not in told and "\0" not in told
    for result in grade.results:
        assert result.score == result.points or result.cause, "a lost point without a cause"
    # Only the zygote is left, and the process that waits for it.
    assert len(descendants(sandbox._zygote.process.pid)) <= 1
    after = sandbox.grade(notebook(*HONEST), QUESTIONS, seed=6)
    assert (tuple(result.score for result in after.results), after.status) == (FULL, "ok"), after
    assert os.getpgid(0) and after.note == ""
