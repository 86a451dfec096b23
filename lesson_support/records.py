"""Records from TOML and JSON files: a mistake becomes a sentence with its place and what was expected."""

import difflib
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lesson_support.errors import LessonError


class Field(NamedTuple):
    """What one key of a record must hold, in words and as a test."""

    expected: str
    accepts: Callable[[Any], bool]


def is_whole(value: object) -> bool:
    """An int; True and False are not numbers here."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """A finite int or float."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def whole(low: int, high: int) -> Field:
    return Field(
        f"a whole number from {low} to {high}", lambda value: is_whole(value) and low <= value <= high
    )


def one_of(*options: str) -> Field:
    return Field(f"one of {', '.join(options)}", lambda value: isinstance(value, str) and value in options)


def list_of(field: Field, low: int = 0, high: int | None = None) -> Field:
    """A list of `low` to `high` different items, each of which `field` accepts."""
    size = f"{low} or more" if high is None else f"{low} to {high}"

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, list)
            and low <= len(value) <= (len(value) if high is None else high)
            and all(field.accepts(item) for item in value)
            and all(item not in value[:position] for position, item in enumerate(value))
        )

    return Field(f"a list of {size} different items, each {field.expected}", accepts)


LAST_LESSON = 50
LESSON_NUMBER = whole(1, LAST_LESSON)
TEXT = Field(
    "one line of text without blanks around it",
    lambda value: isinstance(value, str) and value != "" and value == value.strip() and value.isprintable(),
)
NUMBER = Field("a finite number", is_number)


def check_record(
    record: object, fields: Mapping[str, Field], where: str, optional: Mapping[str, Field] | None = None
) -> None:
    """Refuse a record with a missing, unknown or ill-typed key; `where` names the file and the entry."""
    optional = optional or {}
    if not isinstance(record, dict):
        raise LessonError(f"{where} is {type(record).__name__}: expected a table with {', '.join(fields)}")
    every = {**fields, **optional}
    for key in record:
        if key not in every:
            raise LessonError(f"{where} has the unknown key {key!r}: expected {', '.join(every)}")
    for key, field in every.items():
        if key in record and not field.accepts(record[key]):
            raise LessonError(f"{where}: {key} is {record[key]!r}: expected {field.expected}")
        if key in fields and key not in record:
            raise LessonError(f"{where} has no {key!r}: expected {field.expected}")


def read_toml(file: Path) -> dict[str, Any]:
    return _read(file, tomllib.loads, "TOML")


def read_json(file: Path) -> dict[str, Any]:
    """The object in `file`; NaN and Infinity, which JSON does not have, are errors."""
    return _read(file, lambda text: json.loads(text, parse_constant=_no_constant), "JSON")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")


def _read(file: Path, parse: Callable[[str], Any], kind: str) -> dict[str, Any]:
    try:
        content = parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise LessonError(f"cannot read {file} ({error.strerror}): expected a {kind} file") from None
    except ValueError as error:
        raise LessonError(f"{file} is not valid {kind}: {error}") from None
    if not isinstance(content, dict):
        raise LessonError(f"{file} holds {type(content).__name__}: expected a {kind} table")
    return content


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean a or b?` when something close to `word` is known, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
