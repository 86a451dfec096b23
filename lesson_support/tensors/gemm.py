"""One matrix product, rung by rung: out = a · b, where a is n×k, b is k×m and out is n×m.

All rungs add the same k products into each element of `out`. They differ in the order in which they walk
memory, and in what stays in caches and registers meanwhile. In float32 each of them keeps
|out - a·b| <= (k + 1)·2⁻²⁴·(|a|·|b|), element by element, for k up to 4095 and without underflow. NaN and
infinity go through: 0·inf is NaN.

`python_loop` and `numpy_rows` are Python. The compiled rungs take float32 tensors on the CPU, run on one
thread, fill `out` and return it; their C++ stands in native/cpp/gemm_loops.h and gemm_packed.h.
"""

from collections.abc import Callable

import numpy
import torch
from torch import Tensor

from lesson_support import native


def python_loop(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    """a · b of nested lists; Python's floats are float64."""
    n, m, k = len(a), len(b[0]) if b else 0, len(b)
    out = [[0.0] * m for _ in range(n)]
    for i in range(n):
        for j in range(m):
            total = 0.0
            for p in range(k):
                total += a[i][p] * b[p][j]
            out[i][j] = total
    return out


def numpy_rows(a: numpy.ndarray, b: numpy.ndarray, out: numpy.ndarray) -> numpy.ndarray:
    """out = a · b by n·k operations on rows."""
    out[...] = 0
    for i in range(a.shape[0]):
        for p in range(a.shape[1]):
            out[i] += a[i, p] * b[p]
    return out


def ijp(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """One dot product after another, each down a column of b. All three contiguous."""
    return _run("ijp", a, b, out)


def ipj(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """Multiples of rows of b, added onto rows of out. All three contiguous."""
    return _run("ipj", a, b, out)


def ipj_scalar(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """`ipj` compiled without vector instructions: a control, not a rung. All three contiguous."""
    return _run("ipj_scalar", a, b, out)


def blocked(a: Tensor, b: Tensor, out: Tensor, tile: int = 64) -> Tensor:
    """i-p-j within tile×tile parts of a, b and out. All three contiguous."""
    return _run("blocked", a, b, out, tile)


def packed(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """Tiles of out in registers, fed from packed panels of a and b, whose strides may be any."""
    return _run("packed", a, b, out)


RUNGS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "ijp": ijp,
    "ipj": ipj,
    "blocked": blocked,
    "packed": packed,
}


def compiled() -> bool:
    """Whether the compiled rungs can be built here; without a compiler each of them is a LessonError."""
    return native.available()


def _run(name: str, a: Tensor, b: Tensor, out: Tensor, *options: int) -> Tensor:
    """ValueError where an argument does not fit, naming it, what came and what was expected."""
    for argument, value in (("a", a), ("b", b), ("out", out)):
        if not isinstance(value, Tensor):
            raise ValueError(f"{argument} is a {type(value).__name__}: expected a float32 CPU tensor")
        if value.device.type != "cpu" or value.layout != torch.strided:
            raise ValueError(f"{argument} is {value.layout} on {value.device}: expected a dense CPU tensor")
        if value.dtype != torch.float32:
            raise ValueError(f"{argument} has dtype {value.dtype}: expected torch.float32")
        if value.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                f"{argument} requires gradients, which no rung computes: expected torch.no_grad()"
            )
    getattr(native.operators("gemm"), name)(a, b, out, *options)
    return out
