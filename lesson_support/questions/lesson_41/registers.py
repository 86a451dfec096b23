"""Which axis's neighbours a register should hold, by the lines it touches and the rounds it needs."""

from fractions import Fraction
from math import log2

from lesson_support.questions.kinds import Function

LINE = 16  # elements


def register_axis(shape: tuple[int, ...], stride: tuple[int, ...], dim: int, lanes: int) -> int:
    """The axis along which a register costs least for each element; the first of equals."""
    best, chosen = None, 0
    for axis, (size, step) in enumerate(zip(shape, stride, strict=True)):
        held = min(size, lanes)
        lines = (held - 1) * step // 16 + 1 if step <= 16 else held
        rounds = (held - 1).bit_length() if axis == dim else 0
        cost = (lines + 2 * rounds) / held
        if best is None or cost < best:
            best, chosen = cost, axis
    return chosen


def oracle(shape, stride, dim, lanes):
    """Address by address, in exact fractions."""
    costs = []
    for axis in range(len(shape)):
        places = [lane * stride[axis] for lane in range(lanes) if lane < shape[axis]]
        cost = Fraction(len({place // LINE for place in places}))
        done = 1
        while axis == dim and done < len(places):
            cost, done = cost + 2, 2 * done
        costs.append(cost / len(places))
    return costs.index(min(costs))


def cases(rng):
    found = [
        ((8,), (1,), 0, 8), ((1,), (1,), 0, 16), ((1, 1), (1, 1), 1, 16), ((64, 64), (64, 1), 0, 16),
        ((64, 64), (64, 1), 1, 16), ((64, 64), (1, 64), 0, 16), ((4, 4096, 1024), (1 << 22, 1024, 1), 1, 16),
        ((4, 1024, 4096), (1 << 22, 4096, 1), 2, 16), ((1, 4096), (4096, 1), 1, 16), ((64, 64),
        (8, 1), 1, 16),
        ((64, 64), (9, 1), 1, 16), ((2, 64), (1, 2), 1, 16), ((2, 64), (64, 1), 1, 16), ((3, 64),
        (1, 3), 1, 8),
        ((64, 64), (64, 1), 1, 4), ((64, 64), (64, 1), 1, 2), ((64, 64), (16, 1), 1, 16), ((64, 64),
        (0, 1), 1, 16),
        ((64, 64), (0, 1), 0, 16), ((64, 1), (1, 64), 1, 16), ((1, 64), (1, 64), 1, 16), ((64, 2, 64),
        (2, 1, 128), 1, 16),
        ((64, 5), (5, 1), 1, 16), ((64, 3), (3, 1), 1, 16), ((16, 64), (10, 1), 1, 16), ((64, 64),
        (12, 12), 0, 16),
        ((64, 64), (12, 12), 1, 16), ((8, 64, 64), (64, 512, 1), 2, 8), ((64, 64, 64), (1, 64, 4096), 0, 16),
        ((9, 64), (9, 1), 1, 16), ((5, 64), (4, 1), 1, 16), ((16, 2), (1, 1), 0, 16), ((16, 2),
        (64, 16), 0, 16),
        ((2, 16, 4), (0, 1, 64), 2, 16), ((1, 1), (1, 1), 0, 8), ((3, 1), (1, 1), 0, 8), ((5, 1),
        (1, 1), 0, 16), ((3, 1), (3, 1), 0, 8),
        ((2, 3), (16, 3), 1, 16), ((1, 1), (2, 1), 0, 4), ((1, 1), (6, 1), 0, 4), ((1, 2), (16, 1), 0, 8),
    ]  # fmt: skip
    for _ in range(40):
        rank = int(rng.integers(1, 4))
        shape = rng.choice((1, 2, 3, 5, 8, 16, 64), rank).tolist()
        stride = rng.choice((0, 1, 1, 2, 3, 5, 7, 8, 9, 10, 12, 16, 17, 64), rank).tolist()
        found.append((tuple(shape), tuple(stride), int(rng.integers(rank)), int(rng.choice((2, 4, 8, 16)))))
    return found


def _least(shape, stride, dim, lanes, *, lines=None, rounds=None, held=None):
    """The choice, with a part of its cost believed to be otherwise."""
    costs = []
    for axis, (size, step) in enumerate(zip(shape, stride, strict=True)):
        some = min(size, lanes) if held is None else held(size)
        touched = len({lane * step // LINE for lane in range(some)}) if lines is None else lines(some, step)
        turns = (some - 1).bit_length() if rounds is None else rounds(some)
        costs.append(Fraction(touched + (2 * turns if axis == dim else 0), some))
    return costs.index(min(costs))


def _smallest_stride(shape, stride, dim, lanes):
    return stride.index(min(stride))


def _never_the_steps(shape, stride, dim, lanes):
    costs = {}
    for axis, (size, step) in enumerate(zip(shape, stride, strict=True)):
        some = min(size, lanes)
        costs[axis] = Fraction(len({lane * step // LINE for lane in range(some)}), some)
    if len(costs) > 1:
        del costs[dim]
    return min(costs, key=costs.get)


def _always_the_steps(shape, stride, dim, lanes):
    return dim


def _shuffles_are_free(shape, stride, dim, lanes):
    return _least(shape, stride, dim, lanes, rounds=lambda some: 0)


def _rounds_of_the_register(shape, stride, dim, lanes):
    return _least(shape, stride, dim, lanes, rounds=lambda some: int(log2(lanes)))


def _a_round_for_each_lane(shape, stride, dim, lanes):
    return _least(shape, stride, dim, lanes, rounds=lambda some: some - 1)


def _one_shift_a_round(shape, stride, dim, lanes):
    def double(some, step):
        return 2 * len({lane * step // LINE for lane in range(some)})

    return _least(shape, stride, dim, lanes, lines=double)


def _rounds_rounded_down(shape, stride, dim, lanes):
    return _least(shape, stride, dim, lanes, rounds=lambda some: some.bit_length() - 1)


def _registers_are_full(shape, stride, dim, lanes):
    return _least(shape, stride, dim, lanes, held=lambda size: lanes)


def _not_for_each_element(shape, stride, dim, lanes):
    costs = []
    for axis, (size, step) in enumerate(zip(shape, stride, strict=True)):
        some = min(size, lanes)
        rounds = (some - 1).bit_length() if axis == dim else 0
        costs.append(len({lane * step // LINE for lane in range(some)}) + 2 * rounds)
    return costs.index(min(costs))


def _all_or_one(shape, stride, dim, lanes):
    return _least(shape, stride, dim, lanes, lines=lambda some, step: 1 if step <= 1 else some)


def _bytes_for_elements(shape, stride, dim, lanes):
    def lines(some, step):
        return len({4 * lane * step // LINE for lane in range(some)})

    return _least(shape, stride, dim, lanes, lines=lines)


def _last_of_equals(shape, stride, dim, lanes):
    found = oracle(shape[::-1], stride[::-1], len(shape) - 1 - dim, lanes)
    return len(shape) - 1 - found


QUESTION = Function(
    name="register_axis",
    points=3,
    difficulty="medium",
    minutes=15,
    signature="register_axis(shape: tuple[int, ...], stride: tuple[int, ...], dim: int, lanes: int) -> int",
    example=">>> register_axis((64, 64), (64, 1), 0, 16), register_axis((64, 8), (8, 1), 1, 16)\n(1, 0)",
    hints=(
        "Write down the addresses of one register's lanes for each axis: 0, stride, 2·stride, … In how "
        "many lines of "
        "16 elements do they lie?",
        "A register along an axis of size n holds min(n, lanes) elements. Count its lines; along dim add "
        "two for "
        "each doubling from one lane to all. Divide by the elements it holds, and compare.",
        "lines = len({lane * step // 16 for lane in range(held)}); rounds = (held - 1).bit_length() if "
        "axis == dim "
        "else 0; cost = (lines + 2 * rounds) / held. Return the first axis with the least cost.",
    ),
    solution=register_axis,
    wrong={
        "the smallest stride wins": _smallest_stride,
        "a register never holds steps": _never_the_steps,
        "a scan runs along its steps": _always_the_steps,
        "shuffles cost nothing": _shuffles_are_free,
        "a register that is not full needs all rounds": _rounds_of_the_register,
        "each lane is a round of its own": _a_round_for_each_lane,
        "a shift costs half of what a line costs": _one_shift_a_round,
        "rounds are rounded down": _rounds_rounded_down,
        "every register is full": _registers_are_full,
        "the cost of a register is the cost of an element": _not_for_each_element,
        "only neighbours share a line": _all_or_one,
        "a stride counts bytes": _bytes_for_elements,
        "the last of equals": _last_of_equals,
    },
    cases=cases,
    oracle=oracle,
)
