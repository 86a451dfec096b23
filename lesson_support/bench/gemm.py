"""The rungs of one matrix product beside torch's and NumPy's, as shares of the FMA peak, on one thread."""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from torch import Tensor

from lesson_support import native, timing
from lesson_support.bench import four_digits, shares
from lesson_support.tensors import gemm

SMALL, LARGE = 256, 1024
ROUNDS = {SMALL: 21, LARGE: 15}
WIDE_TILE = 256
PYTHON_ROWS = {"python_loop": 1, "numpy_rows": 4}  # of the small product; the rest of the rows takes as long


def measure() -> dict:
    """Shares of the FMA peak of every rung and both libraries; AssertionError for a product that is wrong."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        told = _openblas_for("SkylakeX")
        with threadpool_limits(1):  # NumPy's BLAS has threads of its own
            return {f"gemm/{n}": _shares(n, told) for n in (SMALL, LARGE)}
    finally:
        torch.set_num_threads(threads)


def _shares(n: int, told: Callable | None) -> dict:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, n, generator=generator) for _ in range(2))
    products = _products(a, b, told)
    _require_right(products, a, b)
    fma_peak = native.operators("roofline").fma_peak
    operations, _ = fma_peak(1)
    rounds = round(2 * n**3 / operations)  # as many operations as one product
    functions = {"multiply-add peak": lambda: fma_peak(rounds), **products}
    parts = _python_parts(a, b) if n == SMALL else {}
    functions |= {name: run for name, (run, _) in parts.items()}
    standings = timing.compare(functions, rounds=ROUNDS[n], same=None)  # checked above
    table = shares(standings, "product", "of the FMA peak", f"{n}×{n}×{n} float32, one thread")
    for row in table["rows"]:
        if row["product"] in parts:
            each, share = standings[row["product"]], parts[row["product"]][1] / n
            row["median"] = four_digits(each.ratio * share)
            row["spread"] = [four_digits(each.low * share), four_digits(each.high * share)]
    return table


def _products(a: Tensor, b: Tensor, told: Callable | None) -> dict[str, Callable[[], Tensor]]:
    """What fills one output, by name; a library's name says whose kernels it runs."""
    n = len(a)
    out = torch.empty(n, n)
    x, y, z = a.numpy(), b.numpy(), out.numpy()

    def into_out(multiply: Callable[[], object]) -> Callable[[], Tensor]:
        def run() -> Tensor:
            multiply()
            return out

        return run

    products = {
        f"gemm.{name}(a, b, out)": into_out(lambda f=f: f(a, b, out)) for name, f in gemm.RUNGS.items()
    }
    if n > WIDE_TILE:
        products[f"gemm.blocked(a, b, out, tile={WIDE_TILE})"] = into_out(
            lambda: gemm.blocked(a, b, out, WIDE_TILE)
        )
    products["torch.mm(a, b, out=out)"] = into_out(lambda: torch.mm(a, b, out=out))
    products[f"numpy.matmul(a, b, out=out), {_kernels()}"] = into_out(lambda: numpy.matmul(x, y, out=z))
    if told is not None:
        products["NumPy's OpenBLAS told OPENBLAS_CORETYPE=SkylakeX"] = into_out(lambda: told(x, y, z))
    return products


def _require_right(products: dict[str, Callable[[], Tensor]], a: Tensor, b: Tensor) -> None:
    """|out - a·b| <= (k + 1)·2⁻²⁴·(|a|·|b|), element by element."""
    expected = a.double() @ b.double()
    bound = (len(b) + 1) * 2.0**-24 * (a.double().abs() @ b.double().abs())
    for name, run in products.items():
        run().fill_(torch.nan)
        if not bool(((run().double() - expected).abs() <= bound).all()):
            raise AssertionError(f"{name} does not compute the product a · b")


def _python_parts(a: Tensor, b: Tensor) -> dict[str, tuple[Callable[[], object], int]]:
    """The rungs in Python on the first few rows of a: every row takes the same operations."""
    n = len(a)
    lists, arrays = (a.tolist(), b.tolist()), (a.numpy(), b.numpy())
    rows = PYTHON_ROWS["python_loop"]
    few = PYTHON_ROWS["numpy_rows"]
    part = numpy.empty((few, n), dtype=numpy.float32)
    return {
        f"gemm.python_loop(a, b), from {rows} of {n} rows": (
            lambda: gemm.python_loop(lists[0][:rows], lists[1]),
            rows,
        ),
        f"gemm.numpy_rows(a, b, out), from {few} of {n} rows": (
            lambda: gemm.numpy_rows(arrays[0][:few], arrays[1], part),
            few,
        ),
    }


def _openblas() -> dict | None:
    return next((each for each in threadpool_info() if each["internal_api"] == "openblas"), None)


def _kernels() -> str:
    found = _openblas()
    return f"OpenBLAS for {found['architecture']}" if found else "another BLAS than OpenBLAS"


def _openblas_for(core: str) -> Callable | None:
    """NumPy's OpenBLAS once more, told to take its kernels for another CPU; None where that is no other.

    OpenBLAS picks kernels by a list of CPUs it knows, and NumPy's wheels hold few sets. On a CPU that has
    AVX-512 and is not on the list it runs 256-bit kernels, and its share would say little about BLAS.
    """
    found = _openblas()
    wide = native.operators("roofline").instructions().startswith("AVX-512")
    if not (found and wide and found["architecture"] != core):
        return None
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(found["filepath"], Path(folder))  # the same file would not be loaded twice
        before = os.environ.get("OPENBLAS_CORETYPE")
        os.environ["OPENBLAS_CORETYPE"] = core
        try:
            library = ctypes.CDLL(copy)
        except OSError:
            return None
        finally:
            os.environ.pop("OPENBLAS_CORETYPE")
            if before is not None:
                os.environ["OPENBLAS_CORETYPE"] = before
    multiply = getattr(library, "scipy_cblas_sgemm64_", None)
    one_thread = getattr(library, "scipy_openblas_set_num_threads64_", None)
    if multiply is None or one_thread is None:
        return None
    one_thread(1)
    return lambda x, y, out: _sgemm(multiply, x, y, out)


def _sgemm(multiply, x: numpy.ndarray, y: numpy.ndarray, out: numpy.ndarray) -> None:
    """out = x · y of square row-major matrices; 101 means row-major and 111 not transposed in CBLAS."""
    n = ctypes.c_int64(len(x))
    first, second, third = (ctypes.c_void_p(each.ctypes.data) for each in (x, y, out))
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    multiply(101, 111, 111, n, n, n, one, first, n, second, n, zero, third, n)
