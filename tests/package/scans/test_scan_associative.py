"""Scans of any associative operator: right for any length and order, and counts that match the formulas."""

import itertools
from math import ceil, log2

import pytest
import torch

from lesson_support.errors import LessonError
from lesson_support.kernels import Cost, linear_scan, scan

METHODS = ("sequential", "hillis_steele", "blelloch", "chunked", "look_back")
LENGTHS = (0, 1, 2, 3, 7, 8, 9, 16, 31, 33, 64, 100)


def linear(left, right):
    return left[0] * right[0], right[0] * left[1] + right[1]


def matrices(left, right):
    return right @ left


def segmented(left, right):
    """Sums that begin again wherever the flag is 1."""
    return torch.where(right[1] > 0, right[0], left[0] + right[0]), torch.maximum(left[1], right[1])


def folded(combine, x, count):
    """The first `count` results one element at a time, with no algorithm of ours."""
    single = isinstance(x, torch.Tensor)
    parts = (x,) if single else x
    items = [tuple(part[t] for part in parts) for t in range(count)]
    whole = itertools.accumulate(
        items, lambda left, right: (combine(left[0], right[0]),) if single else combine(left, right)
    )
    return [torch.stack(part) for part in zip(*whole, strict=True)]


def integers(*shape, high=5):
    return torch.randint(-high, high, shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("method", METHODS)
def test_any_operator(method, length):
    options = {"method": method, "chunk": 8, "workers": 3}
    numbers = integers(length, 3)
    assert torch.equal(scan(torch.add, numbers, **options), numbers.cumsum(0))
    highest = scan(torch.maximum, numbers, **options)
    assert not length or torch.equal(highest, numbers.cummax(0).values)
    shears = torch.eye(3, dtype=torch.int64) + integers(length, 3, 3, high=2).triu(1)  # order matters
    flags = (integers(length, 1) > 2).long().expand(length, 3)
    for combine, x in ((matrices, shears), (segmented, (numbers, flags))):
        found = scan(combine, x, **options)
        found = [found] if isinstance(found, torch.Tensor) else found
        for part, want in zip(found, folded(combine, x, length), strict=False):
            assert torch.equal(part, want)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_linear_recurrence(method, reverse):
    a, b = torch.rand(2, 37, 3, dtype=torch.float64), torch.randn(2, 37, 3, dtype=torch.float64)
    found = scan(linear, (a, b), dim=1, method=method, reverse=reverse, chunk=5)[1]
    torch.testing.assert_close(found, linear_scan(a, b, reverse=reverse))


@pytest.mark.parametrize("seed", range(20))
def test_look_back_is_right_whoever_is_held_up(seed):
    numbers = integers(50, high=3)
    words = torch.eye(2, dtype=torch.int64) + integers(50, 2, 2, high=2).triu(1)
    options = {"method": "look_back", "chunk": 1 + seed % 7, "workers": 1 + seed % 5, "seed": seed}
    assert torch.equal(scan(torch.add, numbers, **options), numbers.cumsum(0))
    assert torch.equal(scan(matrices, words, **options), folded(matrices, words, 50)[0])


def counted(method, length, **options) -> Cost:
    cost = Cost()
    scan(torch.add, torch.ones(length), method=method, cost=cost, **options)
    return cost


@pytest.mark.parametrize("length", [2, 8, 13, 64, 100])
def test_work_and_depth_of_the_trees(length):
    levels = ceil(log2(length))
    cost = counted("sequential", length)
    assert (cost.combines, cost.rounds, cost.reads, cost.writes) == (length - 1, length - 1, length, length)
    cost = counted("hillis_steele", length)
    assert (cost.combines, cost.rounds) == (sum(length - 2**k for k in range(levels)), levels)
    cost = counted("blelloch", length)
    assert cost.combines <= 2 * length - 2
    assert cost.rounds <= 2 * levels - 1
    if length == 2 ** (levels):
        assert (cost.combines, cost.rounds) == (2 * length - 2 - levels, 2 * levels - 1)


def test_bytes_of_chunks():
    length, chunk = 96, 8
    chunks = length // chunk
    cost = counted("chunked", length, chunk=chunk)
    assert cost.combines == (length - chunks) + (chunks - 2) + (length - 1)
    assert cost.rounds == (chunk - 1) + (chunks - 2) + chunk
    assert (cost.reads, cost.writes) == (2 * length + 2 * chunks - 1, length + 2 * chunks)
    assert cost.bytes == 4 * (cost.reads + cost.writes)
    once = counted("look_back", length, chunk=chunk)
    assert once.writes == length + 2 * chunks - 1
    assert length + chunks - 1 <= once.reads < cost.reads
    assert once.combines >= cost.combines - chunks


def test_one_worker_always_finds_a_prefix():
    cost = counted("look_back", 64, chunk=8, workers=1)
    assert cost.polls == 0
    assert cost.reads == 64 + 7


def test_history_is_what_happened():
    cost = counted("blelloch", 4)
    assert [(each.phase, each.pairs) for each in cost.history] == [
        ("up", ((0, 1, 1), (2, 3, 3))),
        ("up", ((1, 3, 3),)),
        ("down", ((1, 2, 2),)),
    ]
    again = counted("hillis_steele", 9)
    assert sum(len(each.pairs) for each in again.history) == again.combines


@pytest.mark.parametrize("method", METHODS)
def test_gradients_reach_the_elements(method):
    x = torch.rand(9, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: scan(torch.mul, x, method=method, chunk=4), x)


def test_the_input_is_left_alone():
    x = torch.ones(5)
    for method in METHODS:
        scan(torch.add, x, method=method)
        scan(torch.add, x, method=method, reverse=True)
    assert torch.equal(x, torch.ones(5))


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"method": "magic"}, "method = 'magic': expected one of sequential"),
        ({"chunk": 0}, "chunk = 0"),
        ({"workers": True}, "workers = True"),
        ({"cost": {}}, "cost is a dict"),
        ({"combine": "+"}, "combine is a str"),
        ({"x": [1, 2]}, "x is a list"),
        ({"x": (torch.ones(3), 1)}, "x is a tuple"),
        ({"x": (torch.ones(3), torch.ones(4))}, r"x has the sizes \[3, 4\]"),
        ({"dim": 1}, "dim = 1"),
        ({"combine": lambda left, right: left[:1]}, r"combine returned \[\(1,\)\]: expected .* \[\(2,\)\]"),
        ({"combine": lambda left, right: None}, "combine returned NoneType"),
    ],
)
def test_wrong_argument(changes, message):
    arguments = {"combine": torch.add, "x": torch.ones(4), **changes}
    with pytest.raises(LessonError, match=message):
        scan(arguments.pop("combine"), arguments.pop("x"), **arguments)
