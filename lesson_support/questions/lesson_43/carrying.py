"""One chunk of a gated recurrence by matrix products, with a state coming in and one going out."""

from __future__ import annotations

import torch
from torch import Tensor

from lesson_support.kernels.counted_chunk import LONG, SHORT
from lesson_support.questions.kinds import Function

MOST = 100  # operations for any length: ours takes a third, a loop of LONG rounds more


def chunk_step(q: Tensor, k: Tensor, v: Tensor, log_gates: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """o (time, value) and the state after the chunk (key, value), without a loop over the steps."""
    ones = torch.ones(len(q), len(q), dtype=torch.bool)
    later = log_gates[:, None].expand(ones.shape).masked_fill(ones.triu(), 0)
    decay = later.cumsum(0).masked_fill(ones.triu(1), -torch.inf).exp()
    o = log_gates.cumsum(0).exp()[:, None] * (q @ state) + ((q @ k.T) * decay) @ v
    kept = (decay[-1][:, None] * k).T @ v
    return o, log_gates.sum().exp() * state + kept


def oracle(q, k, v, log_gates, state):
    """The recurrence in float64, one step after the other; autograd for v."""
    dtype = q.dtype
    q, k, leaf, gates, state = (each.double() for each in (q, k, v, log_gates.exp(), state))
    leaf, outs = leaf.clone().requires_grad_(), []
    for t in range(len(q)):
        state = gates[t] * state + torch.outer(k[t], leaf[t])
        outs.append(q[t] @ state)
    o = torch.stack(outs)
    (grad,) = torch.autograd.grad(o.sum() + state.sum(), leaf)
    return {
        "o": o.detach().to(dtype),
        "state": state.detach().to(dtype),
        "gradient of v, o and state summed": grad.to(dtype),
        f"operations for {LONG} steps": f"as many as for {SHORT}",
    }


def measure(result, *arguments):
    """The result, with its two counts of operations in words."""
    result = dict(result)
    few, many = result.pop("operations")
    told = f"as many as for {SHORT}" if many <= few else f"{many}, and {few} for {SHORT}"
    if few > MOST:
        told = f"{many}, expected at most {MOST}"
    return {**result, f"operations for {LONG} steps": told}


def cases(rng):
    def whole(*shape):
        return torch.tensor(rng.integers(-2, 3, shape), dtype=torch.float64)

    def case(time, key, value, gates, dtype=torch.float64):
        gates = torch.tensor(gates, dtype=torch.float64)
        parts = whole(time, key), whole(time, key), whole(time, value), gates.log(), whole(key, value)
        return tuple(each.to(dtype) for each in parts)

    one = torch.ones(1, 1, dtype=torch.float64)
    found = [
        (one, one, one, torch.tensor([0.5], dtype=torch.float64).log(), 4 * one),
        (*(torch.ones(2, 1, dtype=torch.float64) for _ in range(3)), torch.zeros(2).double(), one),
        case(2, 1, 1, [0.5, 0.25]),
        case(3, 1, 1, [0.5, 0.25, 0.5]),
        case(3, 1, 1, [0.5, 0.0, 0.5]),
        case(3, 2, 1, [0.0, 0.0, 1.0]),
        case(4, 1, 3, [1.0, 0.5, 1.0, 0.25]),
        case(4, 3, 1, [0.5, 0.5, 0.5, 0.0]),
        case(5, 2, 3, [1e-200, 0.5, 1e-200, 0.5, 0.5]),
        case(6, 2, 2, [0.9, 0.1, 0.8, 0.0, 0.7, 0.6], torch.float32),
    ]
    q, k, _, log_gates, state = case(3, 1, 1, [0.5, 0.0, 0.5])
    large = torch.tensor([[1e40], [1], [1]], dtype=torch.float64)
    found.append((q.abs() + 1, k.abs() + 1, large, log_gates, 1e40 * (1 + state.abs())))
    for _ in range(8):
        time, key, value = rng.integers(1, 12, 3).tolist()
        found.append(case(time, key, value, rng.uniform(0.05, 1, time)))
    return found


def _parts(q, k, v, log_gates, state, *, decay, into=None, carry=None):
    """The solution with some of it replaced."""
    sums = log_gates.cumsum(0)
    into = sums.exp() if into is None else into
    kept = (decay[-1][:, None] * k).T @ v
    carry = sums[-1].exp() if carry is None else carry
    return into[:, None] * (q @ state) + ((q @ k.T) * decay) @ v, carry * state + kept


def _decays(log_gates):
    ones = torch.ones(len(log_gates), len(log_gates), dtype=torch.bool)
    later = log_gates[:, None].expand(ones.shape).masked_fill(ones.triu(), 0)
    return later.cumsum(0).masked_fill(ones.triu(1), -torch.inf).exp()


def _differences(q, k, v, log_gates, state):
    sums = log_gates.cumsum(0)
    return _parts(q, k, v, log_gates, state, decay=(sums[:, None] - sums).exp().tril())


def _quotients(q, k, v, log_gates, state):
    products = log_gates.exp().cumprod(0)
    return _parts(q, k, v, log_gates, state, decay=(products[:, None] / products).tril())


def _clamped(q, k, v, log_gates, state):
    return chunk_step(q, k, v, log_gates.clamp(-50, 0), state)


def _own_gate(q, k, v, log_gates, state):
    decay = _decays(log_gates) * log_gates.exp()
    return _parts(q, k, v, log_gates, state, decay=decay)


def _future(q, k, v, log_gates, state):
    decay = _decays(log_gates)
    ahead = decay + decay.T - torch.eye(len(q), dtype=q.dtype)
    o, _ = _parts(q, k, v, log_gates, state, decay=ahead)
    return o, _parts(q, k, v, log_gates, state, decay=decay)[1]


def _not_itself(q, k, v, log_gates, state):
    decay = _decays(log_gates)
    o, _ = _parts(q, k, v, log_gates, state, decay=decay.tril(-1))
    return o, _parts(q, k, v, log_gates, state, decay=decay)[1]


def _state_not_faded_for_o(q, k, v, log_gates, state):
    return _parts(q, k, v, log_gates, state, decay=_decays(log_gates), into=torch.ones(len(q), dtype=q.dtype))


def _state_one_late(q, k, v, log_gates, state):
    into = (log_gates.cumsum(0) - log_gates).exp()
    return _parts(q, k, v, log_gates, state, decay=_decays(log_gates), into=into)


def _state_kept_whole(q, k, v, log_gates, state):
    return _parts(q, k, v, log_gates, state, decay=_decays(log_gates), carry=1.0)


def _state_forgotten(q, k, v, log_gates, state):
    return _parts(q, k, v, log_gates, state * 0, decay=_decays(log_gates))


def _keys_not_faded(q, k, v, log_gates, state):
    o, _ = chunk_step(q, k, v, log_gates, state)
    return o, log_gates.sum().exp() * state + k.T @ v


def _scaled_as_attention(q, k, v, log_gates, state):
    return chunk_step(q / q.shape[1] ** 0.5, k, v, log_gates, state)


def _step_by_step(q, k, v, log_gates, state):
    outs = []
    for t in range(len(q)):
        state = log_gates[t].exp() * state + torch.outer(k[t], v[t])
        outs.append(q[t] @ state)
    return torch.stack(outs), state


def _always_64_rounds(q, k, v, log_gates, state):
    outs, last = [], len(q) - 1
    for t in range(64):
        at = min(t, last)
        after = log_gates[at].exp() * state + torch.outer(k[at], v[at])
        state = after if t <= last else state
        outs.append(q[at] @ state)
    return torch.stack(outs)[: last + 1], state


def _in_numpy(q, k, v, log_gates, state):
    o, after = _step_by_step(q, k, v.detach(), log_gates, state)
    return torch.from_numpy(o.numpy()), torch.from_numpy(after.numpy())


QUESTION = Function(
    name="chunk_step",
    points=3,
    difficulty="hard",
    minutes=25,
    signature="chunk_step(q: Tensor, k: Tensor, v: Tensor, log_gates: Tensor, state: Tensor) "
    "-> tuple[Tensor, Tensor]",
    example=">>> q = k = v = torch.ones(2, 1)\n"
    ">>> o, state = chunk_step(q, k, v, torch.zeros(2), torch.tensor([[10.0]]))\n"
    ">>> o.flatten().tolist(), state.tolist()\n"
    "([11.0, 12.0], [[12.0]])",
    hints=(
        "Three things add up to o and to the state: what comes in with the state, what the chunk's own steps "
        "add, and how far each has faded. Write the fading of step j at step i as a matrix first.",
        "At (i, j) stands exp of the sum of log_gates after j up to and including i, 1 where i = j, 0 above "
        "the diagonal. Sum only what lies between: a difference of sums is −inf − (−inf) for a gate of 0.",
        "Expand log_gates to (time, time) down the rows, put 0 where row <= column, cumsum over the rows, "
        "−inf above the diagonal, exp: D. It multiplies the scores q @ k.T, and its last row says how far "
        "each k has faded at the end. What came in has faded by exp(cumsum(log_gates)) at each step.",
    ),
    solution=chunk_step,
    wrong={
        "a sum between two steps is a difference of sums": _differences,
        "a product between two steps is a quotient of products": _quotients,
        "a logarithm is clamped at −50 to be safe": _clamped,
        "a step's own gate fades what it adds": _own_gate,
        "the mask can be left out": _future,
        "a step sees what came before it, not itself": _not_itself,
        "the state fades only between chunks": _state_not_faded_for_o,
        "the first step still sees the state in full": _state_one_late,
        "what was carried in is carried on": _state_kept_whole,
        "a chunk begins at zero": _state_forgotten,
        "what the chunk adds has not faded yet": _keys_not_faded,
        "scores are divided by the root of their size": _scaled_as_attention,
        "the recurrence itself": _step_by_step,
        "as many rounds for every length": _always_64_rounds,
        "arrays are not counted": _in_numpy,
    },
    cases=cases,
    oracle=oracle,
    measure=measure,
    through="lesson_support.kernels.counted_chunk:answers",
    seconds=20.0,
)
