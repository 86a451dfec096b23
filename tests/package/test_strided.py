"""`Strided` against torch: the same calls on both, compared after every step.

Values start as 0, 1, 2, …, so that a value names the address it came from. Everything random is seeded.
"""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from math import prod
from operator import itemgetter, methodcaller

import pytest
import torch

from lesson_support.tensors import Strided

LIKE_TORCH = (RuntimeError, IndexError, ValueError, TypeError)


def pair(count: int) -> tuple[Strided, torch.Tensor]:
    return Strided.arange(count), torch.arange(count)


def outcome(call: Callable, array):
    """What a call gives: (result, None), or (None, the type of its refusal)."""
    try:
        return call(array), None
    except LIKE_TORCH as error:
        assert str(error), "a refusal without a sentence"
        return None, type(error)


def assert_same(ours: Strided, theirs: torch.Tensor, said: object) -> None:
    assert ours.shape == tuple(theirs.shape), said
    assert ours.stride == theirs.stride(), said
    assert ours.offset == theirs.storage_offset(), said
    assert ours.tolist() == theirs.tolist(), said
    assert ours.is_contiguous() == theirs.is_contiguous(), said
    assert len(ours.storage) == theirs.untyped_storage().size() // theirs.element_size(), said


def same_storage(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.untyped_storage()._cdata == second.untyped_storage()._cdata


def both(ours: Strided, theirs: torch.Tensor, call, said: object):
    """Apply `call` to both; assert that they agree on success, result and storage. None where both refuse."""
    mine, refused = outcome(call, ours)
    its, its_refusal = outcome(call, theirs)
    if its_refusal is None and min(its.shape, default=0) < 0:
        its_refusal = RuntimeError  # where another size is 0, torch 2.13 lets a negative one through
    assert refused is its_refusal, (said, refused, its_refusal)
    if refused:
        return None
    assert_same(mine, its, said)
    assert mine.shares_storage(ours) == same_storage(its, theirs), said
    return mine, its


# random arrays and random targets


def random_layout(rng: random.Random) -> tuple[Strided, torch.Tensor]:
    """Any strides, often such that dimensions merge, with sizes 0 and 1 and strides 0 among them."""
    shape = [rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 6]) for _ in range(rng.randrange(5))]
    if rng.random() < 0.7:
        shape = [max(size, 1) for size in shape]
    while prod(shape) > 48:
        shape[shape.index(max(shape))] = 1
    stride: list[int] = []
    for dim in reversed(range(len(shape))):
        merging = shape[dim + 1] * stride[0] if stride else 1
        stride.insert(0, merging if rng.random() < 0.55 else rng.choice([0, 0, 1, 2, 3, 4, 6, 12]))
    order = list(range(len(shape)))
    if rng.random() < 0.3:
        rng.shuffle(order)
    shape, stride = [shape[dim] for dim in order], [stride[dim] for dim in order]
    offset = rng.choice([0, 0, 1, 5])
    count = offset + 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True) if size > 0)
    count += rng.randrange(2)
    ours, theirs = pair(count)
    return ours.as_strided(shape, stride, offset), theirs.as_strided(shape, stride, offset)


def random_shape(rng: random.Random, count: int) -> list[int]:
    """Sizes with product `count` and some of 1 among them; sometimes one is -1, sometimes one is wrong."""
    shape = []
    if count == 0:
        shape = [rng.choice([0, 1, 2, 3]) for _ in range(rng.randrange(3))]
        shape.insert(rng.randrange(len(shape) + 1), 0)
    while count > 1:
        size = rng.choice([d for d in range(2, count + 1) if count % d == 0])
        shape.append(size)
        count //= size
    rng.shuffle(shape)
    for _ in range(rng.choice([0, 0, 1, 2])):
        shape.insert(rng.randrange(len(shape) + 1), 1)
    if shape and rng.random() < 0.25:
        shape[rng.randrange(len(shape))] = -1
    if shape and rng.random() < 0.08:
        shape[rng.randrange(len(shape))] = rng.choice([-2, -1, 0, 1, 2, 5])
    return shape


def random_dim(rng: random.Random, ndim: int) -> int:
    return rng.randrange(-ndim - 1, ndim + 2) if rng.random() < 0.1 else rng.randrange(-ndim, max(ndim, 1))


