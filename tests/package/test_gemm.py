"""The rungs of one matrix product: right at every edge, within the rounding bound, and refusing by name."""

import ctypes
import itertools
import os
import platform
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
import torch

from lesson_support import native
from lesson_support.bench import gemm as bench
from lesson_support.errors import LessonError
from lesson_support.measured.schema import check_results
from lesson_support.native import building, toolchain
from lesson_support.tensors import gemm

needs_compiler = pytest.mark.skipif(not gemm.compiled(), reason="no C++ compiler on this machine")
EVERY = {**gemm.RUNGS, "ipj_scalar": gemm.ipj_scalar}
rungs = pytest.mark.parametrize("rung", EVERY.values(), ids=EVERY)

# Around the tiles in registers (12×32, 6×16, 12×8, 6×8 or 6×2), blocked's 64, packed's blocks (192×256×2048).
ROWS = (0, 1, 2, 7, 12, 13, 65)
COLUMNS = (0, 1, 3, 8, 33, 64)
DEPTHS = (0, 1, 2, 65, 257)
LARGE = ((193, 33, 3), (390, 5, 300), (13, 2049, 2), (5, 2090, 513), (197, 130, 770), (192, 256, 256))


@pytest.fixture(autouse=True)
def one_thread():
    """For the products to compare with: threads that wait for a busy neighbour take longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def matrix(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed + 1000 * rows + columns))


def assert_product(out, a, b):
    """|out - a·b| <= (k + 1)·2⁻²⁴·(|a|·|b|), element by element."""
    x, y = a.double(), b.double()
    bound = (a.shape[1] + 1) * 2.0**-24 * (x.abs() @ y.abs())
    error = (out.double() - x @ y).abs()
    assert out.shape == error.shape and bool((error <= bound).all()), f"{tuple(a.shape)} · {tuple(b.shape)}"


def guarded(n, m):
    """An output of NaN between other numbers, and a check that these have stayed."""
    buffer = torch.full((n * m + 2 * 64,), 7.0)
    out = buffer[64 : 64 + n * m].view(n, m).fill_(torch.nan)

    def untouched():
        return bool((buffer[:64] == 7).all() and (buffer[64 + n * m :] == 7).all())

    return out, untouched


@needs_compiler
@rungs
def test_every_edge_is_right(rung):
    for n, m, k in [*itertools.product(ROWS, COLUMNS, DEPTHS), *LARGE]:
        a, b = matrix(n, k), matrix(k, m, seed=1)
        out, untouched = guarded(n, m)
        assert rung(a, b, out) is out
        assert_product(out, a, b)
        assert untouched(), (n, m, k)


@needs_compiler
@rungs
def test_whole_numbers_are_exact(rung):
    a = torch.arange(205 * 517).reshape(205, 517).remainder(13).sub(6).float()
    b = torch.arange(517 * 71).reshape(517, 71).remainder(11).sub(5).float()
    assert torch.equal(rung(a, b, torch.empty(205, 71)), (a.long() @ b.long()).float())


@needs_compiler
@pytest.mark.parametrize("tile", [1, 2, 5, 64, 1000, 2**63 - 1])
def test_every_tile_of_blocked_is_right(tile):
    a, b = matrix(67, 70), matrix(70, 131)
    assert_product(gemm.blocked(a, b, torch.empty(67, 131), tile), a, b)


@needs_compiler
@pytest.mark.parametrize("tile", [0, -3])
def test_a_tile_below_one_is_refused(tile):
    with pytest.raises(ValueError, match=f"^tile = {tile}: expected 1 or more"):
        gemm.blocked(matrix(2, 2), matrix(2, 2), torch.empty(2, 2), tile)


def strided(rows, columns):
    """The same shape in every layout that a view can have."""
    yield "transposed", matrix(columns, rows).t()
    yield "every other", matrix(2 * rows, 3 * columns)[::2, ::3]
    yield "every other, transposed", matrix(3 * columns, 2 * rows)[::3, ::2].t()
    yield "a part", matrix(rows + 3, columns + 5)[2 : 2 + rows, 4 : 4 + columns]
    yield "one row for all", matrix(1, columns).expand(rows, columns)
    yield "one column for all", matrix(rows, 1).expand(rows, columns)
    yield "one number for all", torch.tensor(0.3).expand(rows, columns)
    yield (
        "windows",
        torch.randn(rows + columns, generator=torch.Generator().manual_seed(3)).unfold(0, columns, 1)[:rows],
    )
    yield "negated", torch.complex(matrix(rows, columns), matrix(rows, columns, seed=2)).conj().imag


@needs_compiler
def test_packed_takes_any_strides():
    n, m, k = 27, 69, 261
    contiguous = matrix(n, k), matrix(k, m)
    pairs = [(name, a, contiguous[1]) for name, a in strided(n, k)]
    pairs += [(name, contiguous[0], b) for name, b in strided(k, m)]
    pairs += [(f"both {name}", a, b) for (name, a), (_, b) in zip(strided(n, k), strided(k, m), strict=True)]
    for name, a, b in pairs:
        assert a.shape == (n, k) and b.shape == (k, m), name
        out, untouched = guarded(n, m)
        assert_product(gemm.packed(a, b, out), a, b)
        assert untouched(), name
        assert torch.equal(out, gemm.packed(a.contiguous(), b.contiguous(), torch.empty(n, m))), name


@needs_compiler
@rungs
@pytest.mark.parametrize("special", [torch.nan, torch.inf, -torch.inf])
def test_nan_and_infinity_go_through_and_no_further(rung, special):
    n, m, k = 14, 37, 260
    for i, p, j in [(0, 0, 0), (13, 259, 36), (11, 7, 5)]:
        for side in "ab":
            a, b = matrix(n, k), matrix(k, m)
            if side == "a":
                a[i, p], b[p, j] = special, 0.0
            else:
                a[i, p], b[p, j] = 0.0, special
            out = rung(a, b, torch.empty(n, m))
            expected = (a.double()[:, :, None] * b.double()).sum(1)
            assert torch.equal(out.isnan(), expected.isnan()) and out[i, j].isnan()
            assert torch.equal(out == torch.inf, expected == torch.inf)
            assert torch.equal(out == -torch.inf, expected == -torch.inf)


# Each matrix ends where a page ends, and the next page may not be touched.
AT_THE_END_OF_A_PAGE = """
import ctypes, mmap, torch
from lesson_support.tensors import gemm

