"""Rows that lie further apart than there is memory: a kernel sees their addresses, and reads a small tensor.

    with traffic.count(x=x) as seen, far_rows.stretched(x_ptr=(x, 2**30)):
        kernel[grid](x, ..., 2**30)

The kernel is told that row i of x begins at x + i·2**30. An access that is computed so goes to row i of the
tensor that there is; any other, such as one whose offset overflowed, is counted as a stray.
"""

import contextlib
from collections.abc import Iterator

import numpy
from torch import Tensor

from lesson_support.errors import LessonError


@contextlib.contextmanager
def stretched(**far: tuple[Tensor, int]) -> Iterator[None]:
    """While the block runs, the kernel argument of each name has rows that begin so many elements apart.

    Only inside `traffic.count`, which knows from which argument an address was computed. LessonError for a
    tensor that has no two dimensions, or rows longer than the distance.
    """
    from triton.runtime import interpreter

    from lesson_support.kernels.traffic import recording
    from lesson_support.kernels.traffic.accounting import MARK, Origin

    if not recording._running:
        raise LessonError("stretched() stands outside traffic.count: expected it inside")
    for name, (tensor, distance) in far.items():
        if tensor.dim() != 2 or tensor.stride(1) != 1 or distance < tensor.shape[1]:
            raise LessonError(
                f"{name} has shape {tuple(tensor.shape)}, strides {tensor.stride()} and rows {distance} apart"
                ": expected contiguous rows that fit between their beginnings"
            )
    builder = interpreter.interpreter_builder

    def moved(access):
        def accessing(pointers, *rest, **options):
            origin = pointers.attr.get(MARK)
            if origin is not None and origin.argument in far:
                data = _real(pointers.data, *far[origin.argument])
                near = interpreter.TensorHandle(data, pointers.dtype)
                # The offset that a stray reports counts from where strays begin.
                near.attr.update(pointers.attr | {MARK: Origin(origin.argument, origin.base + _NOWHERE)})
                pointers = near
            return access(pointers, *rest, **options)

        return accessing

    with contextlib.ExitStack() as undo:
        for name in ("create_masked_load", "create_masked_store"):
            undo.callback(setattr, builder, name, getattr(builder, name))
            setattr(builder, name, moved(getattr(builder, name)))
        yield


_NOWHERE = 1 << 60  # so far from any memory that no tensor can lie there


def _real(addresses: numpy.ndarray, tensor: Tensor, distance: int) -> numpy.ndarray:
    """Where the elements really are; what belongs to no row is nowhere, or it could hit another row."""
    size, base = tensor.element_size(), tensor.data_ptr()
    row, rest = numpy.divmod(addresses.astype(numpy.int64) - base, distance * size)
    known = (row >= 0) & (row < tensor.shape[0]) & (rest < tensor.shape[1] * size)
    near = base + row * tensor.stride(0) * size + rest
    return numpy.where(known, near, addresses.astype(numpy.int64) + _NOWHERE).astype(addresses.dtype)
