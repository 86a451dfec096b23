"""The shape that two shapes broadcast to."""

from itertools import zip_longest

from lesson_support.questions.kinds import Function, Raises


def broadcast_shape(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a sum of two tensors of these shapes; ValueError where they do not broadcast."""
    rank = max(len(first), len(second))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in (first, second)]
    sizes = []
    for a, b in zip(*padded, strict=True):
        if a != b and 1 not in (a, b):
            raise ValueError(f"{first} and {second} do not broadcast: {a} meets {b}")
        sizes.append(b if a == 1 else a)
    return tuple(sizes)


def oracle(first, second):
    """Let torch add two tensors."""
    import torch

    try:
        return tuple((torch.empty(first) + torch.empty(second)).shape)
    except RuntimeError:
        return Raises("ValueError")


def cases(rng):
    found = [
        ((), ()),
        ((), (3,)),
        ((3,), ()),
        ((), (0,)),
        ((1,), (1,)),
        ((3,), (3,)),
        ((3,), (1,)),
        ((1,), (3,)),
        ((3,), (2,)),
        ((2,), (4,)),
        ((4,), (2,)),
        ((0,), (1,)),
        ((1,), (0,)),
        ((0,), (0,)),
        ((0,), (2,)),
        ((3,), (0,)),
        ((3,), (3, 1)),
        ((3, 1), (3,)),
        ((3,), (1, 3)),
        ((2, 3), (2,)),
        ((2, 3), (3,)),
        ((3, 2), (2, 3)),
        ((2, 1), (1, 3)),
        ((1, 3), (2, 1)),
        ((0, 1), (1, 3)),
        ((2, 0), (1,)),
        ((2, 0), (3, 1)),
        ((1, 1, 1), ()),
        ((2, 1, 3), (4, 1)),
        ((4, 1), (2, 1, 3)),
        ((2, 3, 4), (2, 3)),
        ((5, 1, 2, 1), (3, 1, 4)),
    ]
    for _ in range(40):
        whole = rng.choice((0, 1, 2, 3, 4, 5), int(rng.integers(1, 5)), p=(0.06, 0.14, 0.2, 0.2, 0.2, 0.2))
        pair = []
        for _ in range(2):
            kept = whole[int(rng.integers(len(whole))) :] if rng.random() < 0.4 else whole
            pair.append([1 if rng.random() < 0.3 else int(size) for size in kept])
        if rng.random() < 0.25:
            side = pair[int(rng.integers(2))]
            side[int(rng.integers(len(side)))] = int(rng.integers(2, 6))
        found.append((tuple(pair[0]), tuple(pair[1])))
    return found


def _from_the_left(first, second):
    pairs = list(zip_longest(first, second, fillvalue=1))
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        raise ValueError("no common shape")
    return tuple(b if a == 1 else a for a, b in pairs)


def _larger_wins(first, second):
    broadcast_shape(first, second)
    pairs = zip_longest(reversed(first), reversed(second), fillvalue=1)
    return tuple(reversed([max(pair) for pair in pairs]))


def _everything_fits(first, second):
    pairs = zip_longest(reversed(first), reversed(second), fillvalue=1)
    return tuple(reversed([b if a == 1 else a for a, b in pairs]))


def _shorter_rank(first, second):
    found = broadcast_shape(first, second)
    return found[len(found) - min(len(first), len(second)) :]


def _same_rank(first, second):
    if len(first) != len(second):
        raise ValueError("another number of dimensions")
    return broadcast_shape(first, second)


def _only_second_stretches(first, second):
    if broadcast_shape(first, second) != tuple(first):
        raise ValueError("the second does not fit the first")
    return tuple(first)


def _divisors_stretch(first, second):
    sizes = []
    for a, b in zip_longest(reversed(first), reversed(second), fillvalue=1):
        small, large = sorted((a, b))
        if small != large and (small == 0 or large % small) and 1 not in (a, b):
            raise ValueError("no multiple")
        sizes.append(b if a == 1 else a if b == 1 else large)
    return tuple(reversed(sizes))


def _empty_wins(first, second):
    pairs = list(zip_longest(reversed(first), reversed(second), fillvalue=1))
    if any(a != b and 0 not in (a, b) and 1 not in (a, b) for a, b in pairs):
        raise ValueError("no common shape")
    return tuple(reversed([0 if 0 in (a, b) else max(a, b) for a, b in pairs]))


def _same_count(first, second):
    from math import prod

    if prod(first) != prod(second) and 1 not in (prod(first), prod(second)):
        raise ValueError("another number of elements")
    return broadcast_shape(first, second)


QUESTION = Function(
    name="broadcast_shape",
    points=2,
    difficulty="easy",
    minutes=8,
    signature="broadcast_shape(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]",
    example=">>> broadcast_shape((3, 1), (3,)), broadcast_shape((2, 1, 3), (4, 1))\n((3, 3), (2, 4, 3))",
    hints=(
        "Write the two shapes below each other, the last sizes in one column. What stands in a column where "
        "the shorter shape has nothing left?",
        "A missing size counts as 1. In each column both sizes are equal, or one of them is 1 and the other "
        "one is the result; else there is none. Try a column with 1 and 0 on paper.",
        "Put (1,) * (rank - len(shape)) in front of each shape, where rank is the larger number of "
        "dimensions. For each pair a, b: raise ValueError unless a == b or 1 in (a, b); keep b if a == 1 "
        "else a.",
    ),
    solution=broadcast_shape,
    wrong={
        "shapes are aligned at their first dimensions": _from_the_left,
        "the larger size wins, even over 0": _larger_wins,
        "whatever does not fit is taken from one side": _everything_fits,
        "the result has the rank of the shorter shape": _shorter_rank,
        "only shapes of one rank broadcast": _same_rank,
        "the second is stretched to the first, never the other way round": _only_second_stretches,
        "a size that divides the other one is repeated": _divisors_stretch,
        "0 stretches like 1, or wins over everything": _empty_wins,
        "what counts is the number of elements": _same_count,
    },
    cases=cases,
    oracle=oracle,
)
