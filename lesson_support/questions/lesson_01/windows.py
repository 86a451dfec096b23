"""Every window of a vector, without copying one element."""

from lesson_support.questions.kinds import Function


def window_layout(
    length: int, stride: int, offset: int, width: int, step: int
) -> tuple[tuple[int, int], tuple[int, int], int]:
    """(shape, stride, offset) of the view that holds every full window of a vector, one window a row."""
    count = max(0, (length - width) // step + 1)
    return (count, width), (step * stride, stride), offset


def oracle(length, stride, offset, width, step):
    """torch's own `unfold`. It refuses a window wider than the vector: there a longer one loses its
    windows."""
    import torch

    enough = max(length, width)
    vector = torch.empty(offset + (enough - 1) * stride + 1).as_strided((enough,), (stride,), offset)
    windows = vector.unfold(0, width, step)
    if width > length:
        windows = windows[:0]
    return tuple(windows.shape), windows.stride(), windows.storage_offset()


def cases(rng):
    found = [
        (1, 1, 0, 1, 1),
        (2, 1, 0, 1, 1),
        (2, 1, 0, 2, 1),
        (0, 1, 0, 1, 1),
        (1, 1, 0, 2, 1),
        (1, 1, 0, 9, 2),
        (3, 1, 0, 2, 1),
        (4, 1, 0, 2, 2),
        (5, 1, 0, 2, 2),
        (5, 1, 0, 2, 3),
        (6, 1, 0, 2, 5),
        (4, 3, 0, 2, 1),
        (4, 1, 5, 2, 1),
        (4, 2, 3, 5, 1),
        (9, 2, 4, 3, 4),
        (4, 0, 0, 2, 1),
    ]
    for _ in range(40):
        length, width = int(rng.integers(0, 30)), int(rng.integers(1, 8))
        found.append(
            (length, int(rng.integers(0, 6)), int(rng.integers(0, 9)), width, int(rng.integers(1, 7)))
        )
    return found


def _no_last_window(length, stride, offset, width, step):
    return (max(0, (length - width) // step), width), (step * stride, stride), offset


def _unit_stride(length, stride, offset, width, step):
    return window_layout(length, 1, offset, width, step)


def _row_stride_in_windows(length, stride, offset, width, step):
    shape, (_, inner), start = window_layout(length, stride, offset, width, step)
    return shape, (step, inner), start


def _partial_windows(length, stride, offset, width, step):
    return (max(0, -(-(length - width) // step) + 1), width), (step * stride, stride), offset


def _negative_count(length, stride, offset, width, step):
    return ((length - width) // step + 1, width), (step * stride, stride), offset


def _side_by_side(length, stride, offset, width, step):
    return (length // width, width), (width * stride, stride), offset


def _every_start(length, stride, offset, width, step):
    return (max(0, length - width + 1), width), (step * stride, stride), offset


def _from_zero(length, stride, offset, width, step):
    return window_layout(length, stride, 0, width, step)


QUESTION = Function(
    name="window_layout",
    points=2,
    difficulty="medium",
    minutes=10,
    signature="window_layout(length: int, stride: int, offset: int, width: int, step: int)"
    " -> tuple[tuple[int, int], tuple[int, int], int]",
    example=">>> window_layout(length=6, stride=1, offset=0, width=3, step=1)\n((4, 3), (1, 1), 0)",
    hints=(
        "Write the storage cells of the first two windows under each other. What is added along a row, and "
        "what from one row to the next?",
        "Along a row you go from one element of the vector to the next; from row to row you go step "
        "elements. Both distances are in cells of the storage, not in elements of the vector.",
        "The last window starts at element length - width at the latest, so (length - width) // step + 1 "
        "windows fit, never fewer than 0; the strides are (step * stride, stride) and the offset stays.",
    ),
    solution=window_layout,
    wrong={
        "the last window does not count": _no_last_window,
        "neighbours of a vector are neighbours in storage": _unit_stride,
        "the step is counted in cells of the storage": _row_stride_in_windows,
        "a window that is cut off counts": _partial_windows,
        "a vector is always longer than its window": _negative_count,
        "windows lie side by side": _side_by_side,
        "the step does not change how many windows there are": _every_start,
        "the vector starts where the storage starts": _from_zero,
    },
    cases=cases,
    oracle=oracle,
)
