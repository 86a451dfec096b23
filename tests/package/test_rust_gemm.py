"""The matrix product in Rust from Python: every edge and layout, what goes through, what is refused."""

import ctypes
import itertools

import pytest
import torch

from lesson_support.errors import LessonError
from lesson_support.kernels import rust_gemm
from lesson_support.kernels.rust_gemm import multiply
from lesson_support.native import rust
from tests.package.test_rust_crate import needs_rustc

pytestmark = needs_rustc

# Around the tiles (12×32 or 6×16), and one of each block (192×256×2048).
ROWS, COLUMNS, DEPTHS = (0, 1, 6, 13), (0, 1, 17, 33), (0, 1, 65, 257)
LARGE = ((193, 33, 3), (5, 2050, 270), (390, 5, 300))


def matrix(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed + 1000 * rows + columns))


def layouts(rows, columns, seed=0):
    yield matrix(rows, columns, seed)
    yield matrix(columns, rows, seed).t()
    yield matrix(rows + 3, columns + 5, seed)[2 : 2 + rows, 4 : 4 + columns]
    yield matrix(columns + 3, rows + 5, seed)[2 : 2 + columns, 4 : 4 + rows].t()


def assert_product(out, a, b, start=None):
    """|out - (start + a·b)| <= (k + 2)·2⁻²⁴·(|start| + |a|·|b|), element by element."""
    x, y = a.double(), b.double()
    exact, sizes = x @ y, x.abs() @ y.abs()
    if start is not None:
        exact, sizes = exact + start, sizes + start.abs()
    assert out.shape == exact.shape
    assert bool(((out.double() - exact).abs() <= (a.shape[1] + 2) * 2.0**-24 * sizes).all()), (
        a.shape,
        b.shape,
    )


def test_every_edge_in_every_layout_is_right():
    for n, m, k in [*itertools.product(ROWS, COLUMNS, DEPTHS), *LARGE]:
        for a, b in itertools.product(layouts(n, k), layouts(k, m, seed=1)):
            assert_product(multiply(a, b, threads=1), a, b)


def test_one_row_or_one_column_may_have_any_stride():
    row, column = matrix(1, 4).as_strided((1, 4), (0, 1)), matrix(4, 9)[:, 3:4]
    assert row.stride(0) == 0 and column.stride() == (9, 1)
    for a, b in (
        (row, column),
        (column, row),
        (row, row.t()),
        (column[::2], matrix(1, 5).as_strided((1, 5), (2, 1))),
    ):
        out = torch.empty(9, 9)[: a.shape[0], : b.shape[1]]
        assert_product(multiply(a, b, out), a, b)
    out = torch.empty(4).as_strided((1, 4), (0, 1))
    assert_product(multiply(row, matrix(4, 4), out), row, matrix(4, 4))


def test_what_lies_around_out_is_not_written():
    buffer = torch.full((40, 60), 7.0)
    out = buffer[5:32, 9:43]
    a, b = matrix(27, 300), matrix(300, 34)
    assert multiply(a, b, out) is out
    assert_product(out, a, b)
    out.fill_(7.0)
    assert bool((buffer == 7.0).all())


def test_a_product_is_added():
    a, b, start = matrix(14, 300), matrix(300, 35), matrix(14, 35, seed=2)
    assert_product(multiply(a, b, start.clone(), add=True), a, b, start.double())
    empty = multiply(a[:, :0], b[:0], start.clone(), add=True)
    assert torch.equal(empty, start) and not multiply(a[:, :0], b[:0], start.clone()).any()


def test_threads_do_not_change_a_bit():
    a, b = matrix(389, 300), matrix(300, 260)
    assert all(torch.equal(multiply(a, b, threads=1), multiply(a, b, threads=n)) for n in (2, 3, 40))


@pytest.mark.parametrize("special", [torch.nan, torch.inf])
def test_nan_and_infinity_go_through_and_no_further(special):
    a, b = matrix(14, 260), matrix(260, 37)
    a[11, 7], b[7, 5] = special, 0.0
    expected = (a.double()[:, :, None] * b.double()).sum(1)
    out = multiply(a, b)
    assert torch.equal(out.isnan(), expected.isnan()) and out[11, 5].isnan()
    assert torch.equal(out.isinf(), expected.isinf())


