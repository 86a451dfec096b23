"""Shape and stride as arithmetic: which layouts are contiguous, what a view's strides are, what a copy keeps.

Nothing here sees an element. The rules are PyTorch's, conventions for dimensions of size 1 and 0 included.
"""

from math import prod
from operator import index as as_integer

Sizes = tuple[int, ...]


def contiguous_strides(shape: Sizes) -> Sizes:
    """Row-major strides: the product of the sizes to the right, a size 0 counted as 1."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Sizes, stride: Sizes) -> bool:
    """Are the strides row-major? A dimension of size 1 is never stepped along, so its stride does not count;
    with no element at all, no stride counts."""
    expected = contiguous_strides(shape)
    return prod(shape) == 0 or all(
        size == 1 or step == row_major for size, step, row_major in zip(shape, stride, expected, strict=True)
    )


def is_packed(shape: Sizes, stride: Sizes) -> bool:
    """Are the strides row-major after some permutation: no gap, no address twice?"""
    if prod(shape) == 0:
        return True
    expected = 1
    for step, size in sorted((step, size) for size, step in zip(shape, stride, strict=True) if size > 1):
        if step != expected:
            return False
        expected *= size
    return True


def packed_strides(shape: Sizes, stride: Sizes) -> Sizes:
    """The strides a clone gets: packed, with the dimensions in the order they already have in memory.

    Where two strides are equal the smaller dimension lies inside; a stride of 0 gives no order, so an
    expanded dimension stays where row-major order has it.
    """
    row_major = list(reversed(range(len(shape))))  # innermost first
    by_stride = iter(
        sorted((dim for dim in row_major if stride[dim]), key=lambda dim: (stride[dim], shape[dim]))
    )
    packed, step = [0] * len(shape), 1
    for place in row_major:
        dim = next(by_stride) if stride[place] else place
        packed[dim] = step
        step *= shape[dim]
    return tuple(packed)


def infer_shape(requested: Sizes, count: int) -> Sizes:
    """`requested` with its one -1 replaced by the size that makes the product `count`.

    RuntimeError if there are two of them, another negative size, no such size, or more than one.
    """
    for size in requested:
        if size < -1:
            raise RuntimeError(f"invalid size {size} in shape {requested}: expected sizes >= 0, or one -1")
    if requested.count(-1) > 1:
        raise RuntimeError(f"only one dimension can be inferred: {requested} asks for {requested.count(-1)}")
    known = prod(size for size in requested if size != -1)
    if -1 not in requested:
        if known != count:
            raise RuntimeError(f"shape {requested} holds {known} elements: expected {count}")
        return requested
    if known == 0 and count == 0:
        raise RuntimeError(f"the -1 in {requested} is ambiguous: with 0 elements every size fits")
    if known == 0 or count % known:
        raise RuntimeError(f"no size for the -1 in {requested} makes {count} elements")
    return tuple(count // known if size == -1 else size for size in requested)


def even_runs(shape: Sizes, stride: Sizes) -> list[tuple[int, int]]:
    """Merge neighbouring dimensions into runs of equally spaced elements: (length, step), innermost first.

    A dimension continues the run inside it when one step along it goes exactly as far as the whole run:
    stride == length · step. A dimension of size 1 is never stepped along; innermost, it leaves a run
    of length 1.
    """
    runs = []
    length, step = 1, stride[-1] if stride else 1
    for size, jump in zip(reversed(shape), reversed(stride), strict=True):
        if size != 1 and jump != length * step:
            runs.append((length, step))
            length, step = 1, jump
        length *= size
    return [*runs, (length, step)]


def view_strides(shape: Sizes, stride: Sizes, new_shape: Sizes) -> Sizes | None:
    """The strides with which `new_shape` walks the same elements in the same order, or None if none exist.

    They exist when every run of equally spaced elements can be cut into whole new dimensions.
    `new_shape` holds as many elements as `shape`.
    """
    if prod(shape) == 0:
        return stride if new_shape == shape else contiguous_strides(new_shape)
    sizes, strides = list(new_shape), []
    for length, step in even_runs(shape, stride):
        filled = 1
        while sizes and (filled < length or sizes[-1] == 1):
            strides.append(filled * step)
            filled *= sizes.pop()
        if filled != length:
            return None
    return tuple(reversed(strides))


def expanded_strides(shape: Sizes, stride: Sizes, sizes: Sizes) -> tuple[Sizes, Sizes]:
    """Shape and strides after repeating dimensions of size 1 to `sizes`: a repeated dimension gets stride 0.

    -1 keeps a size; `sizes` may have more dimensions, added on the left. RuntimeError if a size other than 1
    would change, or if a new dimension is -1.
    """
    if len(sizes) < len(shape):
        raise RuntimeError(f"expand to {sizes} gives {len(sizes)} sizes: expected at least {len(shape)}")
    new_shape, new_stride = [], []  # innermost first
    for dim in range(-1, -len(sizes) - 1, -1):
        target = sizes[dim]
        if -dim <= len(shape):
            size, step = shape[dim], stride[dim]
            target = size if target == -1 else target
        else:
            size, step = 1, new_shape[-1] * new_stride[-1] if new_shape else 0
        if target < 0:
            raise RuntimeError(
                f"size {target} in expand to {sizes}: expected >= 0, or -1 for an existing dimension"
            )
        if target != size and size != 1:
            raise RuntimeError(
                f"dimension {dim} of {shape} has size {size} and cannot become {target}: only 1 is repeated"
            )
        new_shape.append(target)
        new_stride.append(step if target == size else 0)
    return tuple(reversed(new_shape)), tuple(reversed(new_stride))


def require_fit(room: int, shape: Sizes, stride: Sizes, offset: int) -> None:
    """RuntimeError unless sizes, strides and offset are >= 0 and every address lies below `room`."""
    if len(shape) != len(stride):
        raise RuntimeError(
            f"shape {shape} and stride {stride} differ in length: expected one stride a dimension"
        )
    if min((*shape, *stride, offset), default=0) < 0:
        raise RuntimeError(
            f"shape {shape}, stride {stride}, offset {offset}: expected no negative number "
            "(a tensor walks its storage forwards only)"
        )
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if prod(shape) and last >= room:
        raise RuntimeError(
            f"shape {shape}, stride {stride}, offset {offset} reach address {last}: "
            f"the storage ends at {room - 1}"
        )


def wrap_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the left; -1 is the last. IndexError outside; 0 and -1 pass when there is none."""
    reach = max(ndim, 1)
    if not -reach <= dim < reach:
        raise IndexError(f"dimension {dim} of {ndim}: expected {-reach} to {reach - 1}")
    return dim % reach


def wrap_index(index, size: int, dim: int) -> int:
    """`index` counted from the start; -1 is the last. IndexError outside, and for anything but an integer."""
    if isinstance(index, bool) or not hasattr(index, "__index__"):
        raise IndexError(f"index {index!r} for dimension {dim}: expected an integer, a slice, None or ...")
    if not -size <= index < size:
        raise IndexError(f"index {index} for dimension {dim} of size {size}: expected {-size} to {size - 1}")
    return as_integer(index) % size
