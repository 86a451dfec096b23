"""C++ operators of the lessons: built on first use, kept in the cache, loaded once per process.

`operators("roofline").triad(a, b, h)` compiles `cpp/roofline.cpp` if nothing intact is cached, which takes a
second or two, and returns `torch.ops.lessons_roofline`. A source registers the namespace `lessons_<name>`
through PyTorch's stable ABI, so that it needs small headers only.
"""

import threading

from lesson_support.errors import LessonError
from lesson_support.native.building import library, sources
from lesson_support.native.toolchain import compiler

__all__ = ["available", "compiler", "operators", "sources"]

_lock = threading.Lock()
_loaded: dict[str, object] = {}


def operators(name: str):
    """The namespace `torch.ops.lessons_<name>`; a LessonError says why it cannot be built or loaded."""
    with _lock:
        if name not in _loaded:
            _loaded[name] = _load(name)
        return _loaded[name]


def available() -> bool:
    """Whether a compiler is there to build operators with; builds nothing."""
    try:
        compiler()
    except LessonError:
        return False
    return True


def _load(name: str):
    file = library(name)
    import torch

    try:
        torch.ops.load_library(str(file))
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise LessonError(
            f"the native library {name} does not load ({reason}): expected a cache on a disk that may hold "
            "programs; LESSONS_CACHE names another"
        ) from None
    return getattr(torch.ops, f"lessons_{name}")
