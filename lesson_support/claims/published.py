"""The claims that others published, read from claims.toml."""

import functools
from dataclasses import dataclass
from pathlib import Path

from lesson_support import paths
from lesson_support.claims.checks import SLUG
from lesson_support.errors import LessonError
from lesson_support.records import LESSON_NUMBER, TEXT, Field, check_record, list_of, read_toml

_CLAIM_FIELDS = {
    "id": Field(
        "a slug such as pinned-memory-2-3x",
        lambda value: isinstance(value, str) and bool(SLUG.fullmatch(value)),
    ),
    "text": TEXT,
    "source": TEXT,
    "denominator": TEXT,
    "lessons": list_of(LESSON_NUMBER, low=1),
}


@dataclass(frozen=True)
class Claim:
    """A claim that others published: compared with what (`denominator`), tested in which lessons."""

    id: str
    text: str
    source: str
    denominator: str
    lessons: tuple[int, ...]


def published_claims() -> dict[str, Claim]:
    """Every claim that the course sets out to settle, by id."""
    return dict(_claims())


@functools.cache
def _claims() -> dict[str, Claim]:
    return load_claims(paths.PACKAGE / "claims.toml")


def load_claims(file: Path) -> dict[str, Claim]:
    """The claims in `file`; a LessonError names the entry that is wrong."""
    content = read_toml(file)
    check_record(
        content, {"claim": Field("[[claim]] entries", lambda value: isinstance(value, list))}, str(file)
    )
    found: dict[str, Claim] = {}
    for position, record in enumerate(content["claim"], start=1):
        name = record.get("id", "no id") if isinstance(record, dict) else "no table"
        where = f"{file}, claim {position} ({name})"
        check_record(record, _CLAIM_FIELDS, where)
        if record["id"] in found:
            raise LessonError(f"{where}: the id is taken by an earlier claim: expected an id of its own")
        found[record["id"]] = Claim(**{**record, "lessons": tuple(record["lessons"])})
    return found
