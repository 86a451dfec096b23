"""Mutated notebooks: every one is read or called unreadable, every one gets a grade, and the grader lives."""

import hashlib
import os
import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from lesson_support import catalog
from lesson_support.grading.library import questions_of
from lesson_support.grading.sandbox import Grade, Limits
from lesson_support.grading.sandbox.session import SEVERITY
from lesson_support.grading.sandbox.worker import cells_of
from tests.hostile.bounds import bounded_sandbox
from tests.hostile.mutating import LARGEST, mutants, rewritten
from tests.hostile.test_hostile import descendants

SOLUTION = Path(__file__).parents[2] / "solutions" / f"{catalog.lesson_entry(1).stem}.ipynb"
MASTER = SOLUTION.read_bytes()
LIMITS = Limits(
    call_seconds=1.5,
    cell_seconds=1.5,
    notebook_seconds=10.0,
    memory_bytes=512 << 20,
    file_bytes=16 << 20,
    message_bytes=16 << 20,
)
LONGEST = 60.0  # seconds for one mutant on a busy machine


def held_kilobytes():
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def test_the_same_seed_gives_the_same_mutants():
    first, again, other = ([*mutants(MASTER, seed, 300)] for seed in (1, 1, 2))
    assert first == again != other
    assert max(map(len, first)) <= LARGEST and len(set(first)) > 280


def test_ten_thousand_mutants_are_read_or_unreadable():
    fates, seen, before = Counter(), set(), held_kilobytes()
    for content in mutants(MASTER, 1, 10_000):
        seen.add(hashlib.sha256(content).digest())
        try:
            cells = cells_of(content)
        except ValueError as error:  # the one exception that the worker answers with "unreadable"
            fates["unreadable"] += 1
            assert str(error)
        else:
            fates["read"] += 1
            assert all(type(part) is str for cell in cells for part in cell)
            assert all(len(label) <= 64 and source.strip() for label, source in cells)
    assert len(seen) > 9_000
    assert fates["read"] > 3_000 and fates["unreadable"] > 2_000, fates
    assert held_kilobytes() - before < 100_000


@pytest.fixture(scope="module")
def sandbox():
    """Its processes inherit a bound on memory and on the size of files, whatever else fails."""
    with bounded_sandbox(LIMITS) as made:
        yield made


def test_three_hundred_executed_mutants_get_a_grade(sandbox):
    questions = questions_of(1)
    statuses, descriptors = Counter(), len(os.listdir("/proc/self/fd"))
    for i, content in enumerate(mutants(MASTER, 4, 300)):
        started = time.monotonic()
        grade = sandbox.grade(content, questions, seed=i)
        assert time.monotonic() - started < LONGEST
        assert type(grade) is Grade and grade.status in SEVERITY
        assert [result.question for result in grade.results] == [question.name for question in questions]
        for result in grade.results:
            assert 0 <= result.score <= result.points
            assert result.score == result.points or result.cause, "a lost point without a cause"
        grade.note.encode()
        statuses[grade.status] += 1
    assert len(descendants(sandbox._zygote.process.pid)) <= 1
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert statuses["ok"] >= 60 and statuses["unreadable"] >= 30, statuses
    after = sandbox.grade(MASTER, questions, seed=0)
    assert (sum(result.score for result in after.results), after.status, after.note) == (10, "ok", "")


def test_code_is_rewritten_in_one_cell():
    rng, whole = random.Random(0), dict(cells_of(MASTER))
    changed = [whole.items() - dict(cells_of(rewritten(MASTER, rng))).items() for _ in range(200)]
    assert max(map(len, changed)) == 1 and sum(map(len, changed)) > 150