def random_index(rng: random.Random, shape: tuple[int, ...]):
    def one(size):
        kind = rng.randrange(6)
        if kind < 2:
            return rng.randrange(-size, size) if size and rng.random() < 0.95 else rng.randrange(-8, 8)
        if kind < 5:
            ends = [None, None, *range(-size - 2, size + 3)]
            steps = [None, None, 1, 2, 3, 7] if rng.random() < 0.95 else [0, -1, -2]
            return slice(rng.choice(ends), rng.choice(ends), rng.choice(steps))
        return slice(None)

    parts = [one(size) for size in shape[: rng.randrange(len(shape) + 1)]]
    for extra, chance in ((None, 0.3), (None, 0.1), (..., 0.3), (0, 0.03), (1.0, 0.01)):
        if rng.random() < chance:
            parts.insert(rng.randrange(len(parts) + 1), extra)
    return parts[0] if len(parts) == 1 and rng.random() < 0.7 else tuple(parts)


BY_INDEX = ["__getitem__", "select", "as_strided", "unfold", "diagonal"]
BY_SHAPE = ["view", "reshape", "permute", "transpose", "T", "squeeze", "unsqueeze", "expand"]
METHODS = [*BY_INDEX, *BY_SHAPE, "contiguous", "clone"]
NEVER_REFUSED = {"T", "contiguous", "clone"}


def random_call(rng: random.Random, now: Strided):
    """A method and its arguments: mostly valid for `now`, sometimes a wrong dimension, size or step."""
    ndim, shape = now.ndim, now.shape
    name = rng.choice([*METHODS, "__getitem__", "__getitem__", "view", "expand"])
    dims = list(range(ndim))
    match name:
        case "__getitem__":
            return name, (random_index(rng, shape),)
        case "view" | "reshape":
            return name, (random_shape(rng, now.numel()),)
        case "transpose":
            return name, (random_dim(rng, ndim), random_dim(rng, ndim))
        case "permute":
            rng.shuffle(dims)
            dims = [dim - ndim if rng.random() < 0.3 else dim for dim in dims]
            if rng.random() < 0.1:
                dims = [random_dim(rng, ndim) for _ in range(ndim + rng.randrange(2))]
            return name, (dims,)
        case "expand":
            sizes = [rng.choice([-1, size if size != 1 else rng.choice([0, 1, 2, 3])]) for size in shape]
            sizes = [rng.choice([1, 1, 2, 3, 0]) for _ in range(rng.choice([0, 0, 1, 2]))] + sizes
            if sizes and rng.random() < 0.1:
                sizes[rng.randrange(len(sizes))] = rng.choice([-2, -1, 0, 2, 5])
            return name, (sizes[rng.random() < 0.04 :],)
        case "squeeze":
            return name, () if rng.random() < 0.3 else (random_dim(rng, ndim),)
        case "unsqueeze":
            return name, (random_dim(rng, ndim + 1),)
        case "unfold":
            dim = random_dim(rng, ndim)
            longest = shape[dim] if -ndim <= dim < ndim else 1
            size = rng.randrange(longest + 1) if rng.random() < 0.9 else rng.choice([-1, longest + 1])
            return name, (dim, size, rng.choice([1, 1, 2, 3]) if rng.random() < 0.95 else rng.choice([0, -1]))
        case "diagonal":
            return name, (rng.randrange(-4, 5), random_dim(rng, ndim), random_dim(rng, ndim))
        case "as_strided":
            sizes = [rng.choice([1, 1, 2, 2, 3, 3, 0, -1]) for _ in range(rng.randrange(4))]
            steps = [rng.randrange(5) if rng.random() < 0.97 else -1 for _ in sizes]
            offset = (rng.randrange(-1, 6),) if rng.random() < 0.5 else ()
            return name, (sizes, steps if rng.random() < 0.97 else [*steps, 1], *offset)
        case "select":
            return name, (random_dim(rng, ndim), rng.randrange(-3, 3))
    return name, ()


def reverse_dims(array):
    """`T`; torch's own spelling warns at other ranks than two."""
    return array.T if isinstance(array, Strided) else array.permute(tuple(reversed(range(array.ndim))))


# the comparisons


def test_random_chains_of_views_agree_at_every_step():
    """10,000 chains of seven calls each; where both refuse, the chain goes on from where it stood."""
    rng = random.Random(1)
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    with_elements = 0
    for _ in range(10_000):
        count = rng.choice([0, 1, 2, 6, 12, 16, 24, 36])
        ours, theirs = pair(count)
        chain: list = [count]
        for step in range(7):
            name, arguments = random_call(rng, ours) if step else ("view", (random_shape(rng, count),))
            call = reverse_dims if name == "T" else methodcaller(name, *arguments)
            result = both(ours, theirs, call, [*chain, (name, arguments)])
            if result is None:
                refused[name] += 1
            elif result[0].numel() <= 60:
                done[name] += 1
                with_elements += ours.numel() > 0
                chain.append((name, arguments))
                ours, theirs = result
    # the comparison is worth what it covers
    assert done.total() > 50_000
    assert set(done) == set(METHODS)
    assert min(done.values()) > 1000, done
    assert set(refused) == set(METHODS) - NEVER_REFUSED
    assert min(refused.values()) > 30, refused
    assert with_elements > 30_000


