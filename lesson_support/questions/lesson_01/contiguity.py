"""Tests that tell the rule of contiguity from its lookalikes."""

from lesson_support.questions.kinds import Tests
from lesson_support.tensors.layouts import contiguous_strides, is_contiguous, is_packed


def _strict_about_ones(shape, stride):
    return 0 in shape or tuple(stride) == contiguous_strides(shape)


def _strict_about_empties(shape, stride):
    return all(
        size == 1 or step == wanted
        for size, step, wanted in zip(shape, stride, contiguous_strides(shape), strict=True)
    )


def _last_stride_only(shape, stride):
    return 0 in shape or not shape or shape[-1] == 1 or stride[-1] == 1


def _falling_strides(shape, stride):
    kept = [step for size, step in zip(shape, stride, strict=True) if size != 1]
    return 0 in shape or not kept or (kept[-1] == 1 and kept == sorted(kept, reverse=True))


def _column_major(shape, stride):
    return is_contiguous(tuple(reversed(shape)), tuple(reversed(stride)))


def _scalars_are_not(shape, stride):
    return len(shape) > 0 and is_contiguous(shape, stride)


def _gaps_allowed(shape, stride):
    wanted = contiguous_strides(shape)
    triples = zip(shape, stride, wanted, strict=True)
    return 0 in shape or all(size == 1 or step >= want for size, step, want in triples)


def _repeats_allowed(shape, stride):
    kept = [(size, step) for size, step in zip(shape, stride, strict=True) if step != 0]
    return is_contiguous([size for size, _ in kept], [step for _, step in kept])


def _next_size_only(shape, stride):
    wanted = (*shape[1:], 1) if shape else ()
    return 0 in shape or all(
        size == 1 or step == want for size, step, want in zip(shape, stride, wanted, strict=True)
    )


def test_contiguity(is_contiguous) -> None:
    """Assertions that torch's rule passes and that wrong rules fail."""
    for shape, stride in [
        ((), ()),
        ((4,), (1,)),
        ((2, 3), (3, 1)),
        ((2, 3, 4), (12, 4, 1)),
        ((1, 3), (99, 1)),
        ((3, 1), (1, 99)),
        ((2, 0), (7, 5)),
    ]:
        assert is_contiguous(shape, stride), (shape, stride)
    for shape, stride in [
        ((4,), (2,)),
        ((4,), (0,)),
        ((2, 3), (1, 2)),
        ((2, 3), (4, 1)),
        ((2, 3), (0, 1)),
        ((2, 3, 4), (4, 8, 1)),
        ((2, 3, 4), (3, 4, 1)),
    ]:
        assert not is_contiguous(shape, stride), (shape, stride)


def _one_matrix(is_contiguous):
    assert is_contiguous((2, 3), (3, 1))
    assert not is_contiguous((2, 3), (1, 2))


def _no_assertion(is_contiguous):
    for shape, stride in [((2, 3), (3, 1)), ((2, 3), (1, 2)), ((1, 3), (99, 1)), ((), ())]:
        is_contiguous(shape, stride)


def _ones_matter(is_contiguous):
    test_contiguity(is_contiguous)
    assert not is_contiguous((1, 3), (99, 1))


def _empties_are_not(is_contiguous):
    assert is_contiguous((2, 3), (3, 1))
    assert not is_contiguous((2, 0), (7, 5))


def _always_failing(is_contiguous):
    raise AssertionError("not contiguous")


def _formula_only(is_contiguous):
    for shape in [(4,), (2, 3), (2, 3, 4), (5, 1, 2)]:
        assert is_contiguous(shape, contiguous_strides(shape))


QUESTION = Tests(
    name="test_contiguity",
    points=3,
    difficulty="medium",
    minutes=17,
    signature="test_contiguity(is_contiguous) -> None",
    example=">>> is_contiguous((2, 3), (3, 1)), is_contiguous((2, 3), (1, 2))\n(True, False)\n"
    ">>> test_contiguity(is_contiguous)",
    hints=(
        "One layout that is contiguous and one that is not leave most wrong rules alive. Which stride could "
        "be anything at all without moving an element?",
        "Vary one thing at a time: no dimension, a size of 1 with an absurd stride, a size of 0, a gap "
        "between rows, a stride of 0, rows and columns exchanged, three dimensions in place of two.",
        "True for ((), ()), ((1, 3), (99, 1)), ((2, 0), (7, 5)), ((2, 3, 4), (12, 4, 1)); False for ((4,), "
        "(2,)), ((2, 3), (4, 1)), ((2, 3), (0, 1)), ((2, 3, 4), (4, 8, 1)), ((2, 3, 4), (3, 4, 1)). Write an "
        "assertion for each, and for a plain matrix and its transpose.",
    ),
    solution=test_contiguity,
    wrong={
        "a matrix and its transpose are enough": _one_matrix,
        "calling a function tests it": _no_assertion,
        "the stride of a size-1 dimension matters": _ones_matter,
        "nothing is contiguous when it is empty": _empties_are_not,
        "a test that never passes catches everything": _always_failing,
        "only contiguous layouts need testing": _formula_only,
    },
    right=is_contiguous,
    mutants={
        "looks at the stride of a dimension of size 1": _strict_about_ones,
        "does not know that empty tensors are contiguous": _strict_about_empties,
        "looks at the last stride only": _last_stride_only,
        "asks for a last stride of 1 and for strides that fall, no matter how far": _falling_strides,
        "accepts the dimensions in any order": is_packed,
        "takes the first dimension as the fastest": _column_major,
        "refuses a tensor without dimensions": _scalars_are_not,
        "accepts gaps between the elements": _gaps_allowed,
        "accepts a stride of 0": _repeats_allowed,
        "expects each stride to be the next size": _next_size_only,
    },
)
