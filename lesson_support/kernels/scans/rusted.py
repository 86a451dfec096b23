"""Backend "rust": the same scan in Rust with nothing but its standard library, called through ctypes."""

import ctypes

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from lesson_support.errors import LessonError
from lesson_support.kernels.scans.problem import STATE_DTYPES, Problem
from lesson_support.native import rust

NAME = "rust"

# dtype -> its number in native/rust/scan.rs
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


def refuses(problem: Problem) -> str | None:
    """It takes every scan on a CPU."""
    return None if problem.device == "cpu" else f"it runs on the CPU, and the tensors are on {problem.device}"


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
    if not out.is_inference():
        increment_version(out)  # written without torch's knowledge


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
    message = ctypes.create_string_buffer(_MESSAGE_BYTES)
    function = getattr(rust.library("scan"), name)
    if function(ctypes.byref(request), passed, message, ctypes.c_size_t(_MESSAGE_BYTES)):
        reason = message.raw.split(b"\0")[0].decode(errors="replace")
        raise LessonError(f"backend = 'rust' failed in {name}: {reason}; please report it")


def _numbers(values):
    return (ctypes.c_int64 * len(values))(*values)
