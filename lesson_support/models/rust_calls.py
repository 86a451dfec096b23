"""The calls into the Rust crate that `rust_mlp` makes, and the checks that go before them."""

import ctypes
import math

import torch
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.native import rust

_SIZE, _WORD, _CODE, _REAL = ctypes.c_size_t, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_double
_ADDRESS = ctypes.c_void_p


class Samples(ctypes.Structure):
    """As PassedSamples in native/rust/src/interface/training.rs; the tensors must outlive it."""

    _fields_ = [("x", _ADDRESS), ("x_count", _SIZE), ("y", _ADDRESS), ("count", _SIZE)]


class Plan(ctypes.Structure):
    """As PassedPlan there."""

    _fields_ = [
        *(("epochs", _SIZE), ("batch", _SIZE), ("first_rate", _REAL), ("last_rate", _REAL)),
        *(("patience", _SIZE), ("min_delta", _REAL), ("seed", _WORD)),
    ]


def create(sizes: tuple[int, ...], batch: int, threads: int, seed: int) -> int:
    handle = _WORD()
    call = rust.function("lessons_mlp_create", _ADDRESS, _SIZE, _SIZE, _SIZE, _WORD, _ADDRESS)
    call((_WORD * len(sizes))(*sizes), len(sizes), batch, threads, seed, ctypes.byref(handle))
    return handle.value


def free(handle: int) -> None:
    rust.function("lessons_mlp_free", _WORD)(handle)


def read(handle: int, kind: int, count: int) -> Tensor:
    out = torch.empty(count)
    rust.function("lessons_mlp_read", _WORD, _CODE, _ADDRESS, _SIZE)(handle, kind, out.data_ptr(), count)
    return out


def write(handle: int, kind: int, values: Tensor) -> None:
    call = rust.function("lessons_mlp_write", _WORD, _CODE, _ADDRESS, _SIZE)
    call(handle, kind, values.data_ptr(), values.numel())


def differentiate(handle: int, samples: Samples, order: Tensor) -> float:
    loss = _REAL()
    call = rust.function("lessons_mlp_differentiate", _WORD, _ADDRESS, _ADDRESS, _SIZE, _ADDRESS)
    call(handle, ctypes.byref(samples), order.data_ptr(), order.numel(), ctypes.byref(loss))
    return loss.value


def epoch(handle: int, samples: Samples, order: Tensor, batch: int, rate: float, losses: Tensor) -> None:
    types = (_WORD, _ADDRESS, _ADDRESS, _SIZE, _SIZE, _REAL, _ADDRESS, _SIZE, _ADDRESS)
    written = losses.data_ptr(), losses.numel(), ctypes.byref(_REAL())
    call = rust.function("lessons_mlp_epoch", *types)
    call(handle, ctypes.byref(samples), order.data_ptr(), order.numel(), batch, rate, *written)


def fit(handle: int, training: Samples, validation: Samples, plan: Plan) -> list[list[float]]:
    """Four numbers for each epoch that was run."""
    history, done = torch.empty(plan.epochs, 4, dtype=torch.float64), _SIZE()
    types = (_WORD, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _SIZE, _ADDRESS)
    passed = (ctypes.byref(each) for each in (training, validation, plan))
    call = rust.function("lessons_mlp_fit", *types)
    call(handle, *passed, history.data_ptr(), history.numel(), ctypes.byref(done))
    return history[: done.value].tolist()


def infer(name: str, handle: int, x: Tensor, out: Tensor) -> None:
    call = rust.function(name, _WORD, _ADDRESS, _SIZE, _ADDRESS, _SIZE)
    call(handle, x.data_ptr(), x.numel(), out.data_ptr(), out.numel())


def require(name: str, value: object, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """A contiguous CPU tensor of this dtype and shape."""
    if not isinstance(value, Tensor):
        raise LessonError(f"{name} is a {type(value).__name__}: expected a tensor of {dtype}")
    if value.dtype != dtype or tuple(value.shape) != shape:
        raise LessonError(
            f"{name} is {value.dtype} of shape {tuple(value.shape)}: expected {dtype} of shape {shape}"
        )
    if value.device.type != "cpu" or value.layout != torch.strided or value.is_neg():
        raise LessonError(f"{name} is {value.layout} on {value.device}: expected a dense CPU tensor")
    if not value.is_contiguous():
        raise LessonError(f"{name} has strides {value.stride()}: expected a contiguous tensor")


def order_of(order: Tensor | None, count: int) -> Tensor:
    """Numbers of samples, in the order in which they are taken; Rust checks that each exists."""
    if order is None:
        return torch.arange(count)
    require(
        "order", order, torch.int64, (len(order),) if isinstance(order, Tensor) and order.ndim else (count,)
    )
    return order


def whole(name: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
        raise LessonError(f"{name} is {value!r}: expected a whole number from {least} on")
    return value


def rate(name: str, value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise LessonError(f"{name} is {value!r}: expected a finite number from 0 on")
    return float(value)
