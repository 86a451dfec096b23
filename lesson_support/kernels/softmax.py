"""Softmax along rows, three ways: three passes over memory, one, and two for rows that fit in no block.

Traffic for each row of n elements, against a minimum of n read and n written:

    softmax_three_passes   3n read, n written   ratio 2
    softmax_online         2n read, n written   ratio 3/2
    softmax_fused           n read, n written   ratio 1, rows up to LONGEST_ROW
"""

import triton
import triton.language as tl
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.rounding import narrowed, widened
from lesson_support.kernels.running import check_operand, launching_on, output, power_of_two

BLOCK = 1024
LONGEST_ROW = 16_384


def softmax_reference(x: Tensor) -> Tensor:
    """exp(x - max) / sum of the same, along the last axis: five operations, each over the whole tensor."""
    shifted = (x.float() - x.float().amax(-1, keepdim=True)).exp()
    return (shifted / shifted.sum(-1, keepdim=True)).to(x.dtype)


@triton.jit
def three_pass_kernel(x_ptr, out_ptr, n, x_row, x_column, BLOCK: tl.constexpr):
    """One row for each program: its maximum, its sum of exponentials, its quotients."""
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * x_row
    highest = tl.full((BLOCK,), float("-inf"), tl.float32)
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK).to(tl.int64)
        x = widened(tl.load(x_ptr + i * x_column, mask=i < n, other=float("-inf")))
        highest = tl.maximum(highest, x)
    maximum = tl.max(highest, axis=0)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK).to(tl.int64)
        x = widened(tl.load(x_ptr + i * x_column, mask=i < n, other=float("-inf")))
        total += tl.where(i < n, tl.exp(x - maximum), 0.0)
    scale = 1.0 / tl.sum(total, axis=0)
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK).to(tl.int64)
        x = widened(tl.load(x_ptr + i * x_column, mask=i < n, other=float("-inf")))
        y = tl.exp(x - maximum) * scale
        tl.store(out_ptr + row * n + i, narrowed(y, out_ptr.dtype.element_ty), mask=i < n)


@triton.jit
def fused_kernel(x_ptr, out_ptr, n, x_row, x_column, BLOCK: tl.constexpr):
    """One row for each program, held in registers from its only load to its only store."""
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK).to(tl.int64)
    x = widened(tl.load(x_ptr + row * x_row + i * x_column, mask=i < n, other=float("-inf")))
    e = tl.where(i < n, tl.exp(x - tl.max(x, axis=0)), 0.0)
    y = e * (1.0 / tl.sum(e, axis=0))
    tl.store(out_ptr + row * n + i, narrowed(y, out_ptr.dtype.element_ty), mask=i < n)


@triton.jit
def online_kernel(x_ptr, out_ptr, n, x_row, x_column, BLOCK: tl.constexpr):
    """One row for each program: maximum and sum in one pass, where a new maximum rescales the old sum."""
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * x_row
    highest = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK).to(tl.int64)
        x = widened(tl.load(x_ptr + i * x_column, mask=i < n, other=float("-inf")))
        higher = tl.maximum(highest, x)
        # -inf minus -inf is NaN: a lane that has seen nothing finite subtracts 0 instead.
        pivot = tl.where(higher == float("-inf"), 0.0, higher)
        total = total * tl.exp(highest - pivot) + tl.exp(x - pivot)
        highest = higher
    maximum = tl.max(highest, axis=0)
    pivot = tl.where(maximum == float("-inf"), 0.0, maximum)
    scale = 1.0 / tl.sum(total * tl.exp(highest - pivot), axis=0)
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK).to(tl.int64)
        x = widened(tl.load(x_ptr + i * x_column, mask=i < n, other=float("-inf")))
        y = tl.exp(x - pivot) * scale
        tl.store(out_ptr + row * n + i, narrowed(y, out_ptr.dtype.element_ty), mask=i < n)


def softmax_three_passes(x: Tensor, block: int = BLOCK, out: Tensor | None = None) -> Tensor:
    """Softmax of each row of x (rows, n), any strides; the kernel walks through each row three times."""
    return _softmax(three_pass_kernel, x, _checked(block), out)


def softmax_fused(x: Tensor, out: Tensor | None = None) -> Tensor:
    """Softmax of each row of x (rows, n), any strides, n <= LONGEST_ROW: each row is read once."""
    check_operand("x", x, 2)
    if x.shape[1] > LONGEST_ROW:
        raise LessonError(
            f"x has rows of {x.shape[1]} elements: expected at most {LONGEST_ROW}, which one program can "
            "hold; softmax_online takes longer ones"
        )
    return _softmax(fused_kernel, x, power_of_two(x.shape[1]), out)


def softmax_online(x: Tensor, block: int = BLOCK, out: Tensor | None = None) -> Tensor:
    """Softmax of each row of x (rows, n), any strides and any n: each row is read twice."""
    return _softmax(online_kernel, x, _checked(block), out)


def _checked(block: int) -> int:
    if block < 1 or block != power_of_two(block):
        raise LessonError(f"block is {block}: expected a power of two")
    return block


def _softmax(kernel, x: Tensor, block: int, out: Tensor | None) -> Tensor:
    check_operand("x", x, 2)
    rows, n = x.shape
    out = output(out, x.shape, x)
    if out.numel():
        warps = min(max(block // 256, 1), 16)
        with launching_on(x):
            kernel[(rows,)](x, out, n, *x.stride(), BLOCK=block, num_warps=warps)
    return out
