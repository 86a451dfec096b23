"""Answers judged by what is measured about them: in the judge's hands, whatever comes back."""

import math
import re
from itertools import count, permutations, product, repeat

import pytest

from lesson_support.errors import LessonError
from lesson_support.grading.asking import collecting
from lesson_support.grading.judging import cases_of, evaluate
from lesson_support.questions import kinds
from lesson_support.questions.lesson_02 import blocking
from lesson_support.questions.lesson_02.blocking import QUESTION, blocked_order
from lesson_support.tensors.cache import ipj, matmul_loads


def asking_for_a_word(measure, **changes):
    """A question that accepts any word of three letters."""
    fields = {
        "points": 2,
        "difficulty": "easy",
        "minutes": 5,
        "signature": "word(n)",
        "example": "",
        "hints": ("one", "two", "three"),
        "wrong": {},
        "solution": None,
        "seconds": 0.5,
        "cases": lambda rng: [(1,), (2,)],
        "oracle": lambda n: 3,
    }
    return kinds.Function(name="word", measure=measure, **(fields | changes))


def test_what_is_measured_is_compared():
    question = asking_for_a_word(lambda result, n: len(result))
    assert evaluate(question, lambda n: "yes" if n == 1 else "day").status == "correct"
    result = evaluate(question, lambda n: "four")
    assert (result.status, result.cause) == ("incorrect", "wrong")
    assert (result.expected, result.got, result.case) == ("3", "4", "word(1)")


def test_measuring_sees_the_arguments_as_they_were():
    seen = []
    question = asking_for_a_word(
        lambda result, given: seen.append(list(given)) or 3,
        cases=lambda rng: [([1, 2],)],
        oracle=lambda given: 3,
    )
    result = evaluate(question, lambda given: given.clear())
    assert seen == [[1, 2]]
    assert result.status == "incorrect" and "arguments were changed" in result.note


@pytest.mark.parametrize("error", [TypeError, ValueError, LessonError, RecursionError, MemoryError])
def test_what_cannot_be_measured_is_incorrect(error):
    def measure(result, n):
        raise error("no")

    result = evaluate(asking_for_a_word(measure), lambda n: "yes")
    assert result.status == "incorrect"
    assert result.got == f"'yes', which cannot be measured ({error.__name__})"


def test_nothing_is_measured_where_nothing_came_back():
    def measure(result, n):
        raise AssertionError("there is no result")

    def fails(n):
        raise KeyError(n)

    def hangs(n):
        while True:
            pass

    question = asking_for_a_word(measure, seconds=0.2)
    assert evaluate(question, fails).got == "KeyError: 1"
    assert evaluate(question, hangs).cause == "timeout"
    raising = asking_for_a_word(measure, oracle=lambda n: kinds.Raises("KeyError"))
    assert evaluate(raising, fails).status == "correct"


def test_a_collected_answer_is_cut_off_after_its_items():
    taken = []

    def endless(n):
        for i in count(n):
            taken.append(i)
            yield i

    assert collecting(endless, 4)(7) == [7, 8, 9, 10]
    assert taken == [7, 8, 9, 10]
    assert collecting(endless, None) is endless
    numpy = pytest.importorskip("numpy")
    assert collecting(numpy.arange, 9)(3) == [0, 1, 2]


def test_an_endless_generator_is_wrong_at_once_and_a_slow_one_out_of_time():
    question = asking_for_a_word(lambda result, n: len(result), items=3)
    assert evaluate(question, lambda n: repeat("x", 2)).got == "2"
    assert evaluate(question, lambda n: repeat("x")).status == "correct"

    def never_yields(n):
        while True:
            pass
        yield n

    assert evaluate(question, never_yields).cause == "timeout"
    result = evaluate(question, lambda n: None)
    assert (result.cause, result.got) == ("error", "TypeError: 'NoneType' object is not iterable")


# --- the question of lesson 02 ---------------------------------------------------------------------------


def nested(outer, inner):
    """Tile loops in the order `outer`, loops inside tiles in the order `inner`."""

    def order(n, m, k, tile):
        sizes = {"i": n, "j": m, "p": k}
        for starts in product(*(range(0, sizes[x], tile) for x in outer)):
            start = dict(zip(outer, starts, strict=True))
            for place in product(*(range(start[x], min(start[x] + tile, sizes[x])) for x in inner)):
                at = dict(zip(inner, place, strict=True))
                yield at["i"], at["j"], at["p"]

    return order


