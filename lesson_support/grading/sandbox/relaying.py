"""Exceptions that cross between two processes: as names and text, rebuilt as classes of the same names."""

import builtins

from lesson_support.grading.asking import one_line
from lesson_support.grading.sandbox.wire import Garbled

__builtins__ = dict(vars(builtins))

NAMES, NAME_CHARS, TEXT_CHARS = 24, 100, 400
KNOWN = {
    name: each
    for name, each in vars(builtins).items()
    if isinstance(each, type) and issubclass(each, Exception) and not issubclass(each, BaseExceptionGroup)
}


class Relayed(Exception):
    """The root of every rebuilt exception: none of them stops the process that rebuilds it."""

    relayed = True

    def __str__(self) -> str:
        return self.relayed_text


def describe(error: BaseException) -> dict:
    """What crosses."""
    names = [each.__name__[:NAME_CHARS] for each in type(error).__mro__ if each is not object]
    _, _, text = one_line(error).partition(": ")
    names = [name for name in names if name.isidentifier()][:NAMES]
    return {"errors": names, "text": text[:TEXT_CHARS]}


def rebuild(told: dict) -> Exception:
    """The exception that `told` describes. `except KeyError` catches a rebuilt KeyError; one that would end
    the process, as SystemExit does, keeps its name only."""
    names, text = told.get("errors"), told.get("text")
    if type(names) is not list or not 0 < len(names) <= NAMES or type(text) is not str:
        raise Garbled("an exception without a description")
    if any(type(name) is not str or not name.isidentifier() or len(name) > NAME_CHARS for name in names):
        raise Garbled("an exception with an impossible name")
    known = next((name for name in names if name in KNOWN and KNOWN[name] is not Exception), None)
    made: type = Relayed
    if known:  # first of the bases: MemoryError, for one, is only made by its own __new__
        made = type(known, (KNOWN[known], Relayed), {"__str__": Relayed.__str__})
    for name in reversed(names[: names.index(known) if known else len(names)]):
        if name not in ("Exception", "BaseException"):
            made = type(name, (made,), {})
    error = made.__new__(made)
    error.relayed_text = text[:TEXT_CHARS]
    return error
