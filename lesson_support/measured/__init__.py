"""Published measurements, each with the machine, the versions, the date and the commit that it came from.

`<device-slug>.json` in this folder holds what was published for one device:

    {"device": "…", "slug": "…", "runs": [{"date", "commit", "versions", "results": {name: result}}, …]}

A result is one figure, `{"unit", "median", "spread": [low, high], "n"}`, or a table,
`{"unit", "columns": ["backend", "size"], "rows": [{"backend": …, "size": …, "median", "spread", "n"}, …]}`;
either may add `"shape"`, what was measured in words. `claims/<id>` names the ratio of a `verify.faster`.
`record_run` writes a run of this machine, `publish` copies it here; nothing here is ever written by hand.
"""

from pathlib import Path

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.measured.recording import provenance_here, publish, record_run, this_processor
from lesson_support.measured.schema import Device, Record, load_file, load_run
from lesson_support.measured.tables import plain_table, provenance, show_record
from lesson_support.records import did_you_mean

__all__ = [
    "devices",
    "load_device",
    "load_run",
    "newest",
    "plain_table",
    "provenance",
    "provenance_here",
    "publish",
    "record_run",
    "result",
    "show",
    "this_processor",
]

FOLDER = paths.PACKAGE / "measured"


def devices() -> tuple[str, ...]:
    """The slugs of the devices that something is published for."""
    return tuple(sorted(file.stem for file in Path(FOLDER).glob("*.json")))


def load_device(slug: str) -> Device:
    """Everything published for one device; an unknown slug is a LessonError that lists the known ones."""
    known = devices()
    if slug not in known:
        listed = f"{', '.join(known) or 'none yet'}{did_you_mean(str(slug), known)}"
        raise LessonError(f"nothing is published for the device {slug!r}: expected one of: {listed}")
    return load_file(Path(FOLDER) / f"{slug}.json")


def newest(name: str, device: str | None = None) -> Record | None:
    """The newest published result of that name, on one device or on any; None if there is none."""
    slugs = devices() if device is None else (device,)
    found = [record for slug in slugs if (record := load_device(slug).records.get(name))]
    return max(found, key=lambda record: (record.date, record.slug), default=None)


def result(name: str, device: str | None = None) -> Record:
    """As `newest`, but a result that is not published is a LessonError."""
    record = newest(name, device)
    if record is None:
        raise LessonError(_nothing(name, device))
    return record


def show(name: str, device: str | None = None) -> None:
    """The result as a table with its provenance under it; one sentence where nothing is published for it."""
    record = newest(name, device)
    if record is None:
        print(_nothing(name, device))
    else:
        show_record(record)


def _nothing(name: str, device: str | None) -> str:
    return f"nothing is published for {name} {f'on {device} ' if device else ''}yet"
