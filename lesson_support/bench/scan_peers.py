"""What else computes h_t = a_t·h_{t−1} + b_t into a given tensor, to be measured beside our backends."""

import timeit
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy
import torch
from torch import Tensor

OPTIONAL = ("numba", "scipy")


def not_here() -> list[str]:
    """The optional peers that this machine does not have."""
    return [name for name in OPTIONAL if find_spec(name) is None]


def loop(a: Tensor, b: Tensor, h: Tensor, dim: int) -> Callable[[], None]:
    """A loop over the steps in Python, whose views are all made beforehand: one operation a step remains."""
    gates, inputs, states = (x.unbind(dim) for x in (a, b, h))
    steps = list(zip(gates, inputs, states, strict=True))

    def run() -> None:
        _, first, before = steps[0]
        before.copy_(first)
        for gate, entering, state in steps[1:]:
            before = torch.addcmul(entering, gate, before, out=state)

    return run


def compiled(a: Tensor, b: Tensor, h: Tensor, dim: int) -> Callable[[], None] | None:
    """torch's own generic associative scan, compiled; None where this torch cannot."""
    try:
        from torch._higher_order_ops.associative_scan import associative_scan
    except ImportError:
        return None

    def combine(left, right):
        return left[0] * right[0], right[0] * left[1] + right[1]

    @torch.compile
    def generic(a, b, h):
        h.copy_(associative_scan(combine, (a, b), dim, combine_mode="generic")[1])

    def run() -> None:
        generic(a, b, h)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run()
    except Exception:  # whatever a compiler raises, then it is no peer here
        return None
    return run


def numba_loop(a: Tensor, b: Tensor, h: Tensor, dim: int) -> Callable[[], None] | None:
    """Loops compiled by numba, the walk in the order of memory; None without numba.

    Across channels there are two. A third loop is not vectorised, and a function of four rows is, whose calls
    cost more where rows are short: the faster one for this case is the peer.
    """
    if find_spec("numba") is None:
        return None
    import numba

    @numba.njit
    def time_last(a, b, h):
        for row in range(a.shape[0]):
            state = numpy.float32(0)
            for t in range(a.shape[1]):
                state = a[row, t] * state + b[row, t]
                h[row, t] = state

    @numba.njit
    def step(a, b, before, now):
        for c in range(len(a)):
            now[c] = a[c] * before[c] + b[c]

    @numba.njit
    def by_rows(a, b, h):
        for batch in range(a.shape[0]):
            h[batch, 0] = b[batch, 0]
            for t in range(1, a.shape[1]):
                step(a[batch, t], b[batch, t], h[batch, t - 1], h[batch, t])

    @numba.njit
    def by_channels(a, b, h):
        for batch in range(a.shape[0]):
            h[batch, 0] = b[batch, 0]
            for t in range(1, a.shape[1]):
                for c in range(a.shape[2]):
                    h[batch, t, c] = a[batch, t, c] * h[batch, t - 1, c] + b[batch, t, c]

    is_last = dim == a.ndim - 1
    arrays = [(x.flatten(0, -2) if is_last else x).numpy() for x in (a, b, h)]
    walks = [time_last] if is_last else [by_rows, by_channels]
    return _fastest(*(lambda walk=walk: walk(*arrays) for walk in walks))


def _fastest(*ways: Callable[[], None]) -> Callable[[], None]:
    """The one that is fastest here and now; the first call of each, which compiles, does not count."""
    for way in ways:
        way()
    return min(ways, key=lambda way: min(timeit.repeat(way, number=1, repeat=5)))


def lfilter(gate: float, b: Tensor, h: Tensor, dim: int) -> Callable[[], None] | None:
    """scipy's filter, which knows constant gates only and no output of ours; None without scipy."""
    if find_spec("scipy") is None:
        return None
    from scipy.signal import lfilter as filtered

    entering, out = b.numpy(), h.numpy()
    one = numpy.ones(1, dtype=entering.dtype)
    recurrence = numpy.array([1, -gate], dtype=entering.dtype)

    def run() -> None:
        out[...] = filtered(one, recurrence, entering, axis=dim)

    return run
