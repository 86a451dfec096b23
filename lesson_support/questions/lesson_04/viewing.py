"""Whether a view of another shape exists."""

from math import prod

from lesson_support.questions.kinds import Function
from lesson_support.tensors.layouts import contiguous_strides, is_contiguous, is_packed


def can_view(shape: tuple[int, ...], stride: tuple[int, ...], new_shape: tuple[int, ...]) -> bool:
    """Whether `view(new_shape)` succeeds for a tensor of this shape and stride."""
    if 0 in shape:
        return True
    cuts, count = {1}, 1
    for size in reversed(new_shape):
        count *= size
        cuts.add(count)
    walked, onwards = 1, None
    for size, step in zip(reversed(shape), reversed(stride), strict=True):
        if size == 1:
            continue
        if onwards is not None and step != onwards and walked not in cuts:
            return False
        walked *= size
        onwards = size * step
    return True


def oracle(shape, stride, new_shape):
    """Ask torch."""
    import torch

    try:
        torch.empty_strided(shape, stride).view(new_shape)
    except RuntimeError:
        return False
    return True


def cases(rng):
    found = [
        ((), (), ()),
        ((), (), (1, 1)),
        ((1,), (7,), ()),
        ((4,), (1,), (2, 2)),
        ((4,), (3,), (2, 2)),
        ((4,), (0,), (2, 2)),
        ((2, 2), (2, 1), (4,)),
        ((2, 2), (1, 2), (4,)),
        ((2, 2), (1, 2), (2, 1, 2)),
        ((2, 3), (1, 2), (2, 3)),
        ((2, 3), (1, 2), (3, 2)),
        ((2, 3), (1, 2), (6,)),
        ((2, 3), (4, 1), (6,)),
        ((2, 3), (6, 2), (6,)),
        ((2, 3), (6, 2), (3, 2)),
        ((2, 4), (5, 1), (2, 2, 2)),
        ((2, 4), (5, 1), (4, 2)),
        ((2, 3), (0, 1), (6,)),
        ((2, 3), (1, 0), (6,)),
        ((2, 3), (0, 0), (6,)),
        ((2, 3), (0, 1), (2, 1, 3)),
        ((2, 1, 3), (3, 99, 1), (6,)),
        ((2, 1, 3), (9, 3, 1), (6,)),
        ((2, 3, 1), (3, 1, 99), (6,)),
        ((1, 2, 3), (99, 3, 1), (6,)),
        ((2, 2, 2), (2, 4, 1), (4, 2)),
        ((2, 2, 2), (8, 2, 1), (2, 4)),
        ((2, 2, 2), (8, 2, 1), (4, 2)),
        ((2, 2, 3), (12, 6, 1), (4, 3)),
        ((2, 2, 3), (6, 1, 2), (4, 3)),
        ((2, 3, 2), (1, 6, 2), (4, 3)),
        ((2, 3, 2), (1, 6, 2), (3, 4)),
        ((3, 2, 2), (1, 3, 6), (3, 2, 2)),
        ((0,), (1,), (0, 5)),
        ((2, 0), (1, 2), (0,)),
        ((2, 0, 3), (1, 9, 2), (3, 0)),
        ((0, 3, 2), (1, 2, 7), (6, 0)),
    ]
    for _ in range(60):
        shape = tuple(rng.choice((1, 2, 2, 3, 4), int(rng.integers(1, 5))).tolist())
        found.append((shape, _draw_stride(rng, shape), _draw_shape(rng, shape)))
    return found


def _draw_stride(rng, shape):
    """Strides in some order of the dimensions, with a gap or a repetition here and there."""
    order = list(range(len(shape)))
    if rng.random() < 0.4:
        order = rng.permutation(len(shape)).tolist()
    stride, step = [0] * len(shape), int(rng.choice((1, 1, 1, 2)))
    for dim in reversed(order):
        stride[dim] = step if shape[dim] > 1 else int(rng.integers(0, 9))
        step *= shape[dim]
        step += int(rng.random() < 0.15)
    if rng.random() < 0.25:
        stride[int(rng.integers(len(shape)))] = 0
    return tuple(stride)


def _draw_shape(rng, shape):
    """The factors of `shape`, now and then in another order, joined at random."""
    factors = [factor for size in shape for factor in ((2, 2) if size == 4 else (size,))]
    if rng.random() < 0.3:
        rng.shuffle(factors)
    cuts = [0, *(at for at in range(1, len(factors)) if rng.random() < 0.5), len(factors)]
    return tuple(prod(factors[a:b]) for a, b in zip(cuts, cuts[1:], strict=False))


def _only_contiguous(shape, stride, new_shape):
    return is_contiguous(shape, stride)


def _always(shape, stride, new_shape):
    return prod(shape) == prod(new_shape)


def _no_gaps(shape, stride, new_shape):
    return is_packed(shape, stride)


