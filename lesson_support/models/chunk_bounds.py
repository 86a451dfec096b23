"""How far the chunkwise form may be from the exact recurrence."""

import torch
from torch import Tensor

_EXP = 2  # units by which an exponential is off, the error of its argument not counted
_CLOSED = -1e4  # a logarithm whose exponential is 0, in place of −inf, which has no slope


def chunkwise_bound(
    q: Tensor, k: Tensor, v: Tensor, log_gates: Tensor, *, chunk: int, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The largest |o − exact o| and |S − exact S| that `chunkwise` may have, in float64, to first order in u.

    Let (O, S) be the recurrence of absolute values, in which nothing cancels. A term of o passes at most the
    roundings of a product of length `key`, of one of length `chunk`, of three exponentials, and of one
    exponential and two operations for every chunk it is carried over. A sum of logarithms of up to `chunk`
    gates is off by chunk·u of itself: that enters through the slope of (O, S) in the scale of all logarithms.
    Shapes that do not fit are errors of torch's: ask `chunkwise` first.
    """
    unit = torch.finfo(torch.promote_types(q.dtype, torch.float32)).eps / 2
    unit_out = torch.finfo(q.dtype).eps / 2
    (size_o, size_s), (slope_o, slope_s) = _companions(q, k, v, log_gates, state)
    chunks = -(-q.shape[1] // chunk)
    roundings = q.shape[3] + chunk + (2 + _EXP) * chunks + 3 * _EXP + 4
    o, s = (
        unit * (roundings * size + (chunk + 1) * slope)
        for size, slope in ((size_o, slope_o), (size_s, slope_s))
    )
    return (o + unit_out * size_o if unit_out > unit else o), s


def _companions(q: Tensor, k: Tensor, v: Tensor, log_gates: Tensor, state: Tensor | None):
    """(O, S), and how fast they change if every logarithm of a gate is scaled."""
    q, k, v = (each.double().abs() for each in (q, k, v))
    logs = log_gates.double().clamp(min=_CLOSED)
    nothing = k.new_zeros(len(k), *k.shape[2:], v.shape[3])
    S = nothing if state is None else state.double().abs()
    slope, sizes = torch.zeros_like(S), ([], [])
    gates, sizes_of_logs = logs.exp(), logs.abs()
    for t in range(q.shape[1]):
        gate, log_gate = (each[:, t, :, None, None] for each in (gates, sizes_of_logs))
        slope = gate * (slope + log_gate * S)
        S = gate * S + k[:, t, :, :, None] * v[:, t, :, None, :]
        for kept, each in zip(sizes, (S, slope), strict=True):
            kept.append((q[:, t, :, None, :] @ each).squeeze(-2))
    o, slope_o = (torch.stack(kept, 1) if kept else torch.zeros_like(v) for kept in sizes)
    return (o, S), (slope_o, slope)
