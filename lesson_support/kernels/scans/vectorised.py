"""Backend "torch": many chunks of the time axis at once, a few whole-tensor operations for each step.

T steps of R rows become about √T steps of R·√T elements. A first pass finds what each chunk does to the
state it meets, as one gate and one input; the states at the chunks' borders follow one after the other; a
second pass starts every chunk from its true state. No product of gates is longer than a chunk, and nothing is
divided.
"""

from collections.abc import Callable
from math import isqrt

import torch
from torch import Tensor

from lesson_support.kernels.scans.problem import STATE_DTYPES, Problem

NAME = "torch"

SHORT = 32  # fewer steps are not worth a chunk
# Rows that keep a device busy without chunks; the plain loop then moves fewer bytes.
_MANY_ROWS = {"cpu": 2048}
_MANY_ROWS_ELSEWHERE = 1 << 18

# From a tensor with time last to the part of it that one operation reads or writes.
Place = Callable[[Tensor], Tensor]


def missing() -> None:
    """It needs nothing but torch."""


def refuses(problem: Problem) -> None:
    """It takes every scan, on every device."""


def chunk_length(steps: int, rows: int, device: str) -> int:
    """Steps per chunk; `steps` itself where chunks do not pay.

    A step inside the chunks costs about seven operations in the two passes, a border costs three.
    """
    if steps < SHORT or rows >= _MANY_ROWS.get(device, _MANY_ROWS_ELSEWHERE):
        return steps
    return isqrt(2 * steps // 5)


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
    """out_t = a_t·out_{t−1} + b_t from h0, and the last one, unrounded, as `state`."""
    h = torch.zeros_like(state) if h0 is None else h0.to(state.dtype)

    def store(place: Place, h: Tensor) -> None:
        place(out).copy_(h)

    state.copy_(_scan(a, b, h, store, reverse, log_gates))


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
    """g_t = grad_t + a_{t+1}·g_{t+1}: the last and the first step by themselves, a scan for those between."""
    length, dtype = h.shape[-1], STATE_DTYPES[h.dtype]
    start = torch.zeros(h.shape[:-1], dtype=dtype, device=h.device) if h0 is None else h0
    g = torch.zeros_like(start, dtype=dtype) if grad_state is None else grad_state

    def store(place: Place, g: Tensor, before: Tensor, gate: Tensor, da: Tensor | None, db: Tensor) -> None:
        place(db).copy_(g)
        if da is not None:
            step = before * g
            place(da).copy_(step * place(gate).to(dtype).exp() if log_gates else step)

    if length:
        first, last, ahead = (length - 1, 0, -1) if reverse else (0, length - 1, 1)
        g = grad[..., last] + g
        if length > 1:
            store(_at(last), g, h[..., last - ahead], a, da, db)
        if length > 2:
            inner = [None if x is None else x.narrow(-1, 1, length - 2) for x in (a, da, db)]
            before = h.narrow(-1, 1 - ahead, length - 2)
            next_gates = a.narrow(-1, 1 + ahead, length - 2)
            g = _scan(
                next_gates,
                grad.narrow(-1, 1, length - 2),
                g,
                lambda place, g: store(place, g, place(before), *inner),
                not reverse,
                log_gates,
            )
        if length > 1:
            g = torch.addcmul(grad[..., first], _gate(a[..., first + ahead], dtype, log_gates), g)
        store(_at(first), g, start, a, da, db)
        g = _gate(a[..., first], dtype, log_gates) * g
    if dh0 is not None:
        dh0.copy_(g)


def _scan(a: Tensor, b: Tensor, h: Tensor, store, reverse: bool, log_gates: bool) -> Tensor:
    """The state after all steps of h = a_t·h + b_t; `store(place, h)` gets the states, many at once."""
    steps = b.shape[-1]
    length = max(1, chunk_length(steps, h.numel(), b.device.type))
    chunked = steps // length * length if length < steps else 0
    if chunked:
        # What is left over comes last in the order of time.
        start = steps - chunked if reverse else 0
        h = _scan_chunks(a, b, h, store, start, (chunked // length, length), reverse, log_gates)
    rest = range(steps - chunked - 1, -1, -1) if reverse else range(chunked, steps)
    for t in rest:
        h = torch.addcmul(b[..., t], _gate(a[..., t], h.dtype, log_gates), h)
        store(_at(t), h)
    return h


def _scan_chunks(
    a: Tensor, b: Tensor, h: Tensor, store, start: int, shape: tuple[int, int], reverse: bool, log_gates: bool
) -> Tensor:
    """The same for the steps from `start` on that make up `shape` = (chunks, steps in each)."""
    chunks, length = shape
    order = range(length - 1, -1, -1) if reverse else range(length)

    def at(step: int) -> Place:
        return lambda x: x.narrow(-1, start, chunks * length).unflatten(-1, shape).select(-1, step)

    # One buffer each, filled over and over: what a chunk does to the state h before it is gates·h + local.
    gates = torch.ones((*h.shape, chunks), dtype=h.dtype, device=h.device)
    local = torch.zeros_like(gates)
    for step in order:
        gate = _gate(at(step)(a), h.dtype, log_gates)
        gates.mul_(gate)
        torch.addcmul(at(step)(b), gate, local, out=local)

    current = torch.empty_like(local)
    for chunk in reversed(range(chunks)) if reverse else range(chunks):
        current[..., chunk] = h
        h = torch.addcmul(local[..., chunk], gates[..., chunk], h)

    for step in order:
        torch.addcmul(at(step)(b), _gate(at(step)(a), h.dtype, log_gates), current, out=current)
        store(at(step), current)
    return current[..., 0 if reverse else -1]


def _at(step: int) -> Place:
    return lambda x: x[..., step]


def _gate(a: Tensor, dtype: torch.dtype, log_gates: bool) -> Tensor:
    """In a gate's own dtype: what it is multiplied with is `dtype` and so is the product."""
    return a.to(dtype).exp() if log_gates else a
