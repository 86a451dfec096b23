"""The questions that a class is graded with: the course's, and an instructor's private ones over them.

A private file `lesson_NN.py` holds `QUESTIONS`; one with the name of a published question takes its place,
any other is added after them. `DROPPED` names published questions that do not count.
"""

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from lesson_support import questions as published
from lesson_support.errors import LessonError
from lesson_support.grading import library
from lesson_support.grading.comparing import difference
from lesson_support.grading.judging import cases_of, evaluate
from lesson_support.questions.kinds import Asked, Question
from lesson_support.records import LAST_LESSON, is_number

ENGINE = Path(library.__file__).parent
MODULE = re.compile(r"lesson_(\d\d)")


class Shelf:
    """Questions by lesson. `folder` is the instructor's: LessonError, at once, for what is wrong in it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.modules = {} if folder is None else _load(folder)
        self.merged = {number: _merged(number, module) for number, module in self.modules.items()}
        for number, module in self.modules.items():
            for question in module.QUESTIONS:
                if defect := _defect(question):
                    raise LessonError(f"{module.__file__}: question {question.name} {defect}")
            if not self.merged[number]:
                raise LessonError(
                    f"{module.__file__} leaves lesson {number:02} without a question: expected one"
                )

    def lessons(self) -> list[int]:
        return sorted({*library.lessons_with_questions(), *self.merged})

    def of(self, lesson: int) -> tuple[Question, ...]:
        return self.merged[lesson] if lesson in self.merged else library.questions_of(lesson)

    def fingerprint(self, lesson: int) -> str:
        """Changes when anything changes that decides a score: the questions, the engine, the sandbox."""
        name = f"lesson_{lesson:02}"
        home = Path(published.__file__).parent
        files = [home / "kinds.py", *home.glob(f"{name}.py"), *(home / name).rglob("*.py")]
        files += [*ENGINE.glob("*.py"), *(ENGINE / "sandbox").rglob("*.py")]
        if self.folder is not None:  # helpers count, other lessons do not
            files += [each for each in self.folder.rglob("*.py") if MODULE.fullmatch(each.stem) is None]
            files += self.folder.glob(f"{name}.py")
        digest = hashlib.sha256()
        roots = (self.folder or ENGINE, ENGINE.parent)
        for file in sorted(set(files)):
            root = next(each for each in roots if file.is_relative_to(each))
            digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()


def _load(folder: Path) -> dict[int, ModuleType]:
    if not folder.is_dir():
        raise LessonError(f"there is no folder {folder}: expected one with question modules lesson_NN.py")
    files = {file: MODULE.fullmatch(file.stem) for file in sorted(folder.glob("lesson_*.py"))}
    for file, match in files.items():
        if match is None or not 1 <= int(match[1]) <= LAST_LESSON:
            raise LessonError(f"{file} names no lesson: expected lesson_01.py to lesson_{LAST_LESSON}.py")
    if not files:
        raise LessonError(f"{folder} holds no question module: expected lesson_NN.py")
    # A package of its own, so that modules may share helpers: `from . import helpers`.
    package = ModuleType(
        f"private_questions_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"
    )
    package.__path__ = [str(folder)]
    for name in [each for each in sys.modules if each.split(".")[0] == package.__name__]:
        del sys.modules[name]
    sys.modules[package.__name__] = package
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the folder is not ours
    try:
        return {int(match[1]): _import(file, package.__name__) for file, match in files.items()}
    finally:
        sys.dont_write_bytecode = before


def _import(file: Path, package: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{package}.{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
        ]
        line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else (lines or [None])[-1]
        where = f" (line {line})" if line else ""
        raise LessonError(f"{file} cannot be imported{where}: {type(error).__name__}: {error}") from None
    _check_names(module, file)
    return module


def _check_names(module: ModuleType, file: Path) -> None:
    questions = getattr(module, "QUESTIONS", None)
    if not isinstance(questions, list | tuple):
        raise LessonError(f"{file} has no QUESTIONS: expected a tuple of questions")
    for each in questions:
        if not isinstance(each, Question):
            raise LessonError(f"{file}: QUESTIONS holds {type(each).__name__}: expected questions only")
    names = [each.name for each in questions]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise LessonError(f"{file} has two questions called {doubled[0]}: expected different names")
    dropped = getattr(module, "DROPPED", ())
    if isinstance(dropped, str) or not isinstance(dropped, Sequence):
        raise LessonError(f"{file}: DROPPED is {dropped!r}: expected a tuple of names")


def _merged(number: int, module: ModuleType) -> tuple[Question, ...]:
    known = library.questions_of(number) if number in library.lessons_with_questions() else ()
    dropped = tuple(getattr(module, "DROPPED", ()))
    for name in dropped:
        if name not in [question.name for question in known]:
            raise LessonError(
                f"{module.__file__}: DROPPED names {name!r}, which lesson {number:02} does not ask"
            )
    mine = {question.name: question for question in module.QUESTIONS}
    kept = [mine.pop(question.name, question) for question in known if question.name not in dropped]
    return (*kept, *mine.values())


def _defect(question: Question) -> str:
    """What makes a question unfit to grade with, as the end of a sentence; nothing where it is fit."""
    if not isinstance(question.name, str) or not question.name.isidentifier():
        return f"is called {question.name!r}: expected the name of a function, a class or a value"
    if not is_number(question.points) or question.points <= 0:
        return f"is worth {question.points!r} points: expected a number above 0"
    if not is_number(question.seconds) or question.seconds <= 0:
        return f"allows {question.seconds!r} seconds: expected a number above 0"
    try:
        if isinstance(question, Asked):
            first, again = cases_of(question, 1), cases_of(question, 1)
            if not first:
                return "has no cases: expected some"
            if difference(first, again, 0.0, 0.0):
                return "draws different cases from the same seed: expected all randomness from `rng`"
        result = evaluate(question, question.solution, 1)
        if result.status != "correct":
            why = result.note or f"expected {result.expected}, got {result.got}"
            return f"does not accept its own solution ({result.case}: {why})"
        for belief, wrong in question.wrong.items():
            if callable(wrong) and evaluate(question, wrong, 1).status == "correct":
                return f"accepts the wrong answer {belief!r}: expected it to be rejected"
    except Exception as error:
        return f"cannot be asked: {type(error).__name__}: {error}"
    return ""
