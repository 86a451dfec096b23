"""The right shape of an index, and the shapes that people give instead."""


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


WRONG = {
    "torch decides as NumPy does": _as_numpy,
    "the block stands where the first index tensor stood": _always_in_place,
    "the block always comes first": _always_in_front,
    "a separated block goes to the end": _always_at_the_end,
    "the block's place is counted in the axes of x": _place_in_x,
    "the first two index tensors decide whether all are neighbours": _first_two_decide,
    "the last two index tensors decide whether all are neighbours": _last_two_decide,
    "the block is that of the first and the last index tensor": _block_of_the_ends,
    "every index tensor keeps its own axes": _grid,
    "shapes are aligned from the left": _aligned_from_the_left,
    "an integer leaves an axis of size 1": _integers_keep_an_axis,
    "a slice is as long as it says": _slices_unclipped,
    "a step divides the length, rounded down": _steps_rounded_down,
    "axes without an entry are gone": _remaining_forgotten,
}
