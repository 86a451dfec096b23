"""Layers named by people: exact names, globs, modules or types, with a suggestion where none is meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from torch import nn

from lesson_support.errors import LessonError


def matching(model: nn.Module, pattern: str, argument: str) -> list[str]:
    """Names of the modules that `pattern` (a name or a glob) names; none: a LessonError with a close one."""
    names = [name for name, _ in model.named_modules() if name]
    found = [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        close = get_close_matches(pattern, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one like {names[0]!r}" if names else ""
        raise LessonError(f"{argument} names {pattern!r}, which no layer of the model is called; {hint}")
    return found


def ignored_names(model: nn.Module, ignore: Iterable) -> frozenset[str]:
    """Names of all layers meant by `ignore`, with everything inside them.

    Each entry is a name or glob, a module of this model, or a type. One that means no layer is an error.
    """
    if isinstance(ignore, (str, type, nn.Module)):
        ignore = (ignore,)
    chosen = [name for entry in ignore for name in _named(model, entry)]
    return frozenset(
        name
        for name, _ in model.named_modules()
        if any(name == each or name.startswith(f"{each}.") for each in chosen)
    )


def _named(model: nn.Module, entry) -> list[str]:
    if isinstance(entry, str):
        return matching(model, entry, "ignore")
    if isinstance(entry, type):
        found = [name for name, module in model.named_modules() if name and isinstance(module, entry)]
        expected = "a type that occurs in it"
    elif isinstance(entry, nn.Module):
        found = [name for name, module in model.named_modules() if name and module is entry]
        expected = "one of its own modules or their names"
    else:
        raise LessonError(f"ignore holds {entry!r}; expected names, modules or types of layers")
    if not found:
        kind = entry.__name__ if isinstance(entry, type) else f"a {type(entry).__name__}"
        raise LessonError(f"ignore holds {kind}, which is not in the model; expected {expected}")
    return found
