"""`rearrange` puts every element where its names say, and copies exactly when its plan says so."""

import itertools
import math
import random

import pytest
import torch

from lesson_support.tensors.rearranging import axes, plan, rearrange


def draw_layout(rng, shape):
    """Strides of some tensor of this shape: row-major, in another order, with gaps, with repeats."""
    order = list(range(len(shape)))
    if rng.random() < 0.6:
        rng.shuffle(order)
    stride, step = [0] * len(shape), 1
    for dim in reversed(order):
        stride[dim] = step
        step *= max(shape[dim], 1)
        if rng.random() < 0.15:
            step *= rng.choice((2, 3))
    if rng.random() < 0.2:
        stride = [0 if rng.random() < 0.4 else each for each in stride]
    return tuple(stride)


def draw_groups(rng, names):
    """`names` cut into dimensions, with dimensions of size 1 in between."""
    groups = []
    rest = list(names)
    while rest:
        count = rng.choice((1, 1, 2, 3))
        groups.append(tuple(rest[:count]))
        rest = rest[count:]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        groups.insert(rng.randint(0, len(groups)), ())
    return groups


def written(rng, groups):
    def item(group):
        if len(group) == 1:
            return rng.choice((group[0], group[0], f"({group[0]})"))
        if not group:
            return rng.choice(("1", "()"))
        return "(" + " ".join(group) + ")"

    return " ".join(item(group) for group in groups)


def draw(rng, smallest=1):
    """One rearrangement: (pattern, sizes to give, size of every name, groups left and right, shape,
    stride)."""
    names = [f"n{i}" for i in range(rng.randint(0, 5))]
    size_of = {name: rng.choice((1, 2, 2, 3)) for name in names}
    if smallest == 0 and names:
        size_of[rng.choice(names)] = 0
    left = draw_groups(rng, names)
    right = draw_groups(rng, rng.sample(names, len(names)) if rng.random() < 0.8 else names)
    shape = tuple(length(group, size_of) for group in left)
    given = {}
    for group in left:
        spared = rng.choice(group) if group and rng.random() < 0.7 else None
        if spared is not None and any(size_of[name] == 0 for name in group if name != spared):
            spared = None
        given |= {name: size_of[name] for name in group if name != spared}
    pattern = f"{written(rng, left)} -> {written(rng, right)}"
    return pattern, given, size_of, left, right, shape, draw_layout(rng, shape)


def length(group, size_of):
    return math.prod(size_of[name] for name in group)


def place(group, at, size_of):
    """The index along a composed dimension: its last name runs fastest."""
    index = 0
    for name in group:
        index = index * size_of[name] + at[name]
    return index


def slowly(size_of, left, right, stride):
    """The result as a dict from index to the cell that each element came from, one element at a time."""
    found = {}
    for indices in itertools.product(*(range(size) for size in size_of.values())):
        at = dict(zip(size_of, indices, strict=True))
        source = [place(group, at, size_of) for group in left]
        target = tuple(place(group, at, size_of) for group in right)
        found[target] = sum(i * step for i, step in zip(source, stride, strict=True))
    return found


def cells(shape, stride):
    """A tensor whose every element is the number of its storage cell."""
    last = sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) if 0 not in shape else 0
    return torch.arange(last + 1).as_strided(shape, stride)


def test_every_element_lands_where_its_names_say_and_the_plan_knows_the_copies():
    rng = random.Random(4)
    copied = []
    for _ in range(2000):
        pattern, given, size_of, left, right, shape, stride = draw(rng)
        x = cells(shape, stride)
        steps = plan(pattern, shape, stride, **given)
        result = rearrange(x, pattern, **given)
        note = (pattern, given, shape, stride)
        assert tuple(result.shape) == steps.shape == tuple(length(group, size_of) for group in right), note
        expected = slowly(size_of, left, right, stride)
        assert len(expected) == result.numel(), note
        assert all(result[target].item() == cell for target, cell in expected.items()), note
        assert steps.copies == (result.data_ptr() != x.data_ptr()), note
        assert steps.copies or steps.stride == result.stride(), note
        copied.append(steps.copies)
    assert 400 < sum(copied) < 1600


def test_nothing_is_copied_where_there_is_nothing():
    rng = random.Random(40)
    empty = 0
    for _ in range(300):
        pattern, given, _, _, _, shape, stride = draw(rng, smallest=0)
        if 0 not in shape:
            continue
        empty += 1
        result = rearrange(cells(shape, stride), pattern, **given)
        steps = plan(pattern, shape, stride, **given)
        assert (tuple(result.shape), result.stride()) == (steps.shape, steps.stride)
        assert not steps.copies
    assert empty > 200


def test_a_view_writes_through_and_a_copy_does_not():
    x = torch.zeros(2, 6)
    rearrange(x, "a (b c) -> c b a", c=2).fill_(1)
    assert x.sum() == 12
    rearrange(x, "a (b c) -> (c b) a", c=2).fill_(2)
    assert x.sum() == 12