@pytest.mark.parametrize("seed", range(4))
def test_view_and_reshape_of_random_layouts(seed):
    """5,000 layouts each: strides where a view exists, a refusal exactly where torch refuses, else a copy."""
    rng = random.Random(f"layouts {seed}")
    seen: Counter[str] = Counter()
    for _ in range(5000):
        ours, theirs = random_layout(rng)
        shape = random_shape(rng, ours.numel())
        said = (ours.shape, ours.stride, shape)
        viewed = both(ours, theirs, methodcaller("view", shape), said)
        reshaped = both(ours, theirs, methodcaller("reshape", shape), said)
        kind = "view" if viewed else "copy" if reshaped else "refused"
        if reshaped:
            assert reshaped[0].shares_storage(ours) == bool(viewed)
        contiguous, _ = both(ours, theirs, methodcaller("contiguous"), said)
        assert (contiguous is ours) == ours.is_contiguous()
        both(ours, theirs, methodcaller("clone"), said)
        both(ours, theirs, methodcaller("unsqueeze", rng.randrange(ours.ndim + 1)), said)
        seen[kind] += 1
        seen["empty"] += ours.numel() == 0
        seen["size 1"] += 1 in ours.shape
        sizes_and_steps = zip(ours.shape, ours.stride, strict=True)
        seen["expanded"] += any(size > 1 and step == 0 for size, step in sizes_and_steps)
        seen["strided, viewed"] += bool(viewed) and not ours.is_contiguous()
    least = {"view": 2000, "copy": 500, "refused": 200, "empty": 200, "size 1": 1500, "expanded": 500}
    assert all(seen[kind] >= number for kind, number in least.items()), seen
    assert seen["strided, viewed"] >= 1000, seen


@pytest.mark.parametrize("dims", [0, 1, 2, 3])
def test_every_index_of_every_small_array(dims):
    rng = random.Random(f"index {dims}")
    for _ in range(400):
        shape = [rng.randrange(4) for _ in range(dims)]
        ours, theirs = (array.view(shape) for array in pair(prod(shape)))
        index = random_index(rng, ours.shape)
        both(ours, theirs, itemgetter(index), (shape, index))


def test_writes_reach_the_same_cells_and_are_refused_alike():
    rng = random.Random(3)
    seen: Counter[str] = Counter()
    for _ in range(8000):
        ours, theirs = random_layout(rng)
        whole = theirs.as_strided((len(ours.storage),), (1,), 0)
        kind = rng.choice(["fill_", "add_", "__setitem__"])
        # what torch leaves in shared cells depends on the order of its writes; adding 0 tests the refusal
        arguments = (0 if kind == "add_" and ours.overlaps() else 100,)
        if kind == "__setitem__":
            arguments = (random_index(rng, ours.shape), 100)
        said = (kind, ours.shape, ours.stride, arguments)
        mine, refused = outcome(methodcaller(kind, *arguments), ours)
        _, its_refusal = outcome(methodcaller(kind, *arguments), theirs)
        assert refused is its_refusal, (said, refused, its_refusal)
        assert ours.storage == whole.tolist(), said
        assert refused or kind == "__setitem__" or mine is ours
        seen[f"{kind} {refused.__name__ if refused else 'done'}"] += 1
        seen["windows, added"] += kind == "add_" and not refused and ours.overlaps()
    refusals = ["add_ RuntimeError", "__setitem__ RuntimeError", "__setitem__ IndexError"]
    for kind in ["fill_ done", "add_ done", "__setitem__ done", "windows, added", *refusals]:
        assert seen[kind] >= 100, seen
    assert seen["fill_ RuntimeError"] == 0


def test_a_write_through_one_view_is_read_through_another():
    x = Strided.arange(12).view(3, 4)
    column, copy = x.T[1], x.T.clone()
    column.add_(100)
    assert x.tolist() == [[0, 101, 2, 3], [4, 105, 6, 7], [8, 109, 10, 11]]
    assert copy[1].tolist() == [1, 5, 9]
    assert column.shares_storage(x) and not copy.shares_storage(x)


