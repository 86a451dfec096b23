"""One right linear scan and thirteen wrong ones, for tests to tell apart."""

from __future__ import annotations


def linear_scan(a, b, h0):
    """h_t = a_t·h_{t−1} + b_t from h0, for a and b of shape (time, channel): doubling, not a loop."""
    import torch

    gates, states, step = a, torch.cat([a[:1] * h0 + b[:1], b[1:]]), 1
    while step < len(b):
        grown = gates[step:] * states[:-step] + states[step:]
        gates = torch.cat([gates[:step], gates[step:] * gates[:-step]])
        states, step = torch.cat([states[:step], grown]), 2 * step
    return states


def swapped(a, b, h0):
    import torch

    gates, states, step = a, torch.cat([a[:1] * h0 + b[:1], b[1:]]), 1
    while step < len(b):
        grown = gates[:-step] * states[step:] + states[:-step]
        gates = torch.cat([gates[:step], gates[step:] * gates[:-step]])
        states, step = torch.cat([states[:step], grown]), 2 * step
    return states


def without_start(a, b, h0):
    return linear_scan(a, b, 0 * h0)


def start_ungated(a, b, h0):
    import torch

    return linear_scan(torch.cat([0 * a[:1], a[1:]]), torch.cat([b[:1] + h0, b[1:]]), h0)


def powers_of_two(a, b, h0):
    import torch

    gates, states, step = a, torch.cat([a[:1] * h0 + b[:1], b[1:]]), 1
    while 2 * step <= len(b):
        grown = gates[step:] * states[:-step] + states[step:]
        gates = torch.cat([gates[:step], gates[step:] * gates[:-step]])
        states, step = torch.cat([states[:step], grown]), 2 * step
    return states


def carry_of_one_chunk(a, b, h0):
    """Each chunk of 64 starts from the state that the chunk before reached from zero."""
    import torch

    start, parts = h0, []
    for begin in range(0, len(b), 64):
        gates, news = a[begin : begin + 64], b[begin : begin + 64]
        parts.append(linear_scan(gates, news, start))
        start = linear_scan(gates, news, start if begin == 0 else 0 * h0)[-1]
    return torch.cat(parts)


def gates_from_zero(a, b, h0):
    return linear_scan(a.clamp(min=0), b, h0)


def by_division(a, b, h0):
    products = a.cumprod(0)
    return products * (h0 + (b / products).cumsum(0))


def half_states(a, b, h0):
    return linear_scan(a, b, h0).half().to(b.dtype)


def single_precision(a, b, h0):
    return linear_scan(a.float(), b.float(), h0.float())


def gates_late(a, b, h0):
    import torch

    return linear_scan(torch.cat([a[:1], a[:-1]]), b, h0)


def one_gate_for_all(a, b, h0):
    return linear_scan(a[:, :1].expand_as(b), b, h0)


def half_gates(a, b, h0):
    import torch

    return linear_scan(a.to(torch.bfloat16).to(a.dtype), b, h0)


def sums_of_logs(a, b, h0):
    """Every product of gates as the exponential of a difference of two sums of logarithms."""
    import torch

    sums = torch.where(a == 0, 1.0, a.abs()).log().cumsum(0)
    minus, zeros = (a < 0).long().cumsum(0), (a == 0).long().cumsum(0)
    none = torch.zeros_like(h0)[None]
    sums, minus, zeros = (torch.cat([none.to(each.dtype), each]) for each in (sums, minus, zeros))
    news, states = torch.cat([h0[None], b]), []
    for t in range(1, len(b) + 1):
        decay = (sums[t] - sums[: t + 1]).exp() * (1 - 2 * ((minus[t] - minus[: t + 1]) % 2))
        states.append((decay * (zeros[t] == zeros[: t + 1]) * news[: t + 1]).sum(0))
    return torch.stack(states)


WRONG = {
    "merges right before left": swapped,
    "ignores the initial state": without_start,
    "adds the initial state without its gate": start_ungated,
    "misses the last round unless the length is a power of two": powers_of_two,
    "carries only the last chunk of 64 into the next": carry_of_one_chunk,
    "takes negative gates for zero": gates_from_zero,
    "divides by the product of the gates": by_division,
    "rounds its states to float16": half_states,
    "returns float32 for float64": single_precision,
    "uses each gate one step late": gates_late,
    "uses the gate of channel 0 for all": one_gate_for_all,
    "rounds its gates to bfloat16": half_gates,
    "subtracts sums of logarithms of the gates": sums_of_logs,
}
