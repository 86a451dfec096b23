"""Values and cases, small enough to read."""

import math
from typing import Any

import numpy as np

from lesson_support.grading.comparing import as_array
from lesson_support.questions.kinds import Asked, Raises, Scenario

WIDTH = 160
# An array without elements is short but hard to read: a small full one says sooner what is wrong.
EMPTY_ARRAY = 40


def shown(value: Any, width: int = WIDTH) -> str:
    """`value` in at most `width` characters; an array with its shape and dtype."""
    if isinstance(value, Raises):
        return str(value)
    found = as_array(value)
    if found is None:
        try:
            text = repr(value)
        except Exception:
            text = f"a {type(value).__name__} that cannot be shown"
    else:
        array, dtype = found
        values = np.array2string(
            array, threshold=12, edgeitems=2, precision=6, separator=", ", max_line_width=10**6
        )
        text = f"{' '.join(values.split())} (shape {array.shape}, {dtype})"
    return text if len(text) <= width else f"{text[: width - 1]}…"


def shown_case(question: Asked, arguments: tuple) -> str:
    """The line that a learner would type to see this case."""
    if question.show is not None:
        return question.show(*arguments)
    if isinstance(question, Scenario):
        made, operations = arguments
        lines = [
            f"{question.name}({_listed(made)})",
            *(f".{name}({_listed(rest)})" for name, *rest in operations),
        ]
        return (
            " ".join(lines)
            if len(lines) <= 12
            else " ".join([*lines[:11], f"… {len(lines) - 1} operations in all"])
        )
    return f"{question.name}({_listed(arguments)})"


def _listed(arguments) -> str:
    return ", ".join(shown(each) for each in arguments)


def size_of(value: Any) -> float:
    """How much there is to read: what makes one case smaller than another."""
    found = as_array(value)
    if found is not None:
        return 1 + (3 * found[0].size or EMPTY_ARRAY)
    if isinstance(value, dict):
        return 1 + sum(size_of(key) + size_of(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return 1 + sum(size_of(each) for each in value)
    if isinstance(value, int | float):
        return 1 + math.log1p(min(abs(value), 1e9)) if value == value else 2
    return len(repr(value))


def points_text(points: float) -> str:
    """`1 point`, `2 points`, `2.4 points`."""
    return f"{points:g} point{'' if points == 1 else 's'}"
