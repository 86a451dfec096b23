"""The matrix product of the Rust crate, on tensors' own memory: packed panels, like `tensors.gemm.packed`.

float32 in, float32 out: |out - a·b| <= (k + 1)·2⁻²⁴·(|a|·|b|), element by element, without underflow. NaN and
infinity go through. The number of threads does not change a bit of the result.
"""

import ctypes

import torch
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.scans.native_side import tell_autograd
from lesson_support.native import rust

_TRANSPOSED_A, _TRANSPOSED_B, _ADDED = 1, 2, 4  # as in native/rust/src/interface/products.rs
_MOST_THREADS = 1024


class _Matrix(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p)] + [
        (name, ctypes.c_size_t) for name in ("count", "rows", "columns", "stride")
    ]


def multiply(
    a: Tensor, b: Tensor, out: Tensor | None = None, *, add: bool = False, threads: int | None = None
) -> Tensor:
    """out = a · b, or out += a · b with `add`; returns `out`, which is a new tensor if none is given.

    a (n, k) and b (k, m) may be parts of larger tensors and transposed: their rows or their columns must be
    runs. `threads` is torch's number unless given. LessonError names an argument that does not fit.
    """
    for name, value in (("a", a), ("b", b)):
        _require_plain(name, value)
    if a.shape[1] != b.shape[0]:
        raise LessonError(
            f"b has shape {tuple(b.shape)}: expected (k, m) with k = {a.shape[1]}, the columns of a"
        )
    if out is None:
        if add:
            raise LessonError("add is True and out is None: expected a tensor to add to")
        out = torch.empty(a.shape[0], b.shape[1])
    _require_plain("out", out)
    if out.shape != (a.shape[0], b.shape[1]):
        raise LessonError(
            f"out has shape {tuple(out.shape)}: expected (n, m) = {(a.shape[0], b.shape[1])}, as a and b say"
        )
    threads = torch.get_num_threads() if threads is None else threads
    if not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= _MOST_THREADS:
        raise LessonError(f"threads = {threads!r}: expected a whole number from 1 to {_MOST_THREADS}")
    left, turned_a = _matrix("a", a, turns=True)
    right, turned_b = _matrix("b", b, turns=True)
    target, _ = _matrix("out", out, turns=False)
    flags = _TRANSPOSED_A * turned_a | _TRANSPOSED_B * turned_b | _ADDED * bool(add)
    _gemm()(left, right, target, flags, threads)
    tell_autograd(out)
    return out


def _gemm():
    pointer = ctypes.POINTER(_Matrix)
    return rust.function("lessons_gemm", pointer, pointer, pointer, ctypes.c_uint32, ctypes.c_size_t)


def _require_plain(name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise LessonError(f"{name} is a {type(value).__name__}: expected a float32 tensor on the CPU")
    if value.device.type != "cpu" or value.layout != torch.strided or value.is_neg() or value.is_conj():
        raise LessonError(
            f"{name} is {value.layout} on {value.device}: expected a dense CPU tensor, not a negated view"
        )
    if value.dtype != torch.float32:
        raise LessonError(f"{name} has dtype {value.dtype}: expected torch.float32")
    if value.ndim != 2:
        raise LessonError(f"{name} has shape {tuple(value.shape)}: expected two dimensions")
    if value.requires_grad and torch.is_grad_enabled():
        raise LessonError(f"{name} requires gradients, which are not computed here: expected torch.no_grad()")


def _matrix(name: str, x: Tensor, *, turns: bool) -> tuple[_Matrix, bool]:
    """How x lies in memory, and whether that is as its transpose."""
    for turned, view in ((False, x), (True, x.t())):
        if turned and not turns:
            break
        (rows, columns), (down, right) = view.shape, view.stride()
        stride = columns if rows <= 1 else down
        if (columns <= 1 or right == 1) and stride >= columns:
            count = (rows - 1) * stride + columns if rows and columns else 0
            return _Matrix(view.data_ptr(), count, rows, columns, stride), turned
    expected = "rows or columns" if turns else "rows"
    raise LessonError(
        f"{name} of shape {tuple(x.shape)} has strides {x.stride()}: expected {expected} that are runs "
        "and do not overlap"
    )
