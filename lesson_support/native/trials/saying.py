"""What rustc has against a program, asked here or recorded elsewhere."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.native import rust
from lesson_support.native.trials.sources import FOLDER, finished, source_of

_RECORDED = FOLDER / "recorded.json"


@dataclass(frozen=True)
class Complaint:
    """One error of rustc: its code, its headline, and what it notes at which line of the source."""

    code: str
    message: str
    notes: tuple[tuple[int, str, str], ...]

    def __str__(self) -> str:
        lines = [f"error[{self.code}]: {self.message}"]
        for number in sorted({line for line, _, _ in self.notes}):
            text = next(text for line, text, _ in self.notes if line == number)
            lines.append(f"{number:>3} | {text.strip()}")
            lines += [f"    | -> {label}" for line, _, label in self.notes if line == number]
        return "\n".join(lines)


def says(name: str) -> tuple[Complaint, ...]:
    """What rustc has against `<name>.rs`: nothing where it compiles. Recorded where there is no rustc."""
    if rust_version() is None:
        recorded = json.loads(_RECORDED.read_text(encoding="utf-8"))
        if name not in recorded["says"]:
            raise LessonError(f"no Rust compiler here, and nothing is recorded for {name}.rs")
        return tuple(
            Complaint(code, message, tuple(map(tuple, notes)))
            for code, message, notes in recorded["says"][name]
        )
    command = [rust.compiler(), "--edition=2021", "--emit=metadata", "--error-format=json", "-Awarnings"]
    with tempfile.TemporaryDirectory() as folder:
        done = finished([*command, str(source_of(f"{name}.rs")), "-o", f"{folder}/{name}"])
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return tuple(_complaint(each) for each in told if each["level"] == "error" and each["code"])


def _complaint(told: dict) -> Complaint:
    notes = [
        (span["line_start"], span["text"][0]["text"], span["label"])
        for span in told["spans"]
        if span["label"] and "'1" not in span["label"]  # lifetimes without a name say nothing on a page
    ]
    return Complaint(told["code"]["code"], told["message"], tuple(notes))


@cache
def rust_version() -> str | None:
    """Such as "rustc 1.95.0"; None where there is no Rust compiler."""
    try:
        return " ".join(finished([rust.compiler(), "--version"]).stdout.split()[:2]) or None
    except LessonError:
        return None


@contextlib.contextmanager
def with_rust() -> Iterator[None]:
    """Runs its block; where the block finds no Rust compiler, or lacks what an earlier one could not define,
    it ends there, with one line instead."""
    try:
        yield
    except (LessonError, NameError):
        if rust_version() is not None:
            raise
        version = json.loads(_RECORDED.read_text(encoding="utf-8"))["by"]
        print(f"no Rust compiler here: the page shows what comes out with {version}")


def record() -> None:
    """Write down what this rustc says about every program that it refuses, for machines without one."""
    programs = [file for file in sorted(FOLDER.glob("*.rs")) if "fn main" in file.read_text(encoding="utf-8")]
    said = {file.stem: says(file.stem) for file in programs}
    refused = {name: [[each.code, each.message, each.notes] for each in of] for name, of in said.items()}
    text = json.dumps({"by": rust_version(), "says": refused}, indent=1)
    paths.write_whole(_RECORDED, text + "\n")
