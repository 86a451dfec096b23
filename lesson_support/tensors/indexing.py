"""What `x[index]` means: a view first, then one gather, and from both the shape of the result.

Integers, slices, None and `...` are carried out one after the other; each is a new header. Lists, index
tensors, masks and booleans are noted beside the axes they choose from and carried out at the end, together:
they broadcast to one block of axes. The rules are PyTorch's, its refusals included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from operator import index as as_integer

import torch
from torch import Tensor

from lesson_support.tensors.layouts import Sizes, wrap_index

_MASKS = (torch.bool, torch.uint8)


@dataclass(frozen=True)
class Selection:
    """`view` is the shape that the basic entries leave, `chosen` maps axes of it to their index tensors.

    A mask appears as the coordinates of its True elements, one tensor for each of its dimensions.
    """

    view: Sizes
    chosen: dict[int, Tensor]

    @property
    def copies(self) -> bool:
        """Without a tensor of indices the result is the view itself."""
        return bool(self.chosen)

    @property
    def block(self) -> Sizes:
        """The one shape to which all index tensors broadcast."""
        return _broadcast([tuple(tensor.shape) for tensor in self.chosen.values()])

    @property
    def separated(self) -> bool:
        """Do other axes of the view lie between chosen ones?"""
        return self.copies and max(self.chosen) - min(self.chosen) >= len(self.chosen)

    @property
    def place(self) -> int:
        """Where the block begins in the result: at the first chosen axis, in front if they are separated."""
        return 0 if self.separated else min(self.chosen, default=0)

    @property
    def origins(self) -> tuple[int | str, ...]:
        """For each axis of the result the axis of the view that it is, or "block"."""
        kept: list[int | str] = [axis for axis in range(len(self.view)) if axis not in self.chosen]
        kept[self.place : self.place] = ["block"] * len(self.block)
        return tuple(kept)

    @property
    def shape(self) -> Sizes:
        kept = [size for axis, size in enumerate(self.view) if axis not in self.chosen]
        kept[self.place : self.place] = self.block
        return tuple(kept)


def index_shape(shape: Sizes, index) -> Sizes:
    """The shape of `x[index]` for an `x` of this shape; raises what torch raises, IndexError or ValueError.

    Three spellings that torch reads in surprising ways are an IndexError here: a second `...`, a list that
    holds lists or slices in place of a tuple, and a mask of several dimensions written as a list. NumPy
    arrays are refused too, and numbers beyond 64 bits are IndexErrors whatever torch calls them.
    """
    return select(shape, index).shape


def select(shape: Sizes, index) -> Selection:
    """What `x[index]` does to an `x` of this shape; see `index_shape` for what is refused."""
    entries = index if isinstance(index, tuple) else (_no_disguised_tuple(index),)
    entries = [entry if _is_basic(entry) else _as_tensor(entry) for entry in entries]
    consumed = sum(map(_dimensions_used, entries))
    if consumed > len(shape):
        raise IndexError(f"{consumed} indices for shape {tuple(shape)}: expected at most {len(shape)}")
    if sum(entry is Ellipsis for entry in entries) > 1:
        raise IndexError("more than one ... in an index: expected at most one")

    view, axis, noted = list(shape), 0, {}
    for entry in entries:
        if entry is Ellipsis:
            axis += len(shape) - consumed
        elif entry is None:
            view.insert(axis, 1)
            axis += 1
        elif isinstance(entry, slice):
            view[axis] = _slice_length(entry, view[axis])
            axis += 1
        elif isinstance(entry, Tensor):
            if entry.dim() == 0:  # a boolean: a new axis of size 1, to be taken once or not at all
                view.insert(axis, 1)
            noted[axis] = entry
            axis += max(entry.dim(), 1) if entry.dtype in _MASKS else 1
        else:
            wrap_index(entry, view.pop(axis), axis)
    return _checked(Selection(tuple(view), _coordinates(view, noted)))


def _is_basic(entry) -> bool:
    return entry is None or entry is Ellipsis or isinstance(entry, slice)


def _as_tensor(entry) -> Tensor | int:
    """Whatever chooses elements as a tensor of at least one dimension; a boolean as a mask without any; an
    integer, or an integer tensor without dimensions, as an int."""
    if isinstance(entry, bool):
        return torch.tensor(entry)
    if isinstance(entry, Tensor):
        integral = not entry.dtype.is_floating_point and not entry.dtype.is_complex
        return int(entry) if entry.dim() == 0 and integral and entry.dtype not in _MASKS else entry
    if _is_list(entry):
        tensor = torch.tensor(entry)
        if tensor.dtype == torch.bool and tensor.dim() > 1:
            raise IndexError(f"a mask of {tensor.dim()} dimensions as a list: expected a tensor")
        return tensor if tensor.dtype == torch.bool else tensor.long()  # torch cuts [1.7] to [1] as well
    try:
        return as_integer(entry)
    except TypeError:
        raise IndexError(
            f"{type(entry).__name__} in an index: expected int, slice, None, ..., bool, list or tensor"
        ) from None


def _no_disguised_tuple(index):
    if _is_list(index) and any(_is_basic(item) or isinstance(item, Sequence | Tensor) for item in index):
        raise IndexError("a list of indices: expected a tuple, or a tensor for nested numbers")
    return index


def _is_list(entry) -> bool:
    return isinstance(entry, Sequence) and not isinstance(entry, str)


def _dimensions_used(entry) -> int:
    if entry is None or entry is Ellipsis:
        return 0
    return entry.dim() if isinstance(entry, Tensor) and entry.dtype in _MASKS else 1


def _slice_length(entry: slice, size: int) -> int:
    if entry.step is not None and as_integer(entry.step) <= 0:
        raise ValueError(f"slice step {entry.step}: expected > 0 (no stride is negative)")
    return len(range(*entry.indices(size)))


def _coordinates(view: Sequence[int], noted: dict[int, Tensor]) -> dict[int, Tensor]:
    """`noted` with every mask replaced by the coordinates of its True elements."""
    chosen = {}
    for axis, tensor in noted.items():
        if tensor.dtype not in (*_MASKS, torch.int64, torch.int32):
            raise IndexError(f"an index tensor of {tensor.dtype}: expected int64, int32 or bool")
        if tensor.dtype not in _MASKS:
            chosen[axis] = tensor
        elif tensor.dim() == 0:
            chosen[axis] = torch.zeros(int(bool(tensor)), dtype=torch.int64)
        else:
            covered = tuple(view[axis : axis + tensor.dim()])
            if tuple(tensor.shape) != covered:
                raise IndexError(f"a mask of shape {tuple(tensor.shape)} at axis {axis}: expected {covered}")
            chosen |= dict(enumerate(tensor.nonzero().unbind(1), axis))
    return chosen


def _broadcast(shapes: list[Sizes]) -> Sizes:
    try:
        return tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        told = ", ".join(map(str, shapes))
        raise IndexError(f"index tensors of shapes {told}: expected shapes that broadcast") from None


def _checked(selection: Selection) -> Selection:
    """Every index lies inside its axis. Like torch, look only if the result has elements; but an axis without
    elements has nothing to choose from."""
    for axis, tensor in selection.chosen.items():
        size = selection.view[axis]
        if size == 0 and prod(selection.block):
            raise IndexError(f"an index for axis {axis}, which has no elements")
        outside = (tensor < -size) | (tensor >= size)
        if prod(selection.shape) and outside.any():
            wrap_index(int(tensor[outside][0]), size, axis)
    return selection
