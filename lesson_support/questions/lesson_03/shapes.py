"""The shape of an index of integers, slices and index tensors."""

from lesson_support.questions.kinds import Function
from lesson_support.questions.lesson_03.shapes_answers import WRONG, result_shape


def read(entry):
    """A case holds a slice as its text, "1:9:2"."""
    if not isinstance(entry, str):
        return entry
    return slice(*(int(part) if part else None for part in entry.split(":")))


def probe(answer, shape, index):
    """The answer sees real slices."""
    return answer(shape, tuple(map(read, index)))


def oracle(shape, index):
    """Ask torch."""
    import torch

    entries = (
        torch.zeros(entry, dtype=torch.int64) if isinstance(entry, tuple) else read(entry) for entry in index
    )
    return tuple(torch.empty(shape)[tuple(entries)].shape)


def cases(rng):
    one, two, three, none = (1,), (2,), (3,), (0,)
    column, grid = (2, 1), (2, 3)
    found = [
        ((), ()),
        ((3,), (0,)),
        ((3,), ("::2",)),
        ((5,), ("1:4:2",)),
        ((3,), ("1:9:",)),
        ((3,), ("-2::",)),
        ((3,), ("2:1:",)),
        ((0,), ("::",)),
        ((3,), (two,)),
        ((3,), (none,)),
        ((3,), (grid,)),
        ((2, 3), ("::", two)),
        ((2, 3), (two, two)),
        ((2, 3), (two, one)),
        ((2, 3), (column, three)),
        ((2, 3), (three, column)),
        ((2, 3), (one, none)),
        ((2, 3, 4), (one, two, one)),
        ((2, 3, 4), (two, "::", two)),
        ((2, 3, 4), (two, 1, two)),
        ((2, 3, 4), ("::", two, two)),
        ((2, 3, 4), ("1::", 0, three)),
        ((2, 3, 4), (0, "::2", three)),
        ((2, 3, 4), (column, "::", three)),
        ((3, 2, 3, 4), ("::", two, 0, two)),
        ((3, 2, 3, 4), ("::", two, "1::", one)),
        ((3, 2, 3, 4), ("::", 1, "::2", grid)),
        ((3, 2, 3, 4), (two, 0, "::", column)),
        ((3, 2, 3, 4), (0, two, two)),
        ((2, 3, 2, 3, 4), ("::", column, three, "::", 0)),
        ((2, 3, 2, 3, 4), ("::", column, "::2", three)),
        ((5, 2, 3, 4, 5), ("::", two, two, "::", two)),
        ((5, 2, 3, 4, 5), ("::", two, "::", two, two)),
        ((5, 2, 3, 4, 5), ("::", two, two, two)),
    ]
    for _ in range(40):
        shape = tuple(rng.integers(1, 6, int(rng.integers(1, 6))).tolist())
        common = tuple(rng.integers(1, 4, int(rng.integers(1, 3))).tolist())
        index = tuple(_draw(rng, size, common) for size in shape[: int(rng.integers(0, len(shape) + 1))])
        found.append((shape, index))
    return found


def _draw(rng, size, common):
    """An entry; the index tensors of one case take the end of `common`, or 1 where they repeat."""
    kind = rng.integers(0, 5)
    if kind == 0:
        return int(rng.integers(-size, size))
    if kind in (1, 2):
        start, stop = (rng.choice(["", str(rng.integers(-6, 7))]) for _ in range(2))
        return f"{start}:{stop}:{rng.choice(['', '1', '2', '3'])}"
    kept = common[int(rng.integers(0, len(common))) :]
    return tuple(n if rng.random() < 0.7 else 1 for n in kept)


def show(shape, index):
    def typed(entry):
        if isinstance(entry, str):
            return f"slice({', '.join(part or 'None' for part in entry.split(':'))})"
        return str(entry)

    entries = ", ".join(map(typed, index)) + ("," if len(index) == 1 else "")
    return f"result_shape({shape}, ({entries}))"


QUESTION = Function(
    name="result_shape",
    points=3,
    difficulty="medium",
    minutes=20,
    signature="result_shape(shape: tuple[int, ...], index: tuple) -> tuple[int, ...]",
    example=">>> result_shape((4, 5, 6), (slice(None), (2, 1), (3,)))\n"
    "(4, 2, 3)\n"
    ">>> result_shape((4, 5, 6), ((3,), slice(1, None), (3,)))\n"
    "(3, 4)",
    hints=(
        "Do it in two steps. First find the shape of the view that integers and slices leave, and note which "
        "axes of that view have an index tensor.",
        "The block is the common shape of the index tensors: sizes aligned from the right, 1 gives way; "
        "torch.broadcast_shapes finds it. "
        "Whether they are neighbours is a question about axes of the view, where integers are gone.",
        "Walk the axes: an int adds nothing, a slice adds len(range(*entry.indices(size))), a tuple notes "
        "len(view) and adds the size. Drop the noted axes; put the block at the first of them if last - "
        "first + 1 is their number, else at 0.",
    ),
    solution=result_shape,
    wrong=WRONG | {"ask torch": oracle},
    cases=cases,
    oracle=oracle,
    probe=probe,
    through="lesson_support.tensors.deciding:decided_alone",
    show=show,
)
