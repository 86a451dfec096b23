"""What `verify` refuses: arguments without meaning, and checks that do not come out."""

import re
from collections.abc import Mapping
from typing import Any

from lesson_support.errors import LessonError
from lesson_support.records import TEXT

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class ClaimFailed(AssertionError):
    """A claim that the code beside it does not bear out, or a check that could not have failed."""


def check_heading(id: str, text: str) -> None:
    if not isinstance(id, str) or not SLUG.fullmatch(id):
        raise LessonError(
            f"the claim id {id!r} is no slug: expected small letters, digits and single hyphens"
        )
    if not TEXT.accepts(text):
        raise LessonError(f"{id}: the text is {text!r}: expected {TEXT.expected}")


def check_unless(id: str, unless: Mapping[str, Any]) -> None:
    if not isinstance(unless, Mapping) or not unless or not all(map(TEXT.accepts, unless)):
        raise LessonError(
            f"{id}: unless is {unless!r}: expected a dict with at least one label: counterexample"
        )


def check_clause(id: str, name: str, clause: str | None, needed: bool, verdict: str) -> None:
    if needed and not TEXT.accepts(clause):
        raise LessonError(f"{id}: “{verdict}” got {name}={clause!r}: expected {TEXT.expected}")
    if not needed and clause is not None:
        raise LessonError(f"{id}: “{verdict}” got {name}={clause!r}: expected no {name}= with this verdict")


def truth(value: Any, role: str) -> bool:
    """`value` as a bool if it is one: a Python bool, or a boolean array or tensor without dimensions."""
    if isinstance(value, bool):
        return value
    kind, shape, dtype = type(value).__name__, getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        raise LessonError(f"{role} is a {kind} ({value!r}): expected True or False")
    boolean = str(dtype) in ("bool", "torch.bool")
    if not boolean or tuple(shape):
        hint = "; did you mean .all()?" if boolean else ""
        raise LessonError(
            f"{role} is a {kind} of shape {tuple(shape)} and {dtype}: expected one boolean{hint}"
        )
    return bool(value)


def must_fail(id: str, unless: Mapping[str, Any]) -> None:
    for label, counterexample in unless.items():
        if truth(counterexample, f"the counterexample {label!r} of {id}"):
            raise ClaimFailed(f"the check of {id} cannot fail: the counterexample {label!r} also holds")


def not_so(unless: Mapping[str, Any]) -> str:
    return f" (not so {'; '.join(unless)})" if unless else ""
