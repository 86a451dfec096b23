"""The linear scan on this CPU: our backends and their peers, as shares of what memory allows.

A scan reads a and b and writes h, as a product does: no scan can beat the non-temporal triad h = a·b of the
same three streams. `out=` on both sides everywhere, and nothing is timed that is not right.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lesson_support import native, timing
from lesson_support.bench import scan_peers, shares
from lesson_support.kernels import available_backends, linear_scan
from lesson_support.kernels.scans import choosing
from lesson_support.kernels.scans.bound import exact_and_bound

ROUNDS = 15
# 64 MiB a stream; the steps are the second axis of the first, the last one of the others.
LAYOUTS = {
    "channel last": ((4, 4096, 1024), 1),
    "time last": ((4, 1024, 4096), 2),
    "one row": ((1, 1 << 24), 1),
}
SMALLER = {"256-kib": (64, 4), "4-mib": (256, 64)}  # channels and batch of as many bytes, 256 steps
STEPS = 256
LONGEST_LOOP = 1 << 13  # steps that a loop in Python may take
OURS = ("cpp", "rust")
GATE = 0.9375


def measure() -> dict:
    """Tables of shares; AssertionError for a backend or a peer that computes something else."""
    before, results = torch.get_num_threads(), {}
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for name, (shape, dim) in LAYOUTS.items():
                if threads == 1 or name != "one row":  # one row is one thread's work
                    key = f"scan/64-mib/{name}/{_count(threads)}".replace(" ", "-")
                    results[key] = _forward(_case(shape, dim), threads, peers=threads == 1)
        torch.set_num_threads(1)
        for size, (channels, batch) in SMALLER.items():
            for name, shape, dim in (
                ("channel last", (batch, STEPS, channels), 1),
                ("time last", (batch, channels, STEPS), 2),
            ):
                results[f"scan/{size}/{name}".replace(" ", "-")] = _forward(_case(shape, dim), 1, peers=True)
        for name in ("channel last", "time last"):
            results[f"scan/constant-gate/{name}".replace(" ", "-")] = _constant(*LAYOUTS[name])
            results[f"scan/backward/{name}".replace(" ", "-")] = _backward(_case(*LAYOUTS[name]))
        results["scan/dispatch"] = _dispatch()
    finally:
        torch.set_num_threads(before)
    return results


def _case(shape: tuple[int, ...], dim: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """Gates in (0, 1), inputs, room for the states."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(shape, generator=generator), torch.randn(shape, generator=generator)
    return a, b, torch.zeros(shape), dim


def _forward(case: tuple[Tensor, Tensor, Tensor, int], threads: int, *, peers: bool) -> dict:
    a, b, h, dim = case
    scans = _ours(a, b, h, dim)
    if peers:
        scans["backend torch"] = lambda: linear_scan(a, b, dim=dim, out=h, backend="torch")
        if a.shape[dim] <= LONGEST_LOOP:
            scans["torch loop, preallocated"] = scan_peers.loop(a, b, h, dim)
            scans["torch.compile of the generic scan"] = scan_peers.compiled(a, b, h, dim)
        scans["numba"] = scan_peers.numba_loop(a, b, h, dim)
    scans = {name: scan for name, scan in scans.items() if scan is not None}
    _require_right(scans, a, b, h, dim)
    functions = {"non-temporal triad": _triad(a, b, h), "torch.mul(a, b, out=h)": _product(a, b, h)}
    standings = timing.compare(functions | scans, rounds=ROUNDS, same=None)
    return shares(standings, "operation", "of the triad's speed", _shape(a, dim, threads))


def _ours(a: Tensor, b: Tensor, h: Tensor, dim: int) -> dict[str, Callable[[], object] | None]:
    return {
        f"backend {name}": lambda name=name: linear_scan(a, b, dim=dim, out=h, backend=name)
        for name in OURS
        if name in available_backends()
    }


def _constant(shape: tuple[int, ...], dim: int) -> dict:
    """One gate for all, as an expanded tensor, beside the filter that knows no other."""
    _, b, h, _ = _case(shape, dim)
    gate = torch.full((1,) * b.ndim, GATE)
    scans = _ours(gate, b, h, dim) | {"scipy.signal.lfilter": scan_peers.lfilter(GATE, b, h, dim)}
    scans = {name: scan for name, scan in scans.items() if scan is not None}
    _require_right(scans, gate.expand(b.shape), b, h, dim)
    standings = timing.compare(scans, rounds=ROUNDS, same=None)
    return shares(standings, "operation", "of the first one's speed", _shape(b, dim, 1))