@pytest.mark.parametrize(
    "pattern, shape, sizes, by_hand",
    [
        ("batch time (head c) -> batch head time c", (2, 3, 8), {"head": 4}, "view"),
        ("batch head time c -> batch time (head c)", (2, 4, 3, 2), {}, "copy"),
        ("batch channel height width -> batch height width channel", (2, 3, 4, 5), {}, "view"),
        ("b c (h p) (w q) -> b (h w) (p q c)", (2, 3, 4, 6), {"p": 2, "q": 2}, "copy"),
        ("b c (h p) w -> b c h (p w)", (2, 3, 4, 6), {"p": 2}, "view"),
        ("a b -> b 1 a", (2, 3), {}, "view"),
        ("a b -> (b a)", (2, 1), {}, "view"),
        (" -> 1 1", (), {}, "view"),
    ],
)
def test_what_costs_a_copy(pattern, shape, sizes, by_hand):
    x = torch.arange(math.prod(shape)).reshape(shape)
    steps = plan(pattern, shape, x.stride(), **sizes)
    shared = rearrange(x, pattern, **sizes).data_ptr() == x.data_ptr()
    assert (steps.copies, shared) == {"view": (False, True), "copy": (True, False)}[by_hand]


def test_the_plan_can_be_read():
    split = plan("batch time (head c) -> batch head time c", (2, 3, 8), (24, 8, 1), head=4)
    assert str(split) == (
        "view(2, 3, 4, 2), permute(0, 2, 1, 3), reshape(2, 4, 3, 2): a view with stride (24, 2, 8, 1)"
    )
    merge = plan("batch head time c -> batch time (head c)", split.shape, (24, 6, 2, 1))
    assert str(merge) == "view(2, 4, 3, 2), permute(0, 2, 1, 3), reshape(2, 3, 8): which copies"


def test_names_may_be_those_of_the_arguments():
    x = torch.arange(6)
    assert rearrange(x, "(x pattern) -> pattern x", x=2).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert plan("(shape stride) -> stride shape", (6,), (1,), shape=2).shape == (3, 2)


def test_a_side_of_a_pattern():
    assert axes(" b (h  c) 1 () (w) (1 p)") == [("b",), ("h", "c"), (), (), ("w",), ("p",)]
    assert axes("") == []


@pytest.mark.parametrize(
    "pattern, shape, sizes, told",
    [
        ("a b", (2, 3), {}, "expected one -> with"),
        ("a -> b -> a", (2,), {}, "expected one -> with"),
        ("a b -> a", (2, 3), {}, "^b on one side"),
        ("a -> a b", (2,), {"b": 1}, "^b on one side"),
        ("a b -> b", (1, 3), {}, "^a on one side"),
        ("a a -> a", (2, 2), {}, "^a twice in 'a a'"),
        ("a b -> (a b) b", (2, 2), {}, "^b twice"),
        ("(a (b c)) -> a b c", (8,), {"a": 2, "b": 2}, "^parentheses in"),
        ("(a b -> a b", (8,), {"a": 2}, "^parentheses in"),
        ("a b -> a) b", (8, 1), {}, "^parentheses in"),
        ("... a -> a ...", (2, 3), {}, r"^\.\.\. in '\.\.\. a': expected names"),
        ("a 2 -> 2 a", (3, 2), {}, "^2 in 'a 2'"),
        ("a -> a", (2, 3), {}, r"^shape \(2, 3\) for 'a -> a': expected 1 dimensions"),
        ("a b -> b a", (6,), {"a": 2}, "expected 2 dimensions"),
        ("a 1 -> a", (2, 3), {}, "^a dimension of size 3 for 1: expected 1"),
        ("a -> a", (2,), {"b": 2}, "^a size for b: expected names from"),
        ("(a b) -> a b", (6,), {}, r"^no sizes for a and b in \(a b\)"),
        ("(a b) -> a b", (6,), {"a": 4}, r"^a dimension of size 6 for \(a b\): expected a multiple of 4"),
        ("(a b) -> a b", (6,), {"a": 4, "b": 2}, r"^a dimension of size 6 for \(a b\): expected 8"),
        ("a -> a", (6,), {"a": 4}, r"^a dimension of size 6 for \(a\): expected 4"),
        ("(a b) -> a b", (6,), {"a": 0}, "expected a multiple of 0"),
        ("(a b) -> a b", (0,), {"a": 0}, "^every size of b makes 0 elements"),
        ("(a b) -> a b", (6,), {"a": -2}, "expected none below 0"),
    ],
)
def test_what_is_wrong_is_said_in_words(pattern, shape, sizes, told):
    with pytest.raises(ValueError, match=told):
        rearrange(torch.empty(shape), pattern, **sizes)
