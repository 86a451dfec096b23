"""The engine: what counts as equal, what an answer cannot do, what a learner reads."""

import math
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from nbformat import v4

from lesson_support.authoring.notebooks import write_notebook
from lesson_support.errors import LessonError
from lesson_support.grading import learner, submission
from lesson_support.grading.asking import KEPT_OUTPUT, ask
from lesson_support.grading.comparing import difference
from lesson_support.grading.judging import MISSING, cases_of, evaluate
from lesson_support.grading.progress import load
from lesson_support.grading.showing import shown, size_of
from lesson_support.grading.submission import check_notebook
from lesson_support.questions import kinds

COMMON = {
    "points": 2,
    "difficulty": "easy",
    "minutes": 5,
    "signature": "double(x)",
    "example": "",
    "hints": ("one", "two", "three"),
    "wrong": {},
    "solution": None,
    "seconds": 0.5,
}


def function(**changes):
    fields = {"cases": lambda rng: [(3,), (1,), (2,)], "oracle": lambda x: 2 * x, **changes}
    return kinds.Function(name="double", **(COMMON | fields))


# equal or not

BF16 = pytest.importorskip("torch").bfloat16


@pytest.mark.parametrize(
    "got, expected",
    [
        (5, 5),
        (np.int64(5), 5),
        (5, 5.0),
        (0.1 + 0.2, 0.3),
        (math.nan, math.nan),
        (math.inf, math.inf),
        ([1, 2], (1, 2)),
        ({"a": [1.0]}, {"a": (1.0,)}),
        (np.float32([1, math.nan]), np.float32([1 + 1e-7, math.nan])),
        (None, None),
        ("a", "a"),
    ],
)
def test_equal(got, expected):
    assert difference(got, expected) is None


@pytest.mark.parametrize(
    "got, expected, told",
    [
        (4, 5, "expected 5, got 4"),
        (5.0, 5, "expected 5, got 5.0"),
        (True, 1, "expected 1, got True"),
        (1, True, "expected True, got 1"),
        (True, 1.0, "expected 1.0, got True"),
        (0.3001, 0.3, "expected 0.3, got 0.3001"),
        (math.nan, 1.0, "expected 1.0, got nan"),
        (1.0, math.nan, "expected nan, got 1.0"),
        (-math.inf, math.inf, "expected inf, got -inf"),
        (1e308, math.inf, r"expected inf, got 1e\+308"),
        (None, (1,), "expected a tuple, got None"),
        ((1, (2, 3)), (1, (2, 4)), r"at \[1\]\[1\]: expected 4, got 3"),
        ([1], [1, 2], "expected 2 items, got 1"),
        ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing"),
        ({"a": 1, "b": 2}, {"a": 1}, "the key 'b' is not expected"),
        (1.0, np.float32([1]), "expected an array, got float"),
        (np.float64([1]), np.float32([1]), "expected dtype float32, got dtype float64"),
        (np.zeros((3, 1)), np.zeros(3), r"expected shape \(3,\), got shape \(3, 1\)"),
        (np.array([1, 2, 4]), np.array([1, 2, 3]), r"at \[2\]: expected 3, got 4"),
        (np.float32([1.001, 2, 3.1]), np.float32([1, 2, 3]), "2 of 3 elements differ"),
        (np.array(1), 1, "expected 1, got ndarray"),
        ("5", 5, "expected 5, got '5'"),
    ],
)
def test_different(got, expected, told):
    import re

    assert re.search(told, str(difference(got, expected)))


def test_tolerance_follows_from_the_dtype():
    import torch

    for dtype, off in [(torch.float64, 1e-5), (torch.float32, 1e-3), (torch.float16, 1e-2), (BF16, 1e-1)]:
        one = torch.ones(2, dtype=dtype)
        assert difference(one + torch.finfo(dtype).eps, one) is None
        assert difference(one + off, one) is not None
    assert difference(np.ones(2) + 1e-5, np.ones(2), relative=1e-4) is None
    assert difference(1.0, 1.05, relative=0.1) is None


# asking


