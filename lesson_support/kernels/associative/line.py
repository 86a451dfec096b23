"""A line of elements in memory, on which an algorithm joins pairs and is charged for it."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.associative.cost import Cost, Round

Element = Tensor | tuple[Tensor, ...]
Combine = Callable[[Element, Element], Element]
Pair = tuple[int, int, int]


class Line:
    """`length` elements with the scan's axis first, in the order of the scan, and room behind them."""

    def __init__(self, combine: Combine, x: Element, dim: int, reverse: bool, cost: Cost) -> None:
        if not callable(combine):
            raise LessonError(f"combine is a {type(combine).__name__}: expected a function of two elements")
        self._combine, self._reverse, self._dim, self.cost = combine, reverse, dim, cost
        self._single = isinstance(x, Tensor)
        parts = (x,) if self._single else x
        if not isinstance(parts, tuple) or not parts or not all(isinstance(part, Tensor) for part in parts):
            raise LessonError(f"x is a {type(x).__name__}: expected a tensor or a tuple of tensors")
        for part in parts:
            if isinstance(dim, bool) or not isinstance(dim, int) or not -part.ndim <= dim < part.ndim:
                raise LessonError(
                    f"dim = {dim!r}: expected a dimension of every part of x, one has {part.ndim}"
                )
        sizes = [part.shape[dim] for part in parts]
        if len({*sizes}) > 1:
            raise LessonError(f"x has the sizes {sizes} along dim = {dim}: expected one size")
        self.length = sizes[0]
        lined = [part.movedim(dim, 0) for part in parts]
        self._parts = [part.flip(0) if reverse else part.clone() for part in lined]
        self._bytes = sum(part[0].nbytes for part in self._parts) if self.length else 0

    def add_room(self, places: int) -> int:
        """More places at the end; the number of the first one."""
        first = len(self._parts[0])
        self._parts = [torch.cat([part, part.new_zeros(places, *part.shape[1:])]) for part in self._parts]
        return first

    def join(self, phase: str, pairs: Iterable[Pair]) -> None:
        """At each place `into` what `combine` makes of left and right, all read before any is written."""
        pairs = tuple(pairs)
        if not pairs:
            return
        left, right, into = (torch.tensor(places) for places in zip(*pairs, strict=True))
        for part, joined in zip(self._parts, self._joined(left, right), strict=True):
            part[into] = joined
        self.cost.combines += len(pairs)
        self.cost.rounds += 1
        self.cost.history.append(Round(phase, pairs))

    def copy(self, places: Iterable[int], into: Iterable[int]) -> None:
        """Elements moved as they are, at no charge."""
        places, into = torch.tensor([*places]), torch.tensor([*into])
        for part in self._parts:
            part[into] = part[places]

    def charge(self, reads: int, writes: int) -> None:
        """Elements that travelled from and to memory."""
        self.cost.reads += reads
        self.cost.writes += writes
        self.cost.bytes += (reads + writes) * self._bytes

    def result(self) -> Element:
        """The elements in their own order and axes."""
        parts = [part[: self.length] for part in self._parts]
        parts = [(part.flip(0) if self._reverse else part).movedim(0, self._dim) for part in parts]
        return parts[0] if self._single else tuple(parts)

    def _joined(self, left: Tensor, right: Tensor) -> tuple[Tensor, ...]:
        sides = [tuple(part[places] for part in self._parts) for places in (left, right)]
        joined = self._combine(*(side[0] if self._single else side for side in sides))
        joined = (joined,) if isinstance(joined, Tensor) else joined
        came = [tuple(part.shape) for part in joined] if isinstance(joined, tuple) else type(joined).__name__
        wanted = [tuple(part.shape) for part in sides[0]]
        if came != wanted:
            raise LessonError(f"combine returned {came}: expected the shapes of its arguments, {wanted}")
        return joined
