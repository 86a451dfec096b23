"""`far_rows.stretched`: right rows for right addresses, a stray for any other, and nothing left behind."""

import numpy
import pytest
import torch

from lesson_support.errors import LessonError
from lesson_support.kernels import far_rows, traffic
from lesson_support.questions.kernel_probes import tl, triton

APART = 2**30


@triton.jit
def copy_wide(x_ptr, out_ptr, n, x_row, out_row, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    j = tl.arange(0, BLOCK)
    tl.store(out_ptr + row * out_row + j, tl.load(x_ptr + row * x_row + j, mask=j < n), mask=j < n)


@triton.jit
def copy_narrow(x_ptr, out_ptr, n, x_row, out_row, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    j = tl.arange(0, BLOCK)
    tl.store(out_ptr + row * out_row + j, tl.load(x_ptr + row * x_row + j, mask=j < n), mask=j < n)


@triton.jit
def copy_unmasked(x_ptr, out_ptr, n, x_row, out_row, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    j = tl.arange(0, BLOCK)
    tl.store(out_ptr + row * out_row + j, tl.load(x_ptr + row * x_row + j), mask=j < n)


@triton.jit
def copy_block(x_ptr, out_ptr, n, x_row, out_row, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    rows = tl.num_programs(0)
    x = tl.make_block_ptr(x_ptr, (rows, n), (x_row, 1), (row, 0), (1, BLOCK), (1, 0))
    out = tl.make_block_ptr(out_ptr, (rows, n), (out_row, 1), (row, 0), (1, BLOCK), (1, 0))
    tl.store(out, tl.load(x, boundary_check=(1,)), boundary_check=(1,))


@triton.jit
def copy_described(x_ptr, out_ptr, n, x_row, out_row, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    rows = tl.num_programs(0)
    x = tl.make_tensor_descriptor(x_ptr, (rows, n), (x_row, 1), (1, BLOCK))
    out = tl.make_tensor_descriptor(out_ptr, (rows, n), (out_row, 1), (1, BLOCK))
    out.store([row, 0], x.load([row, 0]))


def copied(kernel, x, apart=APART, out_apart=None):
    """What a copy leaves and what was seen of it, the rows of x so far apart, and those of out if asked."""
    rows, n = x.shape
    out = torch.full((rows, n), -1.0, dtype=x.dtype)
    far = {"x_ptr": (x, apart)} | ({"out_ptr": (out, out_apart)} if out_apart else {})
    with traffic.count(x=x, out=out) as seen, far_rows.stretched(**far), numpy.errstate(all="ignore"):
        kernel[(rows,)](x, out, n, apart, out_apart or n, BLOCK=8)
    return out, seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
@pytest.mark.parametrize("gap", [0, 3])
def test_rows_are_read_where_they_really_lie(dtype, gap):
    x = torch.arange(40, dtype=dtype).reshape(5, 8)[:, : 8 - gap]
    out, seen = copied(copy_wide, x)
    assert torch.equal(out, x)
    assert seen.ratio == 1 and not seen.outside


def test_an_offset_that_wraps_is_a_stray():
    x = torch.arange(24.0).reshape(3, 8)
    out, seen = copied(copy_narrow, x)
    assert torch.equal(out[:2], x[:2]) and not torch.equal(out[2], x[2])
    (stray,) = seen.outside
    assert (stray.argument, stray.kind, stray.offset, stray.lanes) == ("x_ptr", "read", -(2**31), 8)


def test_narrow_offsets_are_right_as_long_as_they_fit():
    x = torch.arange(24.0).reshape(3, 8)
    out, seen = copied(copy_narrow, x, apart=2**29)
    assert torch.equal(out, x) and not seen.outside


@pytest.mark.filterwarnings("ignore:tl.make_block_ptr")
@pytest.mark.parametrize("kernel", [copy_block, copy_described])
def test_block_pointers_and_descriptors_are_addresses_too(kernel):
    x = torch.arange(24.0).reshape(4, 6)
    out, seen = copied(kernel, x, out_apart=APART)
    assert torch.equal(out, x)
    assert seen.ratio == 1 and not seen.outside
    x, out = torch.zeros(4, 8), torch.zeros(4, 8)
    with traffic.count(x=x[:3], out=out) as seen, far_rows.stretched(x_ptr=(x[:3], APART)):
        kernel[(4,)](x, out, 8, APART, 8, BLOCK=8)
    assert [(stray.argument, stray.offset) for stray in seen.outside] == [("x_ptr", 3 * APART)]


def test_what_lies_between_the_rows_belongs_to_nobody():
    x = torch.arange(10.0).reshape(2, 5)
    out, seen = copied(copy_unmasked, x)
    assert torch.equal(out, x)
    assert [(stray.offset, stray.lanes) for stray in seen.outside] == [(5, 3), (APART + 5, 3)]


def test_a_row_too_many_is_a_stray():
    x, out = torch.arange(40.0).reshape(5, 8)[:2], torch.zeros(3, 8)
    with traffic.count(x=x, out=out) as seen, far_rows.stretched(x_ptr=(x, 64)):
        copy_wide[(3,)](x, out, 8, 64, 8, BLOCK=8)
    assert [(stray.offset, stray.lanes) for stray in seen.outside] == [(128, 8)]


def test_stores_are_moved_too():
    x = torch.arange(24.0).reshape(3, 8)
    out, seen = copied(copy_wide, x, out_apart=APART)
    assert torch.equal(out, x) and not seen.outside
    out, seen = copied(copy_narrow, x, apart=8, out_apart=APART)
    assert (out[2] == -1).all()
    assert [(stray.argument, stray.kind) for stray in seen.outside] == [("out_ptr", "write")]


def test_an_argument_that_is_not_named_stays_where_it_is():
    x = torch.arange(16.0).reshape(2, 8)
    out = torch.zeros(2, 8)
    with traffic.count(x=x, out=out) as seen, far_rows.stretched(out_ptr=(out, 64)):
        copy_wide[(2,)](x, out, 8, 64, 64, BLOCK=8)
    assert [(stray.argument, stray.offset) for stray in seen.outside] == [("x_ptr", 64)]


def test_the_interpreter_is_as_before_afterwards():
    from triton.runtime import interpreter

    builder = interpreter.interpreter_builder
    before = builder.create_masked_load, builder.create_masked_store
    x = torch.zeros(2, 8)
    with pytest.raises(RuntimeError, match="meant"), traffic.count(x=x), far_rows.stretched(x_ptr=(x, 64)):
        assert (builder.create_masked_load, builder.create_masked_store) != before
        raise RuntimeError("meant")
    assert (builder.create_masked_load, builder.create_masked_store) == before


def test_the_count_goes_on_without_it():
    x, out = torch.arange(16.0).reshape(2, 8), torch.zeros(2, 8)
    with traffic.count(x=x, out=out) as seen:
        with far_rows.stretched(x_ptr=(x, 64)):
            copy_wide[(2,)](x, out, 8, 64, 8, BLOCK=8)
        copy_wide[(2,)](x, out, 8, 8, 8, BLOCK=8)
    assert torch.equal(out, x) and not seen.outside and seen["x"].ratio == 2


def test_it_stands_inside_a_count():
    with pytest.raises(LessonError, match="outside traffic.count"), far_rows.stretched():
        pass


@pytest.mark.parametrize(
    "x, apart",
    [(torch.zeros(8), 64), (torch.zeros(2, 8).T, 64), (torch.zeros(2, 8), 7)],
    ids=["one dimension", "columns", "too near"],
)
def test_rows_must_be_rows_and_fit(x, apart):
    with traffic.count(x=x), pytest.raises(LessonError, match="expected contiguous rows"):  # noqa: SIM117
        with far_rows.stretched(x_ptr=(x, apart)):
            pass