def endless():
    while True:
        pass


def stubborn():
    """Catches whatever stops it, twice; how often it was stopped."""
    heard, until = 0, time.monotonic() + 5
    while heard < 2 and time.monotonic() < until:
        try:
            while time.monotonic() < until:
                pass
        except BaseException:
            heard += 1
    return heard


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_an_endless_loop_is_stopped():
    handler = signal.getsignal(signal.SIGALRM)
    assert ask(endless, (), 0.1).status == "timeout"
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    result = evaluate(function(seconds=0.1), lambda x: endless())
    assert (result.status, result.cause) == ("incorrect", "timeout")
    assert "no answer within 0.1 s" in result.note and result.case == "double(1)"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_an_answer_that_catches_everything_is_stopped_again():
    assert ask(stubborn, (), 0.1).value == 2


def test_in_another_thread_there_is_no_limit_and_still_an_answer():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(ask(lambda: 7, (), 0.1)))
    thread.start()
    thread.join()
    assert seen[0].value == 7


def test_what_an_answer_prints_is_kept_small_and_off_the_page(capsys):
    outcome = ask(lambda: print("x" * 10**6))
    assert outcome.printed == "x" * KEPT_OUTPUT and capsys.readouterr().out == ""


@pytest.mark.parametrize("error", [ValueError("a\nb"), SystemExit(3), GeneratorExit(), RecursionError()])
def test_every_exception_becomes_an_outcome(error):
    def fail():
        raise error

    outcome = ask(fail)
    assert outcome.status == "error" and outcome.errors[0] == type(error).__name__
    assert "\n" not in outcome.message


def test_an_interrupt_by_the_person_passes():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(interrupted)


# judging each kind


