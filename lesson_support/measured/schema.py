"""The form of a published measurement, and the refusal of anything else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lesson_support.errors import LessonError
from lesson_support.records import TEXT, Field, check_record, is_number, is_whole, list_of, read_json

_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*")


@dataclass(frozen=True)
class Row:
    """One measured figure: the median of `n` samples between `low` and `high`."""

    labels: tuple[str | int | float, ...]
    median: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Result:
    """One figure (no columns, one row) or a table whose columns say what each row measured."""

    unit: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    shape: str = ""

    @property
    def median(self) -> float:
        """The figure of a result that is one figure."""
        if self.columns:
            raise LessonError(f"a table of {len(self.rows)} rows has no single median: expected one figure")
        return self.rows[0].median


@dataclass(frozen=True)
class Record:
    """A result and where it came from."""

    name: str
    result: Result
    device: str
    slug: str
    date: str
    commit: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Device:
    device: str
    slug: str
    records: dict[str, Record]


def device_slug(device: str) -> str:
    """`Intel(R) Xeon(R) CPU @ 2.70GHz` → `intel-xeon-cpu-2-70ghz`."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", device.lower())).strip("-")


def _is_date(value: object) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except (TypeError, ValueError):
        return False


_SPREAD = Field(
    "[low, high] with low <= high",
    lambda value: (
        isinstance(value, list) and len(value) == 2 and all(map(is_number, value)) and value[0] <= value[1]
    ),
)
_FIGURE = {
    "median": Field("a finite number", is_number),
    "spread": _SPREAD,
    "n": Field("the number of samples, 1 or more", lambda value: is_whole(value) and value >= 1),
}
_LABEL = Field("a text or a finite number", lambda value: TEXT.accepts(value) or is_number(value))
_COLUMN = Field(
    "a column's name, none of median, spread, n", lambda value: TEXT.accepts(value) and value not in _FIGURE
)
_RUN = {
    "date": Field("a date such as 2026-01-31", _is_date),
    "commit": TEXT,
    "versions": Field(
        "names of packages and their versions",
        lambda value: isinstance(value, dict) and value and all(map(TEXT.accepts, [*value, *value.values()])),
    ),
    "results": Field("results by name, at least one", lambda value: isinstance(value, dict) and value),
}
_DEVICE = {"device": TEXT, "slug": TEXT}


def check_results(results: object, where: str) -> dict[str, Result]:
    """The results by name, each complete and finite; a LessonError names the one that is not."""
    if not isinstance(results, dict) or not results:
        raise LessonError(f"{where} has no results: expected a dict of results by name")
    for name in results:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise LessonError(
                f"{where}: the result name {name!r} is not usable: expected words such as scan/forward"
            )
    checked = {name: _check_result(record, f"{where}, result {name}") for name, record in results.items()}
    for name, result in checked.items():
        if name.startswith("claims/") and (result.columns or result.unit != "×"):
            raise LessonError(
                f"{where}, result {name} is in {result.unit}: expected one ratio with the unit ×"
            )
    return checked


def _check_result(record: Any, where: str) -> Result:
    optional = {"shape": TEXT}
    if not isinstance(record, dict) or not ("columns" in record or "rows" in record):
        check_record(record, {"unit": TEXT, **_FIGURE}, where, optional)
        return Result(record["unit"], (), (_row(record, (), where),), record.get("shape", ""))
    rows = Field("a list of at least one row", lambda value: isinstance(value, list) and len(value) > 0)
    check_record(record, {"unit": TEXT, "columns": list_of(_COLUMN, low=1), "rows": rows}, where, optional)
    columns, found = tuple(record["columns"]), []
    for position, row in enumerate(record["rows"], start=1):
        place = f"{where}, row {position}"
        check_record(row, {**dict.fromkeys(columns, _LABEL), **_FIGURE}, place)
        found.append(_row(row, columns, place))
        if any(found[-1].labels == earlier.labels for earlier in found[:-1]):
            raise LessonError(
                f"{place} has the labels {found[-1].labels} of an earlier row: expected its own"
            )
    return Result(record["unit"], columns, tuple(found), record.get("shape", ""))


def _row(record: Mapping[str, Any], columns: tuple[str, ...], where: str) -> Row:
    low, high = record["spread"]
    if not low <= record["median"] <= high:
        raise LessonError(f"{where}: the median {record['median']} is outside the spread {low} to {high}")
    return Row(tuple(record[column] for column in columns), record["median"], low, high, record["n"])


def check_run(run: object, where: str) -> None:
    """A run as `record_run` writes it: one device, one date, one commit, one set of versions, its results."""
    check_record(run, {**_DEVICE, **_RUN}, where)
    _check_slug(run, where)
    check_results(run["results"], where)


def load_run(file: Path) -> dict[str, Record]:
    """The results of one run, as `record_run` wrote it."""
    run = read_json(Path(file))
    check_run(run, str(file))
    where = (run["device"], run["slug"], run["date"], run["commit"], run["versions"])
    return {name: Record(name, result, *where) for name, result in check_results(run["results"], "").items()}


def _check_slug(record: Mapping[str, Any], where: str) -> None:
    if record["slug"] != device_slug(record["device"]):
        raise LessonError(
            f"{where}: the slug {record['slug']!r} does not belong to {record['device']!r}: "
            f"expected {device_slug(record['device'])}"
        )


def load_file(file: Path) -> Device:
    """What is published in `<device-slug>.json`."""
    content = read_json(file)
    runs = Field("a list of at least one run", lambda value: isinstance(value, list) and len(value) > 0)
    check_record(content, {**_DEVICE, "runs": runs}, str(file))
    _check_slug(content, str(file))
    if file.stem != content["slug"]:
        raise LessonError(f"{file} holds the device {content['slug']}: expected it in {content['slug']}.json")
    records: dict[str, Record] = {}
    for position, run in enumerate(content["runs"], start=1):
        where = f"{file}, run {position}"
        check_record(run, _RUN, where)
        for name, result in check_results(run["results"], where).items():
            if name in records:
                raise LessonError(f"{where}: {name} is in an earlier run too: expected each result once")
            records[name] = Record(
                name, result, content["device"], content["slug"], run["date"], run["commit"], run["versions"]
            )
    return Device(content["device"], content["slug"], records)
