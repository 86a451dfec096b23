"""Whether two results are the same up to the rounding of their coarser dtype."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Allowed difference relative to the largest value: ten roundings and more, as when a sum is taken in another
# order. Whole numbers and booleans must be equal; Python's floats and float64 get the last entry.
_TOLERANCES = {"bfloat16": 5e-2, "float16": 1e-2, "float32": 1e-4, "complex64": 1e-4}
_DOUBLE = 1e-9


def agree(expected: object, got: object) -> bool:
    """Whether `difference` finds none."""
    return difference(expected, got) is None


def difference(expected: object, got: object) -> str | None:
    """What differs most between two results: tensors, arrays, numbers, text, sequences and mappings."""
    if isinstance(expected, str | bytes) or isinstance(got, str | bytes):
        return None if expected == got else f"{expected!r} against {got!r}"
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        if expected.keys() != got.keys():
            return f"keys {list(expected)} against {list(got)}"
        return _first_difference((f"[{key!r}]", expected[key], got[key]) for key in expected)
    two_sequences = isinstance(expected, list | tuple) and isinstance(got, list | tuple)
    # Several tensors are several results, each with a scale of its own; a list of numbers is one.
    if not two_sequences or (_holds_numbers(expected) and _holds_numbers(got)):
        left, right = _numbers(expected), _numbers(got)
        if left is not None and right is not None:
            return _numeric_difference(left, right)
    if two_sequences:
        if len(expected) != len(got):
            return f"{len(expected)} results against {len(got)}"
        return _first_difference((f"[{i}]", *pair) for i, pair in enumerate(zip(expected, got, strict=True)))
    kinds = f"{type(expected).__name__} against {type(got).__name__}"
    return f"{kinds}, which only a same= of yours can compare"


def snapshot(result: object) -> object:
    """A copy that later writes to `result` do not reach: two functions may fill one output."""
    if hasattr(result, "detach"):
        return result.detach().clone()
    if isinstance(result, np.ndarray):
        return result.copy()
    if isinstance(result, list | tuple):
        return [snapshot(item) for item in result]
    if isinstance(result, Mapping):
        return {key: snapshot(item) for key, item in result.items()}
    return result


@dataclass(frozen=True)
class _Numbers:
    values: np.ndarray
    tolerance: float


def _holds_numbers(result: object) -> bool:
    """Whether a nested list starts with a number and not with a tensor, an array or anything else."""
    while isinstance(result, list | tuple) and result:
        result = result[0]
    return isinstance(result, int | float | complex | np.generic)


def _numbers(result: object) -> _Numbers | None:
    """`result` as one array of float64, complex128, whole numbers or booleans; else None."""
    if isinstance(result, list | tuple) and not _holds_numbers(result):
        items = [_numbers(item) for item in result]
        if any(item is None for item in items) or len({item.values.shape for item in items}) > 1:
            return None
        values = np.array([item.values for item in items])
        return _Numbers(values, max((item.tolerance for item in items), default=0.0))
    name = str(getattr(result, "dtype", "")).removeprefix("torch.")
    if hasattr(result, "detach"):
        tensor = result.detach().cpu().resolve_conj().resolve_neg()
        result = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    try:
        values = np.asarray(result)
    except ValueError:  # rows of unequal length
        return None
    if values.dtype.kind in "biu":
        return _Numbers(values, 0.0)
    if values.dtype.kind in "fc":
        wide = np.complex128 if values.dtype.kind == "c" else np.float64
        return _Numbers(values.astype(wide), _TOLERANCES.get(name, _DOUBLE))
    return None


def _numeric_difference(expected: _Numbers, got: _Numbers) -> str | None:
    x, y = expected.values, got.values
    if x.shape != y.shape:
        return f"shape {x.shape} against {y.shape}"
    finite = np.isfinite(x) & np.isfinite(y)
    with np.errstate(invalid="ignore", over="ignore"):
        wide = np.result_type(x, y, np.float64)  # so that unsigned numbers do not wrap below 0
        gap = np.where(finite, np.abs(x.astype(wide) - y.astype(wide)), 0.0)
        alike = (x == y) | ((x != x) & (y != y))
    gap[~finite & ~alike] = np.inf
    gap[(gap == 0) & ~alike] = np.finfo(np.float64).tiny  # whole numbers too large for float64 to tell apart
    scale = np.abs(x[finite].astype(wide)).max(initial=0.0)
    allowed = max(expected.tolerance, got.tolerance) * scale
    if gap.size == 0 or gap.max() <= allowed:
        return None
    place = np.unravel_index(int(gap.argmax()), gap.shape)
    where = f" at {tuple(map(int, place))}" if place else ""
    return (
        f"largest difference {gap[place]:.3g}{where} ({x[place]} against {y[place]}), allowed {allowed:.3g}"
    )


def _first_difference(parts) -> str | None:
    for place, left, right in parts:
        if found := difference(left, right):
            return f"{place}: {found}"
    return None
