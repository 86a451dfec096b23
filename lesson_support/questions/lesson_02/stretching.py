"""The strides of a view that shows a tensor in a larger shape."""

from lesson_support.questions.kinds import Function, Raises


def broadcast_strides(
    shape: tuple[int, ...], stride: tuple[int, ...], new_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """The strides of `expand(new_shape)`; ValueError where there is no such view."""
    new = len(new_shape) - len(shape)
    if new < 0:
        raise ValueError(f"{len(shape)} dimensions do not fit into {len(new_shape)}")
    strides = [0] * new
    for size, step, wanted in zip(shape, stride, new_shape[new:], strict=True):
        if size not in (1, wanted):
            raise ValueError(f"a dimension of size {size} cannot become {wanted}")
        strides.append(step if size == wanted else 0)
    return tuple(strides)


def oracle(shape, stride, new_shape):
    """Ask torch. Where a new dimension has size 1 it fills in a stride that is never used; here that is 0."""
    import torch

    try:
        found = torch.empty_strided(shape, stride).expand(new_shape).stride()
    except RuntimeError:
        return Raises("ValueError")
    new = len(new_shape) - len(shape)
    return (*[0] * new, *found[new:])


def cases(rng):
    found = [
        ((), (), ()),
        ((), (), (1,)),
        ((), (), (3,)),
        ((), (), (2, 0)),
        ((1,), (1,), (1,)),
        ((1,), (1,), (3,)),
        ((1,), (7,), (1,)),
        ((1,), (1,), (0,)),
        ((3,), (1,), (3,)),
        ((3,), (2,), (3,)),
        ((3,), (1,), (1,)),
        ((3,), (1,), (6,)),
        ((3,), (1,), (0,)),
        ((0,), (1,), (0,)),
        ((0,), (1,), (3,)),
        ((0,), (1,), (1,)),
        ((3,), (1,), (2, 3)),
        ((3,), (1,), (3, 1)),
        ((3,), (1,), (3, 2)),
        ((3,), (2,), (1, 3)),
        ((3,), (1,), ()),
        ((1,), (1,), ()),
        ((1, 3), (3, 1), (3,)),
        ((3, 1), (1, 1), (3, 4)),
        ((3, 1), (1, 1), (1, 3, 4)),
        ((3, 1), (4, 9), (3, 1)),
        ((1, 4), (4, 1), (3, 4)),
        ((1, 4), (2, 3), (3, 4)),
        ((2, 3), (1, 2), (2, 3)),
        ((2, 3), (1, 2), (4, 2, 3)),
        ((2, 3), (0, 1), (2, 3)),
        ((2, 3), (3, 1), (2, 3, 1)),
        ((1, 0), (5, 1), (2, 0)),
        ((2, 1, 3), (3, 3, 1), (2, 4, 3)),
        ((2, 1, 3), (1, 8, 2), (5, 2, 4, 3)),
        ((1, 1), (1, 1), (2, 3, 4)),
    ]
    for _ in range(40):
        shape = rng.choice((0, 1, 2, 3, 4), int(rng.integers(1, 4)), p=(0.05, 0.35, 0.2, 0.2, 0.2)).tolist()
        stride = rng.integers(0, 13, len(shape)).tolist()
        wanted = [int(rng.integers(1, 5)) if size == 1 else size for size in shape]
        flaw = rng.random()
        if flaw < 0.15:
            wanted[int(rng.integers(len(wanted)))] = int(rng.integers(0, 6))
        elif flaw < 0.2:
            wanted = wanted[1:]
        wanted = rng.integers(1, 4, int(rng.integers(0, 3))).tolist() + wanted
        found.append((tuple(shape), tuple(stride), tuple(wanted)))
    return found


def _copied(shape, stride, new_shape):
    from lesson_support.tensors.layouts import contiguous_strides

    broadcast_strides(shape, stride, new_shape)
    return contiguous_strides(new_shape)


def _contiguous_source(shape, stride, new_shape):
    from lesson_support.tensors.layouts import contiguous_strides

    return broadcast_strides(shape, contiguous_strides(shape), new_shape)


def _every_one_is_zero(shape, stride, new_shape):
    kept = [0 if size == 1 else step for size, step in zip(shape, stride, strict=True)]
    return broadcast_strides(shape, kept, new_shape)


def _from_the_left(shape, stride, new_shape):
    padded = (*shape, *[1] * (len(new_shape) - len(shape)))
    steps = (*stride, *[0] * (len(new_shape) - len(shape)))
    return broadcast_strides(padded, steps, new_shape)


def _unchecked(shape, stride, new_shape):
    new = len(new_shape) - len(shape)
    pairs = zip(shape, stride, new_shape[max(new, 0) :], strict=False)
    return (*[0] * new, *(step if size == wanted else 0 for size, step, wanted in pairs))


def _keeps_the_stride(shape, stride, new_shape):
    broadcast_strides(shape, stride, new_shape)
    return (*[0] * (len(new_shape) - len(shape)), *stride)


def _multiples_repeat(shape, stride, new_shape):
    fitted = [
        wanted if size > 1 and wanted % size == 0 else size
        for size, wanted in zip(shape, new_shape[len(new_shape) - len(shape) :], strict=False)
    ]
    return broadcast_strides(fitted, stride, new_shape)


def _both_ways(shape, stride, new_shape):
    new = len(new_shape) - len(shape)
    fitted = [1 if wanted == 1 else size for size, wanted in zip(shape, new_shape[new:], strict=False)]
    return broadcast_strides(fitted, stride, new_shape)


def _new_dimensions_are_contiguous(shape, stride, new_shape):
    kept = list(broadcast_strides(shape, stride, new_shape))
    for dim in reversed(range(len(new_shape) - len(shape))):
        kept[dim] = new_shape[dim + 1] * kept[dim + 1] if dim + 1 < len(kept) else 1
    return tuple(kept)


def _leading_ones_dropped(shape, stride, new_shape):
    extra = max(len(shape) - len(new_shape), 0)
    if any(size != 1 for size in shape[:extra]):
        raise ValueError("too many dimensions")
    return broadcast_strides(shape[extra:], stride[extra:], new_shape)


QUESTION = Function(
    name="broadcast_strides",
    points=2,
    difficulty="medium",
    minutes=10,
    signature="broadcast_strides(shape: tuple[int, ...], stride: tuple[int, ...], new_shape: tuple[int, ...]"
    ") -> tuple[int, ...]",
    example=">>> broadcast_strides((3, 1), (1, 1), (2, 3, 4)), broadcast_strides((3,), (2,), (3,))\n"
    "((0, 1, 0), (2,))",
    hints=(
        "The view moves no data. Which step through the storage repeats an element when an index grows, and "
        "which dimensions of the new shape repeat?",
        "Align the shapes at their last dimensions. A size that stays keeps its stride, whatever it is; a "
        "size 1 that becomes another one repeats; a dimension on the left that the tensor lacks repeats too.",
        "Start with 0 for each of the len(new_shape) - len(shape) new dimensions; ValueError if that is "
        "negative. For size, step, wanted of the rest: append step if size == wanted, append 0 if size == 1, "
        "else raise ValueError.",
    ),
    solution=broadcast_strides,
    wrong={
        "a broadcast tensor is a new, contiguous one": _copied,
        "every tensor is contiguous before it is expanded": _contiguous_source,
        "a dimension of size 1 always has stride 0": _every_one_is_zero,
        "new dimensions come last": _from_the_left,
        "every shape fits": _unchecked,
        "an expanded dimension keeps its stride": _keeps_the_stride,
        "a size may grow to a multiple of itself": _multiples_repeat,
        "expanding works in both directions": _both_ways,
        "a new dimension steps over the dimensions inside it": _new_dimensions_are_contiguous,
        "leading dimensions of size 1 can be dropped": _leading_ones_dropped,
    },
    cases=cases,
    oracle=oracle,
)
