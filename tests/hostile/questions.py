"""Three small questions, and notebooks as bytes."""

import json

import numpy as np

from lesson_support.grading.sandbox import Limits
from lesson_support.questions import kinds

# Every hostile notebook ends within these; each also bounds itself, should a limit fail.
LIMITS = Limits(
    call_seconds=1.5,
    cell_seconds=1.5,
    notebook_seconds=20.0,
    memory_bytes=512 << 20,
    processes=16,
    file_bytes=16 << 20,
    message_bytes=16 << 20,
)
SECRET = "-".join(["heron", "1763"])  # put together here, so that no file holds it
COMMON = {
    "difficulty": "easy",
    "minutes": 5,
    "example": "",
    "hints": ("one", "two", "three"),
    "wrong": {},
    "seconds": 1.5,
}


def _right(n):
    return n + 1


DOUBLE = kinds.Function(
    name="double",
    points=4,
    signature="double(x)",
    cases=lambda rng: [(np.zeros(2),), (np.array([1.5, -2.0]),), (rng.normal(size=5),)],
    oracle=lambda x: x * 2,
    solution=lambda x: x * 2,
    **COMMON,
)
COUNT = kinds.Function(
    name="count",
    points=3,
    signature="count(n)",
    cases=lambda rng: [(0,), (7,), (int(rng.integers(100)),)],
    oracle=_right,
    solution=_right,
    **COMMON,
)
TEST_COUNT = kinds.Tests(
    name="test_count",
    points=3,
    signature="test_count(count)",
    solution=lambda count: None,
    right=_right,
    mutants={
        "adds two": lambda n: n + 2,
        "adds nothing": lambda n: n,
        "doubles from two on": lambda n: n + 1 if n < 2 else 2 * n,
    },
    **COMMON,
)
QUESTIONS = (DOUBLE, COUNT, TEST_COUNT)

# What an honest learner hands in.
DOUBLES = "def double(x):\n    return x + x"
COUNTS = "def count(n):\n    return n + 1"
TESTS = "def test_count(count):\n    assert count(0) == 1\n    assert count(5) == 6"
HONEST = (DOUBLES, COUNTS, TESTS)


def notebook(*sources, **metadata):
    """A notebook of these code cells, which are called c1, c2, …"""
    cells = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for i, source in enumerate(sources, 1)
    ]
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    return json.dumps(whole).encode()
