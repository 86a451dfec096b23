"""Kernels of the course: the linear scan with its backends, scans of any associative operator, and Triton.

Names resolve on first use, so that importing this package loads neither torch nor Triton.
"""

from lesson_support.first_use import names_of

# public name -> module that defines it
_EXPORTS = {
    "Cost": "associative.cost",
    "available_backends": "scans.choosing",
    "gated_scan": "scans.gated",
    "linear_scan": "scans.interface",
    "scan": "associative.interface",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = names_of(__name__, _EXPORTS)
