"""Backend "rust": the same scan in Rust with nothing but its standard library, called through ctypes."""

import ctypes
import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.scans.native_side import refuses as refuses
from lesson_support.kernels.scans.native_side import tell_autograd
from lesson_support.kernels.scans.problem import STATE_DTYPES
from lesson_support.native import rust

NAME = "rust"

# dtype -> its number in native/rust/src/scan/mod.rs
_CODES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}
_MESSAGE_BYTES = 256


class _Operand(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("strides", ctypes.POINTER(ctypes.c_int64))]


class _Request(ctypes.Structure):
    _fields_ = [
        ("rank", ctypes.c_size_t),
        ("sizes", ctypes.POINTER(ctypes.c_int64)),
        ("dtype", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("reverse", ctypes.c_bool),
        ("log_gates", ctypes.c_bool),
        ("narrow_start", ctypes.c_bool),
    ]


def missing() -> str | None:
    """Why the library cannot be built here; builds nothing."""
    try:
        rust.compiler()
    except LessonError as error:
        return str(error)
    return None


def forward(
    a: Tensor,
    b: Tensor,
    h0: Tensor | None,
    out: Tensor,
    state: Tensor,
    *,
    reverse: bool,
    log_gates: bool,
) -> None:
    """Fills `out` and `state`."""
    rows = {"a": a, "b": b, "h0": h0, "out": out, "state": state}
    _call("scan_forward", b, rows, reverse, log_gates)
    tell_autograd(out)


def backward(
    grad: Tensor,
    grad_state: Tensor | None,
    a: Tensor,
    h: Tensor,
    h0: Tensor | None,
    da: Tensor | None,
    db: Tensor,
    dh0: Tensor | None,
    *,
    reverse: bool,
    log_gates: bool,
) -> None:
    """Fills `db`, and `da` and `dh0` where they are wanted."""
    rows = {"grad": grad, "grad_state": grad_state, "a": a, "h": h}
    rows |= {"h0": h0, "da": da, "db": db, "dh0": dh0}
    _call("scan_backward", h, rows, reverse, log_gates)


def direct(a: Tensor, b: Tensor, out: Tensor, dim: int, reverse: bool, log_gates: bool) -> bool:
    """The whole scan of contiguous tensors by one call; False leaves everything else to the long way."""
    shape = out.shape
    if type(dim) is not int or type(reverse) is not bool or type(log_gates) is not bool or out.requires_grad:
        return False
    if not -len(shape) <= dim < len(shape) or a.shape != shape or b.shape != shape:
        return False
    if not (a.is_cpu and b.is_cpu and out.is_cpu and a.dtype == b.dtype == out.dtype in _CODES):
        return False
    if any(x.layout != torch.strided or not x.is_contiguous() for x in (a, b, out)):
        return False
    inputs, written, size = (a.data_ptr(), b.data_ptr()), out.data_ptr(), out.nbytes
    if any(abs(read - written) < size for read in inputs):
        return False
    request, axes = _walk(shape, dim, out.dtype, torch.get_num_threads(), reverse, log_gates)
    _ask(
        "scan_forward",
        request,
        (_Operand * 5)((inputs[0], axes), (inputs[1], axes), (None, None), (written, axes), (None, None)),
    )
    tell_autograd(out)
    return True


@functools.lru_cache(256)
def _walk(shape: torch.Size, dim: int, dtype: torch.dtype, threads: int, reverse: bool, log_gates: bool):
    """What a scan of contiguous tensors along `dim` asks for, and the strides of each, the steps last."""
    axes = [*range(len(shape))]
    axes.append(axes.pop(dim))
    strides = [math.prod(shape[axis + 1 :]) for axis in axes]
    sizes = _numbers([shape[axis] for axis in axes])
    request = _Request(len(shape), sizes, _CODES[dtype], threads, reverse, log_gates, False)
    return request, _numbers(strides)


_STATES = ("state", "grad_state", "dh0")


def _call(
    name: str, model: Tensor, operands: dict[str, Tensor | None], reverse: bool, log_gates: bool
) -> None:
    """Calls the library with what it can take for granted: shapes and dtypes that fit `model`, CPU memory."""
    wide = STATE_DTYPES[model.dtype]
    for label, tensor in operands.items():
        if tensor is None:
            continue
        is_row = label == "h0" or label in _STATES
        shape = model.shape[:-1] if is_row else model.shape
        dtypes = {"h0": (wide, model.dtype)}.get(label, (wide,) if is_row else (model.dtype,))
        if tensor.shape != shape or tensor.dtype not in dtypes or tensor.device.type != "cpu":
            raise LessonError(
                f"{label} is {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}: expected "
                f"{dtypes[0]} of shape {tuple(shape)} on the CPU"
            )
    h0 = operands["h0"]
    request = _Request(
        model.ndim,
        _numbers(model.shape),
        _CODES[model.dtype],
        torch.get_num_threads(),
        reverse,
        log_gates,
        h0 is not None and h0.dtype != wide,
    )
    passed = (_Operand * len(operands))(
        *(
            _Operand(None, None) if x is None else _Operand(x.data_ptr(), _numbers(x.stride()))
            for x in operands.values()
        )
    )
    _ask(name, request, passed)


def _ask(name: str, request: _Request, operands: ctypes.Array) -> None:
    """Calls the library; a panic in it is a LessonError."""
    message = ctypes.create_string_buffer(_MESSAGE_BYTES)
    if _function(name)(ctypes.byref(request), operands, message, ctypes.c_size_t(_MESSAGE_BYTES)):
        reason = message.raw.split(b"\0")[0].decode(errors="replace")
        raise LessonError(f"backend = 'rust' failed in {name}: {reason}; please report it")


@functools.cache
def _function(name: str) -> Callable[..., int]:
    return getattr(rust.library(), name)


def _numbers(values):
    return (ctypes.c_int64 * len(values))(*values)
