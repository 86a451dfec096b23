"""An answer may change its arguments; what it did to its copies happens to ours."""

import sys
from typing import Any

import numpy as np


def write_back(ours: list, theirs: Any) -> None:
    """Change our positional and keyword arguments in place to what came back.

    Whether an answer changed anything is what its process says; one that lies about it could as well have
    made a copy first. ValueError where an argument came back as something that it cannot become in place.
    """
    (positional, keywords) = ours
    if type(theirs) is not list or len(theirs) != 2 or type(theirs[1]) is not dict:
        raise ValueError("its arguments did not come back")
    if type(theirs[0]) is not list or len(theirs[0]) != len(positional) or set(theirs[1]) != set(keywords):
        raise ValueError("its arguments came back in another number")
    for a, b in [*zip(positional, theirs[0], strict=True), *((keywords[k], theirs[1][k]) for k in keywords)]:
        _change(a, b)


def _change(ours: Any, theirs: Any) -> None:
    torch = sys.modules.get("torch")
    if isinstance(ours, list) and isinstance(theirs, list):
        kept = min(len(ours), len(theirs))
        ours[:] = [_standing(a, b) for a, b in zip(ours, theirs, strict=False)] + theirs[kept:]
    elif isinstance(ours, dict) and isinstance(theirs, dict):
        changed = {key: _standing(ours[key], each) if key in ours else each for key, each in theirs.items()}
        ours.clear()
        ours.update(changed)
    elif isinstance(ours, tuple) and isinstance(theirs, tuple) and len(ours) == len(theirs):
        for a, b in zip(ours, theirs, strict=True):
            _change(a, b)
    elif isinstance(ours, np.ndarray):
        if not _fits(ours, theirs):
            raise ValueError("the shape or the dtype of an argument was changed")
        np.copyto(ours, theirs)
    elif torch is not None and isinstance(ours, torch.Tensor):
        if not isinstance(theirs, torch.Tensor) or theirs.dtype != ours.dtype:
            raise ValueError("the dtype of an argument was changed")
        with torch.no_grad():
            ours.set_(theirs.untyped_storage(), theirs.storage_offset(), theirs.shape, theirs.stride())


def _standing(ours: Any, theirs: Any) -> Any:
    """What stands in a container afterwards: the same object, changed, where it is one that can change."""
    if isinstance(ours, list | dict | tuple) and type(ours) is type(theirs):
        if not isinstance(ours, tuple):
            _change(ours, theirs)
            return ours
        if len(ours) == len(theirs):
            return tuple(_standing(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, np.ndarray) and _fits(ours, theirs):
        np.copyto(ours, theirs)
        return ours
    return theirs


def _fits(ours: np.ndarray, theirs: Any) -> bool:
    return isinstance(theirs, np.ndarray) and (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
