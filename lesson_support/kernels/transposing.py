"""Transposing a matrix through a tile: rows are read along rows and written along rows.

A program reads a tile of x, turns it over on the chip and writes it to the mirrored place. The tile's sides
decide how much of each memory sector an access uses: with (32, 32) both sides fill theirs, with (1, 1024) the
writes go down a column, and each touches a sector of its own.
"""

import triton
import triton.language as tl
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.running import check_operand, launching_on, output, power_of_two

TILE = (32, 32)


def transpose_reference(x: Tensor) -> Tensor:
    """x.T, as a contiguous copy."""
    return x.t().contiguous()


@triton.jit
def transpose_kernel(x_ptr, out_ptr, n, m, x_row, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """out (m, n) = x (n, m) mirrored; the programs go through the tiles of x row by row."""
    tiles = tl.cdiv(m, COLUMNS)
    program = tl.program_id(0).to(tl.int64)
    i = (program // tiles) * ROWS + tl.arange(0, ROWS)
    j = (program % tiles) * COLUMNS + tl.arange(0, COLUMNS)
    tile = tl.load(x_ptr + i[:, None] * x_row + j[None, :], mask=(i[:, None] < n) & (j[None, :] < m))
    mirrored = tl.trans(tile)
    tl.store(out_ptr + j[:, None] * n + i[None, :], mirrored, mask=(j[:, None] < m) & (i[None, :] < n))


def transpose(x: Tensor, tile: tuple[int, int] = TILE, out: Tensor | None = None) -> Tensor:
    """x.T as a contiguous copy, for x (n, m) of a real dtype with contiguous rows; LessonError for others."""
    check_operand("x", x, 2, floating=False)
    if x.is_complex():
        raise LessonError(f"x has dtype {x.dtype}: expected a real dtype")
    n, m = x.shape
    if m > 1 and x.stride(1) != 1:
        raise LessonError(f"x has strides {x.stride()}: expected contiguous rows (last stride 1)")
    rows, columns = tile
    if min(tile) < 1 or power_of_two(rows) != rows or power_of_two(columns) != columns:
        raise LessonError(f"tile is {tile}: expected two powers of two")
    out = output(out, (m, n), x)
    if out.numel() and out.untyped_storage().data_ptr() == x.untyped_storage().data_ptr():
        raise LessonError("out shares the memory of x: expected memory of its own")
    if out.numel():
        programs = triton.cdiv(n, rows) * triton.cdiv(m, columns)
        with launching_on(x):
            transpose_kernel[(programs,)](x, out, n, m, x.stride(0), ROWS=rows, COLUMNS=columns, num_warps=4)
    return out
