"""The shape of an index of integers, slices and index tensors."""

from lesson_support.questions.deciding import decided_alone
from lesson_support.questions.kinds import Function


def result_shape(shape: tuple[int, ...], index: tuple) -> tuple[int, ...]:
    """The shape of x[index] for an x of this shape; a tuple in `index` is the shape of an index tensor."""
    view, block, marked = [], [], []
    for axis, size in enumerate(shape):
        entry = index[axis] if axis < len(index) else slice(None)
        if isinstance(entry, int):
            continue
        if isinstance(entry, slice):
            view.append(len(range(*entry.indices(size))))
            continue
        marked.append(len(view))
        view.append(size)
        length = max(len(block), len(entry))
        aligned = [[1] * (length - len(sizes)) + list(sizes) for sizes in (block, entry)]
        block = [b if a == 1 else a for a, b in zip(*aligned, strict=True)]
    if not marked:
        return tuple(view)
    kept = [size for axis, size in enumerate(view) if axis not in marked]
    place = marked[0] if marked[-1] - marked[0] == len(marked) - 1 else 0
    return (*kept[:place], *block, *kept[place:])


def read(entry):
    """A case holds a slice as its text, "1:9:2"."""
    if not isinstance(entry, str):
        return entry
    return slice(*(int(part) if part else None for part in entry.split(":")))


def probe(answer, shape, index):
    """The answer sees real slices, and may not ask torch."""
    return decided_alone(answer, shape, tuple(map(read, index)))


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


def _parts(shape, index):
    """(kept sizes with their axis in the view, marked axes, block) of an index."""
    import numpy as np

    index = (*index, *[slice(None)] * (len(shape) - len(index)))
    left = [(size, entry) for size, entry in zip(shape, index, strict=True) if not isinstance(entry, int)]
    marked = [axis for axis, (_, entry) in enumerate(left) if isinstance(entry, tuple)]
    kept = [
        (axis, len(range(*entry.indices(size))))
        for axis, (size, entry) in enumerate(left)
        if axis not in marked
    ]
    return kept, marked, np.broadcast_shapes(*(left[axis][1] for axis in marked))


def _always_in_place(shape, index):
    kept, marked, block = _parts(shape, index)
    before = [size for axis, size in kept if marked and axis < marked[0]]
    return (*before, *block, *[size for _, size in kept][len(before) :])


def _always_in_front(shape, index):
    kept, _, block = _parts(shape, index)
    return (*block, *(size for _, size in kept))


def _always_at_the_end(shape, index):
    kept, marked, block = _parts(shape, index)
    neighbours = marked and marked[-1] - marked[0] == len(marked) - 1
    return _always_in_place(shape, index) if neighbours else (*(size for _, size in kept), *block)


def _as_numpy(shape, index):
    import numpy as np

    arrays = tuple(np.zeros(entry, int) if isinstance(entry, tuple) else entry for entry in index)
    return np.empty(shape)[arrays].shape


def _place_in_x(shape, index):
    kept, marked, block = _parts(shape, index)
    at = [axis for axis, entry in enumerate(index) if isinstance(entry, tuple)]
    if not at or marked[-1] - marked[0] != len(marked) - 1:
        return _always_in_front(shape, index)
    sizes = [size for _, size in kept]
    return (*sizes[: at[0]], *block, *sizes[at[0] :])


def _grid(shape, index):
    index = (*index, *[slice(None)] * (len(shape) - len(index)))
    sizes = ()
    for size, entry in zip(shape, index, strict=True):
        if isinstance(entry, slice):
            sizes += (len(range(*entry.indices(size))),)
        elif isinstance(entry, tuple):
            sizes += entry
    return sizes


def _aligned_from_the_left(shape, index):
    tensors = [entry for entry in index if isinstance(entry, tuple)]
    length = max(map(len, tensors), default=0)
    padded = tuple(e + (1,) * (length - len(e)) if isinstance(e, tuple) else e for e in index)
    return result_shape(shape, padded)


def _integers_keep_an_axis(shape, index):
    return result_shape(shape, tuple(slice(0, 1) if isinstance(entry, int) else entry for entry in index))


def _judged_by(of_marked, shape, index):
    """The block in place if the marked axes that `of_marked` keeps are neighbours."""
    _, marked, _ = _parts(shape, index)
    looked_at = of_marked(marked)
    neighbours = not looked_at or looked_at[-1] - looked_at[0] == len(looked_at) - 1
    return _always_in_place(shape, index) if neighbours else _always_in_front(shape, index)


def _first_two_decide(shape, index):
    return _judged_by(lambda marked: marked[:2], shape, index)


def _last_two_decide(shape, index):
    return _judged_by(lambda marked: marked[-2:], shape, index)


def _block_of_the_ends(shape, index):
    at = [axis for axis, entry in enumerate(index) if isinstance(entry, tuple)]
    ends = at[:1] + at[-1:]
    first = index[at[0]] if at else ()
    return result_shape(
        shape,
        tuple(
            first if isinstance(entry, tuple) and axis not in ends else entry
            for axis, entry in enumerate(index)
        ),
    )


def _resliced(shape, index, length):
    """The result if the slice of each axis were as long as `length(entry, size)` says."""
    index = (*index, *[slice(None)] * (len(shape) - len(index)))
    sizes = [
        length(entry, size) if isinstance(entry, slice) else size
        for size, entry in zip(shape, index, strict=True)
    ]
    return result_shape(sizes, tuple(slice(None) if isinstance(entry, slice) else entry for entry in index))


def _slices_unclipped(shape, index):
    def length(entry, size):
        start, stop = entry.start or 0, size if entry.stop is None else entry.stop
        start, stop = (end + size if end < 0 else end for end in (start, stop))
        return max(0, -(-(stop - start) // (entry.step or 1)))

    return _resliced(shape, index, length)


def _steps_rounded_down(shape, index):
    def length(entry, size):
        start, stop, step = entry.indices(size)
        return max(0, (stop - start) // step)

    return _resliced(shape, index, length)


def _remaining_forgotten(shape, index):
    return result_shape(shape[: len(index)], index)


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
    wrong={
        "torch decides as NumPy does": _as_numpy,
        "the block stands where the first index tensor stood": _always_in_place,
        "the block always comes first": _always_in_front,
        "a separated block goes to the end": _always_at_the_end,
        "the block's place is counted in the axes of x": _place_in_x,
        "the first two index tensors decide whether all are neighbours": _first_two_decide,
        "the last two index tensors decide whether all are neighbours": _last_two_decide,
        "the block is that of the first and the last index tensor": _block_of_the_ends,
        "every index tensor keeps its own axes": _grid,
        "ask torch": oracle,
        "shapes are aligned from the left": _aligned_from_the_left,
        "an integer leaves an axis of size 1": _integers_keep_an_axis,
        "a slice is as long as it says": _slices_unclipped,
        "a step divides the length, rounded down": _steps_rounded_down,
        "axes without an entry are gone": _remaining_forgotten,
    },
    cases=cases,
    oracle=oracle,
    probe=probe,
    show=show,
)
