"""A counter that saturates, as a scan: two clipped steps in one."""

from __future__ import annotations

import torch
from torch import Tensor

from lesson_support.questions.kinds import Function


def combine_clips(
    left: tuple[Tensor, Tensor, Tensor], right: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """The triple (b, low, high) of `left` followed by `right`, each h -> min(max(h + b, low), high)."""
    (b, low, high), (shift, floor, ceiling) = left, right
    low = torch.minimum(torch.maximum(low + shift, floor), ceiling)
    high = torch.minimum(torch.maximum(high + shift, floor), ceiling)
    return b + shift, low, high


PROBES = torch.tensor([0, -1, 1, 2, -2, 3, -4, 5, -9, 9, -1e3, 1e3], dtype=torch.float64)


def stepped(h, triple):
    b, low, high = triple
    return torch.minimum(torch.maximum(h + b, low), high)


def oracle(left, right):
    """Where each of some states goes, one step after the other."""
    return {f"h = {each:g} becomes": stepped(stepped(each, left), right) for each in PROBES}


def measure(result, left, right):
    """Where the combined step sends the same states; words where it is no triple of such tensors."""
    if not isinstance(result, tuple) or len(result) != 3:
        return f"a {type(result).__name__}, expected a tuple of three tensors"
    for each in result:
        if not isinstance(each, torch.Tensor) or each.shape != left[0].shape or each.dtype != left[0].dtype:
            return f"not three tensors of shape {tuple(left[0].shape)} and {left[0].dtype}"
    return {f"h = {each:g} becomes": stepped(each, result) for each in PROBES}


def cases(rng):
    def triples(*values):
        return tuple(torch.tensor(each, dtype=torch.float64) for each in zip(*values, strict=True))

    inf = float("inf")
    pairs = [
        ((1, 0, 3), (1, 0, 3)),
        ((0, -inf, inf), (2, 0, 3)),
        ((2, 0, 3), (0, -inf, inf)),
        ((1, 0, 1), (5, 0, 3)),
        ((-1, 2, 3), (-9, 0, 3)),
        ((1, -inf, 3), (-2, 0, inf)),
        ((0, 2, 2), (1, 0, 9)),
        ((-3, 0, 7), (4, 2, 5)),
    ]
    found = [(triples(left), triples(right)) for left, right in pairs]
    for _ in range(12):
        sides = []
        for _ in range(2):
            b = rng.integers(-4, 5, 5)
            low = rng.integers(-5, 4, 5)
            sides.append(triples(*zip(b, low, low + rng.integers(0, 6, 5), strict=True)))
        found.append(tuple(sides))
    return found


def _tightest(left, right):
    return left[0] + right[0], torch.maximum(left[1], right[1]), torch.minimum(left[2], right[2])


def _last_bounds(left, right):
    return left[0] + right[0], right[1], right[2]


def _swapped(left, right):
    return combine_clips(right, left)


def _bounds_not_clipped(left, right):
    low = torch.maximum(left[1] + right[0], right[1])
    return left[0] + right[0], low, torch.minimum(left[2] + right[0], right[2])


def _bounds_not_moved(left, right):
    low = torch.minimum(torch.maximum(left[1], right[1]), right[2])
    return left[0] + right[0], low, torch.minimum(torch.maximum(left[2], right[1]), right[2])


def _shift_clipped(left, right):
    b = torch.minimum(torch.maximum(left[0] + right[0], right[1]), right[2])
    return (b, *combine_clips(left, right)[1:])


def _moved_only(left, right):
    return left[0] + right[0], left[1] + right[0], left[2] + right[0]


QUESTION = Function(
    name="combine_clips",
    points=2,
    difficulty="medium",
    minutes=12,
    signature="combine_clips(left: tuple[Tensor, Tensor, Tensor], right: tuple[Tensor, Tensor, Tensor]) "
    "-> tuple[Tensor, Tensor, Tensor]",
    example=">>> one = torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([3.0])\n"
    ">>> combine_clips(one, one)\n"
    "(tensor([2.]), tensor([1.]), tensor([3.]))",
    hints=(
        "Draw left: a line of slope 1 between two flat ends. Then apply right to the picture. What happens "
        "to the middle, and what happens to the heights of the two flat ends?",
        "The shifts add. A flat end of left is a state like any other, and right sends it where right sends "
        "states; nothing else can be the lowest or the highest result.",
        "Return left's b plus right's b, then right applied to left's low, then right applied to left's "
        "high; right applied to x is torch.minimum(torch.maximum(x + b, low), high) with right's numbers.",
    ),
    solution=combine_clips,
    wrong={
        "the tighter bounds win": _tightest,
        "the later bounds win": _last_bounds,
        "the order does not matter": _swapped,
        "each bound is compared with one other": _bounds_not_clipped,
        "bounds stay where they are": _bounds_not_moved,
        "the shift saturates too": _shift_clipped,
        "the right step has no bounds of its own": _moved_only,
    },
    cases=cases,
    oracle=oracle,
    measure=measure,
)
