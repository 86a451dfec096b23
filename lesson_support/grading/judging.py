"""Judge one answer to one question: correct, partly, incorrect or not attempted, and why."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np

from lesson_support.grading.asking import Outcome, ask, collecting, through
from lesson_support.grading.comparing import as_array, difference, differing
from lesson_support.grading.showing import points_text, shown, shown_case, size_of
from lesson_support.questions.kinds import Asked, Diagnose, Question, Raises, Tests

AGAIN = 3  # times that a test meets the right implementation once more
MISSING = object()  # stands for an answer that does not exist


@dataclass(frozen=True)
class Result:
    """`status` is correct, partly, incorrect or not attempted; `cause` says why it is not correct: wrong,
    error, timeout, missing, died, protocol, unreadable. `share` of the points is reached. The rest is text
    for the learner."""

    question: str
    points: int
    status: str
    cause: str = ""
    share: float = 0.0
    case: str = ""
    expected: str = ""
    got: str = ""
    note: str = ""
    printed: str = ""

    @property
    def score(self) -> float:
        """Points, to two decimals."""
        return round(self.points * self.share, 2)

    def lines(self) -> Iterator[str]:
        """What a learner reads."""
        if self.status == "correct":
            yield f"✔ correct ({points_text(self.points)})"
        elif self.status == "partly":
            yield f"◐ partly correct ({self.score:g} of {points_text(self.points)})"
        elif self.status == "incorrect":
            yield "✘ incorrect"
        else:
            yield "– not attempted"
        fields = {"case": self.case, "expected": self.expected, "got": self.got, "note": self.note}
        for label, text in {**fields, "printed": self.printed.rstrip()}.items():
            if text:
                yield f"  {label:<9} " + text.replace("\n", "\n" + " " * 12)


def cases_of(question: Asked, seed: int) -> list[tuple]:
    """The cases that `seed` draws, smallest first."""
    rng = np.random.default_rng([seed, crc32(question.name.encode())])
    return sorted(question.cases(rng), key=size_of)


def evaluate(question: Question, answer: Any, seed: int = 0, ask: Callable[..., Outcome] = ask) -> Result:
    """Ask and judge. `answer` is whatever the learner's name holds, `MISSING` where there is no such name;
    `ask` calls it."""
    if answer is MISSING:
        note = f"there is no {question.name} yet: run the cell that defines it"
        return Result(question.name, question.points, "not attempted", "missing", note=note)
    if answer is Ellipsis:
        return Result(question.name, question.points, "not attempted", "missing")
    if isinstance(question, Tests):
        return _judge_tests(question, answer, seed, ask)
    if isinstance(question, Diagnose):
        return _judge_diagnosis(question, answer, ask)
    return _judge_cases(question, answer, seed, ask)


def _judge_cases(question: Asked, answer: Any, seed: int, ask: Callable[..., Outcome]) -> Result:
    left = question.seconds
    if callable(answer) and not getattr(answer, "elsewhere", False):
        answer = through(
            collecting(answer, getattr(question, "items", None)), getattr(question, "through", None)
        )
    for position, arguments in enumerate(cases_of(question, seed)):
        expected = question.oracle(*arguments)
        given = copy.deepcopy(arguments)
        started = time.perf_counter()
        outcome = ask(question.respond, (answer, *given), left)
        left -= time.perf_counter() - started
        if position == 0 and _untouched(outcome):
            return Result(question.name, question.points, "not attempted", "missing")
        fault = _fault(question, _measured(question, outcome, arguments), expected)
        if fault is None and not question.may_change_arguments:
            changed = difference(given, arguments, 0.0, 0.0)
            fault = changed and {"cause": "wrong", "note": f"the arguments were changed, {changed}"}
        if fault:
            fault = {"case": shown_case(question, arguments), "printed": outcome.printed, **fault}
            return Result(question.name, question.points, "incorrect", **fault)
    return Result(question.name, question.points, "correct", share=1.0)


def _measured(question: Asked, outcome: Outcome, arguments: tuple) -> Outcome:
    """With what the question measures about the result in the result's place. Nobody promises that there is
    something to measure: it may be anything."""
    if question.measure is None or outcome.status != "value":
        return outcome
    try:
        return replace(outcome, value=question.measure(outcome.value, *arguments))
    except Exception as error:
        told = f"{shown(outcome.value)}, which cannot be measured ({type(error).__name__})"
        return replace(outcome, status="error", value=None, message=told)


def _presented(question: Tests, seed: int) -> list[tuple[str | None, Any]]:
    """The right implementation first, and again among the shuffled wrong ones: a test that counts its calls
    learns nothing from it."""
    rng = np.random.default_rng([seed, crc32(question.name.encode())])
    pairs = [*question.mutants.items(), *[(None, question.right)] * AGAIN]
    return [(None, question.right), *(pairs[i] for i in rng.permutation(len(pairs)))]


def _judge_tests(question: Tests, answer: Any, seed: int, ask: Callable[..., Outcome]) -> Result:
    left = question.seconds
    survivors = {}
    for label, implementation in _presented(question, seed):
        started = time.perf_counter()
        outcome = ask(answer, (implementation,), left)
        left -= time.perf_counter() - started
        case = "a correct implementation" if label is None else f"an implementation that {label}"
        fault = {"case": case, "printed": outcome.printed}
        if label is None and _untouched(outcome):
            return Result(question.name, question.points, "not attempted", "missing")
        if outcome.status == "timeout":
            fault |= _out_of_time(question)
            return Result(question.name, question.points, "incorrect", **fault)
        if label is None and outcome.status == "error":
            fault |= {"cause": "wrong", "expected": "your test passes", "got": outcome.message}
            return Result(question.name, question.points, "incorrect", **fault)
        if label is not None and outcome.status == "value":
            survivors[label] = fault
    if not survivors:
        return Result(question.name, question.points, "correct", share=1.0)
    killed = len(question.mutants) - len(survivors)
    told = {"expected": "your test fails", "got": "it passes", "cause": "wrong"}
    note = f"{len(survivors)} of {len(question.mutants)} wrong implementations pass"
    if len(survivors) == len(question.mutants):
        note += ": a test rejects by raising, as a failing assert does"
    status = "partly" if killed else "incorrect"
    share = killed / len(question.mutants)
    first = next(survivors[label] for label in question.mutants if label in survivors)
    return Result(question.name, question.points, status, share=share, note=note, **first, **told)


def _judge_diagnosis(question: Diagnose, answer: Any, ask: Callable[..., Outcome]) -> Result:
    outcome = ask(answer, (), question.seconds) if callable(answer) else Outcome("value", answer)
    if _untouched(outcome):
        return Result(question.name, question.points, "not attempted", "missing")
    fault = _fault(question, outcome, question.expected(), tell=False)
    if fault is None:
        return Result(question.name, question.points, "correct", share=1.0)
    return Result(question.name, question.points, "incorrect", printed=outcome.printed, **fault)


def _untouched(outcome: Outcome) -> bool:
    return "NotImplementedError" in outcome.errors or outcome.value is Ellipsis


def _out_of_time(question: Question) -> dict[str, str]:
    note = f"no answer within {question.seconds:g} s: does a loop never end?"
    return {"cause": "timeout", "note": note}


def _fault(question, outcome: Outcome, expected: Any, tell: bool = True) -> dict[str, str] | None:
    """What is wrong with an outcome, as fields of a Result. Where a question has a single case, `tell=False`
    keeps the right answer back and says only where the first difference is."""
    if outcome.status == "timeout":
        return _out_of_time(question)
    wanted = {"expected": shown(expected)} if tell else {}
    if isinstance(expected, Raises):
        if expected.error in outcome.errors:
            return None
        got = outcome.message if outcome.status == "error" else shown(outcome.value)
        return {"cause": "wrong", **wanted, "got": got}
    if outcome.status == "error":
        return {"cause": "error", **wanted, "got": outcome.message}
    found = difference(outcome.value, expected, question.relative, question.absolute)
    if found is None:
        return None
    if not tell:
        note = f"the first difference is at {found.where or 'the top'}"
        return {"cause": "wrong", "got": shown(outcome.value), "note": note}
    got, wanted = map(shown, differing(outcome.value, expected, question.relative, question.absolute))
    told = {"cause": "wrong", "expected": wanted, "got": got}
    # Where both fit on a line a reader sees the difference.
    visible = isinstance(expected, str) or len(told["expected"]) <= 60 and as_array(expected) is None
    return told if visible and type(outcome.value) is type(expected) else told | {"note": str(found)}
