"""`rearrange(x, "batch time (head c) -> batch head time c", head=4)`: view, permute, reshape by names.

Left of the arrow stands one item for each dimension that `x` has, right of it one for each that it shall
have: a name, names in parentheses for a dimension that is composed of them (the last one runs fastest), or 1.
"""

import re
from dataclasses import dataclass
from math import prod

from torch import Tensor

from lesson_support.tensors.layouts import Sizes, view_strides

Axes = list[tuple[str, ...]]  # the names of each dimension; none for a dimension of size 1


@dataclass(frozen=True)
class Plan:
    """`x.view(split).permute(order).reshape(shape)`. `stride` is the result's, None where it is a copy."""

    split: Sizes
    order: Sizes
    shape: Sizes
    stride: Sizes | None

    @property
    def copies(self) -> bool:
        return self.stride is None

    def __str__(self) -> str:
        end = "which copies" if self.copies else f"a view with stride {self.stride}"
        return f"view{self.split}, permute{self.order}, reshape{self.shape}: {end}"


def rearrange(x: Tensor, pattern: str, /, **sizes: int) -> Tensor:
    """The elements of `x` in the dimensions right of the arrow; a view wherever strides can say it.

    `sizes` holds what the shape alone leaves open: all names but one of each composed dimension. ValueError
    where pattern, shape and sizes contradict each other.
    """
    steps = plan(pattern, tuple(x.shape), x.stride(), **sizes)
    return x.view(steps.split).permute(steps.order).reshape(steps.shape)


def plan(pattern: str, shape: Sizes, stride: Sizes, /, **sizes: int) -> Plan:
    """What `rearrange` does to a tensor of this shape and stride, without one."""
    if pattern.count("->") != 1:
        raise ValueError(f"pattern {pattern!r}: expected one -> with axes on both sides")
    left, right = (axes(side) for side in pattern.split("->"))
    names, wanted = sum(left, ()), sum(right, ())
    if lonely := sorted(set(names) ^ set(wanted)):
        raise ValueError(f"{', '.join(lonely)} on one side of {pattern!r} only: expected it on both")
    if unknown := sorted(set(sizes) - set(names)):
        raise ValueError(f"a size for {', '.join(unknown)}: expected names from {pattern!r}")
    if min(sizes.values(), default=0) < 0:
        raise ValueError(f"sizes {sizes}: expected none below 0")
    if len(left) != len(shape):
        raise ValueError(f"shape {shape} for {pattern!r}: expected {len(left)} dimensions")

    # Splitting a dimension is always a view: its parts take the stride times the sizes to their right.
    split = sum((_parts(group, size, sizes) for group, size in zip(left, shape, strict=True)), ())
    split_stride = view_strides(shape, stride, split)
    order = tuple(names.index(name) for name in wanted)
    permuted = tuple(split[dim] for dim in order), tuple(split_stride[dim] for dim in order)
    size_of = dict(zip(names, split, strict=True))
    composed = tuple(prod(size_of[name] for name in group) for group in right)
    return Plan(split, order, composed, view_strides(*permuted, composed))


def axes(side: str) -> Axes:
    """`"b (h c) 1"` as `[("b",), ("h", "c"), ()]`; ValueError for a name twice, or what is no name."""
    if set("()") & set(re.sub(r"\([^()]*\)", "", side)):
        raise ValueError(f"parentheses in {side.strip()!r}: expected them in pairs, none inside another")
    items = re.findall(r"\([^()]*\)|[^\s()]+", side)
    groups = [tuple(name for name in item.strip("()").split() if name != "1") for item in items]
    names = sum(groups, ())
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name} in {side.strip()!r}: expected names, 1 and parentheses")
        if names.count(name) > 1:
            raise ValueError(f"{name} twice in {side.strip()!r}: expected different names")
    return groups


def _parts(group: tuple[str, ...], size: int, sizes: dict[str, int]) -> Sizes:
    """The sizes of the names that compose a dimension; the one that is not given follows from the rest."""
    written = f"({' '.join(group)})" if group else "1"
    known = prod(sizes[name] for name in group if name in sizes)
    missing = [name for name in group if name not in sizes]
    if len(missing) > 1:
        raise ValueError(f"no sizes for {' and '.join(missing)} in {written}: expected all of them but one")
    if missing and known == 0 == size:
        raise ValueError(f"every size of {missing[0]} makes 0 elements of {written}: expected it to be given")
    if missing and (known == 0 or size % known):
        raise ValueError(f"a dimension of size {size} for {written}: expected a multiple of {known}")
    if not missing and known != size:
        raise ValueError(f"a dimension of size {size} for {written}: expected {known}")
    return tuple(sizes[name] if name in sizes else size // known for name in group)
