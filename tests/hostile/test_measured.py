"""A generator across the wall: what it yields is data, and the grader does the counting."""

import inspect
import re

import pytest

from lesson_support.questions.lesson_02.blocking import QUESTION, blocked_order
from tests.hostile.bounds import bounded_sandbox
from tests.hostile.questions import LIMITS, notebook

HONEST = "from collections.abc import Iterator\n" + inspect.getsource(blocked_order)
HEAD = "def blocked_order(n, m, k, tile):\n    "
ANSWERS = {
    "an honest generator": (HONEST, "correct", ""),
    "an honest list": (
        HONEST + "\nlazy = blocked_order\n" + HEAD + "return list(lazy(n, m, k, tile))",
        "correct",
        "",
    ),
    "a cache model that counts nothing": (
        "from lesson_support.tensors import cache\n"
        "cache.Cache.touch = lambda self, address: False\n"
        "cache.matmul_loads = lambda *_, **__: cache.Loads(0, 0, 0)\n" + HEAD + "return cache.ipj(n, m, k)",
        "incorrect",
        "lines loaded: a ",
    ),
    "a generator without an end": (HEAD + "while True: yield 0, 0, 0", "incorrect", "stopped after 40,000"),
    "a generator that never yields": (HEAD + "while True: pass\n    yield", "incorrect", "no answer within"),
    "triples too large to travel": (
        HEAD + "while True: yield (0,) * 100",
        "incorrect",
        "too many items|too large|no answer within",
    ),
    "an islice of its own": (
        "import itertools\nfrom lesson_support.grading import asking\n"
        "asking.islice = lambda found, items: itertools.repeat((0, 0, 0), 390_000 // 4)\n"
        + HEAD
        + "return []",
        "incorrect",
        "stopped after 40,000",
    ),
    "the right words": (
        HEAD + "return ['every product once, at most 3 lines loaded']",
        "incorrect",
        "position 0 no triple",
    ),
}


@pytest.fixture(scope="module")
def sandbox():
    with bounded_sandbox(LIMITS) as made:
        yield made


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_in_a_sandbox_is_measured_outside(name, sandbox):
    source, status, told = ANSWERS[name]
    (result,) = sandbox.grade(notebook(source), (QUESTION,), seed=3).results
    said = "\n".join(result.lines())
    assert result.status == status, said
    assert re.search(told, said), said