def _one_run(shape, stride, new_shape):
    return can_view(shape, stride, (prod(shape),))


def _same_shape_or_one_run(shape, stride, new_shape):
    return tuple(shape) == tuple(new_shape) or can_view(shape, stride, (prod(shape),))


def _ones_count(shape, stride, new_shape):
    cuts = {prod(new_shape[dim:]) for dim in range(len(new_shape) + 1)}
    inside = [prod(shape[dim + 1 :]) for dim in range(len(shape))]
    return 0 in shape or all(
        stride[dim] == shape[dim + 1] * stride[dim + 1] or inside[dim] in cuts
        for dim in range(len(shape) - 1)
    )


def _empties_are_walked(shape, stride, new_shape):
    cuts = {prod(new_shape[dim:]) for dim in range(len(new_shape) + 1)}
    kept = [dim for dim, size in enumerate(shape) if size != 1]
    return all(
        stride[a] == shape[b] * stride[b] or prod(shape[b:]) in cuts
        for a, b in zip(kept, kept[1:], strict=False)
    )


def _repeats_refused(shape, stride, new_shape):
    repeated = any(size > 1 and step == 0 for size, step in zip(shape, stride, strict=True))
    return can_view(shape, stride, new_shape) and (0 in shape or not repeated)


def _repeats_join_anything(shape, stride, new_shape):
    moved = [(size, step) for size, step in zip(shape, stride, strict=True) if step != 0]
    repeated = prod(shape) != prod(size for size, _ in moved)
    return repeated or can_view(shape, stride, new_shape)


def _same_size_somewhere(shape, stride, new_shape):
    kept = [(size, step) for size, step in zip(shape, stride, strict=True) if size != 1]
    return 0 in shape or all(
        jump == size * step or size in new_shape
        for (_, jump), (size, step) in zip(kept, kept[1:], strict=False)
    )


def _first_boundary_only(shape, stride, new_shape):
    kept = [(size, step) for size, step in zip(shape, stride, strict=True) if size != 1][-2:]
    outer = prod(shape) // max(prod(size for size, _ in kept), 1)
    return 0 in shape or can_view(
        (outer, *(size for size, _ in kept)),
        (kept[0][0] * kept[0][1] if kept else 1, *(step for _, step in kept)),
        new_shape,
    )


def _never_starts_anew(shape, stride, new_shape):
    cuts = {prod(new_shape[dim:]) for dim in range(len(new_shape) + 1)}
    kept = [dim for dim, size in enumerate(shape) if size != 1]
    row_major = contiguous_strides(shape)
    return 0 in shape or all(
        stride[dim] == row_major[dim] * stride[kept[-1]] or prod(shape[dim + 1 :]) in cuts
        for dim in kept[:-1]
    )


QUESTION = Function(
    name="can_view",
    points=3,
    difficulty="medium",
    minutes=20,
    signature="can_view(shape: tuple[int, ...], stride: tuple[int, ...], new_shape: tuple[int, ...]) -> bool",
    example=">>> can_view((2, 3), (1, 2), (6,)), can_view((2, 4), (5, 1), (2, 2, 2))\n(False, True)",
    hints=(
        "Two neighbouring dimensions can be merged when a step along the outer goes exactly as far as "
        "walking the inner to its end. Where that fails is a boundary, and new_shape must have a cut there.",
        "Walk the dimensions from the innermost, size 1 left out, and count the elements walked so far. "
        "Where a stride does not go on evenly there is a boundary: some dimensions of new_shape, counted "
        "from the right, must hold exactly that many elements.",
        "True if 0 is in shape. Collect 1 and the products of the last 1, 2, … sizes of new_shape. For two "
        "neighbours (of those not 1), outer stride != inner size * inner stride is a boundary: return False "
        "unless the product of all sizes inside it is among the collected ones. Else True.",
    ),
    solution=can_view,
    wrong={
        "only a contiguous tensor can be viewed": _only_contiguous,
        "the same number of elements is enough": _always,
        "a tensor without gaps can be viewed in any shape": _no_gaps,
        "a tensor must be one run before it can be cut": _one_run,
        "what is no single run can only keep its shape": _same_shape_or_one_run,
        "the stride of a dimension of size 1 matters": _ones_count,
        "an empty tensor obeys its strides": _empties_are_walked,
        "an expanded tensor has no views": _repeats_refused,
        "a stride of 0 joins whatever is beside it": _repeats_join_anything,
        "a boundary needs a new dimension of the same size, anywhere": _same_size_somewhere,
        "ask torch": oracle,
        "the innermost boundary decides": _first_boundary_only,
        "after a boundary the strides go on from the innermost one": _never_starts_anew,
    },
    cases=cases,
    oracle=oracle,
    through="lesson_support.tensors.deciding:decided_alone",
)
