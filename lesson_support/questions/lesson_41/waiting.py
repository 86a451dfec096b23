"""The cycles of rows side by side on one core: latency, throughput and bytes."""

from fractions import Fraction

from lesson_support.questions.kinds import Function


def scan_cycles(rows: int, steps: int, together: int, latency: int, starts: int, per_cycle: int) -> float:
    """The cycles of `rows` rows of `steps` steps, `together` side by side, on one core."""
    full, rest = divmod(rows, together)
    arithmetic = full * steps * max(latency, together / starts)
    if rest:
        arithmetic += steps * max(latency, rest / starts)
    return max(arithmetic, 12 * rows * steps / per_cycle)


def oracle(rows, steps, together, latency, starts, per_cycle):
    """Group after group, in exact fractions."""
    left, cycles = rows, Fraction(0)
    while left > 0:
        group = min(together, left)
        for _ in range(steps):
            cycles += max(Fraction(latency), Fraction(group, starts))
        left -= group
    memory = sum((Fraction(12 * steps, per_cycle) for _ in range(rows)), Fraction(0))
    return float(max(cycles, memory))


def cases(rng):
    found = [
        (1, 1, 1, 4, 2, 16), (1, 10, 1, 4, 2, 16), (2, 10, 1, 4, 2, 16), (4, 10, 4, 4, 2, 16),
        (1, 10, 4, 4, 2, 16), (3, 10, 2, 4, 2, 64), (5, 3, 4, 4, 2, 64), (0, 10, 4, 4, 2, 16),
        (4, 0, 4, 4, 2, 16), (16, 5, 16, 4, 2, 64), (16, 5, 16, 4, 2, 8), (17, 5, 16, 4, 2, 64),
        (24, 4, 12, 5, 1, 64), (9, 7, 8, 4, 1, 32), (9, 7, 8, 4, 1, 4), (13, 2, 12, 4, 2, 9),
        (3, 100, 3, 1, 1, 1), (64, 2, 20, 4, 2, 48), (14, 3, 7, 1, 2, 64), (10, 4, 7, 1, 2, 64),
    ]  # fmt: skip
    for _ in range(12):
        rows, steps, together = rng.integers(1, 40), rng.integers(1, 9), rng.integers(1, 17)
        machine = rng.integers(1, 7), rng.integers(1, 4), rng.choice((2, 4, 8, 16, 64))
        found.append(tuple(int(each) for each in (rows, steps, together, *machine)))
    return found


def _latency_divided(rows, steps, together, latency, starts, per_cycle):
    return max(rows * steps * latency / together, 12 * rows * steps / per_cycle)


def _every_group_full(rows, steps, together, latency, starts, per_cycle):
    groups = -(-rows // together)
    return max(groups * steps * max(latency, together / starts), 12 * rows * steps / per_cycle)


def _remainder_forgotten(rows, steps, together, latency, starts, per_cycle):
    groups = rows // together
    return max(groups * steps * max(latency, together / starts), 12 * rows * steps / per_cycle)


def _one_after_the_other(rows, steps, together, latency, starts, per_cycle):
    return oracle(rows, steps, together, latency, starts, 10**12) + 12 * rows * steps / per_cycle


def _latency_only(rows, steps, together, latency, starts, per_cycle):
    return max(float(-(-rows // together) * steps * latency), 12 * rows * steps / per_cycle)


def _no_memory(rows, steps, together, latency, starts, per_cycle):
    return oracle(rows, steps, together, latency, starts, 10**12)


def _eight_bytes(rows, steps, together, latency, starts, per_cycle):
    return max(oracle(rows, steps, together, latency, starts, 10**12), 8 * rows * steps / per_cycle)


def _no_chain(rows, steps, together, latency, starts, per_cycle):
    return max(rows * steps / starts, 12 * rows * steps / per_cycle)


def _sum_of_waits(rows, steps, together, latency, starts, per_cycle):
    full, rest = divmod(rows, together)
    cycles = full * steps * (latency + together / starts) + (steps * (latency + rest / starts) if rest else 0)
    return max(cycles, 12 * rows * steps / per_cycle)


QUESTION = Function(
    name="scan_cycles",
    points=2,
    difficulty="easy",
    minutes=10,
    signature="scan_cycles(rows: int, steps: int, together: int, latency: int, starts: int, per_cycle: int"
    ") -> float",
    example=">>> scan_cycles(1, 10, 1, 4, 2, 16), scan_cycles(5, 10, 4, 4, 2, 8)\n(40, 80)",
    hints=(
        "How long does one step of a whole group take if the group is small, and how long if it is so "
        "large that "
        "the core cannot start its multiply-adds within one latency?",
        "A group of g rows takes max(latency, g / starts) cycles for a step of all of them. There are "
        "rows // together full groups and perhaps a smaller one. The bytes of the whole scan move meanwhile.",
        "full, rest = divmod(rows, together); add full * steps * max(latency, together / starts), and if "
        "rest: "
        "steps * max(latency, rest / starts). Return the larger of that and 12 * rows * steps / per_cycle.",
    ),
    solution=scan_cycles,
    wrong={
        "rows side by side divide the latency without end": _latency_divided,
        "every group is full": _every_group_full,
        "rows that fill no group can be left out": _remainder_forgotten,
        "arithmetic and memory come one after the other": _one_after_the_other,
        "a group of any size takes one latency": _latency_only,
        "memory is never the limit": _no_memory,
        "a scan moves two streams": _eight_bytes,
        "chains do not wait": _no_chain,
        "latency and throughput add up": _sum_of_waits,
    },
    cases=cases,
    oracle=oracle,
)
