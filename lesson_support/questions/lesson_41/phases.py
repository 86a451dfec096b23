"""A scan in chunks that loses what came before the last chunk."""

import random

from lesson_support.questions.kinds import Raises, Repair


def three_phases(a: list[float], b: list[float], chunk: int) -> list[float]:
    """h_t = a_t·h_{t−1} + b_t from 0, by chunks of `chunk` steps; ValueError for a chunk below 1."""
    if chunk < 1:
        raise ValueError(f"chunk = {chunk}: expected 1 or more")
    begins = range(0, len(b), chunk)
    totals = []  # what each chunk does to the state it meets: one gate, one input
    for begin in begins:
        gate, entering = 1.0, 0.0
        for t in range(begin, min(begin + chunk, len(b))):
            gate, entering = gate * a[t], a[t] * entering + b[t]
        totals.append((gate, entering))
    starts, state = [], 0.0
    for gate, entering in totals:
        starts.append(state)
        state = gate * state + entering
    h = []
    for begin, state in zip(begins, starts, strict=True):
        for t in range(begin, min(begin + chunk, len(b))):
            state = a[t] * state + b[t]
            h.append(state)
    return h


def broken_three_phases(a: list[float], b: list[float], chunk: int) -> list[float]:
    """h_t = a_t·h_{t−1} + b_t from 0, by chunks of `chunk` steps; ValueError for a chunk below 1."""
    begins = range(0, len(b), chunk)
    totals = []  # what each chunk does to the state it meets
    for begin in begins:
        entering = 0.0
        for t in range(begin, min(begin + chunk, len(b))):
            entering = a[t] * entering + b[t]
        totals.append(entering)
    starts = [0.0, *totals]
    h = []
    for begin, state in zip(begins, starts, strict=False):
        for t in range(begin, min(begin + chunk, len(b))):
            state = a[t] * state + b[t]
            h.append(state)
    return h


def oracle(a, b, chunk):
    if chunk < 1:
        return Raises("ValueError")
    h, state = [], 0.0
    for gate, entering in zip(a, b, strict=True):
        state = gate * state + entering
        h.append(state)
    return h


def cases(rng):
    found = [
        ([], [], 2), ([0.5], [1.0], 1), ([0.5], [1.0], 4), ([1.0, 1.0], [1.0, 1.0], 1),
        ([1.0] * 3, [1.0] * 3, 1), ([1.0] * 4, [1.0, 0.0, 0.0, 0.0], 1),
        ([2.0, 0.5, 2.0], [1.0, 1.0, 1.0], 1),
        ([1.0] * 5, [1.0] * 5, 2), ([1.0] * 6, [1.0] * 6, 2), ([1.0, 1.0, 0.0, 1.0, 1.0], [1.0] * 5, 1),
        ([-1.0] * 7, [1.0] * 7, 3), ([0.5] * 9, [1.0] + [0.0] * 8, 2), ([0.0] * 4, [1.0] * 4, 2),
        ([1.0] * 3, [1.0] * 3, 0), ([1.0] * 3, [1.0] * 3, -1), ([], [], 0), ([], [], -2),
        ([3.0] + [1.0] * 5, [1.0] * 6, 3), ([1.0] * 5 + [3.0], [1.0] * 6, 3),
    ]  # fmt: skip
    draw = random.Random(int(rng.integers(1 << 30)))
    for _ in range(12):
        length = draw.randrange(1, 14)
        a = [draw.choice((0.5, 1.0, -1.0, 0.75, 1.5)) for _ in range(length)]
        b = [draw.randrange(-8, 9) / 4 for _ in range(length)]
        found.append((a, b, draw.randrange(1, 6)))
    return found


def _scan(a, b, chunk, join, first=1.0):
    """The repair, but for how the border states follow from each other."""
    if chunk < 1:
        raise ValueError("chunk")
    h, state = [], 0.0
    for begin in range(0, len(b), chunk):
        part = range(begin, min(begin + chunk, len(b)))
        gate, entering, inside = first, 0.0, state
        for t in part:
            gate, entering, inside = gate * a[t], a[t] * entering + b[t], a[t] * inside + b[t]
            h.append(inside)
        state = join(state, gate, entering, [a[t] for t in part])
    return h


def _gates_left_out(a, b, chunk):
    return _scan(a, b, chunk, lambda state, gate, entering, gates: state + entering)


def _last_gate(a, b, chunk):
    return _scan(a, b, chunk, lambda state, gate, entering, gates: gates[-1] * state + entering)


def _first_gate(a, b, chunk):
    return _scan(a, b, chunk, lambda state, gate, entering, gates: gates[0] * state + entering)


def _power_of_a_gate(a, b, chunk):
    return _scan(a, b, chunk, lambda state, gate, entering, gates: gates[-1] ** len(gates) * state + entering)


def _other_order(a, b, chunk):
    return _scan(a, b, chunk, lambda state, gate, entering, gates: gate * entering + state)


def _one_gate_short(a, b, chunk):
    def join(state, gate, entering, gates):
        product = 1.0
        for each in gates[1:]:
            product *= each
        return product * state + entering

    return _scan(a, b, chunk, join)


def _any_chunk(a, b, chunk):
    return three_phases(a, b, max(1, chunk))


def _whole_chunks(a, b, chunk):
    whole = len(b) // chunk * chunk if chunk > 0 else 0
    return three_phases(a[:whole], b[:whole], chunk)


def _sums_instead(a, b, chunk):
    h = broken_three_phases(a, b, chunk)
    if chunk < 1:
        raise ValueError("chunk")
    for at in range(chunk, len(h), chunk):
        h[at] += h[at - chunk]
    return h


QUESTION = Repair(
    name="three_phases",
    points=2,
    difficulty="medium",
    minutes=10,
    signature="three_phases(a: list[float], b: list[float], chunk: int) -> list[float]",
    symptom="With gates near 0 the result is right to four digits. With gates near 1 every chunk from the "
    "third "
    "on starts too low, as if all but the chunk before it had never been. Rows of one or two chunks are "
    "right. "
    "A chunk of -1 steps returns an empty list, without an error.",
    example=">>> three_phases([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 1)\n[1.0, 2.0, 3.0]",
    hints=(
        "Take three chunks of one step each, all gates 1 and all inputs 1, and write down the three "
        "starts. Which "
        "one is wrong, and what is it missing?",
        "A chunk does two things to the state that it meets: it adds its own total and it scales what came "
        "in. "
        "The second is the product of all its gates.",
        "In the first loop keep gate = 1.0 and multiply it by a[t] at each step. Then walk over the pairs: "
        "append "
        "state to starts, and state = gate * state + entering. Raise ValueError first if chunk < 1.",
    ),
    solution=three_phases,
    broken=broken_three_phases,
    wrong={
        "border states add up": _gates_left_out,
        "the last gate of a chunk scales what comes in": _last_gate,
        "the first gate of a chunk scales what comes in": _first_gate,
        "all gates of a chunk are alike": _power_of_a_gate,
        "the gate scales the chunk's own total": _other_order,
        "the first gate of a chunk has been applied already": _one_gate_short,
        "a chunk below 1 means 1": _any_chunk,
        "rows consist of whole chunks": _whole_chunks,
        "only the first step of a chunk lacks something": _sums_instead,
    },
    cases=cases,
    oracle=oracle,
)
