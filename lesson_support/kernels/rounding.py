"""Between storage and float32: every kernel widens right after the load and narrows right at the store.

Compiled kernels use the GPU's conversions. The interpreter needs its own: Triton's cut off the low bits of a
float32 on the way to bfloat16, where hardware rounds to nearest even, and lose subnormal bfloat16 numbers.
"""

import triton
import triton.language as tl

from lesson_support.kernels.running import interpreting

EMULATED = tl.constexpr(interpreting())


@triton.jit
def widened(x):
    """`x` as float32, exactly."""
    if EMULATED and x.dtype == tl.bfloat16:
        wide = (x.to(tl.uint16, bitcast=True).to(tl.uint32) << 16).to(tl.float32, bitcast=True)
    else:
        wide = x.to(tl.float32)
    return wide


@triton.jit
def narrowed(x, dtype: tl.constexpr):
    """The float32 `x` in `dtype`, rounded to nearest, ties to even."""
    if EMULATED and dtype == tl.bfloat16:
        bits = x.to(tl.uint32, bitcast=True)
        up = bits + 0x7FFF + ((bits >> 16) & 1)
        kept = tl.where(x == x, up, bits | 0x400000) >> 16  # a NaN stays one
        narrow = kept.to(tl.uint16).to(tl.bfloat16, bitcast=True)
    else:
        narrow = x.to(dtype)
    return narrow
