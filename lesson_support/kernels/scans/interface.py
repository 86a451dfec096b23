"""`linear_scan`: one recurrence, any layout, one of several backends."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lesson_support.errors import LessonError
from lesson_support.kernels.scans import operators
from lesson_support.kernels.scans.checks import check_arguments, check_out
from lesson_support.kernels.scans.choosing import choose, direct
from lesson_support.kernels.scans.gradients import differentiable_scan
from lesson_support.kernels.scans.problem import Problem


def linear_scan(
    a: Tensor,
    b: Tensor,
    h0: Tensor | None = None,
    *,
    dim: int = 1,
    reverse: bool = False,
    log_gates: bool = False,
    return_state: bool = False,
    out: Tensor | None = None,
    backend: str = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """h_t = a_t·h_{t−1} + b_t for every t along `dim`, starting from h0 (zeros without one).

    `b` is float32, bfloat16, float16 or float64, of any shape and strides; `a` has its dtype and its shape,
    or 1 in place of any size. `h0` has b's shape without `dim`, and b's dtype or the state's. The state is
    carried in float32 (float64 for float64) and rounded once, into a result of b's dtype and shape.

    reverse       h_t = a_t·h_{t+1} + b_t: h0 stands after the last step, and the final state is that at t = 0
    log_gates     `a` holds the logarithms of the gates; in half precision gates near 1 need it
    return_state  also the final state, unrounded; h0 if there is no step
    out           where the result goes, in memory of its own; without gradients
    backend       one of `available_backends()`; "auto" takes the first that does not refuse

    Gradients of any order reach a, b and h0 through the result and the state. A backend may multiply gates
    before it meets what they apply to: where such a product overflows, what the step-by-step recurrence keeps
    at 0 can be NaN. A wrong argument is a LessonError.
    """
    if type(out) is Tensor and h0 is None and not return_state and _is_plain(a, b, out):
        whole = direct(backend)
        if whole is not None and whole(a, b, out, dim, reverse, log_gates):
            return out
    flags = {"reverse": reverse, "log_gates": log_gates, "return_state": return_state}
    dim = check_arguments(a, b, h0, dim, flags, out)
    a = a if a.shape == b.shape else a.expand(b.shape)
    options = (dim, reverse, log_gates, backend)
    if out is not None:
        state = _scan_into(a, b, h0, out, options, return_state)
        return (out, state) if return_state else out
    if _is_plain(a, b, h0):
        h, state = operators.scan_forward(a, b, h0, None, *options, return_state)
    else:
        _refuse_tangents(a, b, h0)
        _refuse_gradients(a, b, h0, options)
        h, state = differentiable_scan(a, b, h0, *options)
    return (h, state) if return_state else h


def _scan_into(a: Tensor, b: Tensor, h0: Tensor | None, out: Tensor, options, needs_state: bool) -> Tensor:
    """Writes `out` and returns the final state."""
    check_out(a, b, h0, out)
    if _is_plain(a, b, h0):
        return operators.scan_forward(a, b, h0, out, *options, needs_state)[1]
    _refuse_tangents(a, b, h0)
    return operators.linear_scan_into(a, b, h0, out, *options)


def _refuse_tangents(*tensors: Tensor | None) -> None:
    """A LessonError for forward-mode derivatives, which would otherwise be lost without a word."""
    if torch.compiler.is_compiling():
        return
    if any(x is not None and forward_ad.unpack_dual(x).tangent is not None for x in tensors):
        raise LessonError(
            "a, b or h0 carries a forward-mode tangent: expected none, gradients are reverse-mode only"
        )


def _refuse_gradients(a: Tensor, b: Tensor, h0: Tensor | None, options) -> None:
    """A LessonError now, where a named backend would refuse only once the gradients are asked for."""
    dim, reverse, log_gates, backend = options
    if torch.compiler.is_compiling() or backend == "auto":
        return
    if torch.is_grad_enabled() and _requires_grad(a, b, h0):
        problem = Problem(b.device.type, b.dtype, tuple(b.shape), dim, reverse, log_gates, h0 is not None)
        choose(backend, problem, replace(problem, backward=True))


def _is_plain(a: Tensor, b: Tensor, other: Tensor | None) -> bool:
    """Whether nobody but us has to see this call: no gradient, no tracing, no transform, no subclass.

    Calling the backend directly then saves what an operator written in Python costs: ten times a small scan.
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    if torch._C._len_torch_dispatch_stack() or type(a) is not Tensor or type(b) is not Tensor:
        return False
    if forward_ad._current_level >= 0:
        return False
    return not (torch.is_grad_enabled() and _requires_grad(a, b, other))


def _requires_grad(a: Tensor, b: Tensor, h0: Tensor | None) -> bool:
    return a.requires_grad or b.requires_grad or (h0 is not None and h0.requires_grad)