def _backward(case: tuple[Tensor, Tensor, Tensor, int]) -> dict:
    """Forward moves three streams and backward five: as shares of the triad's speed per byte."""
    a, b, h, dim = case
    linear_scan(a, b, dim=dim, out=h)
    grad, da, db = b.clone(), torch.zeros_like(b), torch.zeros_like(b)
    state = torch.zeros(a.movedim(dim, -1).shape[:-1])
    grad, da, db, steps, gates, entering = (x.movedim(dim, -1) for x in (grad, da, db, h, a, b))
    flags = {"reverse": False, "log_gates": False}
    scans, streams = {}, {"non-temporal triad": 3}
    for name in OURS:
        if name not in available_backends():
            continue
        taker = choosing.load(name)
        for part, count in (("forward", 3), ("backward", 5)):
            streams[f"{name} {part}"] = count
        scans[f"{name} forward"] = lambda taker=taker: taker.forward(
            gates, entering, None, steps, state, **flags
        )
        scans[f"{name} backward"] = lambda taker=taker: taker.backward(
            grad, None, gates, steps, None, da, db, None, **flags
        )
        da.fill_(torch.nan), db.fill_(torch.nan)
        scans[f"{name} backward"]()
        _require_gradients(grad, gates, steps, da, db)
    standings = timing.compare({"non-temporal triad": _triad(a, b, h)} | scans, rounds=ROUNDS, same=None)
    table = shares(standings, "operation", "of the triad's speed per byte", _shape(a, dim, 1))
    for row in table["rows"]:
        factor = streams[row["operation"]] / 3
        row["median"], row["spread"] = row["median"] * factor, [each * factor for each in row["spread"]]
    return table


def _dispatch() -> dict:
    """Sixteen elements, which leaves the call itself."""
    a, b, h, dim = _case((1, 16), 1)
    scans = _ours(a, b, h, dim) | {
        "backend torch": lambda: linear_scan(a, b, dim=dim, out=h, backend="torch")
    }
    standings = timing.compare(
        {"torch.mul(a, b, out=h)": _product(a, b, h)} | scans, rounds=ROUNDS, same=None
    )
    return shares(standings, "operation", "of the product's speed", _shape(a, dim, 1))


def _product(a: Tensor, b: Tensor, h: Tensor) -> Callable[[], None]:
    def run() -> None:
        torch.mul(a, b, out=h)

    return run


def _triad(a: Tensor, b: Tensor, h: Tensor) -> Callable[[], None]:
    """The product with streamed stores, on as many threads as torch uses."""
    triad, flat = native.operators("roofline").triad, [x.view(-1) for x in (a, b, h)]
    return lambda: triad(*flat)


def _require_right(scans: dict[str, Callable], a: Tensor, b: Tensor, h: Tensor, dim: int) -> None:
    """Each element within what a correct scan in float32 may be off by."""
    exact, bound = exact_and_bound(a, b, dim=dim)
    for name, run in scans.items():
        h.fill_(torch.nan)
        run()
        if not bool(((h - exact).abs_() <= bound).all()):
            raise AssertionError(f"{name} does not compute the scan")


def _require_gradients(grad: Tensor, a: Tensor, h: Tensor, da: Tensor, db: Tensor) -> None:
    """db is the scan of grad backwards with gates shifted by one; da, times the states before."""
    later = torch.cat([a[..., 1:], torch.zeros_like(a[..., :1])], -1)
    exact, bound = exact_and_bound(later, grad, dim=-1, reverse=True)
    before = torch.cat([torch.zeros_like(h[..., :1]), h[..., :-1]], -1).double()
    right = ((db - exact).abs_() <= bound).all()
    right &= ((da - exact * before).abs_() <= 2 * bound * before.abs()).all()
    if not bool(right):
        raise AssertionError("a backward does not compute the gradients")


def _shape(x: Tensor, dim: int, threads: int) -> str:
    absent = "".join(f"; {name} is not installed" for name in scan_peers.not_here())
    return f"{'×'.join(map(str, x.shape))} float32 along axis {dim}, {_count(threads)}{absent}"


def _count(threads: int) -> str:
    return "one thread" if threads == 1 else f"{threads} threads"
