"""A sandbox that runs nothing: it grades by what a notebook's bytes say, the same for the same seed."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from lesson_support.grading import library
from lesson_support.grading.judging import Result

NAME = "01_tensor_mechanics.ipynb"


@dataclass(frozen=True)
class Grade:
    results: tuple[Result, ...]
    status: str = "ok"
    note: str = ""
    seconds: float = 0.25


@pytest.fixture
def one_lesson(monkeypatch):
    """As long as only lesson 01 has questions."""
    monkeypatch.setattr(library, "lessons_with_questions", lambda: [1])


class Standin:
    """`{"answers": {"name": share}, "status": …, "note": …, "got": …, "raise": …}` says what comes out; what
    it leaves open is drawn from the bytes and the seed."""

    measures = ("own user", "no network")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def grade(self, notebook, questions, *, seed):
        try:
            wish = json.loads(notebook)
            assert isinstance(wish, dict)
        except (ValueError, AssertionError):
            wish = {}
        if "raise" in wish:
            raise RuntimeError(wish["raise"])
        time.sleep(wish.get("sleep", 0))
        results = []
        for question in questions:
            drawn = hashlib.sha256(b"%d %s " % (seed, question.name.encode()) + notebook).digest()
            share = wish.get("answers", {}).get(question.name, drawn[0] % 3 / 2)
            status = {0: "incorrect", 1: "correct"}.get(share, "partly")
            case = f"{question.name}({seed})"
            fields = {"case": case, "got": wish.get("got", ""), "printed": wish.get("printed", "")}
            cause = "" if share == 1 else "wrong"
            results.append(Result(question.name, question.points, status, cause, share, **fields))
        if wish.get("status") == "unreadable":
            results = []
        return Grade(tuple(results), wish.get("status", "ok"), wish.get("note", ""))


def hand_in(root: Path, student: str, content: object = None, name: str = NAME) -> Path:
    """A notebook of `student` below `root`."""
    file = root / student / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content if content is not None else {"by": student}), encoding="utf-8")
    return file


def report_bytes(out: Path) -> dict[str, bytes]:
    """Every file of a report but the journal."""
    files = (file for file in out.rglob("*") if file.is_file())
    names = {file.relative_to(out).as_posix(): file.read_bytes() for file in files}
    return {name: content for name, content in names.items() if not name.startswith(("journal/", ".lock"))}
