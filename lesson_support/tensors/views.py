"""The operations that move no element: each one says what happens to shape, stride and offset."""

from collections.abc import Sequence
from operator import index as as_integer
from typing import Self

from lesson_support.tensors import layouts
from lesson_support.tensors.layouts import wrap_dim, wrap_index


class Views:
    """Views of something with `shape`, `stride`, `offset` and `as_strided`; `Strided` is it."""

    # by index

    def __getitem__(self, index) -> Self:
        """Integers, slices, None and `...`, applied from left to right; always a view.

        Masks and lists of indices copy elements in torch; here they are an IndexError.
        """
        parts = index if isinstance(index, tuple) else (index,)
        consumed = sum(part is not None and part is not Ellipsis for part in parts)
        if consumed > self.ndim:
            raise IndexError(f"{consumed} indices for shape {self.shape}: expected at most {self.ndim}")
        if sum(part is Ellipsis for part in parts) > 1:
            raise IndexError("more than one ... in an index: expected at most one")
        view, dim = self, 0
        for part in parts:
            if part is Ellipsis:
                dim += self.ndim - consumed
            elif part is None:
                view, dim = view.unsqueeze(dim), dim + 1
            elif isinstance(part, slice):
                view, dim = view._slice(dim, part), dim + 1
            else:
                view = view.select(dim, part)
        return view

    def select(self, dim: int, index: int) -> Self:
        """Fix one index: the offset moves by index · stride, the dimension goes."""
        if not self.shape:
            raise IndexError("select on an array without dimensions: expected at least one")
        dim = wrap_dim(dim, self.ndim)
        start = self.offset + wrap_index(index, self.shape[dim], dim) * self.stride[dim]
        return self.as_strided(_without(self.shape, dim), _without(self.stride, dim), start)

    def _slice(self, dim: int, part: slice) -> Self:
        """start:stop:step: the offset moves by start · stride, the stride is multiplied by step."""
        dim = wrap_dim(dim, self.ndim)
        step = 1 if part.step is None else as_integer(part.step)
        if step <= 0:
            raise ValueError(f"slice step {step}: expected > 0 (no stride is negative, so a flip is a copy)")
        start, stop, _ = part.indices(self.shape[dim])
        size, stride = len(range(start, stop, step)), self.stride[dim] * step
        offset = self.offset + start * self.stride[dim]
        return self.as_strided(_put(self.shape, dim, size), _put(self.stride, dim, stride), offset)

    # by the order of dimensions

    def permute(self, *dims) -> Self:
        """Reorder shape and stride alike. RuntimeError unless `dims` names every dimension once."""
        dims = _sizes(dims)
        if len(dims) != self.ndim:
            raise RuntimeError(f"permute{dims} of shape {self.shape}: expected {self.ndim} dimensions")
        order = []
        for dim in dims:
            if (wrapped := wrap_dim(dim, self.ndim)) in order:
                raise RuntimeError(f"permute{dims} names dimension {wrapped} twice")
            order.append(wrapped)
        return self.as_strided([self.shape[dim] for dim in order], [self.stride[dim] for dim in order])

    def transpose(self, first: int, second: int) -> Self:
        """Exchange two dimensions."""
        first, second = wrap_dim(first, self.ndim), wrap_dim(second, self.ndim)
        order = list(range(self.ndim))
        if order:
            order[first], order[second] = second, first
        return self.permute(order)

    @property
    def T(self) -> Self:
        """All dimensions reversed."""
        return self.permute(tuple(reversed(range(self.ndim))))

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Self:
        """One dimension that steps along two at once: its stride is their sum, and it comes last.

        `offset` > 0 starts so many steps along `dim2`, < 0 along `dim1`.
        """
        dim1, dim2 = wrap_dim(dim1, self.ndim), wrap_dim(dim2, self.ndim)
        if dim1 == dim2:
            raise RuntimeError(f"diagonal of dimension {dim1} with itself: expected two different dimensions")
        down, right = max(-offset, 0), max(offset, 0)
        size = max(min(self.shape[dim1] - down, self.shape[dim2] - right), 0)
        start = self.offset + (down * self.stride[dim1] + right * self.stride[dim2] if size else 0)
        shape, stride = _without(self.shape, dim1, dim2), _without(self.stride, dim1, dim2)
        return self.as_strided((*shape, size), (*stride, self.stride[dim1] + self.stride[dim2]), start)

    # by the number of dimensions

    def unsqueeze(self, dim: int) -> Self:
        """Insert a dimension of size 1; its stride is what a step across the next dimension would be."""
        dim = wrap_dim(dim, self.ndim + 1)
        step = self.shape[dim] * self.stride[dim] if dim < self.ndim else 1
        return self.as_strided(_insert(self.shape, dim, 1), _insert(self.stride, dim, step))

    def squeeze(self, dim: int | None = None) -> Self:
        """Drop `dim` if its size is 1, or every dimension of size 1."""
        chosen = range(self.ndim) if dim is None else [wrap_dim(dim, self.ndim)]
        gone = [d for d in chosen if self.shape and self.shape[d] == 1]
        return self.as_strided(_without(self.shape, *gone), _without(self.stride, *gone))

    def expand(self, *sizes) -> Self:
        """Repeat dimensions of size 1 by stride 0; -1 keeps a size, new dimensions come on the left."""
        return self.as_strided(*layouts.expanded_strides(self.shape, self.stride, _sizes(sizes)))

    def unfold(self, dim: int, size: int, step: int) -> Self:
        """Windows of `size`, `step` apart: `dim` counts windows, a new last dimension walks inside one.

        Both walk the same elements: the window's stride is the old one, from window to window step times it.
        """
        dim = wrap_dim(dim, self.ndim)
        length, stride = (self.shape[dim], self.stride[dim]) if self.shape else (1, 1)
        if not 0 <= size <= length:
            raise RuntimeError(f"window of {size} along dimension {dim}: expected 0 to {length}")
        if step <= 0:
            raise RuntimeError(f"window step {step}: expected > 0")
        if not self.shape:
            return self.as_strided((size,), (1,))
        windows = (length - size) // step + 1
        shape, steps = _put(self.shape, dim, windows), _put(self.stride, dim, step * stride)
        return self.as_strided((*shape, size), (*steps, stride))

    def view(self, *shape) -> Self:
        """The same elements in the same order under another shape; one size may be -1.

        RuntimeError where no strides can say that: `reshape` copies there.
        """
        new_shape = layouts.infer_shape(_sizes(shape), self.numel())
        new_stride = layouts.view_strides(self.shape, self.stride, new_shape)
        if new_stride is None:
            runs = [length for length, _ in reversed(layouts.even_runs(self.shape, self.stride))]
            raise RuntimeError(
                f"view size {new_shape} is not compatible with shape {self.shape} and stride {self.stride}: "
                f"the elements lie in evenly spaced runs of {runs}, and a new dimension would need parts of "
                "two; use reshape, which copies"
            )
        return self.as_strided(new_shape, new_stride)

    def reshape(self, *shape) -> Self:
        """A view where one exists, else a view of a row-major copy."""
        new_shape = layouts.infer_shape(_sizes(shape), self.numel())
        if layouts.view_strides(self.shape, self.stride, new_shape) is None:
            return self.contiguous().view(new_shape)
        return self.view(new_shape)


def _sizes(arguments: tuple) -> tuple[int, ...]:
    """Integers given one by one, or as one tuple or list."""
    if not arguments:
        raise TypeError("no sizes or dimensions given: expected integers, or one tuple of them")
    if isinstance(arguments[0], Sequence) and len(arguments) == 1:
        arguments = arguments[0]
    return tuple(as_integer(number) for number in arguments)


def _without(values: Sequence[int], *dims: int) -> tuple[int, ...]:
    return tuple(value for dim, value in enumerate(values) if dim not in dims)


def _insert(values: Sequence[int], dim: int, value: int) -> tuple[int, ...]:
    return (*values[:dim], value, *values[dim:])


def _put(values: Sequence[int], dim: int, value: int) -> tuple[int, ...]:
    return (*values[:dim], value, *values[dim + 1 :])
