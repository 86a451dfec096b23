"""Data of the course that needs no download: generated tasks, and text that comes with Python.

Names resolve on first use, so that importing this package does not load torch.
"""

from importlib import import_module

# public name -> module that defines it
_EXPORTS = {
    "IGNORED": "recall",
    "RecallBatch": "recall",
    "ReferenceText": "text",
    "byte_windows": "text",
    "recall_batch": "recall",
    "reference_text": "text",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str):
    if name in _EXPORTS:
        return getattr(import_module(f"lesson_support.data.{_EXPORTS[name]}"), name)
    raise AttributeError(
        f"module 'lesson_support.data' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )


def __dir__():
    return sorted(__all__)
