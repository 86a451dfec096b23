"""`torch.ops.lessons.linear_scan_forward`, `_backward` and `_into`: what torch knows about the scan.

Each has a fake kernel for tracing, and a rule for vmap. The gradient of the forward operator is the backward
operator; its gradient in turn is written with the forward operator and elementwise products, so that every
further derivative exists. Arguments have been checked: see `checks`.
"""

import torch
from torch import Tensor

from lesson_support.kernels.scans.choosing import choose
from lesson_support.kernels.scans.problem import STATE_DTYPES, Problem


def scan_forward(
    a: Tensor,
    b: Tensor,
    h0: Tensor | None,
    out: Tensor | None,
    dim: int,
    reverse: bool,
    log_gates: bool,
    backend: str,
    needs_state: bool = True,
) -> tuple[Tensor, Tensor]:
    """(h, final state), computed at once and unknown to torch; h is `out` where one is given."""
    problem = Problem(
        b.device.type, b.dtype, tuple(b.shape), dim, reverse, log_gates, h0 is not None, needs_state
    )
    out = torch.empty_like(b) if out is None else out
    state = _empty_state(b, dim)
    taker = choose(backend, problem)
    taker.forward(
        _last(a, dim), _last(b, dim), h0, _last(out, dim), state, reverse=reverse, log_gates=log_gates
    )
    return out, state


@torch.library.custom_op("lessons::linear_scan_forward", mutates_args=())
def linear_scan_forward(
    a: Tensor,
    b: Tensor,
    h0: Tensor | None,
    dim: int,
    reverse: bool,
    log_gates: bool,
    backend: str,
) -> tuple[Tensor, Tensor]:
    return scan_forward(a, b, h0, None, dim, reverse, log_gates, backend)


@torch.library.custom_op("lessons::linear_scan_into", mutates_args=("out",))
def linear_scan_into(
    a: Tensor,
    b: Tensor,
    h0: Tensor | None,
    out: Tensor,
    dim: int,
    reverse: bool,
    log_gates: bool,
    backend: str,
) -> Tensor:
    return scan_forward(a, b, h0, out, dim, reverse, log_gates, backend)[1]


@torch.library.custom_op("lessons::linear_scan_backward", mutates_args=())
def linear_scan_backward(
    grad: Tensor,
    grad_state: Tensor | None,
    a: Tensor,
    h: Tensor,
    h0: Tensor | None,
    dim: int,
    reverse: bool,
    log_gates: bool,
    backend: str,
    needs_a: bool,
    needs_h0: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """(da, db, dh0); what is not needed comes back empty, because an operator cannot return None."""
    problem = Problem(
        h.device.type, h.dtype, tuple(h.shape), dim, reverse, log_gates, h0 is not None, backward=True
    )
    da, db, dh0 = _empty_gradients(h, dim, needs_a, needs_h0)
    choose(backend, problem).backward(
        _last(grad, dim),
        grad_state,
        _last(a, dim),
        _last(h, dim),
        h0,
        _last(da, dim) if needs_a else None,
        _last(db, dim),
        dh0 if needs_h0 else None,
        reverse=reverse,
        log_gates=log_gates,
    )
    return da, db, dh0


def _last(x: Tensor, dim: int) -> Tensor:
    return x if dim == x.ndim - 1 else x.movedim(dim, -1)


def _empty_state(b: Tensor, dim: int) -> Tensor:
    return b.new_empty((*b.shape[:dim], *b.shape[dim + 1 :]), dtype=STATE_DTYPES[b.dtype])


def _empty_gradients(h: Tensor, dim: int, needs_a: bool, needs_h0: bool) -> tuple[Tensor, Tensor, Tensor]:
    da = torch.empty_like(h) if needs_a else h.new_empty(0)
    dh0 = _empty_state(h, dim) if needs_h0 else h.new_empty(0, dtype=STATE_DTYPES[h.dtype])
    return da, torch.empty_like(h), dh0


@linear_scan_forward.register_fake
def _(a, b, h0, dim, reverse, log_gates, backend):
    return torch.empty_like(b), _empty_state(b, dim)


@linear_scan_into.register_fake
def _(a, b, h0, out, dim, reverse, log_gates, backend):
    return _empty_state(b, dim)


@linear_scan_backward.register_fake
def _(grad, grad_state, a, h, h0, dim, reverse, log_gates, backend, needs_a, needs_h0):
    return _empty_gradients(h, dim, needs_a, needs_h0)
