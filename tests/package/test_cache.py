"""The cache model against closed forms and against a cache that is written another way."""

import random

import pytest

from lesson_support.errors import LessonError
from lesson_support.tensors.cache import Cache, Loads, ijp, ipj, matmul_loads


def slow_loads(addresses: list[int], lines: int, line: int, sets: int = 1) -> list[bool]:
    """An address misses when its line is not among the last `lines / sets` different ones of its set."""
    numbers = [address // line for address in addresses]
    missed = []
    for now, number in enumerate(numbers):
        before = [other for other in numbers[:now] if other % sets == number % sets]
        since = set()
        while before and before[-1] != number:
            since.add(before.pop())
        missed.append(not before or len(since) >= lines // sets)
    return missed


@pytest.mark.parametrize("sets", [1, 2, 3])
def test_a_cache_answers_as_one_that_looks_back(sets):
    draw = random.Random(sets)
    for _ in range(60):
        lines, line = sets * draw.randint(1, 4), draw.randint(1, 5)
        addresses = [draw.randrange(40) for _ in range(120)]
        cache = Cache(lines, line, ways=lines // sets)
        assert [cache.touch(each) for each in addresses] == slow_loads(addresses, lines, line, sets)
        assert cache.loads == sum(slow_loads(addresses, lines, line, sets))


def test_the_line_used_longest_ago_makes_room():
    cache = Cache(2, line=4)
    touched = [cache.touch(address) for address in (0, 3, 4, 1, 8, 2, 5)]
    # Line 0 was used again before line 2 came, so line 1 had to go.
    assert touched == [True, False, True, False, True, False, True]
    assert cache.loads == 4


def test_lines_of_one_set_evict_each_other_beside_empty_sets():
    everywhere, by_set = Cache(8, line=1), Cache(8, line=1, ways=2)
    for _ in range(10):
        for address in (0, 4, 8):
            everywhere.touch(address)
            by_set.touch(address)
    assert (everywhere.loads, by_set.loads) == (3, 30)


def brute_force(order, n, m, k, lines, line):
    """Loads per matrix with matrices at addresses of their own, from the definition of the least recently
    used line."""
    whose, addresses = [], []
    for i, j, p in order:
        for name, place in (("a", i * k + p), ("b", p * m + j), ("c", i * m + j)):
            whose.append(name)
            addresses.append(place + {"a": 0, "b": 10**6 * line, "c": 2 * 10**6 * line}[name])
    missed = slow_loads(addresses, lines, line)
    return Loads(*(sum(miss for name, miss in zip(whose, missed, strict=True) if name == x) for x in "abc"))


def test_a_product_loads_what_brute_force_counts():
    draw = random.Random(7)
    for _ in range(25):
        n, m, k = (draw.randint(1, 5) for _ in range(3))
        lines, line = draw.randint(1, 12), draw.randint(1, 4)
        everything = list(ijp(n, m, k))
        draw.shuffle(everything)
        for order in (list(ijp(n, m, k)), list(ipj(n, m, k)), everything):
            found = matmul_loads(order, n, m, k, lines=lines, line=line)
            assert found == brute_force(order, n, m, k, lines, line), (n, m, k, lines, line)
            assert found.total == sum(found)


@pytest.mark.parametrize("order", [ijp, ipj])
def test_an_order_visits_every_product_once(order):
    assert sorted(order(2, 3, 4)) == [(i, j, p) for i in range(2) for j in range(3) for p in range(4)]
    assert list(order(0, 3, 4)) == list(order(2, 3, 0)) == []


def test_the_named_loop_runs_fastest():
    assert list(ijp(2, 2, 2))[:3] == [(0, 0, 0), (0, 0, 1), (0, 1, 0)]
    assert list(ipj(2, 2, 2))[:3] == [(0, 0, 0), (0, 1, 0), (0, 0, 1)]


def up(elements: int, line: int) -> int:
    """Lines that so many elements fill."""
    return -(-elements // line)


@pytest.mark.parametrize("n, m, k, line", [(16, 16, 16, 4), (12, 20, 8, 4), (5, 7, 3, 4), (9, 9, 9, 16)])
def test_where_everything_fits_every_line_is_loaded_once(n, m, k, line):
    once = Loads(up(n * k, line), up(k * m, line), up(n * m, line))
    for order in (ijp, ipj):
        assert matmul_loads(order(n, m, k), n, m, k, lines=once.total, line=line) == once
    assert matmul_loads(ijp(n, m, k), n, m, k, lines=2, line=line).total > once.total


@pytest.mark.parametrize("n, m, k, line", [(8, 16, 24, 4), (12, 32, 40, 8)])
def test_columns_longer_than_the_cache_load_a_line_for_every_product(n, m, k, line):
    loads = matmul_loads(ijp(n, m, k), n, m, k, lines=k, line=line)
    assert loads.b == n * m * k
    assert loads.c == n * m // line
    # One line of b in use at a time is not enough; room for the column and for the rest is.
    roomy = matmul_loads(ijp(n, m, k), n, m, k, lines=k + k // line + 2, line=line)
    assert roomy.b == n * m * k // line


@pytest.mark.parametrize("n, m, k, line", [(8, 16, 24, 4), (12, 32, 40, 8)])
def test_rows_in_the_cache_load_a_line_for_every_run_of_products(n, m, k, line):
    loads = matmul_loads(ipj(n, m, k), n, m, k, lines=2 * m // line + 2, line=line)
    assert loads == Loads(n * k // line, n * k * m // line, n * m // line)


def test_tiles_that_fit_divide_the_loads_by_their_size():
    n = m = k = 24
    tile, line = 8, 4

    def tiled(inner):
        for i0 in range(0, n, tile):
            for j0 in range(0, m, tile):
                for p0 in range(0, k, tile):
                    for i, j, p in inner(tile, tile, tile):
                        yield i0 + i, j0 + j, p0 + p

    lines = 4 * tile * tile // line
    loads = matmul_loads(tiled(ipj), n, m, k, lines=lines, line=line)
    assert loads == Loads(n * m * k // (tile * line), n * m * k // (tile * line), n * m // line)
    assert matmul_loads(tiled(ijp), n, m, k, lines=lines + tile, line=line) == loads


def test_sets_can_only_hurt_a_column_of_a_power_of_two():
    n = 16
    free = matmul_loads(ijp(n, n, n), n, n, n, lines=32, line=4)
    tied = matmul_loads(ijp(n, n, n), n, n, n, lines=32, line=4, ways=2)
    assert tied.b > free.b


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: Cache(0), "got a cache of 0 lines of 16 elements"),
        (lambda: Cache(4, line=0), "4 lines of 0 elements; expected at least 1 line of 1 element"),
        (lambda: Cache(6, ways=4), "got 4 ways for 6 lines; expected a divisor"),
        (lambda: Cache(6, ways=0), "got 0 ways"),
        (lambda: matmul_loads([(0, 0, 3)], 2, 2, 3, lines=4), r"\(0, 0, 3\); expected i < 2, j < 2, p < 3"),
        (lambda: matmul_loads([(-1, 0, 0)], 2, 2, 3, lines=4), r"\(-1, 0, 0\).*none negative"),
    ],
)
def test_what_cannot_be_is_refused(make, told):
    with pytest.raises(LessonError, match=told):
        make()
