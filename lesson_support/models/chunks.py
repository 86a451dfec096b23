"""A recurrence with a matrix for a state, by the formula and by matrix products over chunks.

The chunkwise form is that of gated linear attention (Yang and others 2023) and of the state-space dual
(Dao and Gu 2024), with one gate per head and step.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from lesson_support.errors import LessonError
from lesson_support.kernels import linear_scan
from lesson_support.models.states import check_sizes, check_state

Keys = Float[Tensor, "batch time head key"]
Values = Float[Tensor, "batch time head value"]
Gates = Float[Tensor, "batch time head"]
State = Float[Tensor, "batch head key value"]


def recurrent(
    q: Keys, k: Keys, v: Values, log_gates: Gates, *, state: State | None = None
) -> tuple[Values, State]:
    """S_t = g_t·S_{t−1} + k_t v_tᵀ and o_t = q_t S_t, one step after the other; o and the last S."""
    _check(q, k, v, log_gates, state)
    gates, out = log_gates.exp(), []
    S = _zero_state(k, v) if state is None else state
    for t in range(q.shape[1]):
        S = gates[:, t, :, None, None] * S + k[:, t, :, :, None] * v[:, t, :, None, :]
        out.append((q[:, t, :, None, :] @ S).squeeze(-2))
    return (torch.stack(out, 1) if out else torch.zeros_like(v)), S


def chunkwise(
    q: Keys, k: Keys, v: Values, log_gates: Gates, *, chunk: int, state: State | None = None
) -> tuple[Values, State]:
    """What `recurrent` computes, `chunk` steps at a time with matrix products; o and the last S.

    With g(j, i] the product of the gates after step j up to step i, and S the state before the chunk:

        o_i = g(start, i]·q_i S + Σ_{j ≤ i in the chunk} g(j, i]·(q_i·k_j)·v_j

    The chunks' states follow from each other by a scan with one step a chunk. A time that `chunk` does not
    divide is filled up with steps that change nothing: gate 1, k and v zero. Products of gates are
    exponentials of sums of their logarithms, never quotients, so gates may be 0 (a logarithm of −inf).
    """
    check_sizes(chunk=chunk)
    _check(q, k, v, log_gates, state)
    with torch.autocast(q.device.type, enabled=False):  # it would round the sums between the products
        return _by_products(q, k, v, log_gates, chunk, state)


def _by_products(
    q: Tensor, k: Tensor, v: Tensor, log_gates: Tensor, chunk: int, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The chunkwise form of arguments that fit, every product in float32 or wider."""
    time, dtype = q.shape[1], q.dtype
    q, k, v, log_gates = (_in_chunks(each, chunk) for each in (q, k, v, log_gates[..., None]))
    log_gates = log_gates.squeeze(-1)
    decay = _decays(log_gates)
    from_start = log_gates.cumsum(-1).exp()
    kept = (decay[..., -1, :, None] * k).mT @ v  # what each chunk adds to the state at its end
    before = _zero_state(k, v) if state is None else state.to(kept.dtype)
    whole = log_gates.sum(-1)[..., None, None]
    after, last = linear_scan(whole, kept, before, dim=1, log_gates=True, return_state=True)
    before = torch.cat([before[:, None], after], 1)[:, : kept.shape[1]]
    o = from_start[..., None] * (q @ before) + ((q @ k.mT) * decay) @ v
    return o.transpose(2, 3).flatten(1, 2)[:, :time].to(dtype), last


def _in_chunks(x: Tensor, chunk: int) -> Tensor:
    """(batch, time, head, channel) as (batch, piece, head, step, channel), zeros at the end of the last."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    return pad(x, (0, 0, 0, 0, 0, -x.shape[1] % chunk)).unflatten(1, (-1, chunk)).transpose(2, 3)


def _decays(log_gates: Tensor) -> Tensor:
    """exp(Σ_{j < l ≤ i} log_gates[l]) at (i, j), 0 where j > i."""
    steps = log_gates.shape[-1]
    ones = torch.ones(steps, steps, dtype=torch.bool, device=log_gates.device)
    # Each column sums from its own start. A difference of two running sums would be -inf − -inf for a gate
    # of 0, and lose digits far from the start.
    later = log_gates[..., :, None].expand(*log_gates.shape, steps).masked_fill(ones.triu(), 0)
    return later.cumsum(-2).masked_fill(ones.triu(1), -torch.inf).exp()


def _zero_state(k: Tensor, v: Tensor) -> Tensor:
    """k and v as (batch, time, head, channel) or in chunks: the head is the third axis in both."""
    return k.new_zeros(k.shape[0], k.shape[2], k.shape[-1], v.shape[-1])


def _check(q: Tensor, k: Tensor, v: Tensor, log_gates: Tensor, state: Tensor | None) -> None:
    for name, x, axes in (("q", q, 4), ("k", k, 4), ("v", v, 4), ("log_gates", log_gates, 3)):
        if not isinstance(x, Tensor) or x.ndim != axes or not x.is_floating_point():
            came = f"{tuple(x.shape)} {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
            expected = "(batch, time, head)" if axes == 3 else "(batch, time, head, channel)"
            raise LessonError(f"{name} is {came}: expected {expected} of floating point")
    check_state(k, tuple(q.shape), "k")
    check_state(v, (*q.shape[:3], v.shape[3]), "v")
    check_state(log_gates, tuple(q.shape[:3]), "log_gates")
    check_state(state, (q.shape[0], q.shape[2], k.shape[3], v.shape[3]))
