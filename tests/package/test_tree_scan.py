"""What the question about a tree says to somebody whose order costs too much."""

import re

import numpy as np
import pytest

from lesson_support.grading.judging import evaluate
from lesson_support.kernels.associative.recorded import scanned
from lesson_support.questions.lesson_40.climbing import COUNTED, QUESTION, deepest, measure, oracle, tree_scan

DEAR = {
    "a loop is a scan like any other": "deep",
    "doubling has the depth, and depth is what counts": "combines",
    "split in halves and add the left total to the right half": "combines",
    "chunks of the best size are as good as a tree": "deep",
    "what a tree leaves over, a loop may finish": "deep",
}


@pytest.mark.parametrize("belief", DEAR)
def test_a_dear_order_is_shown_where_it_is_far_too_dear(belief):
    result = evaluate(QUESTION, QUESTION.wrong[belief])
    allowed, found = (
        int(re.search(rf"(\d+) {DEAR[belief]}", text)[1]) for text in (result.expected, result.got)
    )
    assert result.status == "incorrect" and found > 1.3 * allowed
    assert f"{COUNTED} prefixes" in result.got


def _looped(n: int, unneeded: int = 0) -> dict:
    """The prefixes of n elements by a loop, and further combines that nobody needs."""
    pairs, last = [(0, 1)], [n]
    for place in range(2, n):
        pairs.append((last[-1], place))
        last.append(n + len(pairs) - 1)
    return {"pairs": pairs + [(0, 1)] * unneeded, "prefixes": [0, *last], "kept": True}


@pytest.mark.parametrize("n", [2, 33, COUNTED - 1])
def test_short_lines_are_judged_by_their_prefixes_only(n):
    assert measure(_looped(n, 2 * n), n) == oracle(n) == f"{n} prefixes"
    assert measure({**_looped(n), "prefixes": [0] * n}, n) == "prefix 1 is x0"


def test_every_length_from_there_on_has_both_limits():
    lengths = {n for (n,) in QUESTION.cases(np.random.default_rng(1))}
    assert {COUNTED, 127, 128, 129} <= lengths
    assert oracle(COUNTED) == "100 prefixes, fewer than 200 combines, at most 14 deep"
    assert measure(_looped(COUNTED), COUNTED) == "100 prefixes, 99 combines, 99 deep"


def _counted(n: int, unneeded: int) -> str:
    """What is said of the tree's combines and some more."""
    done = scanned(tree_scan, n)
    return measure({**done, "pairs": done["pairs"] + [(0, 1)] * unneeded}, n)


@pytest.mark.parametrize("n", [COUNTED, 128])
def test_fewer_than_2n_means_fewer(n):
    spare = 2 * n - len(scanned(tree_scan, n)["pairs"])
    assert _counted(n, spare - 1) == oracle(n)
    assert _counted(n, spare).startswith(f"{n} prefixes, {2 * n} combines, ")
    assert deepest(n) == 14