def test_a_function_is_judged_on_its_smallest_failing_case():
    assert evaluate(function(), lambda x: x + x).status == "correct"
    result = evaluate(function(), lambda x: 2 * x if x == 1 else 0)
    assert (result.status, result.cause, result.score) == ("incorrect", "wrong", 0)
    assert (result.case, result.expected, result.got) == ("double(2)", "4", "0")
    result = evaluate(function(), lambda x: 1 // 0)
    assert result.cause == "error" and result.got.startswith("ZeroDivisionError")


def test_not_attempted():
    def stub(x):
        raise NotImplementedError

    for answer in (MISSING, ..., stub, lambda x: ...):
        assert evaluate(function(), answer).status == "not attempted"


def test_none_or_a_stub_for_larger_cases_is_an_attempt():
    def half(x):
        if x > 1:
            raise NotImplementedError
        return 2 * x

    assert evaluate(function(), half).status == "incorrect"
    assert evaluate(function(), None).status == "incorrect"
    assert evaluate(function(), lambda x: None).status == "incorrect"


def test_an_expected_exception():
    question = function(oracle=lambda x: kinds.Raises("LookupError"))

    def key_error(x):
        raise KeyError(x)

    def value_error(x):
        raise ValueError(x)

    assert evaluate(question, key_error).status == "correct"
    assert evaluate(question, value_error).got == "ValueError: 1"
    assert evaluate(question, lambda x: x).expected == "raises LookupError"


def test_an_answer_does_not_change_its_arguments_unnoticed():
    def changing(x):
        x *= 2
        return x

    cases = [(np.ones(2),), (np.ones(3),)]
    question = function(cases=lambda rng: cases, oracle=lambda x: x * 2)
    result = evaluate(question, changing)
    assert result.status == "incorrect" and "arguments were changed" in result.note
    assert cases[0][0].tolist() == [1, 1]
    allowed = function(cases=lambda rng: cases, oracle=lambda x: x * 2, may_change_arguments=True)
    assert evaluate(allowed, changing).status == "correct"


class Stack:
    def __init__(self, limit):
        self.items, self.limit = [], limit

    def push(self, item):
        if len(self.items) == self.limit:
            raise OverflowError
        self.items.append(item)

    def pop(self):
        return self.items.pop()


def test_a_scenario_drives_a_class():
    script = ((2,), [("pop",), ("push", 1), ("push", 2), ("push", 3), ("pop",)])
    question = kinds.Scenario(
        name="Stack",
        cases=lambda rng: [script],
        oracle=lambda *case: [{"raises": "IndexError"}, None, None, {"raises": "OverflowError"}, 2],
        **COMMON,
    )
    assert evaluate(question, Stack).status == "correct"

    class Queue(Stack):
        def pop(self):
            return self.items.pop(0)

    result = evaluate(question, Queue)
    assert result.note == "at [4]: expected 2, got 1"
    assert result.case == "Stack(2) .pop() .push(1) .push(2) .push(3) .pop()"

    class Untouched(Stack):
        def pop(self):
            raise NotImplementedError

    assert evaluate(question, Untouched).status == "not attempted"


def test_tests_are_scored_by_what_they_reject():
    question = kinds.Tests(
        name="test_double",
        right=lambda x: 2 * x,
        mutants={"squares": lambda x: x * x, "adds two": lambda x: x + 2, "crashes": lambda x: 1 // 0},
        **(COMMON | {"points": 3}),
    )

    def two_of_three(double):
        assert double(3) == 6 and double(0) == 0
        assert double(2) == 4

    def weak(double):
        assert double(2) == 4

    def hostile(double):
        if double(2) != 5: raise AssertionError  # fmt: skip  # noqa: E701

    assert evaluate(question, two_of_three).status == "correct"
    result = evaluate(question, weak)
    assert (result.status, result.score) == ("partly", 1.0)
    assert (
        result.case == "an implementation that squares" and result.note == "2 of 3 wrong implementations pass"
    )
    assert evaluate(question, lambda double: None).status == "incorrect"
    result = evaluate(question, hostile)
    assert (result.score, result.case) == (0, "a correct implementation")
    assert "if double(2) != 5: raise" in result.got
    assert evaluate(question, lambda double: double(0) and endless()).status == "incorrect"


def test_a_diagnosis_says_where_it_is_wrong_and_not_what_is_right():
    question = kinds.Diagnose(
        name="culprit", expected=lambda: {"step": 17, "times": [0.25, 0.5]}, relative=0.01, **COMMON
    )
    assert evaluate(question, {"step": 17, "times": [0.2501, 0.5]}).status == "correct"
    assert evaluate(question, lambda: {"step": 17, "times": (0.25, 0.5)}).status == "correct"
    result = evaluate(question, {"step": 17, "times": [0.25, 0.6]})
    assert result.note == "the first difference is at ['times'][1]" and "0.5]" not in " ".join(result.lines())
    assert evaluate(question, ...).status == "not attempted"


def test_values_are_shown_small():
    assert shown([1, 2]) == "[1, 2]"
    assert shown(np.float32([[1, 2]])) == "[[1., 2.]] (shape (1, 2), float32)"
    assert len(shown(list(range(10**4)))) <= 160 and len(shown(np.zeros((50, 50)))) <= 160


def test_of_two_dicts_the_entries_that_differ_are_shown():
    expected = {"long": np.zeros((9, 9)), "near": 1.0, "kept": "raises", "missing": 2}
    got = {"more": 3, **expected, "long": np.zeros((9, 9)), "near": 1 + 1e-12, "kept": "unnoticed"}
    del got["missing"]
    result = evaluate(function(oracle=lambda x: expected), lambda x: got)
    assert result.expected == "{'kept': 'raises', 'missing': 2}"
    assert result.got == "{'more': 3, 'kept': 'unnoticed'}"
    assert evaluate(function(oracle=lambda x: expected), lambda x: 5).expected.startswith("{'long'")
    loose = function(oracle=lambda x: {"a": 1.0, "b": 0}, relative=0.1)
    assert evaluate(loose, lambda x: {"a": 1.05, "b": 1}).got == "{'b': 1}"


def test_the_smallest_case_is_a_small_full_array():
    small, empty, large = np.ones((2, 3)), np.zeros((2, 0)), np.ones((5, 5))
    assert sorted([large, empty, small], key=size_of) == [small, empty, large]
    mixed = function(cases=lambda rng: [(empty, 1), (large, 1), (small, 9)], oracle=lambda x, k: k)
    assert [case[0] is small for case in cases_of(mixed, 0)] == [True, False, False]


# what a learner types


@pytest.fixture
def opened(monkeypatch):
    monkeypatch.setattr(learner, "lesson", lambda number, card: None)
    monkeypatch.setattr(learner._Session, "number", None)
    monkeypatch.setattr(learner._Session, "silent", False)
    monkeypatch.setattr(learner._Session, "seen", {})
    learner.exercise(1)


def typed(line, **names):
    exec(line, {**vars(learner), **names})


def right_offset(index, shape, stride, offset):
    from lesson_support.questions.lesson_01.offsets import offset_of

    return offset_of(index, shape, stride, offset)


def test_check_answers_and_remembers(opened, capsys):
    learner.exercise(1)
    assert capsys.readouterr().out.endswith("Exercise 01: 4 questions, 10 points, about 55 minutes\n")
    typed('check("offset_of")')
    assert capsys.readouterr().out.startswith("– not attempted\n")
    assert load() == ({}, "")
    typed('check("offset_of")', offset_of=lambda *case: 0)
    told = capsys.readouterr().out
    assert told.startswith("✘ incorrect\n  case      offset_of(") and 'hint("offset_of")' in told
    assert load()[0]["01/offset_of"].share == 0
    typed('check("offset_of")', offset_of=right_offset)
    assert capsys.readouterr().out == "✔ correct (2 points)\n"
    entry = load()[0]["01/offset_of"]
    assert entry.share == 1 and entry.first_solved


def test_a_check_of_arrays_answers_at_once(opened):
    import torch

    assert torch.ones(1).item() == 1
    started = time.perf_counter()
    typed('check("offset_of")', offset_of=right_offset)
    assert time.perf_counter() - started < 2  # 0.02 s on an idle machine


def test_hints_come_one_at_a_time_and_the_solution_after_them(opened, capsys):
    capsys.readouterr()
    typed('solution("offset_of")')
    assert "3 hints are left" in capsys.readouterr().out
    for number in (1, 2, 3):
        typed('hint("offset_of")')
        told = capsys.readouterr().out
        assert told.startswith(f"Hint {number} of 3: ") and told.count("Hint ") == 1
    typed('hint("offset_of")')
    assert capsys.readouterr().out.count("Hint ") == 3
    typed('check("offset_of")', offset_of=lambda *case: 0)
    assert 'solution("offset_of")' in capsys.readouterr().out
    assert load()[0]["01/offset_of"].solution_seen is None
    typed('solution("offset_of")')
    assert "def offset_of(" in capsys.readouterr().out
    assert load()[0]["01/offset_of"].solution_seen


def test_the_solution_shows_when_solved_or_forced(opened, capsys):
    typed('solution("window_layout", force=True)')
    assert "def window_layout(" in capsys.readouterr().out
    typed('check("offset_of")', offset_of=right_offset)
    typed('solution("offset_of")')
    assert "def offset_of(" in capsys.readouterr().out


def test_unknown_names_are_errors_that_help(opened, monkeypatch):
    with pytest.raises(LessonError, match="no question 'ofset_of'; did you mean offset_of"):
        learner.check("ofset_of")
    with pytest.raises(LessonError, match="expected one of offset_of, window_layout"):
        learner.hint("zzzz")
    with pytest.raises(LessonError, match=r'as in check\("offset_of"\)'):
        learner.check(right_offset)
    with pytest.raises(LessonError, match="lesson 99 has no exercise"):
        learner.exercise(99)
    monkeypatch.setattr(learner._Session, "number", None)
    with pytest.raises(LessonError, match="no exercise is open"):
        learner.check("offset_of")


def test_without_a_writable_home_everything_still_answers(opened, capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "file" / "home"))
    capsys.readouterr()
    typed('check("offset_of")', offset_of=right_offset)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "✔ correct (2 points)" and "progress was not kept" in second
    typed('hint("window_layout")')
    typed('hint("window_layout")')
    assert "Hint 2 of 3" in capsys.readouterr().out


# a whole notebook

OFFSET = "from lesson_support.questions.lesson_01.offsets import offset_of\n"
WINDOWS = "from lesson_support.questions.lesson_01.windows import window_layout\n"


def notebook(tmp_path, *sources):
    cells = [v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources, 1)]
    path = tmp_path / "work" / "01_answers.ipynb"
    path.parent.mkdir(exist_ok=True)
    write_notebook(path, v4.new_notebook(cells=cells))
    return path


