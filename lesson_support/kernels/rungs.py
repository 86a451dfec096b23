"""One linear scan h_t = a_t·h_{t−1} + b_t, h_{−1} = 0, rung by rung; every rung fills `h` and returns it.

`python_loop` works on lists; `steps`, `doubling` and `up_and_down` on (batch, steps, channels), with torch's
operations. The others are C++ on contiguous float32 CPU tensors and one thread, and stand in
native/cpp/scan_rungs.h: `channels` takes (batch, steps, channels), the rest (rows, steps). What the package
itself runs is `linear_scan`. ValueError where a compiled rung cannot take what it gets.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lesson_support import native
from lesson_support.errors import LessonError
from lesson_support.kernels.scans.bound import exact_and_bound

TOGETHER = (1, 2, 3, 4, 6, 8, 12, 16)  # rows that `rows` can take side by side
BLOCK = 2048  # steps of a block, small enough for a cache near the core


def python_loop(a: list[float], b: list[float]) -> list[float]:
    """The states of one row; Python's floats are float64."""
    h, state = [], 0.0
    for gate, entering in zip(a, b, strict=True):
        state = gate * state + entering
        h.append(state)
    return h


def steps(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """One operation of torch for each step, written where its result belongs."""
    before = h[:, 0].copy_(b[:, 0])
    for gate, entering, state in zip(a.unbind(1)[1:], b.unbind(1)[1:], h.unbind(1)[1:], strict=True):
        before = torch.addcmul(entering, gate, before, out=state)
    return h


def doubling(a: Tensor, b: Tensor, h: Tensor, room: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Hillis–Steele: log₂ rounds, in which every step joins the one 1, 2, 4, … places before it.

    `room` is three tensors like `h`: gates and states are read from one pair and written to the other.
    """
    gates, states = room[0].copy_(a), h.copy_(b)
    other_gates, other_states = room[1:]
    by = 1
    while by < b.shape[1]:
        now, before = slice(by, None), slice(None, -by)
        other_gates[:, :by], other_states[:, :by] = gates[:, :by], states[:, :by]
        torch.addcmul(states[:, now], gates[:, now], states[:, before], out=other_states[:, now])
        torch.mul(gates[:, now], gates[:, before], out=other_gates[:, now])
        gates, other_gates = other_gates, gates
        states, other_states = other_states, states
        by *= 2
    return h if states is h else h.copy_(states)


def up_and_down(a: Tensor, b: Tensor, h: Tensor, room: Tensor) -> Tensor:
    """The work-efficient tree (Blelloch's, inclusive): totals of 2, 4, 8, … on the way up, prefixes down."""
    gates, length, by = room.copy_(a), b.shape[1], 1
    h.copy_(b)
    while 2 * by <= length:
        right, left = slice(2 * by - 1, None, 2 * by), slice(by - 1, length - by, 2 * by)
        h[:, right].addcmul_(gates[:, right], h[:, left])
        gates[:, right].mul_(gates[:, left])
        by *= 2
    while by:
        right, left = slice(3 * by - 1, None, 2 * by), slice(2 * by - 1, length - by, 2 * by)
        h[:, right].addcmul_(gates[:, right], h[:, left])
        by //= 2
    return h


def rows(a: Tensor, b: Tensor, h: Tensor, together: int = 1) -> Tensor:
    """Scalar C++, `together` rows side by side (one of TOGETHER), a step of each before the next of any."""
    return _run("rows", a, b, h, together)


def channels(a: Tensor, b: Tensor, h: Tensor, streamed: bool = False) -> Tensor:
    """A step of all channels before the next; `streamed` writes past the caches if h has whole lines."""
    return _run("channels", a, b, h, streamed)


def registers(a: Tensor, b: Tensor, h: Tensor, streamed: bool = False) -> Tensor:
    """A register full of steps at a time, scanned by log₂ rounds of shifts."""
    return _run("registers", a, b, h, streamed)


def three_phases(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """Each row as eight chunks side by side: their totals, the states at their borders, each chunk again."""
    return _run("three_phases", a, b, h)


def tree(a: Tensor, b: Tensor, h: Tensor, room: Tensor, block: int | None = None) -> Tensor:
    """The work-efficient tree, in place, on whole rows or on one block of a row after another.

    `room` holds a float for each step of a block.
    """
    return _run("tree", a, b, h, max(1, b.shape[-1]) if block is None else block, False, room=room)


def packed_tree(a: Tensor, b: Tensor, h: Tensor, room: Tensor, block: int = BLOCK) -> Tensor:
    """The same joins, a level's totals side by side for registers of pairs; 3 floats of `room` a step."""
    return _run("tree", a, b, h, block, True, room=room)


COMPILED: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "rows": rows,
    "registers": registers,
    "three phases": three_phases,
}


def cycles(rounds: int = 1 << 19) -> int:
    """Keeps a core busy for 2·`rounds` clock cycles and a few more, and returns their number.

    A chain of exclusive ors and additions, each of one cycle, and each waiting for the last.
    """
    native.operators("scan_rungs").wait(rounds)
    return 2 * rounds


def is_scan(a: Tensor, b: Tensor, h: Tensor, dim: int) -> bool:
    """Whether `h` is the scan of float32 `a` and `b` up to rounding: within `exact_and_bound`."""
    exact, bound = exact_and_bound(a, b, dim=dim)
    return bool(((h - exact).abs() <= bound).all())


def _run(name: str, a: Tensor, b: Tensor, h: Tensor, *options: int | bool, **room: Tensor) -> Tensor:
    for argument, value in {"a": a, "b": b, "h": h, **room}.items():
        if not isinstance(value, Tensor) or (value.requires_grad and torch.is_grad_enabled()):
            found = "requires gradients" if isinstance(value, Tensor) else f"is a {type(value).__name__}"
            raise LessonError(f"{argument} {found}: expected a float32 CPU tensor without gradients")
    getattr(native.operators("scan_rungs"), name)(a, b, h, *options, *room.values())
    return h