def test_autograd_notices_the_write():
    out = torch.zeros(2, 2)
    loss = (out * torch.ones(2, 2, requires_grad=True)).sum()
    multiply(torch.ones(2, 2), torch.ones(2, 2), out)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_what_does_not_fit_is_refused_by_name():
    a, b, out = matrix(3, 4), matrix(4, 5), torch.zeros(3, 5)
    shared = torch.zeros(64)
    refused = [
        (([[1.0]], b), {}, "a is a list: expected a float32 tensor"),
        ((a, b.double()), {}, "b has dtype torch.float64: expected torch.float32"),
        ((a, b, out.half()), {}, "out has dtype torch.float16: expected torch.float32"),
        ((a.to("meta"), b), {}, "a is torch.strided on meta: expected a dense CPU tensor"),
        ((a, b.to_sparse()), {}, "b is torch.sparse_coo on cpu: expected a dense"),
        ((torch.complex(a, a).conj().imag, b), {}, "a is .* expected a dense CPU tensor, not a negated view"),
        ((a[0], b), {}, r"a has shape \(4,\): expected two dimensions"),
        ((a, b[:3]), {}, r"b has shape \(3, 5\): expected \(k, m\) with k = 4"),
        ((a, b, out[:2]), {}, r"out has shape \(2, 5\): expected \(n, m\) = \(3, 5\)"),
        (
            (a, b, torch.zeros(5, 3).t()),
            {},
            r"out of shape \(3, 5\) has strides \(1, 3\): expected rows that",
        ),
        ((matrix(6, 8)[::2, ::2], b), {}, r"a of shape \(3, 4\) has strides .*: expected rows or columns"),
        ((matrix(1, 4).expand(3, 4), b), {}, r"a of shape \(3, 4\) has strides \(0, 1\)"),
        ((a.clone().requires_grad_(), b), {}, "a requires gradients, .*: expected torch.no_grad"),
        ((a, b), {"add": True}, "add is True and out is None: expected a tensor"),
        ((a, b), {"threads": 0}, "threads = 0: expected a whole number from 1 to 1024"),
        ((a, b), {"threads": 2.0}, "threads = 2.0: expected a whole number"),
        ((shared[:12].view(3, 4), b, shared[11:26].view(3, 5)), {}, ".*out overlaps a in memory"),
        ((a, shared[14:34].view(4, 5), shared[:15].view(3, 5)), {}, ".*out overlaps b in memory"),
    ]
    for arguments, options, reason in refused:
        with pytest.raises(LessonError, match=f"^{reason}") as told:
            multiply(*arguments, **options)
        assert "\n" not in str(told.value)
    assert not out.any() and not shared.any()


def passed(data, count, rows, columns, stride):
    return rust_gemm._Matrix(data, count, rows, columns, stride)


def test_the_border_trusts_no_caller():
    floats = (ctypes.c_float * 16)()
    place = ctypes.addressof(floats)
    good, out = passed(place, 4, 2, 2, 2), passed(place + 32, 4, 2, 2, 2)
    call = rust_gemm._gemm()
    call(good, good, out, 0, 1)
    big = 2**63
    for a, b, target, flags, threads, reason in [
        (None, good, out, 0, 1, "a is null: expected 1 values"),
        (good, None, out, 0, 1, "b is null"),
        (good, good, None, 0, 1, "out is null"),
        (passed(None, 4, 2, 2, 2), good, out, 0, 1, "a is null: expected 4 values"),
        (passed(place + 2, 4, 2, 2, 2), good, out, 0, 1, "a starts within a value"),
        (passed(place, big, 2, 2, 2), good, out, 0, 1, "a holds 9223372036854775808 values"),
        (
            passed(place, 4, big, 2, 2),
            good,
            out,
            0,
            1,
            "a: 9223372036854775808×2 with stride 2: expected a matrix",
        ),
        (passed(place, 4, 3, 2, 2), good, out, 0, 1, "a: 4 numbers: expected 6 for 3×2 with stride 2"),
        (good, passed(place, 4, 2, 2, 1), out, 0, 1, "b: stride = 1: expected at least the 2 columns"),
        (good, good, passed(place + 32, 4, 2, 1, 1), 0, 1, "a is 2×2, b is 2×2, out is 2×1: expected n×k"),
        (good, good, good, 0, 1, "out overlaps a in memory"),
        (good, good, out, 8, 1, "flags = 8: expected a sum of 1, 2 and 4"),
        (good, good, out, 0, 0, "threads = 0: expected 1 to 1024"),
        (good, good, out, 0, 10**6, "threads = 1000000: expected 1 to 1024"),
    ]:
        with pytest.raises(LessonError, match=f"^lessons_gemm does not take this: {reason}"):
            call(a, b, target, flags, threads)


def test_a_panic_stops_at_the_border():
    pointer = ctypes.POINTER(ctypes.c_float)
    element = rust.function("lessons_element", pointer, ctypes.c_size_t, ctypes.c_size_t, pointer)
    values, out = (ctypes.c_float * 3)(1, 2, 3), ctypes.c_float()
    element(values, 3, 2, ctypes.byref(out))
    assert out.value == 3
    with pytest.raises(
        LessonError,
        match="^lessons_element panicked in Rust: index out of bounds: the len is 3 but the index is 7",
    ):
        element(values, 3, 7, ctypes.byref(out))
    element(values, 3, 0, ctypes.byref(out))
    assert out.value == 1