def statuses(report):
    return {result.question: result.status for result in report.results}


def test_a_failing_and_a_hanging_cell_lose_only_themselves(tmp_path, capfd):
    path = notebook(
        tmp_path,
        "from lesson_support.grading.learner import check",
        OFFSET + "check('no such question')\nprint('loud')",
        "1 / 0",
        "while True: pass",
        "def broken(:",
        "def test_contiguity(is_contiguous):\n    raise NotImplementedError",
        "test_contiguity(None)",
        "%time x = 1\n" + WINDOWS,
    )
    report = check_notebook(path, 1, cell_seconds=2 if hasattr(signal, "setitimer") else 30)
    assert statuses(report) == {
        "offset_of": "correct",
        "window_layout": "correct",
        "test_contiguity": "not attempted",
        "slim_checkpoint": "not attempted",
    }
    assert (report.score, report.points) == (4, 10)
    assert [trouble.split(":")[0] for trouble in report.troubles] == [
        "the cell cell-3",
        "the cell cell-4",
        "the cell cell-5",
    ]
    assert "ZeroDivisionError" in report.troubles[0] and "stopped after" in report.troubles[1]
    assert str(report).endswith("4 of 10 points")
    assert set(load()[0]) == {"01/offset_of", "01/window_layout"}
    assert capfd.readouterr().out == ""


