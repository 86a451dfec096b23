"""Which lessons have questions, and which questions a lesson has."""

import importlib
import pkgutil

from lesson_support import questions as shelf
from lesson_support.errors import LessonError
from lesson_support.questions.kinds import Question
from lesson_support.records import did_you_mean


def lessons_with_questions() -> list[int]:
    """The numbers of all lessons that have an exercise."""
    names = (module.name for module in pkgutil.iter_modules(shelf.__path__))
    return sorted(int(name.removeprefix("lesson_")) for name in names if name.startswith("lesson_"))


def questions_of(number: int) -> tuple[Question, ...]:
    """The questions of lesson `number`, from easy to hard; LessonError where it has none."""
    if number not in lessons_with_questions():
        known = ", ".join(f"{each:02}" for each in lessons_with_questions())
        raise LessonError(f"lesson {number!r} has no exercise: expected one of {known}")
    return tuple(importlib.import_module(f"lesson_support.questions.lesson_{number:02}").QUESTIONS)


def find_question(number: int, name: str) -> Question:
    """The question `name` of lesson `number`; LessonError, with what comes close, where there is none."""
    known = {question.name: question for question in questions_of(number)}
    if name not in known:
        close = did_you_mean(str(name), known) or f"; expected one of {', '.join(known)}"
        raise LessonError(f"exercise {number:02} has no question {name!r}{close}")
    return known[name]
