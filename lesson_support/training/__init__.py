"""Training loops of the course, small enough to run inside a lesson.

Names resolve on first use, so that importing this package does not load torch.
"""

from importlib import import_module

# public name -> module that defines it
_EXPORTS = {
    "RecallRun": "recalling",
    "TextRun": "reading",
    "bits_per_byte": "reading",
    "chunked_backward": "chunking",
    "peak_saved": "chunking",
    "train_recall": "recalling",
    "train_text": "reading",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str):
    if name in _EXPORTS:
        return getattr(import_module(f"lesson_support.training.{_EXPORTS[name]}"), name)
    raise AttributeError(
        f"module 'lesson_support.training' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )


def __dir__():
    return sorted(__all__)
