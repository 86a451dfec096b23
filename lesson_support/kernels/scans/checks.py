"""What `linear_scan` asks of its arguments; each LessonError names one, what came and what was expected."""

import torch
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.scans.problem import STATE_DTYPES


def check_arguments(a, b, h0, dim, flags: dict[str, object], out) -> int:
    """`dim` counted from the front, once everything but `backend` is in order."""
    for name, value in (("a", a), ("b", b), ("h0", h0), ("out", out)):
        if value is None and name in ("h0", "out"):
            continue
        if not isinstance(value, Tensor):
            raise LessonError(f"{name} is a {type(value).__name__}: expected a tensor")
        if value.layout != torch.strided:
            raise LessonError(f"{name} has the layout {value.layout}: expected a dense tensor")
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise LessonError(f"{name} = {value!r}: expected True or False")
    if b.dtype not in STATE_DTYPES:
        raise LessonError(f"b has dtype {b.dtype}: expected float32, bfloat16, float16 or float64")
    place = _check_dim(dim, b)
    rows = (*b.shape[:place], *b.shape[place + 1 :])
    if a.dtype != b.dtype:
        raise LessonError(f"a has dtype {a.dtype}: expected that of b, {b.dtype}")
    if a.shape != b.shape and not _expands(a.shape, b.shape):
        raise LessonError(
            f"a has shape {tuple(a.shape)}: expected that of b, {tuple(b.shape)}, or 1 in place of any size"
        )
    if h0 is not None:
        if h0.dtype not in (b.dtype, STATE_DTYPES[b.dtype]):
            names = " or ".join(dict.fromkeys((str(STATE_DTYPES[b.dtype]), str(b.dtype))))
            raise LessonError(f"h0 has dtype {h0.dtype}: expected {names}")
        if tuple(h0.shape) != rows:
            raise LessonError(
                f"h0 has shape {tuple(h0.shape)}: expected that of b without dimension {place}, {tuple(rows)}"
            )
    for name, value in (("a", a), ("h0", h0), ("out", out)):
        if value is not None and value.device != b.device:
            raise LessonError(f"{name} is on {value.device}: expected the device of b, {b.device}")
    return place


def check_out(a: Tensor, b: Tensor, h0: Tensor | None, out: Tensor) -> None:
    """`out` must be free to be written: no gradients, no element twice, nothing of an input in its range."""
    _check_like(out, b)
    inputs = {"a": a, "b": b} if h0 is None else {"a": a, "b": b, "h0": h0}
    if torch.is_grad_enabled():
        for name, value in {**inputs, "out": out}.items():
            if value.requires_grad:
                raise LessonError(
                    f"out is given and {name} requires gradients: expected no out, or torch.no_grad()"
                )
    if torch.compiler.is_compiling():  # a traced tensor has no address yet
        return
    if torch._C._are_functorch_transforms_active():
        raise LessonError("out is given inside a transform of torch.func: expected no out there")
    if not out.is_contiguous() and torch._debug_has_internal_overlap(out) == 1:
        raise LessonError(f"out has the strides {out.stride()}: expected one place for each element")
    low, high = _range(out)
    for name, value in inputs.items():
        start, end = _range(value)
        if start < high and low < end:
            raise LessonError(f"out overlaps {name} in memory: expected memory that no input uses")


def _expands(shape: torch.Size, target: torch.Size) -> bool:
    return len(shape) == len(target) and all(
        have in (1, want) for have, want in zip(shape, target, strict=True)
    )


def _check_dim(dim, b: Tensor) -> int:
    if b.ndim == 0:
        raise LessonError("b has no dimension: expected one or more")
    if isinstance(dim, bool) or not isinstance(dim, int) or not -b.ndim <= dim < b.ndim:
        raise LessonError(f"dim = {dim!r}: expected a whole number from {-b.ndim} to {b.ndim - 1}")
    return dim % b.ndim


def _check_like(out: Tensor, b: Tensor) -> None:
    if out.dtype != b.dtype:
        raise LessonError(f"out has dtype {out.dtype}: expected that of b, {b.dtype}")
    if out.shape != b.shape:
        raise LessonError(f"out has shape {tuple(out.shape)}: expected that of b, {tuple(b.shape)}")


def _range(x: Tensor) -> tuple[int, int]:
    """The first byte and the one after the last."""
    if x.is_contiguous():
        return x.data_ptr(), x.data_ptr() + x.nbytes
    reach = sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    return x.data_ptr(), x.data_ptr() + (reach + 1) * x.element_size()
