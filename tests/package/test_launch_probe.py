"""`launch_probe.launched`: what a kernel left, moved and missed; and what is refused as no kernel."""

import math

import numpy
import pytest
import torch

from lesson_support.errors import LessonError
from lesson_support.kernels.launch_probe import KEPT, check_written_in_triton, launched
from lesson_support.questions.kernel_probes import tl, triton

LIMIT = 4
WIDE = tl.constexpr(8)
TABLE = [1, 2]


@triton.jit
def doubled(x):
    return x + x


@triton.jit
def sneaky_helper(x):
    return numpy.add(x, x)


@triton.jit
def double(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, doubled(tl.load(x_ptr + i, mask=i < n)), mask=i < n)


@triton.jit
def double_unmasked(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, doubled(tl.load(x_ptr + i)))


@triton.jit
def double_far(x_ptr, out_ptr, x_row, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    j = tl.arange(0, BLOCK)
    tl.store(out_ptr + row * BLOCK + j, doubled(tl.load(x_ptr + row * x_row + j)))


@triton.jit
def failing(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    raise NotImplementedError


@triton.jit
def uses_numbers(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, WIDE)
    tl.store(out_ptr + i, min(LIMIT, 5) + tl.cdiv(n, 2) + triton.cdiv(n, 2), mask=i < n)


def tensors(n):
    return {"x": torch.arange(float(n)), "out": torch.full((n,), -1.0)}


def test_it_says_what_was_left_and_moved():
    given = tensors(20)
    result = launched(double, given, {"n": 20}, {"BLOCK": 8}, (3,))
    assert torch.equal(result["tensors"]["out"], 2 * given["x"])
    assert result["moved"] == {"x": 80, "out": 80} and result["outside"] == []
    assert (given["out"] == -1).all()  # copies were launched on


def test_strays_are_told_and_only_a_few():
    result = launched(double_unmasked, tensors(20), {"n": 20}, {"BLOCK": 4}, (9,))
    assert len(result["outside"]) == KEPT and all(isinstance(each, str) for each in result["outside"])
    assert "read outside every tensor, the first at x_ptr + 20" in result["outside"][0]


def test_rows_may_lie_far_apart():
    def left(apart):
        given = {"x": torch.arange(24.0).reshape(3, 8), "out": torch.full((3, 8), -1.0)}
        result = launched(double_far, given, {"x_row": apart}, {"BLOCK": 8}, (3,), {"x": apart})
        return torch.equal(result["tensors"]["out"], 2 * given["x"]), len(result["outside"])

    assert left(2**29) == (True, 0)
    assert left(2**30) == (False, 1)


def test_what_the_kernel_raises_comes_through_bare():
    with pytest.raises(NotImplementedError) as caught:
        launched(failing, tensors(4), {"n": 4}, {"BLOCK": 4}, (1,))
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_numbers_and_both_modules_are_allowed():
    result = launched(uses_numbers, tensors(4), {"n": 4}, {"BLOCK": 4}, (1,))
    assert result["tensors"]["out"].tolist() == [8.0] * 4


def test_an_object_that_only_looks_like_a_kernel_runs_its_function():
    class Pretending(type(double)):
        def __getitem__(self, grid):
            return lambda x, out, *rest, **constants: out.copy_(2 * x)

    pretending, given = Pretending(double_unmasked.fn), tensors(20)
    pretending[(3,)](*given.values(), 20, BLOCK=8)
    assert torch.equal(given["out"], 2 * given["x"])  # what it would have passed with
    assert launched(pretending, tensors(20), {"n": 20}, {"BLOCK": 8}, (3,))["outside"]


def refused():
    """Functions that the interpreter would run and no GPU could, and what is said of each."""

    def around(x_ptr, out_ptr, n):
        tl.store(out_ptr, held)

    def by_numpy(x_ptr, out_ptr, n):
        tl.store(out_ptr, numpy.sin(1))

    def by_torch(x_ptr, out_ptr, n):
        torch.add(1, 1)

    def by_math(x_ptr, out_ptr, n):
        tl.store(out_ptr, math.pi)

    def by_handle(x_ptr, out_ptr, n):
        x_ptr.handle.data[:] = 0

    def by_dunder(x_ptr, out_ptr, n):
        tl.store(out_ptr, x_ptr.__class__)

    def by_import(x_ptr, out_ptr, n):
        import os

        os.getcwd()

    def by_print(x_ptr, out_ptr, n):
        print(x_ptr)

    def by_table(x_ptr, out_ptr, n):
        tl.store(out_ptr, TABLE[0])

    def by_internals(x_ptr, out_ptr, n):
        triton.runtime.driver.active()

    def by_unlisted(x_ptr, out_ptr, n):
        tl.core.load(x_ptr)

    def by_plain(x_ptr, out_ptr, n):
        tl.store(out_ptr, tensors(3))

    def by_helper(x_ptr, out_ptr, n):
        tl.store(out_ptr, sneaky_helper(tl.load(x_ptr)))

    held = 3
    return {
        around: "uses held of a function around it",
        by_numpy: "uses numpy.sin",
        by_torch: "uses torch.add",
        by_math: "uses math.pi",
        by_handle: r"uses \.handle",
        by_dunder: r"uses \.__class__",
        by_import: "imports os",
        by_print: "calls print",
        by_table: "uses TABLE",
        by_internals: "uses triton.runtime",
        by_unlisted: "uses tl.core",
        by_plain: "uses tensors",
        by_helper: "sneaky_helper uses numpy.add",
    }


@pytest.mark.parametrize("function, said", refused().items(), ids=lambda each: getattr(each, "__name__", ""))
def test_what_no_gpu_can_run_is_refused(function, said):
    with pytest.raises(LessonError, match=said):
        check_written_in_triton(function)
    with pytest.raises(LessonError, match=said):
        launched(triton.jit(function), tensors(4), {"n": 4}, {}, (1,))


@pytest.mark.parametrize("answer", [lambda *_: None, 3, torch.nn.Identity()])
def test_what_is_no_kernel_is_refused(answer):
    with pytest.raises(LessonError, match=r"expected (@triton.jit|a function under @triton.jit)"):
        launched(answer, tensors(4), {"n": 4}, {"BLOCK": 4}, (1,))


def test_kernels_of_the_course_pass():
    for kernel in (double, double_unmasked, double_far, uses_numbers):
        check_written_in_triton(kernel.fn)


@triton.jit
def double_row(x_ptr, out_ptr, n, x_row, BLOCK: tl.constexpr):
    row = tl.program_id(0) * x_row.to(tl.int64)
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + row + i, doubled(tl.load(x_ptr + row + i, mask=i < n)), mask=i < n)


@triton.jit(do_not_specialize=["x_row"])
def double_row_left(x_ptr, out_ptr, n, x_row, BLOCK: tl.constexpr):
    row = tl.program_id(0) * x_row.to(tl.int64)
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + row + i, doubled(tl.load(x_ptr + row + i, mask=i < n)), mask=i < n)


def test_an_integer_1_is_a_constant_as_in_compiled_code():
    def left(kernel, n):
        result = launched(kernel, tensors(3 * n), {"n": n, "x_row": n}, {"BLOCK": 4}, (3,))
        return torch.equal(result["tensors"]["out"], 2 * result["tensors"]["x"])

    assert left(double_row, 2) and left(double_row_left, 2) and left(double_row_left, 1)
    with pytest.raises(LessonError, match=r"double_row uses \.to of an integer argument that is 1: expected"):
        left(double_row, 1)
