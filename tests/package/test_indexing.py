"""`index_shape` says what torch says of any index, and `select` which element lands where."""

import itertools
import warnings
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lesson_support.tensors.indexing import index_shape, select

SIZES = st.sampled_from((0, 1, 2, 2, 3, 3))
EVERYTHING = slice(None)
REFUSALS = (IndexError, ValueError)


def integers(size):
    """Indices of an axis of this size, one in many outside."""
    inside = st.integers(-size, max(size - 1, 0))
    return st.one_of(*[inside] * 9, st.integers(-size - 1, size))


def tensors(size):
    shapes = st.sampled_from(((), (1,), (2,), (2,), (3,), (0,), (2, 1), (2, 2), (1, 3)))
    dtypes = st.sampled_from((torch.int64, torch.int64, torch.int32))
    return shapes.flatmap(
        lambda shape: st.tuples(
            st.lists(integers(size), min_size=prod(shape), max_size=prod(shape)), dtypes
        ).map(lambda drawn: torch.tensor(drawn[0], dtype=drawn[1]).reshape(shape))
    )


@st.composite
def masks(draw, covered):
    shape = [size + draw(st.sampled_from((0,) * 15 + (1,))) for size in covered]
    bits = draw(st.lists(st.booleans(), min_size=prod(shape), max_size=prod(shape)))
    return torch.tensor(bits, dtype=torch.bool).reshape(shape)


@st.composite
def entries(draw, left):
    """(an entry for the first of the axes that are left, how many it uses)."""
    size = left[0]
    kind = draw(st.sampled_from("int slice None bool list tensor tensor mask list-mask".split()))
    if kind == "int":
        return draw(integers(size)), 1
    if kind == "slice":
        end = st.one_of(st.none(), st.integers(-4, 4))
        return slice(draw(end), draw(end), draw(st.sampled_from((None, None, 1, 2, 3, 0, -1)))), 1
    if kind == "None":
        return None, 0
    if kind == "bool":
        return draw(st.sampled_from((True, False, torch.tensor(True), torch.tensor(False)))), 0
    if kind == "list":
        return draw(st.lists(integers(size), max_size=3)), 1
    if kind == "tensor":
        return draw(tensors(size)), 1
    if kind == "list-mask":
        return draw(masks(left[:1])).tolist(), 1
    covered = left[: draw(st.integers(1, 3))]
    return draw(masks(covered)), len(covered)


@st.composite
def indexed(draw):
    """A shape and an index for it: mostly fitting, now and then with too many entries."""
    shape = tuple(draw(st.lists(SIZES, max_size=5)))
    left, index = shape, []
    for _ in range(draw(st.integers(0, 7))):
        if not left and draw(st.integers(0, 9)):
            break
        if Ellipsis not in [e for e in index if e is Ellipsis] and not draw(st.integers(0, 5)):
            index, left = [*index, Ellipsis], left[draw(st.integers(0, len(left))) :]
            continue
        entry, used = draw(entries(left or (2,)))
        index, left = [*index, entry], left[used:]
    alone = len(index) == 1 and draw(st.booleans())
    return shape, index[0] if alone else tuple(index)


def answer(rule, *arguments):
    """The shape, or None for a refusal."""
    try:
        return tuple(rule(*arguments))
    except REFUSALS:
        return None


def torchs(shape, index):
    return torch.empty(shape)[index].shape


def without_marks(index):
    """The index with every entry that marks axes replaced by one that keeps them."""
    basic = []
    for entry in index if isinstance(index, tuple) else (index,):
        if isinstance(entry, bool) or (isinstance(entry, torch.Tensor) and entry.dtype == torch.bool):
            rank = 0 if isinstance(entry, bool) else entry.dim()
            basic += [EVERYTHING] * rank or [None]
        elif isinstance(entry, list) or (isinstance(entry, torch.Tensor) and entry.dim() > 0):
            basic.append(EVERYTHING)
        else:
            basic.append(entry)
    return tuple(basic)


