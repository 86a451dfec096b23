"""A cache that counts: which memory lines a program loads, replayed access by access.

The model knows lines, sets and the least recently used line, and nothing of time, of writing back or of a
prefetcher. It loads a line for reading and for writing alike.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lesson_support.errors import LessonError

Triple = tuple[int, int, int]


class Cache:
    """Room for `lines` lines of `line` elements each; `loads` counts the lines that had to be fetched.

    A line may lie anywhere, and the least recently used one makes room. With `ways`, line number q may only
    lie in set q mod (lines / ways), which has room for `ways` lines.
    """

    def __init__(self, lines: int, line: int = 16, ways: int | None = None) -> None:
        if lines < 1 or line < 1:
            raise LessonError(
                f"got a cache of {lines} lines of {line} elements; expected at least 1 line of 1 element"
            )
        self.ways = lines if ways is None else ways
        if self.ways < 1 or lines % self.ways:
            raise LessonError(f"got {ways} ways for {lines} lines; expected a divisor of the lines")
        self.line = line
        self.loads = 0
        # A dict remembers the order in which its keys came: the first one is the least recently used.
        self._sets: list[dict[int, None]] = [{} for _ in range(lines // self.ways)]

    def touch(self, address: int) -> bool:
        """Read or write the element at `address`; whether its line had to be loaded."""
        number = address // self.line
        held = self._sets[number % len(self._sets)]
        if number in held:
            del held[number]
            held[number] = None
            return False
        if len(held) == self.ways:
            del held[next(iter(held))]
        held[number] = None
        self.loads += 1
        return True


class Loads(NamedTuple):
    """Lines loaded for each matrix of c += a b."""

    a: int
    b: int
    c: int

    @property
    def total(self) -> int:
        return self.a + self.b + self.c


def matmul_loads(
    order: Iterable[Triple], n: int, m: int, k: int, lines: int, line: int = 16, ways: int | None = None
) -> Loads:
    """The lines loaded by c[i, j] += a[i, p] · b[p, j] for every (i, j, p) of `order`, in that order.

    a is (n, k), b is (k, m), c is (n, m): row-major, one after the other in one address space, each beginning
    a line of its own. A product reads a, then b, then updates c. LessonError for a triple outside.
    """
    cache = Cache(lines, line, ways)
    touch = cache.touch
    at_b = -(-n * k // line) * line
    at_c = at_b + -(-k * m // line) * line
    a = b = c = 0
    for i, j, p in order:
        if not (0 <= i < n and 0 <= j < m and 0 <= p < k):
            raise LessonError(
                f"got the product (i, j, p) = ({i}, {j}, {p}); expected i < {n}, j < {m}, p < {k}, "
                "none negative"
            )
        a += touch(i * k + p)
        b += touch(at_b + p * m + j)
        c += touch(at_c + i * m + j)
    return Loads(a, b, c)


def ijp(n: int, m: int, k: int) -> Iterator[Triple]:
    """Every (i, j, p), p fastest: each element of c is finished before the next."""
    return ((i, j, p) for i in range(n) for j in range(m) for p in range(k))


def ipj(n: int, m: int, k: int) -> Iterator[Triple]:
    """Every (i, j, p), j fastest: the inner loop walks along rows of b and c."""
    return ((i, j, p) for i in range(n) for p in range(k) for j in range(m))
