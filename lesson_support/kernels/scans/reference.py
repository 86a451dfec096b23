"""Backend "reference": the recurrence as it is written, step by step; every other must equal it."""

import torch
from torch import Tensor

from lesson_support.kernels.scans.problem import STATE_DTYPES, Problem

NAME = "reference"


def missing() -> None:
    """It needs nothing but torch."""


def refuses(problem: Problem) -> None:
    """It takes every scan."""


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
    """out_t = a_t·out_{t−1} + b_t, starting from h0, and state = the last one before rounding."""
    h = _start(h0, state)
    for t in _steps(b.shape[-1], reverse):
        h = _gate(a[..., t], h.dtype, log_gates) * h + b[..., t].to(h.dtype)
        out[..., t] = h
    state.copy_(h)


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
    """Walks back with g_t = grad_t + a_{t+1}·g_{t+1}; `carried` is a_{t+1}·g_{t+1}."""
    dtype = STATE_DTYPES[grad.dtype]
    steps = list(_steps(grad.shape[-1], reverse))
    first = torch.zeros(h.shape[:-1], dtype=dtype, device=h.device) if h0 is None else h0.to(dtype)
    carried = torch.zeros_like(first) if grad_state is None else grad_state
    for place in reversed(range(len(steps))):
        t = steps[place]
        gate = _gate(a[..., t], dtype, log_gates)
        g = grad[..., t].to(dtype) + carried
        carried = gate * g
        db[..., t] = g
        if da is not None:
            before = h[..., steps[place - 1]].to(dtype) if place else first
            da[..., t] = (carried if log_gates else g) * before
    if dh0 is not None:
        dh0.copy_(carried)


def _steps(length: int, reverse: bool) -> range:
    return range(length - 1, -1, -1) if reverse else range(length)


def _gate(a: Tensor, dtype: torch.dtype, log_gates: bool) -> Tensor:
    return a.to(dtype).exp() if log_gates else a.to(dtype)


def _start(h0: Tensor | None, state: Tensor) -> Tensor:
    return torch.zeros_like(state) if h0 is None else h0.to(state.dtype)