def slowly(view, plan):
    """The result of the gather, one element at a time."""
    block = {axis: tensor.long().expand(plan.block) for axis, tensor in plan.chosen.items()}
    result = view.new_empty(plan.shape)
    for at in itertools.product(*map(range, plan.shape)):
        place = tuple(i for i, origin in zip(at, plan.origins, strict=True) if origin == "block")
        index = {origin: i for i, origin in zip(at, plan.origins, strict=True) if origin != "block"}
        index |= {axis: int(tensor[place]) for axis, tensor in block.items()}
        result[at] = view[tuple(index[axis] for axis in range(len(plan.view)))]
    return result


@settings(max_examples=2500, deadline=None, derandomize=True)
@given(indexed())
def test_the_shape_or_the_refusal_is_torchs(case):
    assert answer(index_shape, *case) == answer(torchs, *case)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(indexed())
def test_every_element_comes_from_where_the_plan_says_and_only_marks_copy(case):
    shape, index = case
    if answer(torchs, *case) is None:
        return
    x = torch.arange(prod(shape)).reshape(shape)
    plan = select(shape, index)
    view = x[without_marks(index)]
    assert tuple(view.shape) == plan.view
    assert torch.equal(slowly(view, plan), x[index])
    if x.numel() and x[index].numel():
        assert plan.copies == (x[index].untyped_storage().data_ptr() != x.untyped_storage().data_ptr())


MASK = torch.tensor([[True, False, True], [False, True, False]])


@pytest.mark.parametrize(
    "shape, index, expected, origins",
    [
        ((2, 3, 4), (EVERYTHING, [2, 0]), (2, 2, 4), (0, "block", 2)),
        ((2, 3, 4), (EVERYTHING, [2, 0], [1, 3]), (2, 2), (0, "block")),
        ((2, 3, 4), ([0, 1, 1], EVERYTHING, [1, 3, 3]), (3, 3), ("block", 1)),
        ((2, 3, 4), (EVERYTHING, [2, 0], None, [1, 3]), (2, 2, 1), ("block", 0, 2)),
        ((2, 3, 4, 5), (EVERYTHING, 0, EVERYTHING, [1] * 6), (2, 4, 6), (0, 1, "block")),
        ((2, 3, 4), (EVERYTHING, [0], 1, [0]), None, None),
        ((2, 3, 4, 5), (EVERYTHING, [0, 1], 1, [0, 1]), (2, 2), (0, "block")),
        ((2, 3, 4), (EVERYTHING, [0] * 6, Ellipsis, [0] * 6), (2, 6), (0, "block")),
        ((2, 3, 4), (EVERYTHING, True, EVERYTHING, 0), (2, 1, 3), (0, "block", 2)),
        ((2, 3, 4), (MASK,), (3, 4), ("block", 2)),
        ((4, 2, 3), (Ellipsis, MASK), (4, 3), (0, "block")),
        ((4, 2, 3), ([0], MASK), (3,), ("block",)),
        ((4, 2, 3, 5), ([0], MASK, EVERYTHING), (3, 5), ("block", 3)),
        ((), (True,), (1,), ("block",)),
        ((), (True, False, None), (0, 1), ("block", 2)),
        ((3, 0), ([7],), (1, 0), ("block", 1)),
        ((3, 0), (EVERYTHING, [0]), None, None),
        ((3, 4), (), (3, 4), (0, 1)),
    ],
)
def test_by_hand(shape, index, expected, origins):
    assert answer(index_shape, shape, index) == expected == answer(torchs, shape, index)
    if expected is not None:
        assert select(shape, index).origins == origins


