"""Backend "cpp": one pass over memory in C++, along rows or across channels; see native/cpp/scan.cpp."""

import functools
from collections.abc import Callable

from torch import Tensor

from lesson_support import native
from lesson_support.errors import LessonError
from lesson_support.kernels.scans.native_side import refuses as refuses
from lesson_support.kernels.scans.native_side import tell_autograd

NAME = "cpp"


def missing() -> str | None:
    """Why the library cannot be built here; builds nothing."""
    try:
        native.compiler()
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
    _operator("forward")(a, b, h0, out, state, reverse, log_gates)
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
    _operator("backward")(grad, grad_state, a, h, h0, da, db, dh0, reverse, log_gates)


def direct(a: Tensor, b: Tensor, out: Tensor, dim: int, reverse: bool, log_gates: bool) -> bool:
    """The whole scan by one operator that checks everything itself; False leaves it to the long way."""
    if type(dim) is not int or type(reverse) is not bool or type(log_gates) is not bool or out.requires_grad:
        return False  # the operator would take 1 for True
    try:
        if not (_direct or _operator("direct"))(a, b, out, dim, reverse, log_gates):
            return False
    except (RuntimeError, TypeError, ValueError):  # an argument that the operator cannot even be called with
        return False
    tell_autograd(out)
    return True


_direct: Callable[..., bool] | None = None


@functools.cache
def _operator(name: str) -> Callable[..., object]:
    """One overload without the search for it, which takes as long as a small scan."""
    global _direct
    found = getattr(native.operators("scan"), name).default._op
    if name == "direct":
        _direct = found
    return found
