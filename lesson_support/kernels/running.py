"""Whether Triton kernels can run here, and on which tensors.

Triton decides when it is imported: with TRITON_INTERPRET=1 it interprets every kernel on the CPU, without it
compiles for a GPU. Nothing here imports Triton before a caller needs it.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import numpy
import torch
from torch import Tensor

from lesson_support.errors import LessonError

FLOATS = "float32, bfloat16 or float16"


def missing() -> str | None:
    """Why no Triton kernel can run in this process; None if one can."""
    if find_spec("triton") is None:
        return "Triton is not installed (it has builds for Linux only)"
    if interpreting() or torch.cuda.is_available():
        return None
    return "no GPU, and Triton's interpreter is off (it needs TRITON_INTERPRET=1 before triton is imported)"


def interpreting() -> bool:
    """Does Triton interpret kernels in this process, or will it once it is imported?"""
    if "triton" not in sys.modules:
        return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "y", "yes", "on", "true")
    # What the variable said when triton was imported; it may have changed since.
    from triton.language import standard

    return type(standard.sigmoid).__name__ == "InterpretedFunction"


def check_operand(name: str, value: Tensor, dimensions: int | None = None, *, floating: bool = True) -> None:
    """LessonError unless a kernel can take `value`: a tensor of so many dimensions on the right device."""
    if not isinstance(value, Tensor):
        raise LessonError(f"{name} is a {type(value).__name__}: expected a tensor")
    if dimensions is not None and value.dim() != dimensions:
        raise LessonError(f"{name} has shape {tuple(value.shape)}: expected {dimensions} dimension(s)")
    if floating and str(value.dtype).removeprefix("torch.") not in ("float32", "bfloat16", "float16"):
        raise LessonError(f"{name} has dtype {value.dtype}: expected {FLOATS}")
    if value.requires_grad and torch.is_grad_enabled():
        raise LessonError(
            f"{name} requires gradients, which no kernel here computes: expected no_grad or detach"
        )
    if value.device.type == "cpu" and not interpreting():
        raise LessonError(
            f"{name} is on the CPU and Triton's interpreter is off: expected a CUDA tensor, or "
            "TRITON_INTERPRET=1 set before triton is imported"
        )
    if value.device.type not in ("cpu", "cuda"):
        raise LessonError(
            f"{name} is on {value.device}: expected a CUDA tensor, or a CPU tensor to interpret"
        )


def check_match(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """LessonError unless `value` has the dtype and the device of `other`."""
    if value.dtype != other.dtype:
        raise LessonError(
            f"{name} has dtype {value.dtype} and {other_name} {other.dtype}: expected the same dtype"
        )
    if value.device != other.device:
        raise LessonError(
            f"{name} is on {value.device} and {other_name} on {other.device}: expected one device"
        )


def output(out: Tensor | None, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """`out`, or a new contiguous tensor, of this shape with the dtype and the device of `like`."""
    if out is None:
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    if out.shape != shape or out.dtype != like.dtype or out.device != like.device or not out.is_contiguous():
        raise LessonError(
            f"out is {tuple(out.shape)} {out.dtype} on {out.device} with strides {out.stride()}: expected a "
            f"contiguous {tuple(shape)} {like.dtype} on {like.device}"
        )
    return out


@contextlib.contextmanager
def launching_on(tensor: Tensor) -> Iterator[None]:
    """Around a launch: on the GPU of `tensor`, and without NumPy's warnings, which interprets elsewhere."""
    with torch.cuda.device_of(tensor), numpy.errstate(all="ignore"):
        yield


def power_of_two(count: int) -> int:
    """The smallest power of two that is at least `count`, and at least 1."""
    return 1 << max(count - 1, 0).bit_length()