@pytest.mark.parametrize(
    "index, copies",
    [
        (1, False),
        (torch.tensor(1), False),
        (np.int64(1), False),
        (slice(torch.tensor(1), None), False),
        (None, False),
        (Ellipsis, False),
        ((), False),
        ([1], True),
        ([1.7], True),
        ([], True),
        ((0, [1]), True),
        (True, True),
        (torch.tensor(True), True),
        (torch.tensor([1]), True),
        (torch.tensor([1], dtype=torch.int32), True),
        (range(2), True),
    ],
    ids=str,
)
def test_what_copies(index, copies):
    x = torch.arange(12).reshape(3, 4)
    assert select((3, 4), index).copies is copies
    assert (x[index].untyped_storage().data_ptr() != x.untyped_storage().data_ptr()) is copies
    assert index_shape((3, 4), index) == tuple(x[index].shape)


@pytest.mark.parametrize(
    "index, error, told",
    [
        ((0, 0, 0), IndexError, r"^3 indices for shape \(3, 4\): expected at most 2"),
        ((0, torch.zeros(4, 1, dtype=torch.bool)), IndexError, "^3 indices"),
        (3, IndexError, "^index 3 for dimension 0 of size 3"),
        ([0, -4], IndexError, "^index -4 for dimension 0 of size 3"),
        ((EVERYTHING, torch.tensor([[0, 4]])), IndexError, "^index 4 for dimension 1 of size 4"),
        (slice(None, None, -1), ValueError, "^slice step -1: expected > 0"),
        ((0, slice(None, None, 0)), ValueError, "^slice step 0"),
        (([0, 1], [0, 1, 2]), IndexError, r"^index tensors of shapes \(2,\), \(3,\)"),
        ((False, [0, 1]), IndexError, r"^index tensors of shapes \(0,\), \(2,\)"),
        (torch.ones(2, dtype=torch.bool), IndexError, r"^a mask of shape \(2,\) at axis 0: expected \(3,\)"),
        ((None, torch.ones(3, 3, dtype=torch.bool)), IndexError, r"at axis 1: expected \(3, 4\)"),
        (torch.tensor([1.0]), IndexError, "^an index tensor of torch.float32"),
        (torch.tensor(1.0), IndexError, "^an index tensor of torch.float32"),
        (torch.tensor([1], dtype=torch.int16), IndexError, "^an index tensor of torch.int16"),
        (1.0, IndexError, "^float in an index"),
        ({0: 1}, IndexError, "^dict in an index"),
    ],
    ids=str,
)
def test_refusals_say_what_came_and_what_was_expected(index, error, told):
    with pytest.raises(error, match=told):
        index_shape((3, 4), index)
    with pytest.raises(error):
        torch.empty(3, 4)[index]


@pytest.mark.parametrize(
    "index, told",
    [
        ((Ellipsis, Ellipsis), r"^more than one \.\.\."),
        ([[0, 1], [1, 2]], "^a list of indices: expected a tuple"),
        ([slice(0, 1)], "^a list of indices"),
        ([None, 0], "^a list of indices"),
        ((Ellipsis, [[True] * 4] * 3), "^a mask of 2 dimensions as a list: expected a tensor"),
    ],
    ids=str,
)
def test_three_spellings_are_left_out(index, told):
    with pytest.raises(IndexError, match=told):
        index_shape((3, 4), index)


def test_a_mask_of_bytes_is_a_mask():
    with pytest.warns(UserWarning, match="uint8"):
        expected = torch.empty(3, 4)[torch.tensor([1, 0, 1], dtype=torch.uint8)].shape
    assert index_shape((3, 4), torch.tensor([1, 0, 1], dtype=torch.uint8)) == tuple(expected)


@pytest.mark.parametrize("value", [0, 1, 2])
def test_an_old_style_mask_without_dimensions_takes_once_or_not_at_all(value):
    mask = torch.tensor(value, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of uint8 masks, once in a process
        expected = torch.empty(3, 4)[mask].shape
    assert index_shape((3, 4), mask) == tuple(expected)
