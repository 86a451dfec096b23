"""Is what came what was expected? If not, where is the first difference?"""

import math
import sys
from typing import Any, NamedTuple

import numpy as np

# What follows from the number of digits a dtype has: (relative, absolute).
TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-9),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-9),
}


class Difference(NamedTuple):
    """`where` is a path such as `[1]['rows']`, empty at the top; `what` says what differs there."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"at {self.where}: {self.what}" if self.where else self.what


def difference(
    got: Any, expected: Any, relative: float | None = None, absolute: float | None = None, where: str = ""
) -> Difference | None:
    """The first difference, or None. Integers, booleans, text and structure must be equal, lists and tuples
    are interchangeable, floats may differ by the tolerance (their dtype's where none is given), NaN equals
    NaN."""
    limits = {"relative": relative, "absolute": absolute}
    array = as_array(expected)
    if array is not None:
        return _arrays(as_array(got), array, got, where, **limits)
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return Difference(where, f"expected a dict, got {_kind(got)}")
        for key in expected:
            if key not in got:
                return Difference(where, f"the key {key!r} is missing")
        for key in got:
            if key not in expected:
                return Difference(where, f"the key {key!r} is not expected")
        pairs = [(got[key], expected[key], f"{where}[{key!r}]") for key in expected]
    elif isinstance(expected, list | tuple):
        if not isinstance(got, list | tuple):
            return Difference(where, f"expected a {type(expected).__name__}, got {_kind(got)}")
        if len(got) != len(expected):
            return Difference(where, f"expected {_count(len(expected), 'item')}, got {len(got)}")
        pairs = [(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(got, expected, strict=True))]
    else:
        return _scalars(got, expected, where, **limits)
    found = (difference(a, b, relative, absolute, place) for a, b, place in pairs)
    return next((each for each in found if each), None)


def differing(
    got: Any, expected: Any, relative: float | None = None, absolute: float | None = None
) -> tuple[Any, Any]:
    """Both as they are; of two dicts only the entries that differ, so that nothing equal hides them."""
    if not isinstance(got, dict) or not isinstance(expected, dict):
        return got, expected
    equal = {
        key
        for key in expected
        if key in got and difference(got[key], expected[key], relative, absolute) is None
    }
    return tuple({key: each[key] for key in each if key not in equal} for each in (got, expected))


def as_array(value: Any) -> tuple[np.ndarray, str] | None:
    """`value` as a NumPy array with the name of its own dtype, if it is an array or a tensor."""
    if isinstance(value, np.ndarray):
        return value, value.dtype.name
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        name = str(value.dtype).removeprefix("torch.")
        value = value.detach().cpu()
        return (value.float() if name == "bfloat16" else value).resolve_conj().resolve_neg().numpy(), name
    return None


def _arrays(got, expected, original, where, relative, absolute) -> Difference | None:
    (wanted, dtype) = expected
    if got is None:
        return Difference(where, f"expected an array, got {_kind(original)}")
    (values, got_dtype) = got
    if values.shape != wanted.shape:
        return Difference(where, f"expected shape {wanted.shape}, got shape {values.shape}")
    if got_dtype != dtype:
        return Difference(where, f"expected dtype {dtype}, got dtype {got_dtype}")
    if wanted.dtype.kind in "fc":
        rtol, atol = _limits(dtype, relative, absolute)
        with np.errstate(invalid="ignore", over="ignore"):
            equal = np.isclose(values, wanted, rtol=rtol, atol=atol, equal_nan=True)
    else:
        equal = values == wanted
    if np.all(equal):
        return None
    bad = np.argwhere(~np.asarray(equal))
    first = tuple(bad[0].tolist())
    what = f"expected {wanted[first].item()!r}, got {values[first].item()!r}"
    if len(bad) > 1:
        what += f" ({len(bad)} of {wanted.size} elements differ)"
    return Difference(where + (str(list(first)) if first else ""), what)


def _scalars(got, expected, where, relative, absolute) -> Difference | None:
    if isinstance(got, np.generic):
        got = got.item()
    if isinstance(expected, np.generic):
        expected = expected.item()
    told = Difference(
        where, f"expected {expected!r}, got {got!r}" if as_array(got) is None else _expected(expected, got)
    )
    if isinstance(expected, float | complex):
        if isinstance(got, bool) or not isinstance(got, int | float | complex):
            return told
        rtol, atol = _limits("float64", relative, absolute)
        if expected != expected or got != got:
            return None if expected != expected and got != got else told
        close = got == expected or abs(got - expected) <= max(rtol * abs(expected), atol) < math.inf
        return None if close else told
    if type(got) is not type(expected) or got != expected:
        return told
    return None


def _expected(expected, got) -> str:
    return f"expected {expected!r}, got {_kind(got)}"


def _limits(dtype, relative, absolute) -> tuple[float, float]:
    rtol, atol = TOLERANCES.get(dtype, (0.0, 0.0))
    return (rtol if relative is None else relative), (atol if absolute is None else absolute)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _kind(value: Any) -> str:
    return "None" if value is None else f"{type(value).__name__}"