libc, kept = ctypes.CDLL(None), []

def matrix(rows, columns):
    pages = -(-4 * rows * columns // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert libc.mprotect(ctypes.c_void_p(start + pages * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    kept.append(memory)
    count, offset = rows * columns, pages * mmap.PAGESIZE - 4 * rows * columns
    return torch.frombuffer(memory, dtype=torch.float32, count=count, offset=offset).view(rows, columns)

for n, m, k in [(1, 1, 1), (13, 33, 5), (11, 31, 257), (25, 70, 64)]:
    a, b, out = matrix(n, k).fill_(1), matrix(k, m).fill_(2), matrix(n, m)
    left, right = matrix(k, n).fill_(1).t(), matrix(m, k).fill_(2).t()
    for rung in (*gemm.RUNGS.values(), gemm.ipj_scalar):
        assert (rung(a, b, out.fill_(0)) == 2 * k).all()
    assert (gemm.packed(left, right, out.fill_(0)) == 2 * k).all()
print("no page beyond was touched", flush=True)
import os
os._exit(0)
"""


@needs_compiler
def test_no_rung_reads_or_writes_beyond_a_matrix():
    done = subprocess.run([sys.executable, "-c", AT_THE_END_OF_A_PAGE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "no page beyond was touched\n"), done.stderr


@needs_compiler
def test_packed_in_several_threads_at_once():
    shapes = [(200 + i, 260 - i, 900 + i) for i in range(8)]
    factors = [(matrix(n, k), matrix(k, m)) for n, m, k in shapes]
    expected = [gemm.packed(a, b, torch.empty(len(a), b.shape[1])) for a, b in factors]

    def right(i):
        a, b = factors[i % len(factors)]
        return torch.equal(gemm.packed(a, b, torch.empty(len(a), b.shape[1])), expected[i % len(factors)])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(right, range(160)))


@needs_compiler
@rungs
def test_what_does_not_fit_is_refused_by_name(rung):
    a, b, out = matrix(3, 4), matrix(4, 5), torch.zeros(3, 5)
    shared = torch.zeros(64)
    refused = [
        (([[1.0]], b, out), "a is a list: expected a float32 CPU tensor"),
        ((a, b.double(), out), "b has dtype torch.float64: expected torch.float32"),
        ((a, b, out.half()), "out has dtype torch.float16: expected torch.float32"),
        ((a, b.to("meta"), out), "b is torch.strided on meta: expected a dense CPU tensor"),
        ((a.to_sparse(), b, out), "a is torch.sparse_coo on cpu: expected a dense CPU tensor"),
        ((a.clone().requires_grad_(), b, out), "a requires gradients, .*: expected torch.no_grad"),
        ((a[0], b, out), r"a has shape \(4\): expected two dimensions, \(n, k\)"),
        ((a, b[0], out), r"b has shape \(5\): expected \(k, m\) with k = 4, the columns of a"),
        ((a, b[:3], out), r"b has shape \(3, 5\): expected \(k, m\) with k = 4, the columns of a"),
        ((a, b, out[:2]), r"out has shape \(2, 5\): expected \(n, m\) = \(3, 5\)"),
        ((a, b, torch.zeros(3, 4)), r"out has shape \(3, 4\): expected \(n, m\) = \(3, 5\)"),
        ((a, b, out[None]), r"out has shape \(1, 3, 5\): expected \(n, m\) = \(3, 5\)"),
        ((a, b, torch.zeros(5, 3).t()), "out is strided: expected a contiguous tensor"),
        (
            (shared[:12].view(3, 4), b, shared[11:26].view(3, 5)),
            "out overlaps a in memory: expected",
        ),
        (
            (a, shared[14:34].view(4, 5), shared[:15].view(3, 5)),
            "out overlaps b in memory: expected",
        ),
    ]
    if rung is not gemm.packed:
        refused += [
            ((matrix(4, 3).t(), b, out), "a is strided: expected a contiguous tensor"),
            ((a, matrix(5, 4).t(), out), "b is strided: expected a contiguous tensor"),
        ]
    for arguments, reason in refused:
        with pytest.raises(ValueError, match=f"^{reason}") as told:
            rung(*arguments)
        assert "\n" not in str(told.value)
    assert not out.any() and not shared.any()


@needs_compiler
@rungs
def test_neighbours_in_one_storage_are_apart(rung):
    storage = torch.randn(47, generator=torch.Generator().manual_seed(4))
    a, out, b = storage[:12].view(3, 4), storage[12:27].view(3, 5), storage[27:].view(4, 5)
    assert_product(rung(a, b, out), a, b)


@needs_compiler
@rungs
def test_without_gradients_parameters_are_taken(rung):
    a = matrix(3, 4).requires_grad_()
    with torch.no_grad():
        assert_product(rung(a, matrix(4, 5), torch.empty(3, 5)), a.detach(), matrix(4, 5))


@rungs
def test_without_a_compiler_every_rung_says_so(rung, monkeypatch):
    monkeypatch.setenv("CXX", "nonsense")
    monkeypatch.setattr(native, "_loaded", {})
    assert not gemm.compiled()
    with pytest.raises(LessonError, match="^CXX is 'nonsense', and no program has that name: .* install"):
        rung(matrix(3, 4), matrix(4, 5), torch.empty(3, 5))


def test_the_rungs_stand_in_order():
    assert list(gemm.RUNGS) == ["ijp", "ipj", "blocked", "packed"]
    assert all(rung.__name__ == name for name, rung in gemm.RUNGS.items())


@pytest.mark.parametrize(("n", "m", "k"), [(1, 1, 1), (2, 3, 4), (5, 4, 1), (0, 2, 3), (2, 0, 3)])
def test_the_python_rungs_are_right(n, m, k):
    a, b = matrix(n, k), matrix(k, m)
    product = torch.tensor(gemm.python_loop(a.tolist(), b.tolist()), dtype=torch.float64).reshape(n, m)
    torch.testing.assert_close(product, a.double() @ b.double(), rtol=1e-14, atol=1e-14)
    out = numpy.full((n, m), numpy.nan, dtype=numpy.float32)
    assert gemm.numpy_rows(a.numpy(), b.numpy(), out) is out
    assert_product(torch.from_numpy(out), a, b)


@needs_compiler
def test_the_benchmark_holds_every_product(monkeypatch):
    monkeypatch.setattr(bench, "SMALL", 32)
    monkeypatch.setattr(bench, "LARGE", 48)
    monkeypatch.setattr(bench, "ROUNDS", {32: 7, 48: 7})
    monkeypatch.setattr(bench, "WIDE_TILE", 40)
    small, large = check_results(bench.measure(), "a run").values()
    for table, others in ((small, {"python_loop", "numpy_rows"}), (large, {"tile=40"})):
        names = [row.labels[0] for row in table.rows]
        assert names[0] == "multiply-add peak" and table.rows[0].median == 1
        for part in {*gemm.RUNGS, "torch.mm", "numpy.matmul", *others}:
            assert sum(part in name for name in names) >= 1, part
        assert all(0 < row.low <= row.median <= row.high for row in table.rows)
    assert "python_loop(a, b), from 1 of 32 rows" in str(small.rows)


@needs_compiler
def test_the_benchmark_times_no_wrong_product(monkeypatch):
    monkeypatch.setattr(bench, "SMALL", 32)
    monkeypatch.setattr(torch, "mm", lambda a, b, out: out)
    with pytest.raises(AssertionError, match=r"^torch.mm\(a, b, out=out\) does not compute the product"):
        bench.measure()


SHIM = """
#include "gemm_packed.h"
extern "C" const char* name() { return lanes::NAME; }
extern "C" void product(const float* a, const float* b, float* out, int64_t n, int64_t m, int64_t k) {
  gemm::packed({a, k, 1}, {b, m, 1}, out, n, m, k);
}
"""
INSTRUCTIONS = {
    "plain C++": "-U__SSE2__",
    "SSE": "-msse2",
    "AVX": "-mavx",
    "AVX with FMA": "-mavx2 -mfma",
    "AVX-512": "-mavx512f -mavx2 -mfma",
}


@needs_compiler
@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="registers of another CPU")
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_packed_is_right_with_every_kind_of_register(instructions, tmp_path):
    here = toolchain._macros(native.compiler(), ("-march=native",)) or ""
    needed = {"AVX-512": "__AVX512F__", "AVX with FMA": "__FMA__", "AVX": "__AVX__"}.get(instructions, "")
    if needed not in here:
        pytest.skip(f"this CPU has no {instructions}")
    library = compiled_shim(tmp_path, INSTRUCTIONS[instructions])
    assert library.name() == instructions.encode()
    for n, m, k in [(1, 1, 1), (7, 3, 5), (13, 33, 257), (205, 66, 300), (24, 64, 9)]:
        a, b = matrix(n, k), matrix(k, m)
        out, untouched = guarded(n, m)
        pointers = (ctypes.c_void_p(each.data_ptr()) for each in (a, b, out))
        library.product(*pointers, *map(ctypes.c_int64, (n, m, k)))
        assert_product(out, a, b)
        assert untouched(), (n, m, k)


def compiled_shim(folder, flags):
    source, file = folder / "shim.cpp", folder / "shim.so"
    source.write_text(SHIM)
    command = [*shlex.split(native.compiler()), "-std=c++20", "-O2", "-fPIC", "-shared", *flags.split()]
    subprocess.run(
        [*command, f"-I{building.CPP}", str(source), "-o", str(file)],
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    library = ctypes.CDLL(str(file))
    library.name.restype = ctypes.c_char_p
    return library