@pytest.mark.parametrize("outer", ["".join(each) for each in permutations("ijp")])
def test_any_nesting_of_the_tile_loops_and_inside_a_tile_is_right(outer):
    for inner in map("".join, permutations("ijp")):
        result = evaluate(QUESTION, nested(outer, inner), seed=len(inner))
        assert result.status == "correct", (inner, list(result.lines()))


def test_lists_and_lazy_answers_are_the_same():
    assert evaluate(QUESTION, lambda *sizes: list(blocked_order(*sizes))).status == "correct"
    numpy = pytest.importorskip("numpy")

    def as_array(*sizes):
        return numpy.array(list(blocked_order(*sizes)), dtype=int).reshape(-1, 3)

    assert evaluate(QUESTION, as_array).status == "correct"


def test_unblocked_orders_fail_by_a_wide_margin():
    for n, m, k, tile in cases_of(QUESTION, 0):
        allowed = blocking.allowed_loads(n, m, k, tile)
        if (n, m, k) == (24, 24, 24):
            plain = matmul_loads(ipj(n, m, k), n, m, k, lines=blocking.cache_lines(tile), line=4).total
            assert plain > 1.5 * allowed


def test_the_cache_of_the_judge_has_room_for_four_tiles():
    for tile in range(1, 13):
        lines = {
            start: len({(start + column) // blocking.LINE for column in range(tile)})
            for start in range(blocking.LINE)
        }
        assert blocking.cache_lines(tile) == 4 * tile * max(lines.values())


def test_the_largest_case_is_far_below_where_answers_are_cut_off():
    assert max(n * m * k for n, m, k, _ in cases_of(QUESTION, 1)) < blocking.MOST / 1.5


class Lying(tuple):
    def __len__(self):
        return 3

    def __iter__(self):
        raise OSError("nobody reads this")


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


HOSTILE = {
    "nothing": (None, "not iterable"),
    "a number": (7, "not iterable"),
    "text": ("abc", "position 0 no triple"),
    "text of three letters": (["abc"], "position 0 no triple"),
    "a dict": ({(0, 0, 0): 1, "x": 2}, "position 1 no triple"),
    "floats": ([(0.0, 0.0, 0.0)], "position 0 no triple"),
    "NaN": ([(math.nan, 0, 0)], "position 0 no triple"),
    "truth": ([(False, False, False)], "position 0 no triple"),
    "pairs": ([(0, 0)], "position 0 no triple"),
    "four numbers": ([(0, 0, 0, 0)], "position 0 no triple"),
    "no number": ([()], "position 0 no triple"),
    "nothing in it": ([None], "position 0 no triple"),
    "negative": ([(0, 0, -1)], r"position 0 the product \(0, 0, -1\), which is outside"),
    "enormous": ([(10**400, 0, 0)], "position 0 the product"),
    "deep": (deep(5000), "position 0 no triple|cannot be measured"),
    "a triple that lies": ([Lying((0, 0, 0))], "cannot be measured|no triple"),
    "lists in a triple": ([([0], 0, 0)], "position 0 no triple"),
    "nothing to do": ([], "missing: 1; the first missing is"),
    "once more": ([(0, 0, 0), [0, 0, 0]], "again: 1, missing: 0"),
    "for ever": (repeat((0, 0, 0)), "more than 1 products: stopped after 40,000"),
    "for ever, and no triple": (repeat("x"), "more than 1 products"),
    "a million": (range(10**6), "more than 1 products"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_comes_back_is_incorrect_and_said_in_words(name):
    value, told = HOSTILE[name]
    result = evaluate(QUESTION, lambda n, m, k, tile: value)
    assert result.status == "incorrect" and result.score == 0
    assert re.search(told, result.got), result.got
    assert "".join(result.lines())


def test_a_generator_that_breaks_is_said_in_words():
    def breaks(n, m, k, tile):
        yield 0, 0, 0
        raise KeyError("p0")

    result = evaluate(QUESTION, breaks)
    assert (result.status, result.got) == ("incorrect", "KeyError: 'p0'")


def test_counting_is_the_judges():
    """What an answer does to the names that it can reach does not change what is counted."""

    def answer(n, m, k, tile):
        yield from ipj(n, m, k)

    answer.loads = 0
    answer.measure = lambda *_: "every product once"
    result = evaluate(QUESTION, answer)
    assert result.status == "incorrect" and "lines loaded: a " in result.got
    assert result.case.startswith("matmul_loads(blocked_order(")
