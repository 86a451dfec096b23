"""Kernels of the course: the linear scan with its backends, scans of any associative operator, and Triton.

Names resolve on first use, so that importing this package loads neither torch nor Triton.
"""

from importlib import import_module

# public name -> module that defines it
_EXPORTS = {
    "Cost": "associative.cost",
    "available_backends": "scans.choosing",
    "gated_scan": "scans.gated",
    "linear_scan": "scans.interface",
    "scan": "associative.interface",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str):
    if name in _EXPORTS:
        return getattr(import_module(f"lesson_support.kernels.{_EXPORTS[name]}"), name)
    raise AttributeError(
        f"module 'lesson_support.kernels' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )


def __dir__():
    return sorted(__all__)
