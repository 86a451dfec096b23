"""A network in Rust beside the same in torch: products, steps, epochs, latency, and what a process costs.

Both sides start from equal weights and get equal samples in memory; reading them is timed on neither. In
inference torch runs under inference_mode, also with BatchNorm folded and compiled where this machine can; in
training with the fused Adam, not compiled. What its library could do on this processor stands in rust/peer.
"""

import math
from collections.abc import Callable, Iterable

import numpy
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn.functional import cross_entropy

from lesson_support import native, timing
from lesson_support.bench import rust_latency, rust_peer, rust_processes, rust_training, shares
from lesson_support.data.two_classes import two_clouds
from lesson_support.kernels import rust_gemm
from lesson_support.tensors import gemm

PRODUCTS = {"square": (1024, 1024, 1024), "hidden layer": (128, 768, 1024), "one sample": (1, 768, 1024)}
BATCH, SAMPLES = 128, 2560
ROUNDS, FEWER = 11, 7
THREADS = (1, 2)
BEST = 0.9265  # what a published report reached, made the best that anything can


def measure() -> dict:
    """Tables by name; AssertionError for a side that computes something else."""
    before, results = torch.get_num_threads(), {}
    try:
        gemms, steps, epochs = [], [], []
        for threads in THREADS:
            torch.set_num_threads(threads)
            with threadpool_limits(threads, user_api="blas"):
                for name, sizes in PRODUCTS.items():
                    gemms += _with({"product": name, "threads": threads}, _products(sizes, threads))
            steps += _with({"threads": threads}, _steps())
            epochs += _with({"threads": threads}, _epochs())
        torch.set_num_threads(1)
        sizes = ", ".join(f"{name} {'×'.join(map(str, nmk))}" for name, nmk in PRODUCTS.items())
        training = f"{rust_latency.NETWORK}, batch {BATCH}, Adam; torch's library as installed"
        results["rust/gemm"] = _table("of the FMA peak", gemms, f"float32, n×k×m: {sizes}")
        unit = "of the speed of torch with the fused Adam"
        results["rust/step"] = _table(unit, steps, training)
        results["rust/epoch"] = _table(unit, epochs, f"{training}; {SAMPLES} samples, shuffled")
        for part in (rust_latency, rust_peer, rust_processes, rust_training):
            results |= part.measure()
    finally:
        torch.set_num_threads(before)
    return results


def _with(labels: dict, rows: Iterable[dict]) -> list[dict]:
    return [labels | row for row in rows]


def _table(unit: str, rows: list[dict], shape: str) -> dict:
    columns = [name for name in rows[0] if name not in ("median", "spread", "n")]
    return {"unit": unit, "shape": shape, "columns": columns, "rows": rows}


def _products(sizes: tuple[int, int, int], threads: int) -> list[dict]:
    """Shares of as many FMA peaks as there are threads; the packed product in C++ has one thread."""
    n, k, m = sizes
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(n, k, generator=generator), torch.randn(k, m, generator=generator)
    out = torch.empty(n, m)
    x, y, z = a.numpy(), b.numpy(), out.numpy()
    ways: dict[str, Callable[[], object]] = {
        "Rust": lambda: rust_gemm.multiply(a, b, out=out, threads=threads),
        "torch.mm": lambda: torch.mm(a, b, out=out),
        "NumPy": lambda: numpy.matmul(x, y, out=z),
    }
    if threads == 1:
        ways["C++, packed"] = lambda: gemm.RUNGS["packed"](a, b, out)
    exact, off = a.double() @ b.double(), (a.double().abs() @ b.double().abs()) * (k + 1) * 2.0**-24
    for name, way in ways.items():
        out.fill_(torch.nan)
        way()
        if not bool(((out - exact).abs() <= off).all()):
            raise AssertionError(f"{name} does not compute the product a · b")
    fma_peak = native.operators("roofline").fma_peak
    rounds = math.ceil(2 * n * k * m / fma_peak(1)[0] / threads)  # as long as the product on all threads
    standings = timing.compare(
        {"multiply-add peak": lambda: fma_peak(rounds), **ways}, rounds=ROUNDS, same=None
    )
    return shares(standings, "by", "", "")["rows"][1:]


def _trainers(x: Tensor, y: Tensor) -> dict[str, Callable[[Tensor], object]]:
    """A pass over samples in a given order, by name; all start alike and are checked to move alike."""

    def torch_pass(fused: bool) -> Callable[[Tensor], float]:
        layers = rust_latency.networks(BATCH)[0].train()
        optimizer = torch.optim.Adam(layers.parameters(), lr=1e-5, fused=fused)

        def run(order: Tensor) -> float:
            for part in order.split(BATCH):
                optimizer.zero_grad()
                loss = cross_entropy(layers(x[part]), y[part])
                loss.backward()
                optimizer.step()
            return float(loss.detach())

        return run

    ours = rust_latency.networks(BATCH)[1]
    found = {
        "torch, fused Adam": torch_pass(True),
        "torch, Adam as by default": torch_pass(False),
        "Rust": lambda order: float(ours.epoch(x, y, rate=1e-5, order=order)[-1]),
    }
    order = torch.arange(min(len(x), 2 * BATCH))
    losses = {name: run(order) for name, run in found.items()}
    first = next(iter(losses.values()))
    for name, loss in losses.items():
        if abs(loss - first) > 1e-4 * abs(first):
            raise AssertionError(f"{name} trains to a loss of {loss}: expected {first}")
    return found


def _steps() -> list[dict]:
    x, y = two_clouds(BATCH, BEST)
    order = torch.arange(BATCH)
    ways = {name: (lambda run=run: run(order)) for name, run in _trainers(x, y).items()}
    return shares(timing.compare(ways, rounds=ROUNDS, same=None), "by", "", "")["rows"]


def _epochs() -> list[dict]:
    x, y = two_clouds(SAMPLES, BEST)
    generator = torch.Generator().manual_seed(0)

    def shuffled(run: Callable[[Tensor], object]) -> Callable[[], object]:
        return lambda: run(torch.randperm(SAMPLES, generator=generator))

    ways = {name: shuffled(run) for name, run in _trainers(x, y).items()}
    return shares(timing.compare(ways, rounds=FEWER, same=None), "by", "", "")["rows"]