def test_addresses_by_hand():
    windows = Strided.arange(5).unfold(0, 3, 1)
    assert windows.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert windows.addresses() == [0, 1, 2, 1, 2, 3, 2, 3, 4]
    assert windows.overlaps()
    x = Strided.arange(24).view(2, 3, 4)[1, :, ::2].T
    assert (x.shape, x.stride, x.offset) == ((2, 3), (2, 4), 12)
    assert (
        [x.offset_of(i, j) for i in range(2) for j in range(3)] == x.addresses() == [12, 16, 20, 14, 18, 22]
    )
    assert x.offset_of(-1, -3) == 14
    assert not x.overlaps()


def test_offset_of_names_the_cell_that_torch_reads():
    rng = random.Random(4)
    for _ in range(500):
        ours, theirs = random_layout(rng)
        index = [rng.randrange(-size - 1, size + 1) for size in ours.shape]
        address, refused = outcome(methodcaller("offset_of", *index), ours)
        value, its_refusal = outcome(itemgetter(tuple(index)), theirs)
        assert refused is its_refusal, (ours.shape, ours.stride, index)
        assert refused or address == value.item(), (ours.shape, ours.stride, index)


def test_overlaps_is_exact():
    rng = random.Random(5)
    seen: Counter[bool] = Counter()
    for _ in range(1000):
        ours, theirs = random_layout(rng)
        addresses = theirs.flatten().tolist()
        assert ours.addresses() == addresses
        assert ours.overlaps() == (len(addresses) > len(set(addresses)))
        seen[ours.overlaps()] += 1
    assert min(seen[True], seen[False]) >= 100


@pytest.mark.parametrize("nested", [5, [], [1, 2], [[], []], [[1, 2], [3, 4]], ((1,), (2,)), [[[7]]]])
def test_of_nested_lists(nested):
    assert_same(Strided.of(nested), torch.tensor(nested, dtype=torch.int64), nested)


def test_what_is_no_view_is_refused():
    x = Strided.arange(6).view(2, 3)
    for index in (True, [0, 1], "a", (0, [1]), (None, False)):
        with pytest.raises(IndexError, match="expected an integer, a slice"):
            x[index]
    with pytest.raises(ValueError, match="dimension 1"):
        Strided.of([[1], [2, 3]])
    with pytest.raises(TypeError, match="without dimensions"):
        iter(x[0, 0])
    with pytest.raises(RuntimeError, match="6 elements: expected exactly one"):
        x.item()
    for nothing in (x.view, x.reshape, x.permute, x.expand):
        with pytest.raises(TypeError, match="no sizes"):
            nothing()
    for value in ("a", [1], x):
        for write in (x.fill_, x.add_, lambda value: x.__setitem__(0, value)):
            with pytest.raises(TypeError, match="expected a number"):
                write(value)
    assert x.storage == list(range(6))


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda x: x.T.view(12), r"view size \(12,\).*stride \(1, 4\).*runs of \[4, 3\].*reshape"),
        (lambda x: x[::-1], "slice step -1: expected > 0"),
        (lambda x: x[..., 0, ...], r"more than one \.\.\. in an index"),
        (lambda x: x[::0], "slice step 0: expected > 0"),
        (lambda x: x.offset_of(0, 0, 0), r"3 indices for shape \(3, 4\): expected 2"),
        (lambda x: x[3], r"index 3 for dimension 0 of size 3: expected -3 to 2"),
        (lambda x: x.view(5, -1), r"no size for the -1 in \(5, -1\) makes 12 elements"),
        (lambda x: x[:0].view(0, -1), "ambiguous"),
        (lambda x: x.view(-2, -6), r"invalid size -2 in shape \(-2, -6\)"),
        (lambda x: x.expand(-1, 3, 4), r"size -1 in expand to \(-1, 3, 4\)"),
        (lambda x: x.expand(3, 5), r"size 4 and cannot become 5"),
        (
            lambda x: x.expand(2, 3, 4).add_(1),
            "more than one element .* refers to a single memory location: clone",
        ),
        (lambda x: x.as_strided((4, 4), (4, 1)), "reach address 15: the storage ends at 11"),
        (lambda x: x.as_strided((2,), (-1,), 5), "forwards only"),
        (lambda x: x.transpose(0, 2), "dimension 2 of 2: expected -2 to 1"),
    ],
)
def test_refusals_name_what_came(call, says):
    with pytest.raises((RuntimeError, IndexError, ValueError), match=says):
        call(Strided.arange(12).view(3, 4))


def test_repr_iteration_and_item():
    x = Strided.arange(4).view(2, 2).T
    assert repr(x) == "Strided([[0, 2], [1, 3]], stride=(1, 2), offset=0)"
    assert [row.tolist() for row in x] == [[0, 2], [1, 3]]
    assert x[1, 0].item() == 1


def test_the_arrays_need_neither_torch_nor_numpy():
    program = "import sys, lesson_support.tensors.strided; print({'torch', 'numpy'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
