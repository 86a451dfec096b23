"""What a scan must compute and how far off it may be: loops in NumPy, in the widest floats there are.

A loop or a tree rounds once or twice for each gate and each sum, so its result is the exact one for gates
that are a few units off, and then a few units off itself. Two companions say how much that is: `size`, the
same recurrence of absolute values, in which nothing cancels, and `slope`, its change if every gate grows by
its own share. The allowance is UNITS of the first and UNITS_GATE of the second; one rounding of the result in
half precision comes on top. An allowance relative to the result itself would reject correct scans.
"""

from dataclasses import dataclass

import numpy as np
import torch

from tests.package.scans.building import Inputs

UNITS, UNITS_GATE = 8, 2
UNITS_EXP = 2  # by which an exponential may be off
UNIT = {torch.float64: 2.0**-53}  # of the arithmetic inside; float32 otherwise
UNIT_OUT = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}
# Beyond this an intermediate may overflow; below the other, denormals may be flushed.
LARGEST = {torch.float64: 1e300, torch.float16: 3e4}
SMALLEST = {torch.float64: 1e-300, torch.float16: 2.0**-24}


@dataclass(frozen=True)
class Expected:
    """The exact values, and the bound of the error; where the bound is infinite nothing is said.

    `strict` is UNITS of `size` and the rounding of the result, which typical scans keep too.
    """

    values: np.ndarray
    bound: np.ndarray
    strict: np.ndarray


def expected(x: Inputs) -> dict[str, Expected]:
    """h and state, and the gradients da (summed over expanded axes), db and dh0, of exactly these inputs."""
    dtype, steps = x.b.dtype, x.b.shape[x.dim]
    unit, out = UNIT.get(dtype, 2.0**-24), UNIT_OUT.get(dtype, 0.0)
    h0_out = out if x.h0 is not None and x.h0.dtype == dtype else 0.0
    with np.errstate(all="ignore"):
        a = _rows(x.gate.expand(x.b.shape), x.dim)
        a = np.exp(a) if x.log_gates else a
        b, grad = _rows(x.b, x.dim), _rows(x.grad, x.dim)
        start = np.zeros(len(b), np.longdouble) if x.h0 is None else _flat(x.h0)
        last = np.zeros(len(b), np.longdouble) if x.grad_state is None else _flat(x.grad_state)
        order = range(steps - 1, -1, -1) if x.reverse else range(steps)
        values = _results(a, b, start, grad, last, order, x.log_gates)
        sizes = _results(abs(a), abs(b), abs(start), abs(grad), abs(last), order, x.log_gates)
        slopes = _slopes(abs(a), sizes, abs(start), order, x.log_gates)
        # h was rounded when it was stored, before da is computed from it and rounded once more.
        roundings = {"h": out, "state": 0.0, "da": 2 * out, "db": out, "dh0": h0_out}
        found = {}
        for name, size in sizes.items():
            known = np.isfinite(size) & (size < LARGEST.get(dtype, 1e37))
            strict = UNITS * (2 if name == "da" else 1) * unit * size
            strict = strict + roundings[name] * abs(values[name]) + SMALLEST.get(dtype, 1e-37)
            bound = strict + (UNITS_GATE + UNITS_EXP * x.log_gates) * unit * slopes[name]
            parts = (values[name], np.where(known, bound, np.inf), strict)
            found[name] = Expected(*(_in_shape(part, tuple(x.b.shape), x.dim) for part in parts))
        da, largest = found["da"], LARGEST.get(dtype, 1e37)
        found["da"] = _summed(da, tuple(x.gate.shape), UNITS * unit + 2 * out, largest)
    return found


def _results(a, b, start, grad, last, order, log_gates) -> dict[str, np.ndarray]:
    """All results as rows; of absolute values, their sizes."""
    h, state = _forward(a, b, start, order)
    g, dh0 = _backward(a, grad, last, order)
    da = g * _before(h, start, order)
    return {"h": h, "state": state, "da": a * da if log_gates else da, "db": g, "dh0": dh0}


def _slopes(a, sizes, start, order, log_gates) -> dict[str, np.ndarray]:
    """How the sizes change if every gate does, by its own share."""
    none = np.zeros_like(start)
    before = _before(sizes["h"], start, order)
    slope, slope_state = _forward(a, a * before, none, order)
    back, slope_dh0 = _backward(a, _before(a * sizes["db"], none, order[::-1]), none, order)
    da = back * before + sizes["db"] * _before(slope, none, order)
    da = a * da + sizes["da"] if log_gates else da
    return {"h": slope, "state": slope_state, "da": da, "db": back, "dh0": slope_dh0 + sizes["dh0"]}


def _in_shape(rows: np.ndarray, shape: tuple[int, ...], dim: int) -> np.ndarray:
    kept = [size for axis, size in enumerate(shape) if axis != dim]
    if rows.ndim == 1:
        return rows.reshape(kept)
    return np.moveaxis(rows.reshape([*kept, shape[dim]]), -1, dim)


def _summed(da: Expected, shape: tuple[int, ...], per_term: float, largest: float) -> Expected:
    full = da.values.shape
    axes = tuple(axis for axis, (have, of) in enumerate(zip(shape, full, strict=True)) if have != of)
    if not axes:
        return da
    values, bound, strict = (part.sum(axes, keepdims=True) for part in (da.values, da.bound, da.strict))
    size = np.abs(da.values).sum(axes, keepdims=True)
    more = per_term * size + 1e-300
    return Expected(values, np.where(size < largest, bound + more, np.inf), strict + more)


def _forward(a, b, start, order):
    h, out = start, np.empty_like(b)
    for t in order:
        h = a[:, t] * h + b[:, t]
        out[:, t] = h
    return out, h


def _backward(a, grad, last, order):
    """g at every step, and what arrives at h0."""
    carried, out = last, np.empty_like(grad)
    for t in reversed(order):
        out[:, t] = grad[:, t] + carried
        carried = a[:, t] * out[:, t]
    return out, carried


def _before(h, start, order):
    """h_{t−1} at every step t."""
    out, previous = np.empty_like(h), start
    for t in order:
        out[:, t], previous = previous, h[:, t]
    return out


def _rows(x: torch.Tensor, dim: int) -> np.ndarray:
    moved = x.detach().to(torch.float64).movedim(dim, -1).numpy().astype(np.longdouble)
    return moved.reshape(int(np.prod(moved.shape[:-1])), moved.shape[-1])


def _flat(x: torch.Tensor) -> np.ndarray:
    return x.detach().to(torch.float64).numpy().astype(np.longdouble).reshape(-1)
