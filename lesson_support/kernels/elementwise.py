"""Two kernels that touch every element once: vector addition, and bias + GELU in one pass.

Each stands after its reference, which says in PyTorch what it computes.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.rounding import narrowed, widened
from lesson_support.kernels.running import check_match, check_operand, launching_on, output, power_of_two

BLOCK = 1024


def vector_add_reference(a: Tensor, b: Tensor) -> Tensor:
    """a + b."""
    return a + b


@triton.jit
def vector_add_kernel(a_ptr, b_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """out[i] = a[i] + b[i]; program p takes elements p·BLOCK to (p + 1)·BLOCK."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    a = widened(tl.load(a_ptr + i, mask=inside))
    b = widened(tl.load(b_ptr + i, mask=inside))
    tl.store(out_ptr + i, narrowed(a + b, out_ptr.dtype.element_ty), mask=inside)


def vector_add(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """a + b for contiguous tensors of one shape, dtype and device; LessonError for others."""
    for name, value in (("a", a), ("b", b)):
        check_operand(name, value)
        _check_contiguous(name, value)
    if a.shape != b.shape:
        raise LessonError(
            f"a has shape {tuple(a.shape)} and b {tuple(b.shape)}: expected one shape (nothing is broadcast)"
        )
    check_match("b", b, "a", a)
    out = output(out, a.shape, a)
    if out.numel():
        programs = triton.cdiv(out.numel(), BLOCK)
        with launching_on(out):
            vector_add_kernel[(programs,)](a, b, out, out.numel(), BLOCK=BLOCK, num_warps=4)
    return out


def bias_gelu_reference(x: Tensor, bias: Tensor, approximate: str = "none") -> Tensor:
    """gelu(x + bias)."""
    return torch.nn.functional.gelu(x + bias, approximate=approximate)


@triton.jit
def bias_gelu_kernel(
    x_ptr, bias_ptr, out_ptr, rows, columns, TANH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    """out = gelu(x + bias) for a tile of ROWS x COLUMNS elements, which loads its piece of bias once."""
    tiles = tl.cdiv(columns, COLUMNS)
    program = tl.program_id(0).to(tl.int64)
    i = ((program // tiles) * ROWS + tl.arange(0, ROWS))[:, None]
    j = ((program % tiles) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    inside = (i < rows) & (j < columns)
    bias = widened(tl.load(bias_ptr + j, mask=j < columns, other=0.0))
    z = widened(tl.load(x_ptr + i * columns + j, mask=inside, other=0.0)) + bias
    if TANH:
        # z/2·(1 + tanh(u)) with u = sqrt(2/pi)·(z + 0.044715·z³), and (1 + tanh(u))/2 = sigmoid(2u), here by
        # the exponential of a number that is not positive: the other one overflows.
        u2 = (z + 0.044715 * z * z * z) * 1.5957691216057308
        e = tl.exp(-tl.abs(u2))
        gelu = z * tl.where(u2 < 0, e, 1.0) / (1.0 + e)
    else:
        gelu = 0.5 * z * (1.0 + tl.erf(z * 0.7071067811865476))
    tl.store(out_ptr + i * columns + j, narrowed(gelu, out_ptr.dtype.element_ty), mask=inside)


def bias_gelu(x: Tensor, bias: Tensor, approximate: str = "none", out: Tensor | None = None) -> Tensor:
    """gelu(x + bias) for a contiguous x (..., n) and bias (n), without storing the sum.

    `approximate` is "none" (by erf) or "tanh", as in PyTorch. LessonError for other shapes, dtypes, layouts.
    """
    check_operand("x", x)
    _check_contiguous("x", x)
    check_operand("bias", bias, 1)
    _check_contiguous("bias", bias)
    if not x.dim() or x.shape[-1] != bias.shape[0]:
        raise LessonError(
            f"bias has shape {tuple(bias.shape)} and x {tuple(x.shape)}: expected x's last size"
        )
    check_match("bias", bias, "x", x)
    if approximate not in ("none", "tanh"):
        raise LessonError(f"approximate is {approximate!r}: expected 'none' or 'tanh'")
    out = output(out, x.shape, x)
    if out.numel():
        columns = bias.numel()
        width = min(power_of_two(columns), 256)
        height = min(power_of_two(x.numel() // columns), 2048 // width)
        programs = triton.cdiv(x.numel() // columns, height) * triton.cdiv(columns, width)
        sizes = (x.numel() // columns, columns)
        flags = {"TANH": approximate == "tanh", "ROWS": height, "COLUMNS": width, "num_warps": 4}
        with launching_on(out):
            bias_gelu_kernel[(programs,)](x, bias, out, *sizes, **flags)
    return out


def _check_contiguous(name: str, value: Tensor) -> None:
    if not value.is_contiguous():
        raise LessonError(f"{name} has strides {value.stride()}: expected a contiguous tensor")
