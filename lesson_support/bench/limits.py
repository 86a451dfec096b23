"""How near torch and NumPy come to what this machine's memory and arithmetic allow, on one thread."""

import numpy
import torch
from threadpoolctl import threadpool_limits

from lesson_support import native, timing
from lesson_support.bench import shares

CELLS = 1 << 24  # 64 MiB an array: beyond most caches
N = 1024
ROUNDS = 21


def measure() -> dict:
    """Shares of the triad for elementwise products, shares of the FMA peak for matrix products."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):  # NumPy's BLAS has threads of its own
            return {"limits/memory": _memory(), "limits/arithmetic": _arithmetic()}
    finally:
        torch.set_num_threads(threads)


def _memory() -> dict:
    triad = native.operators("roofline").triad
    a, b, h = (torch.full((CELLS,), value) for value in (3.0, 5.0, 0.0))
    arrays = [each.numpy() for each in (a, b, h)]

    def into_h(multiply):
        def run():
            multiply()
            return h

        return run

    standings = timing.compare(
        {
            "non-temporal triad": into_h(lambda: triad(a, b, h)),
            "torch.mul(a, b, out=h)": into_h(lambda: torch.mul(a, b, out=h)),
            "numpy.multiply(a, b, out=h)": into_h(lambda: numpy.multiply(*arrays[:2], out=arrays[2])),
            "torch.mul(a, b)": lambda: torch.mul(a, b),
        },
        rounds=ROUNDS,
    )
    return shares(
        standings, "operation", "of the triad's speed", f"h = a·b over {CELLS:,} float32, one thread"
    )


def _arithmetic() -> dict:
    fma_peak = native.operators("roofline").fma_peak
    operations, _ = fma_peak(1)
    rounds = round(2 * N**3 / operations)  # as many operations as one product
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(N, N, generator=generator) for _ in range(2))
    h = torch.empty(N, N)
    x, y, z = a.numpy(), b.numpy(), numpy.empty((N, N), dtype=numpy.float32)
    if not torch.allclose(torch.mm(a, b), torch.from_numpy(numpy.matmul(x, y)), rtol=1e-3, atol=1e-3):
        raise AssertionError("torch.mm and numpy.matmul do not compute the same product")
    standings = timing.compare(
        {
            "multiply-add peak": lambda: fma_peak(rounds),
            "torch.mm(a, b, out=h)": lambda: torch.mm(a, b, out=h),
            "numpy.matmul(a, b, out=h)": lambda: numpy.matmul(x, y, out=z),
        },
        rounds=ROUNDS,
        same=None,  # checked above; the peak computes no product
    )
    return shares(standings, "operation", "of the FMA peak", f"{N}×{N}×{N} float32, one thread")
