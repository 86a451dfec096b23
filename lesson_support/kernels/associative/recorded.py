"""Elements that know nothing, and an operator that writes down what it joins: for judging scans.

What an answer did comes back as plain numbers: elements are 0 … n − 1, and the k-th combine makes n + k.
`replay` reads them again, so that an answer is judged by its combines and not by what it says of itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST = 30  # combines an element, after which an answer is stopped


@dataclass(frozen=True, slots=True)
class Element:
    """Something that can be combined, and nothing else."""

    number: int

    def __repr__(self) -> str:
        return f"element {self.number}"


class Recorder:
    """`n` elements, and `combine`, which makes a new one of two and records the pair."""

    def __init__(self, n: int) -> None:
        self.elements = [Element(k) for k in range(n)]
        self.pairs: list[tuple[int, int]] = []
        self._n = n

    def combine(self, left: Element, right: Element) -> Element:
        for name, each in (("left", left), ("right", right)):
            if not isinstance(each, Element):
                raise TypeError(f"{name} is {each!r}: expected an element of x or what combine returned")
        if len(self.pairs) >= MOST * (self._n + 1):
            raise RuntimeError(f"stopped after {len(self.pairs)} combines of {self._n} elements")
        self.pairs.append((left.number, right.number))
        return Element(self._n + len(self.pairs) - 1)

    def numbers(self, results: Sequence) -> list[int]:
        """The numbers of some results; TypeError for what is none."""
        for place, each in enumerate(results):
            if not isinstance(each, Element):
                raise TypeError(f"result {place} is {each!r}: expected an element or what combine returned")
        return [each.number for each in results]


@dataclass(frozen=True)
class Made:
    """What one number stands for: the elements in it, in order, and how many combines wait for each other."""

    elements: tuple[int, ...]
    depth: int

    def __str__(self) -> str:
        return " ∘ ".join(f"x{k}" for k in self.elements)


def replay(n: int, pairs: Sequence[tuple[int, int]]) -> list[Made]:
    """What each number stands for; ValueError where a pair names something that did not exist yet."""
    made = [Made((k,), 0) for k in range(n)]
    if len(pairs) > MOST * (n + 1):
        raise ValueError(f"{len(pairs)} combines of {n} elements: expected at most {MOST * (n + 1)}")
    for left, right in pairs:
        if not all(type(each) is int and 0 <= each < len(made) for each in (left, right)):
            raise ValueError(f"a combine of {left!r} and {right!r}: expected earlier results")
        one, two = made[left], made[right]
        made.append(Made(one.elements + two.elements, 1 + max(one.depth, two.depth)))
    return made


def scanned(answer: Callable, n: int) -> dict:
    """What `answer(combine, x)` combined for n elements, and which results it returned."""
    recorder = Recorder(n)
    x = list(recorder.elements)
    results = answer(recorder.combine, x)
    if not isinstance(results, list | tuple):
        raise TypeError(f"the result is a {type(results).__name__}: expected a list of {n} prefixes")
    prefixes = recorder.numbers(results)
    return {"pairs": recorder.pairs, "prefixes": prefixes, "kept": x == recorder.elements}


def grouped(answer: Callable, starts: list[bool], grouping: object) -> dict:
    """What the operator `answer(combine)` makes of (flag, element) pairs, bracketed as `grouping` says.

    `grouping` is the place of a pair, or a pair of groupings: ((0, 1), 2).
    """
    recorder = Recorder(len(starts))
    operator = answer(recorder.combine)

    def merged(part: object) -> tuple:
        if isinstance(part, int):
            return starts[part], recorder.elements[part]
        left, right = part
        result = operator(merged(left), merged(right))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"the operator returned {result!r}: expected a tuple (flag, value)")
        return result

    flag, value = merged(grouping)
    return {"flag": bool(flag), "pairs": recorder.pairs, "value": recorder.numbers([value])[0]}
