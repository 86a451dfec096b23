"""Public names of a room that resolve on first use, so that importing the room loads none of its modules."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def names_of(room: str, homes: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A `__getattr__` and a `__dir__` for the package `room`: `homes` maps a name to the module it lives in.

    A name that the room does not offer is an AttributeError that lists those it does.
    """

    def __getattr__(name: str) -> Any:
        if name in homes:
            return getattr(import_module(f"{room}.{homes[name]}"), name)
        raise AttributeError(f"module {room!r} has no attribute {name!r}; it offers {', '.join(homes)}")

    def __dir__() -> list[str]:
        return sorted(homes)

    return __getattr__, __dir__
