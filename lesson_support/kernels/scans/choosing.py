"""Which backend takes a scan: the named one, or the first that can and does not refuse.

A backend is a module with NAME, missing, refuses, forward and backward:

missing() -> str | None             why it cannot be used on this machine at all, None if it can
refuses(problem) -> str | None      why it does not take this combination, None if it does
forward(a, b, h0, out, state, *, reverse, log_gates)
backward(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates)

It may have a fifth, for calls so small that checks and views would outlast them:

direct(a, b, out, dim, reverse, log_gates) -> bool      the whole of linear_scan(a, b, out=out, ...) on plain
                                                        tensors; False, with nothing written, unless it has
                                                        checked that all is in order

Tensors arrive as views with the scan's axis last and lie as they lie: (*rows, T) for a, b, out, h, grad, da
and db, (*rows) for h0, state, grad_state and dh0. `h0` and `grad_state` None are zeros; `da` and `dh0` None
are not wanted. out, state, da, db and dh0 are written and never read; inputs are never written. The carried
state and all arithmetic are float32 (float64 for float64), as are state, grad_state and dh0; h0 has that
dtype or b's. With g_t = grad_t + a_{t+1}·g_{t+1}, where the last step adds grad_state: db = g,
da_t = g_t·h_{t−1} (times a_t, the exponential, with log_gates), dh0 = a_0·g_0. `h` is the stored, rounded
result; without a step, state is h0 and dh0 is grad_state.
"""

import functools
import importlib
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType

from lesson_support.errors import LessonError
from lesson_support.kernels.scans.problem import Problem

# Name -> module beside this one, or a backend itself, as someone adds their own. The order is that of
# preference on a CPU; on a GPU triton comes first.
BACKENDS = {
    "cpp": "compiled",
    "rust": "rusted",
    "torch": "vectorised",
    "reference": "reference",
    "triton": "tritonic",
}

_direct: dict[str, Callable[..., bool] | None] = {}


def available_backends() -> list[str]:
    """The names that `linear_scan` can be asked for on this machine, best first."""
    import torch

    usable = [name for name in BACKENDS if why_missing(name) is None]
    return _in_order(usable, "cuda" if torch.cuda.is_available() else "cpu")


def choose(name: str, *problems: Problem) -> ModuleType:
    """The backend for all of `problems`; a LessonError names the argument `backend` and the reason."""
    if name == "auto":
        candidates = _in_order([*BACKENDS], problems[0].device)
        return next(filter(None, (_willing(candidate, problems) for candidate in candidates)))
    if reason := why_missing(name):
        raise LessonError(f"backend = {name!r} cannot be used here: {reason}; expected {_usable()}")
    backend = load(name)
    for problem in problems:
        if reason := backend.refuses(problem):
            raise LessonError(f"backend = {name!r} does not take this scan: {reason}; expected 'auto'")
    return backend


def load(name: str) -> ModuleType:
    """The backend of that name, imported on first use."""
    entry = _entry(name)
    return importlib.import_module(f"{__package__}.{entry}") if isinstance(entry, str) else entry


def why_missing(name: str) -> str | None:
    """Why `name` cannot be used on this machine, None if it can; a module is asked once in a process."""
    entry = _entry(name)
    return _why_missing(entry) if isinstance(entry, str) else entry.missing()


@functools.cache
def _why_missing(module: str) -> str | None:
    if find_spec(f"{__package__}.{module}") is None:
        return "this version of the package does not bring it"
    return importlib.import_module(f"{__package__}.{module}").missing()


def direct(name: str) -> Callable[..., bool] | None:
    """The short cut that `name` offers; for "auto" that of the backend preferred on a CPU."""
    if name not in _direct:
        best = available_backends()[0] if name == "auto" else name
        usable = why_missing(best) is None
        _direct[name] = getattr(load(best), "direct", None) if usable else None
    return _direct[name]


def _entry(name: str) -> str | ModuleType:
    if name not in BACKENDS:
        raise LessonError(f"backend = {name!r}: expected 'auto' or {_usable()}")
    return BACKENDS[name]


def _willing(name: str, problems: tuple[Problem, ...]) -> ModuleType | None:
    if why_missing(name) is not None:
        return None
    backend = load(name)
    return None if any(backend.refuses(problem) for problem in problems) else backend


def _usable() -> str:
    return "one of " + ", ".join(available_backends())


def _in_order(names: list[str], device: str) -> list[str]:
    return names if device == "cpu" else sorted(names, key=lambda name: name != "triton")
