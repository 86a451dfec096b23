"""Every Claim Runs: the package behind fifty executable lessons in PyTorch engineering.

`from lesson_support import lesson, predict, verify, draw` is what a notebook writes. Names resolve on first
use, so that `import lesson_support` and the command line start without importing torch.
"""

from importlib import import_module

__version__ = "0.1.0"

# name a notebook imports -> module that defines it
_EXPORTS = {
    "check": "lesson_support.grading.learner",
    "exercise": "lesson_support.grading.learner",
    "hint": "lesson_support.grading.learner",
    "lesson": "lesson_support.classroom.opening",
    "predict": "lesson_support.classroom.prediction",
    "show_source": "lesson_support.classroom.source",
    "solution": "lesson_support.grading.learner",
    "verify": "lesson_support.claims",
}
_MODULES = (
    "catalog",
    "claims",
    "devices",
    "draw",
    "kernels",
    "measured",
    "native",
    "roofline",
    "tensors",
    "timing",
)

__all__ = [*_EXPORTS, *_MODULES]


def __getattr__(name: str):
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    if name in _MODULES:
        return import_module(f"lesson_support.{name}")
    raise AttributeError(f"module 'lesson_support' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__():
    return sorted(__all__)
