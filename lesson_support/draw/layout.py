"""What a view is to a drawing: shape, stride and offset over a storage of numbered cells."""

from dataclasses import dataclass
from itertools import product
from math import prod

from lesson_support.errors import LessonError


@dataclass(frozen=True)
class Layout:
    """What a view is: address of index (i, j, …) = offset + i·stride[0] + j·stride[1] + …, in elements."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    storage: int

    def __post_init__(self):
        if len(self.shape) != len(self.stride):
            raise LessonError(
                f"got shape {self.shape} and stride {self.stride}; expected as many strides as dimensions"
            )
        if min(self.shape, default=0) < 0 or self.storage < 1:
            raise LessonError(
                f"got shape {self.shape} over a storage of {self.storage} cells; "
                "expected sizes of 0 or more and a storage of 1 or more"
            )
        low, high = self.span()
        if self.elements and not 0 <= low <= high < self.storage:
            raise LessonError(
                f"the view means cells {low} to {high}; "
                f"expected cells within 0 to {self.storage - 1} of the storage"
            )

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def span(self) -> tuple[int, int]:
        """The lowest and the highest address."""
        reach = [(size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)]
        return self.offset + sum(r for r in reach if r < 0), self.offset + sum(r for r in reach if r > 0)

    def address(self, index: tuple[int, ...]) -> int:
        return self.offset + sum(i * step for i, step in zip(index, self.stride, strict=True))

    def addresses(self) -> list[int]:
        """Of every element, the last index moving fastest."""
        return [self.address(index) for index in product(*map(range, self.shape))]
