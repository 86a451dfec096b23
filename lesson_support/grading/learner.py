"""What a learner types in an exercise: `exercise`, `check`, `hint`, `solution`."""

import inspect
import secrets
import sys
import textwrap

from lesson_support.classroom.opening import lesson
from lesson_support.errors import LessonError
from lesson_support.grading import progress
from lesson_support.grading.judging import MISSING, Result, evaluate
from lesson_support.grading.library import find_question, questions_of
from lesson_support.grading.progress import Entry
from lesson_support.grading.showing import points_text
from lesson_support.questions.kinds import Question


class _Session:
    """The open exercise, and what this process knows of the progress even where no file can be written."""

    number: int | None = None
    silent = False
    seen: dict[str, Entry] = {}


def exercise(number: int) -> None:
    """Open the exercise of lesson `number`: the first line of its notebook."""
    questions = questions_of(number)
    lesson(number, card=False)
    _Session.number = number
    points = points_text(sum(question.points for question in questions))
    minutes = sum(question.minutes for question in questions)
    print(f"Exercise {number:02}: {len(questions)} questions, {points}, about {minutes} minutes")


def check(name: str) -> None:
    """Judge the answer called `name` among the caller's names, and say at once what came of it."""
    if _Session.silent:
        return
    question = _open_question(name)
    answer = sys._getframe(1).f_globals.get(name, MISSING)
    result = evaluate(question, answer, seed=secrets.randbits(32))
    for line in result.lines():
        print(line)
    if result.status in ("partly", "incorrect"):
        taken = _known(question).hints
        more = f"hint({name!r})" if taken < len(question.hints) else f"solution({name!r})"
        print(f"  {'next':<9} {more.replace(chr(39), chr(34))}")
    if result.status != "not attempted":
        _remember({_key(question): entry_of(result)})


def hint(name: str) -> None:
    """Show one more hint: a nudge, then the idea, then nearly the solution."""
    if _Session.silent:
        return
    question = _open_question(name)
    total = len(question.hints)
    taken = min(_known(question).hints + 1, total)
    shown = range(1, total + 1) if _known(question).hints == total else [taken]
    for number in shown:
        print(textwrap.fill(f"Hint {number} of {total}: {question.hints[number - 1]}", 100))
    if taken == total:
        print(f'That is the last one; solution("{name}") shows ours.')
    _remember({_key(question): Entry(hints=taken)})


def solution(name: str, force: bool = False) -> None:
    """Show our solution, once the question is solved or its hints are taken; `force=True` shows it anyway."""
    if _Session.silent:
        return
    question = _open_question(name)
    known = _known(question)
    left = len(question.hints) - known.hints
    if known.first_solved is None and left > 0 and not force:
        hints = "one hint is" if left == 1 else f"{left} hints are"
        print(f'{name} is not solved and {hints} left: hint("{name}"), or solution("{name}", force=True)')
        return
    print(source_of(question).rstrip())
    _remember({_key(question): Entry(solution_seen=progress.now())})


def source_of(question: Question) -> str:
    """The solution as a learner would write it."""
    if callable(question.solution):
        return inspect.getsource(question.solution)
    return f"{question.name} = {question.solution!r}"


def silence() -> None:
    """From now on `check`, `hint` and `solution` do nothing: a whole notebook is being checked."""
    _Session.silent = True


def entry_of(result: Result) -> Entry:
    """What a result adds to the progress."""
    return Entry(share=result.share, first_solved=progress.now() if result.share == 1 else None)


def _open_question(name: str) -> Question:
    if not isinstance(name, str):
        raise LessonError(
            f'got {name!r} for the name of a question: expected text, as in check("{_example()}")'
        )
    if _Session.number is None:
        raise LessonError(
            f"no exercise is open, so {name!r} names nothing: expected exercise(1) or another before"
        )
    return find_question(_Session.number, name)


def _example() -> str:
    return questions_of(_Session.number)[0].name if _Session.number else "name"


def _key(question: Question) -> str:
    return f"{_Session.number:02}/{question.name}"


def _known(question: Question) -> Entry:
    recorded, _ = progress.load()
    return progress.merge(recorded, _Session.seen).get(_key(question), Entry())


def _remember(news: dict[str, Entry]) -> None:
    _Session.seen = progress.merge(_Session.seen, news)
    if note := progress.record(news):
        print(f"  ({note})")