def test_a_cell_or_an_answer_that_ends_the_process_loses_only_itself(tmp_path):
    path = notebook(
        tmp_path,
        OFFSET,
        "import os; os._exit(0)",
        "def window_layout(*case):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGTERM)",
    )
    report = check_notebook(path, 1, keep=False)
    found = {result.question: (result.status, result.cause) for result in report.results}
    assert found["offset_of"] == ("correct", "")
    assert found["window_layout"] == ("incorrect", "died")
    assert report.troubles == ("the cell cell-2: ended its process",)
    assert load() == ({}, "")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signal masks here")
def test_a_cell_that_cannot_be_interrupted_is_ended_with_what_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "GRACE", 1.0)
    deaf = (
        "import pathlib, signal, subprocess\n"
        "sleeper = subprocess.Popen(['sleep', '600'])\n"
        "pathlib.Path('sleeper').write_text(str(sleeper.pid))\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        "while True: pass"
    )
    path = notebook(
        tmp_path, deaf, "from lesson_support.questions.lesson_01.contiguity import test_contiguity"
    )
    report = submission.check_notebook(path, 1, cell_seconds=2, keep=False)
    assert report.troubles == ("the cell cell-1: was stopped: it did not end in time",)
    assert statuses(report)["test_contiguity"] == "correct"
    status = Path("/proc", (path.parent / "sleeper").read_text(), "status")
    assert not status.exists() or "zombie" in status.read_text()


def test_the_solutions_notebook_earns_all_points(tmp_path):
    from pathlib import Path

    report = check_notebook(
        Path(__file__).parents[2] / "solutions" / "01_tensor_mechanics.ipynb", 1, keep=False
    )
    assert report.troubles == () and report.score == report.points == 10


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"cells": 3}', "\x00"])
def test_a_file_that_is_no_notebook_is_one_sentence(tmp_path, content):
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LessonError, match=r"x\.ipynb") as caught:
        check_notebook(path, 1)
    assert "\n" not in str(caught.value)


def test_importing_the_engine_does_not_import_torch():
    import subprocess

    code = "import sys, lesson_support.grading.learner as l; l.questions_of(1); print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
