"""A tensor without torch: a flat list, and three things that say how to walk it.

`Strided` reproduces PyTorch's view rules; its tests hold shape, stride, offset, values and refusals against
torch after every step of random chains of operations. `views` holds the operations that move no element,
`layouts` the arithmetic on strides alone.
"""

from collections.abc import Iterator, Sequence
from math import prod
from numbers import Number
from typing import Self

from lesson_support.tensors import layouts
from lesson_support.tensors.views import Views


class Strided(Views):
    """Element (i, j, …) is storage[offset + i·stride[0] + j·stride[1] + …].

    Views are new shapes, strides and offsets over the same list. Three operations copy: `clone` always,
    `contiguous` and `reshape` when they must.
    """

    def __init__(
        self, storage: list, shape: Sequence[int], stride: Sequence[int] | None = None, offset: int = 0
    ):
        """Walk `storage`, which is kept and not copied; the default strides are row-major.

        RuntimeError for a negative size, stride or offset, and where an address lies outside the storage.
        """
        self.storage = storage
        self.shape = tuple(shape)
        self.stride = layouts.contiguous_strides(self.shape) if stride is None else tuple(stride)
        self.offset = offset
        layouts.require_fit(len(storage), self.shape, self.stride, offset)

    @classmethod
    def arange(cls, count: int) -> Self:
        """0, 1, …, count - 1: every value is its own address."""
        return cls(list(range(count)), (count,))

    @classmethod
    def of(cls, nested) -> Self:
        """Copy nested lists, or one value, into a new storage; ValueError where rows differ in length."""
        shape, items = [], [nested]
        while any(isinstance(item, list | tuple) for item in items):
            lengths = {len(item) if isinstance(item, list | tuple) else None for item in items}
            if len(lengths) > 1:
                raise ValueError(
                    f"rows differ in length or depth at dimension {len(shape)}: expected one length"
                )
            shape.append(lengths.pop())
            items = [inner for item in items for inner in item]
        return cls(items, shape)

    def __repr__(self) -> str:
        return f"Strided({self.tolist()}, stride={self.stride}, offset={self.offset})"

    def __iter__(self) -> Iterator[Self]:
        if not self.shape:
            raise TypeError("iteration over an array without dimensions: expected at least one")
        return (self[i] for i in range(self.shape[0]))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def numel(self) -> int:
        return prod(self.shape)

    # addresses

    def offset_of(self, *index: int) -> int:
        """Where one element lives: offset + Σ index · stride. Negative indices count from the end."""
        if len(index) != self.ndim:
            raise IndexError(f"{len(index)} indices for shape {self.shape}: expected {self.ndim}")
        address = self.offset
        for dim, i in enumerate(index):
            address += layouts.wrap_index(i, self.shape[dim], dim) * self.stride[dim]
        return address

    def addresses(self) -> list[int]:
        """Where every element lives, the last index running fastest."""
        reached = [self.offset]
        for size, step in zip(self.shape, self.stride, strict=True):
            reached = [address + i * step for address in reached for i in range(size)]
        return reached

    def overlaps(self) -> bool:
        """Do two elements live at one address?"""
        addresses = self.addresses()
        return len(set(addresses)) < len(addresses)

    def shares_storage(self, other: "Strided") -> bool:
        """Would a write through one be seen through the other, if both reach the address?"""
        return self.storage is other.storage

    def is_contiguous(self) -> bool:
        """Row-major without gaps; dimensions of size 1 do not count, and an empty array always is."""
        return layouts.is_contiguous(self.shape, self.stride)

    def as_strided(self, shape: Sequence[int], stride: Sequence[int], offset: int | None = None) -> Self:
        """Any walk that stays inside the same storage; without `offset`, from where this one starts."""
        return Strided(self.storage, shape, stride, self.offset if offset is None else offset)

    # values

    def item(self):
        """The value of the only element; RuntimeError if there are more, or none."""
        if self.numel() != 1:
            raise RuntimeError(f"{self.numel()} elements: expected exactly one")
        return self.storage[self.offset]

    def tolist(self):
        """Nested lists; without dimensions, the value itself."""

        def walk(address: int, dim: int):
            if dim == self.ndim:
                return self.storage[address]
            return [walk(address + i * self.stride[dim], dim + 1) for i in range(self.shape[dim])]

        return walk(self.offset, 0)

    # copies

    def contiguous(self) -> Self:
        """Itself if row-major already, else a row-major copy."""
        return self if self.is_contiguous() else self._copy(layouts.contiguous_strides(self.shape))

    def clone(self) -> Self:
        """A copy of the elements alone: as many as the shape says, however large the storage was.

        Dimensions keep their order in memory: the clone of a transpose is still a transpose.
        """
        packed = layouts.is_packed(self.shape, self.stride)
        return self._copy(self.stride if packed else layouts.packed_strides(self.shape, self.stride))

    def _copy(self, stride: Sequence[int]) -> Self:
        copy = Strided([None] * self.numel(), self.shape, stride)
        for source, target in zip(self.addresses(), copy.addresses(), strict=True):
            copy.storage[target] = self.storage[source]
        return copy

    # writes, seen by every view of the storage

    def __setitem__(self, index, value: Number) -> None:
        """Write one value to every element of the view `self[index]`."""
        view = self[index]
        view._require_distinct_elements()
        view.fill_(value)

    def fill_(self, value: Number) -> Self:
        """Write one value everywhere. Allowed on an expanded array: a second write of it changes nothing."""
        _require_number(value)
        for address in self.addresses():
            self.storage[address] = value
        return self

    def add_(self, value: Number) -> Self:
        """Add to every element in place; RuntimeError on an expanded array."""
        _require_number(value)
        self._require_distinct_elements()
        for address in self.addresses():
            self.storage[address] += value
        return self

    def _require_distinct_elements(self) -> None:
        """RuntimeError if a dimension is repeated with stride 0.

        PyTorch looks no further, for deciding it exactly is expensive: overlapping windows pass, and what
        an `add_` leaves in the cells they share depends on the order of the writes.
        """
        repeated = any(size > 1 and step == 0 for size, step in zip(self.shape, self.stride, strict=True))
        if repeated and self.numel():
            raise RuntimeError(
                f"more than one element of the written-to array (shape {self.shape}, stride {self.stride}) "
                "refers to a single memory location: clone() it before writing"
            )


def _require_number(value) -> None:
    if not isinstance(value, Number):
        raise TypeError(f"cannot write a {type(value).__name__}: expected a number")
