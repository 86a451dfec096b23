"""Where an element lies in its storage."""

from lesson_support.questions.kinds import Function, Raises


def offset_of(index: tuple[int, ...], shape: tuple[int, ...], stride: tuple[int, ...], offset: int) -> int:
    """The storage cell of the element at `index`; IndexError when `index` is out of range."""
    cell = offset
    for i, size, step in zip(index, shape, stride, strict=True):
        if not -size <= i < size:
            raise IndexError(f"index {i} is out of range for a dimension of size {size}")
        cell += (i + size if i < 0 else i) * step
    return cell


def oracle(index, shape, stride, offset):
    """Ask torch: in a storage that counts 0, 1, 2, … an element's value is its cell."""
    import torch

    length = offset + sum(max(size - 1, 0) * step for size, step in zip(shape, stride, strict=True)) + 1
    view = torch.arange(length).as_strided(shape, stride, offset)
    try:
        return view[index].item()
    except IndexError:
        return Raises("IndexError")


def cases(rng):
    found = [
        ((), (), (), 0),
        ((), (), (), 7),
        ((0,), (1,), (1,), 0),
        ((2,), (3,), (1,), 0),
        ((3,), (3,), (1,), 0),
        ((-1,), (3,), (1,), 0),
        ((-3,), (3,), (2,), 0),
        ((-4,), (3,), (1,), 0),
        ((2,), (3,), (1,), 5),
        ((4,), (5,), (0,), 3),
        ((5,), (5,), (0,), 3),
        ((1, 2), (2, 3), (3, 1), 0),
        ((1, 2), (2, 3), (1, 2), 0),
        ((0, 3), (2, 3), (3, 1), 0),
        ((-1, -1), (2, 3), (3, 1), 4),
        ((-3, 0), (2, 3), (3, 1), 0),
        ((0,), (0,), (1,), 0),
        ((-1,), (0,), (1,), 0),
    ]
    for _ in range(40):
        rank = int(rng.integers(1, 5))
        shape = rng.integers(1, 5, rank).tolist()
        stride = rng.integers(0, 12, rank).tolist()
        index = [int(rng.integers(-size, size)) for size in shape]
        if rng.random() < 0.3:
            where = int(rng.integers(rank))
            index[where] = shape[where] if rng.random() < 0.5 else -shape[where] - 1
        found.append((tuple(index), tuple(shape), tuple(stride), int(rng.integers(0, 9))))
    return found


def _unsigned(index, shape, stride, offset):
    if any(i >= size for i, size in zip(index, shape, strict=True)):
        raise IndexError("out of range")
    return offset + sum(i * step for i, step in zip(index, stride, strict=True))


def _unchecked(index, shape, stride, offset):
    pairs = zip(index, shape, stride, strict=True)
    return offset + sum((i + size if i < 0 else i) * step for i, size, step in pairs)


def _modulo(index, shape, stride, offset):
    return offset + sum(i % size * step for i, size, step in zip(index, shape, stride, strict=True) if size)


def _row_major(index, shape, stride, offset):
    place = 0
    for i, size in zip(index, shape, strict=True):
        if not -size <= i < size:
            raise IndexError("out of range")
        place = place * size + i % size
    return offset + place


def _no_offset(index, shape, stride, offset):
    return offset_of(index, shape, stride, 0)


def _from_the_storage_end(index, shape, stride, offset):
    if any(not -size <= i < size for i, size in zip(index, shape, strict=True)):
        raise IndexError("out of range")
    return offset + sum(abs(i) * step for i, step in zip(index, stride, strict=True))


QUESTION = Function(
    name="offset_of",
    points=2,
    difficulty="easy",
    minutes=8,
    signature="offset_of(index: tuple[int, ...], shape: tuple[int, ...], stride: tuple[int, ...], offset: "
    "int) -> int",
    example=">>> offset_of((1, -1), (2, 3), (3, 1), 10)\n15",
    hints=(
        "Start with one dimension and no negative index: how far apart are element 0 and element i?",
        "The cell is the offset plus, for each dimension, index times stride. A negative index i means i + "
        "size of its own dimension; look at the range before you convert it.",
        "For each i, size, step: raise IndexError unless -size <= i < size; add size to i if it is "
        "negative; add i * step to a total that started at offset.",
    ),
    solution=offset_of,
    wrong={
        "a negative index walks backwards from the offset": _unsigned,
        "every index is in range": _unchecked,
        "an index out of range wraps around": _modulo,
        "every tensor is row-major": _row_major,
        "a view starts where its storage starts": _no_offset,
        "the sign of an index says nothing about the distance": _from_the_storage_end,
    },
    cases=cases,
    oracle=oracle,
)
