"""The grader's side of a submission: messages, values, judging across processes, isolation."""

import inspect
import io
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
import time
import venv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.grading import sandbox as room
from lesson_support.grading.asking import OutOfTime
from lesson_support.grading.comparing import difference
from lesson_support.grading.judging import evaluate
from lesson_support.grading.library import questions_of
from lesson_support.grading.sandbox import Limits, Sandbox
from lesson_support.grading.sandbox.arguments import write_back
from lesson_support.grading.sandbox.clock import Clock
from lesson_support.grading.sandbox.launching import Zygote
from lesson_support.grading.sandbox.relaying import describe, rebuild
from lesson_support.grading.sandbox.session import clean
from lesson_support.grading.sandbox.values import Packer, Unpacker
from lesson_support.grading.sandbox.wire import Channel, Ended, Garbled, Late
from lesson_support.questions import kinds
from tests.hostile.notebooks import DEATHS, FULL, HANGS, SPIES
from tests.hostile.questions import COMMON, COUNT, HONEST, LIMITS, QUESTIONS, notebook

COURSE = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0

# messages


@pytest.fixture
def ends():
    a, b = socket.socketpair()
    pair = Channel(a, 1000), Channel(b, 1000)
    for each in pair:
        each.deadline = time.monotonic() + 5
    yield pair
    for each in pair:
        each.close()


def test_a_message_arrives_whole(ends):
    here, there = ends
    here.send({"type": "x", "n": [1, None]}, [b"ab", b"", b"c" * 900])
    header, blobs = there.receive()
    assert header == {"type": "x", "n": [1, None]}
    assert [bytes(blob) for blob in blobs] == [b"ab", b"", b"c" * 900]
    assert not there.has_spoken()
    here.send({})
    assert there.has_spoken()


def test_what_is_too_large_is_not_sent(ends):
    with pytest.raises(ValueError, match="too large"):
        ends[0].send({}, [b"x" * 1001])
    assert not ends[1].has_spoken()


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("!II", 2**32 - 1, 0),
        struct.pack("!II", 2, 1001),
        struct.pack("!II", 2, 0) + b"{}",
        struct.pack("!II", 2, 0) + b"[]",
        struct.pack("!II", 2, 0) + b"{{",
        struct.pack("!II", 2, 0) + b"\xff\xff",
        struct.pack("!II", 11, 0) + b'{"blobs":1}',
        struct.pack("!II", 13, 0) + b'{"blobs":[1]}',
        struct.pack("!II", 16, 0) + b'{"blobs":[1,-1]}',
        struct.pack("!II", 16, 1) + b'{"blobs":[true]}' + b"x",
        struct.pack("!II", 5000, 0) + b"[" * 5000,
        struct.pack("!II", 6011, 0) + b'{"blobs":' + b"[" * 3001 + b"]" * 3001,
        struct.pack("!II", 9009, 0) + b'{"blobs":' + b"9" * 9000,
    ],
)
def test_what_is_no_message_is_garbled(ends, frame):
    ends[0].end.setblocking(True)
    ends[0].end.sendall(frame)
    with pytest.raises(Garbled):
        ends[1].receive()


def test_silence_and_an_end_are_told_apart(ends):
    ends[1].deadline = time.monotonic() + 0.05
    with pytest.raises(Late):
        ends[1].receive()
    ends[1].deadline = None
    ends[0].end.send(b"abc")
    ends[0].close()
    with pytest.raises(Ended):
        ends[1].receive()
    with pytest.raises(Ended):
        ends[1].has_spoken()


def test_a_side_that_never_stops_talking_is_late(ends):
    for _ in range(20):
        ends[0].send({"type": "invoke"})
    ends[1].deadline = time.monotonic() - 1
    with pytest.raises(Late):
        ends[1].receive()


# values


def crossed(value, limit=10**6):
    packer = Packer()
    tree = packer.pack(value)
    return Unpacker([memoryview(blob) for blob in packer.blobs], limit=limit).unpack(tree)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -(2**200), 1.5, float("inf"), "ä\ud800\n", 2 - 3j, ...,
        slice(None, 3, -1), [], (), {}, [1, (2, [3])],
        {"a": 1, 2: (3,), (4, 5): None, True: "x"}, np.float32(0.5), np.int64(-3), np.zeros((2, 0, 3)),
        np.arange(6, dtype=">i2").reshape(2, 3), np.arange(6.0).reshape(2, 3).T, np.array([True, False]),
        np.array(1j), [float("nan")],
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_crosses_unchanged(value):
    back = crossed(value)
    assert type(back) is type(value)
    assert back is ... if value is ... else difference(back, value, 0.0, 0.0) is None


def test_subclasses_arrive_as_what_they_are_made_of():
    class Odd(int):
        def __int__(self):
            return 7

        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    class Array(np.ndarray):
        pass

    assert type(crossed(Odd(3))) is int and repr(crossed(Odd(3))) == "3"
    assert type(crossed(np.zeros(2).view(Array))) is np.ndarray


@pytest.mark.parametrize(
    "value",
    [object(), print, int, {1}, b"x", np.array([None]), np.array(["a"]), np.zeros(1, "i4,i4"), range(3),
     10**9999],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_not_plain_does_not_cross(value):
    with pytest.raises(TypeError):
        Packer().pack(value)


def test_a_cycle_does_not_cross():
    endless = []
    endless.append(endless)
    with pytest.raises(TypeError, match="deeper"):
        Packer().pack(endless)


def npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


GOOD = npy(np.zeros(3))


@pytest.mark.parametrize(
    "tree, blobs",
    [
        ({"a": 1}, []), ([], []), ([1], []), (["odd"], []), (["array"], []), (["array", 0], []),
        (["array", -1], [GOOD]), (["array", True], [GOOD]), (["array", "0"], [GOOD]), (["number", 0], [GOOD]),
        (["array", 0], [b""]), (["array", 0], [b"x" * 200]), (["array", 0], [GOOD[:-1]]),
        (["array", 0], [GOOD + b"x"]), (["array", 0], [GOOD.replace(b"(3,)", b"(9,)")]),
        (["array", 0], [GOOD.replace(b"(3,)", b"(-3)")]), (["array", 0], [GOOD.replace(b"(3,)", b"[3,]")]),
        (["array", 0], [GOOD.replace(b"<f8", b"|O8")]), (["array", 0], [GOOD.replace(b"<f8", b"<M8")]),
        (["array", 0], [npy(np.array([None]), allow_pickle=True)]),
        (["array", 0], [npy(np.array([True])).replace(b"\n\x01", b"\n\x07")]),
        (["array", 0], [b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70000]),
        (["dict", 1], []), (["dict", [1]], []), (["dict", [["list"], 1]], []),
        (["dict", *([i, i] for i in range(5000))], []), (["list"] + [0] * 500_000, []),
        (["complex", 1, 2], []), (["complex", 1.0], []), (["ellipsis", 1], []), (["function", 0], []),
        (["tensor", 0], []), (["tensor", 0, 0, "float32", 0, [2], [1]], [b"x" * 7]),
        (["tensor", 0, 0, "float32", 0, [2], [-1]], [b"x" * 8]),
        (["tensor", 0, 0, "object", 0, [], []], [b"xx"]),
        (["tensor", 0, 0, "float32", -1, [1], [1]], [b"x" * 8]), (["tensor", 0, 3, "float32", 0, [], []], []),
        (["tensor", 0, 0, "float32", 2, [0], [1]], [b"x" * 4]),
        (["tensor", 0, 0, "uint8", 0, [10**9], [0]], [b"x"]),
        (["tensor", 0, 0, "uint8", 0, [1] * 65, [1] * 65], [b"x"]),
        (["tensor", 0, 0, "uint8", 0, 3, 4], [b"x"]),
        (["tensor", 0, 0, "uint8", 0, [1], [1, 1]], [b"x"]),
        (["tensor", 0, 0, "uint8", 0, [1.0], [1]], [b"x"]),
    ],
)  # fmt: skip
def test_what_breaks_the_rules_is_garbled(tree, blobs):
    with pytest.raises(Garbled):
        Unpacker([memoryview(blob) for blob in blobs], limit=10**6).unpack(tree)


def test_nesting_is_bounded():
    tree = ["list"]
    for _ in range(50):
        tree = ["list", tree]
    with pytest.raises(Garbled, match="deep"):
        Unpacker([], limit=9).unpack(tree)


def test_views_of_one_storage_arrive_as_views_of_one_storage():
    import torch

    w = torch.arange(12.0)
    sent = [w[:4], w[2:8].view(2, 3).T, torch.ones(2, dtype=torch.bfloat16), torch.tensor(3j), w[:0], w[12:]]
    back = crossed(sent)
    for a, b in zip(sent, back, strict=True):
        assert torch.equal(a, b) and (a.dtype, a.stride(), a.storage_offset()) == (
            b.dtype, b.stride(), b.storage_offset()
        )  # fmt: skip
    assert back[0].untyped_storage().data_ptr() == back[1].untyped_storage().data_ptr()
    assert back[0].untyped_storage().nbytes() == 48 and back[2].untyped_storage().nbytes() == 4
    back[1][0, 0] = 99
    assert back[0][2] == 99


# exceptions and arguments


def test_an_exception_is_rebuilt_by_name():
    class Own(KeyError):
        pass

    with pytest.raises(KeyError) as caught:
        raise rebuild(describe(Own("x")))
    assert type(caught.value).__name__ == "Own" and str(caught.value) == "'x'"
    for fatal in (SystemExit(3), KeyboardInterrupt(), GeneratorExit()):
        rebuilt = rebuild(describe(fatal))
        assert isinstance(rebuilt, Exception) and type(rebuilt).__name__ == type(fatal).__name__
    rebuilt = rebuild(describe(MemoryError("no block")))
    assert isinstance(rebuilt, MemoryError) and str(rebuilt) == "no block"
    assert isinstance(rebuild(describe(ExceptionGroup("g", [ValueError()]))), Exception)
    assert isinstance(rebuild(describe(UnicodeDecodeError("utf-8", b"", 0, 1, "why"))), UnicodeDecodeError)
    for told in ({}, {"errors": ["a b"], "text": ""}, {"errors": ["x"] * 99, "text": ""}, {"errors": ["x"]}):
        with pytest.raises(Garbled):
            rebuild(told)


def test_changed_arguments_change_ours():
    import torch

    array, nested, names, tensor = np.zeros(2), [[1], 2], {"a": [1]}, torch.zeros(3)
    inner, kept = nested[0], names["a"]
    theirs = [[np.ones(2), [[1, 5]], {"a": [2], "b": 3}, torch.ones(2)], {}]
    write_back([[array, nested, names, tensor], {}], theirs)
    assert array.tolist() == [1, 1] and nested == [[1, 5]] and nested[0] is inner
    assert names == {"a": [2], "b": 3} and names["a"] is kept and tensor.tolist() == [1, 1]
    for wrong in ([[np.ones(3)], {}], [[], {}], None, [[1], {"x": 1}], [[np.ones(2, "f4")], {}]):
        with pytest.raises(ValueError):
            write_back([[array], {}], wrong)


def test_a_clock_stops_our_own_loops():
    def endless(until):
        while time.monotonic() < until:
            pass

    before, started = sys.gettrace(), time.monotonic()
    with pytest.raises(OutOfTime), Clock(started + 0.05):
        endless(started + 20)
    assert sys.gettrace() is before


def test_text_can_be_written_anywhere():
    assert clean("a\ud800\x1b[0m\0\nä\t✔") == "a\\ud800\\x1b[0m\\x00\nä\t✔"
    assert len(clean("x" * 10**6)) == 2000


# judging across processes


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(limits=replace(LIMITS, call_seconds=5.0, cell_seconds=5.0)) as made:
        yield made


def graded(sandbox, question, *cells, seed=3):
    grade = sandbox.grade(notebook(*cells), [question], seed=seed)
    assert grade.seconds > 0
    (result,) = grade.results
    return grade, result


@pytest.mark.parametrize("master", sorted((COURSE / "solutions").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_solutions_earn_all_points(sandbox, master):
    questions = questions_of(int(master.stem[:2]))
    grade = sandbox.grade(master.read_bytes(), questions, seed=11)
    assert (grade.status, grade.note) == ("ok", "")
    assert all(result.score == result.points for result in grade.results), grade


WRONG = [(question, label) for question in questions_of(1) for label in question.wrong]


def source_of(question, label):
    """A cell that defines a known wrong answer, with all that its module defines: what the wrong one calls by
    the question's name is still the solution."""
    wrong = question.wrong[label]
    module = inspect.getsource(inspect.getmodule(wrong)).split("QUESTION = ")[0]
    bound = f"types.FunctionType({wrong.__name__}.__code__, dict(globals()))"
    return f"import types\n{module}\n{question.name} = {bound}"


@pytest.mark.parametrize("question, label", WRONG, ids=[f"{each.name}-{label}" for each, label in WRONG])
def test_a_wrong_answer_is_judged_as_it_is_on_the_learners_side(sandbox, question, label):
    there = graded(sandbox, question, source_of(question, label))[1]
    here = evaluate(question, question.wrong[label], 3)
    assert there.cause in ("wrong", "error") and there.score < question.points
    assert there == replace(here, **{name: clean(getattr(here, name)) for name in ("case", "got", "printed")})


class Stack:
    def __init__(self, limit):
        self.items, self.limit = [], limit

    def push(self, item):
        if len(self.items) == self.limit:
            raise OverflowError
        self.items.append(item)

    def pop(self):
        return self.items.pop()

    def __len__(self):
        return len(self.items)


def scenario():
    def oracle(arguments, operations):
        return question.respond(Stack, arguments, operations)

    script = [("pop",), ("push", 1), ("push", [2]), ("push", 3), ("pop",), ("absent",), ("__len__",)]
    question = kinds.Scenario(
        name="Stack", points=3, signature="Stack", solution=Stack, oracle=oracle,
        cases=lambda rng: [((2,), script), ((0,), [("push", 1)])], **COMMON,
    )  # fmt: skip
    return question


def test_a_class_is_driven_across(sandbox):
    honest = inspect.getsource(Stack)
    assert graded(sandbox, scenario(), honest)[1].status == "correct"
    _, result = graded(sandbox, scenario(), honest.replace("pop()", "pop(0)"))
    assert (result.status, result.note) == ("incorrect", "at [4]: expected [2], got 1") or result.got
    untouched = honest.replace("return self.items.pop()", "raise NotImplementedError")
    assert graded(sandbox, scenario(), untouched)[1].status in ("not attempted", "incorrect")
    assert graded(sandbox, scenario(), "class Stack:\n    pass")[1].cause == "error"
    assert graded(sandbox, scenario(), "Stack = 3")[1].cause == "error"


def test_a_diagnosis_is_a_value_or_a_function(sandbox):
    question = kinds.Diagnose(
        name="culprit", points=2, signature="culprit", solution=None,
        expected=lambda: {"step": 17, "times": [0.25]}, **COMMON,
    )  # fmt: skip
    right = "{'step': 17, 'times': (0.25,)}"
    assert graded(sandbox, question, f"culprit = {right}")[1].status == "correct"
    assert graded(sandbox, question, f"def culprit(): return {right}")[1].status == "correct"
    assert graded(sandbox, question, "culprit = {'step': 3, 'times': []}")[1].cause == "wrong"
    assert graded(sandbox, question, "culprit = ...")[0].status == "missing"
    assert graded(sandbox, question, "culprit = object()")[1].cause == "wrong"


def test_changed_arguments_and_expected_exceptions(sandbox):
    question = replace(
        COUNT,
        cases=lambda rng: [([1, 2],), ([],)],
        oracle=lambda x: max(x) if x else kinds.Raises("LookupError"),
    )
    right = "def count(x):\n    if not x: raise KeyError(x)\n    return max(x)"
    assert graded(sandbox, question, right)[1].status == "correct"
    _, result = graded(sandbox, question, right.replace("return", "x.append(1); return"))
    assert "arguments were changed" in result.note
    _, result = graded(sandbox, question, right.replace("KeyError", "ValueError"))
    assert result.got == "ValueError: []"


def test_what_an_answer_prints_is_kept(sandbox):
    _, result = graded(sandbox, COUNT, "def count(n):\n    print('seen', n)\n    assert n == 'x'")
    assert result.printed == "seen 0\n" and "AssertionError: assert n == 'x'" in result.got


def test_the_courses_own_checks_answer_nothing(sandbox):
    names = "from lesson_support import check, exercise, hint, solution"
    calls = "exercise(1)\ncheck('count')\nhint('count')"
    grade, result = graded(sandbox, COUNT, names, calls, HONEST[1], "solution('count', force=True)")
    assert (grade.note, result.status) == ("", "correct")


def test_the_zygote_knows_no_question(sandbox):
    cell = (
        "import sys, threading\n"
        "def count(n):\n"
        "    return [name for name in sys.modules if 'questions.' in name], threading.active_count()"
    )
    assert graded(sandbox, COUNT, cell)[1].got == "(['lesson_support.questions.kinds'], 1)"


@pytest.mark.skipif(not ROOT, reason="only root can give a user id away")
def test_a_submission_has_a_user_id_of_its_own(sandbox):
    cell = "import os\ndef count(n):\n    return [*os.getresuid(), *os.getresgid(), *os.getgroups()]"
    (first, again) = (graded(sandbox, COUNT, cell)[1].got for _ in range(2))
    assert first != again and all(int(each) >= 0x7000_0000 for each in first.strip("[]").split(", "))


def test_the_same_seed_gives_the_same_result(sandbox):
    cell = "import random\ndef count(n):\n    return n + 1 + random.random() + hash(str(n))"
    first, again = (graded(sandbox, COUNT, cell, seed=8)[1] for _ in range(2))
    assert first == again and "." in first.got


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b'{"cells": 3}', b'{"cells": [1]}', b"\0\xff", b"[" * 10**5, b"\xef\xbb\xbf{}",
     b'{"cells": [{"cell_type":'],
)  # fmt: skip
def test_what_is_no_notebook_is_unreadable(sandbox, content):
    grade = sandbox.grade(content, QUESTIONS, seed=0)
    assert grade.status == "unreadable" and grade.note.startswith("the notebook: ")
    assert {(result.status, result.cause) for result in grade.results} == {("not attempted", "unreadable")}


def test_odd_notebooks_are_read(sandbox):
    import json

    old = {
        "worksheets": [
            {"cells": [{"cell_type": "code", "input": [f"{line}\n" for line in HONEST[1].split("\n")]}]}
        ]
    }
    outputs = json.loads(notebook(HONEST[1]))
    outputs["cells"][0]["outputs"] = [{"output_type": "stream", "text": "x" * (8 << 20)}]
    for content in (old, outputs, {"cells": [{"cell_type": "code", "source": HONEST[1].splitlines(True)}]}):
        grade = sandbox.grade(json.dumps(content).encode(), [COUNT], seed=0)
        assert grade.results[0].status == "correct", grade
    empty = sandbox.grade(notebook(), QUESTIONS, seed=0)
    assert empty.status == "missing" and "double, count, test_count" in empty.note
    assert sandbox.grade(b" " * (17 << 20), QUESTIONS, seed=0).status == "unreadable"


def test_the_time_of_a_whole_notebook_is_bounded():
    with Sandbox(limits=replace(LIMITS, notebook_seconds=1.0, cell_seconds=30.0)) as made:
        started = time.monotonic()
        grade = made.grade(notebook(HONEST[0], "while True: pass", *HONEST[1:]), QUESTIONS, seed=0)
        assert time.monotonic() - started < 15 and grade.status == "timeout"
        assert "the whole notebook (1 s) was over" in grade.note
        assert {result.cause for result in grade.results} == {"timeout"}


def test_a_question_at_fault_is_an_error_of_ours(sandbox):
    module = replace(COUNT, cases=lambda rng: [(object(),)], oracle=lambda x: 1)
    with pytest.raises(LessonError, match="hands count a object"):
        graded(sandbox, module, HONEST[1])
    with pytest.raises(ZeroDivisionError):
        graded(sandbox, replace(COUNT, oracle=lambda n: 1 // 0), HONEST[1])
    uncomparable = replace(COUNT, oracle=lambda n: n + 1.0, solution=lambda n: n + 1.0)
    _, result = graded(sandbox, uncomparable, "def count(n): return 10**2000")
    assert result.status == "incorrect" and result.cause == "wrong"
    assert graded(sandbox, COUNT, HONEST[1])[1].status == "correct"


# isolation


def test_the_measures_are_sentences(sandbox):
    assert len(sandbox.measures) >= 6
    assert all(len(each) > 20 and "{" not in each for each in sandbox.measures)


def scores(grade):
    return tuple(result.score for result in grade.results)


def test_two_threads_grade_with_two_sandboxes(sandbox):
    with Sandbox(limits=LIMITS) as other:
        found = []

        def work(box):
            for seed in range(4):
                found.append(scores(box.grade(notebook(*HONEST), QUESTIONS, seed=seed)))

        threads = [threading.Thread(target=work, args=(box,)) for box in (sandbox, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [FULL] * 8


def test_a_user_namespace_isolates_where_no_user_id_can_be_given_away():
    zygote = Zygote(LIMITS, True, as_user=True)
    try:
        assert any("user namespace" in each for each in zygote.measures)
        for attack in (*SPIES.values(), DEATHS["SIGKILL to everybody"], HANGS["a function that never ends"]):
            grade = room.Session(zygote, notebook(*attack.cells), QUESTIONS, 5).grade()
            assert (scores(grade), grade.status) == (attack.scores, attack.status), grade
    finally:
        zygote.close()


def test_without_isolation_it_refuses_unless_told(monkeypatch):
    real = room.Zygote

    def unable(limits, isolate, hidden=()):
        if isolate:
            raise LessonError("this machine cannot isolate")
        return real(limits, isolate, hidden)

    monkeypatch.setattr(room, "Zygote", unable)
    with pytest.raises(LessonError, match="cannot isolate"):
        Sandbox()
    with Sandbox(limits=LIMITS, unsafe=True) as exposed:
        assert any("can read every file" in each for each in exposed.measures)
        assert scores(exposed.grade(notebook(*HONEST), QUESTIONS, seed=0)) == FULL
        for attack in (DEATHS["os._exit in a cell"], HANGS["a function that never ends"]):
            grade = exposed.grade(notebook(*attack.cells), QUESTIONS, seed=0)
            assert (scores(grade), grade.status) == (attack.scores, attack.status), grade
        leaver = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(77)\n    os._exit(0)"
        exposed.grade(notebook(leaver, *HONEST), QUESTIONS, seed=0)
        children = Path(f"/proc/{exposed._zygote.process.pid}/task/{exposed._zygote.process.pid}/children")
        assert children.read_text() == ""


def test_the_reason_for_a_refusal_is_one_sentence(monkeypatch):
    monkeypatch.setattr(paths, "PACKAGE", paths.PACKAGE)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LessonError, match="cannot isolate a submission .it ended before") as caught:
        Sandbox()
    assert "\n" not in str(caught.value)


def test_hidden_folders_are_empty():
    with Sandbox(limits=LIMITS, hidden=[paths.PACKAGE / "native"]) as made:
        cell = f"import os\ndef count(n):\n    return os.listdir({str(paths.PACKAGE / 'native')!r})"
        assert graded(made, COUNT, cell)[1].got == "[]"


def test_a_dead_zygote_is_replaced():
    with Sandbox(limits=LIMITS) as made:
        os.kill(made._zygote.process.pid, signal.SIGKILL)
        made._zygote.process.wait()
        assert scores(made.grade(notebook(*HONEST), QUESTIONS, seed=0)) == FULL


def test_nothing_survives_the_grader(tmp_path):
    code = """
        import os, time
        from lesson_support.grading.sandbox import Sandbox
        from tests.hostile.questions import QUESTIONS, notebook
        box = Sandbox()
        print(box._zygote.process.pid, flush=True)
        box.grade(notebook("import time; time.sleep(60)"), QUESTIONS, seed=0)
    """
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    grader = subprocess.Popen(command, cwd=COURSE, stdout=subprocess.PIPE, text=True, env=environment)
    with grader:
        started = int(grader.stdout.readline())
        time.sleep(0.5)
        grader.kill()
    deadline = time.monotonic() + 10
    status = Path(f"/proc/{started}/status")
    while time.monotonic() < deadline and status.exists() and "zombie" not in status.read_text():
        time.sleep(0.05)
    assert not status.exists() or "zombie" in status.read_text()


def test_the_memory_of_the_grader_stays_flat(sandbox):
    def held():
        return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1])

    large = notebook(
        "import numpy as np\ndef double(x): return np.zeros(10**6)", "x = 'y' * 10**6", *HONEST[1:]
    )
    for _ in range(3):
        sandbox.grade(large, QUESTIONS, seed=0)
    before, descriptors = held(), len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert scores(sandbox.grade(large, QUESTIONS, seed=0)) == (0, 3, 3)
    assert held() - before < 30_000 and len(os.listdir("/proc/self/fd")) == descriptors


def test_the_limits_are_told(sandbox):
    assert all(value > 0 for value in vars(Limits()).values())
    assert (
        sandbox.measures[-1] == str(sandbox.limits) and "a cell 5 s, a notebook 20 s" in sandbox.measures[-1]
    )


def test_output_is_kept_up_to_its_limit():
    with Sandbox(limits=replace(LIMITS, output_chars=1000)) as made:
        _, result = graded(made, COUNT, "def count(n):\n    print('x' * 10**6)")
        assert result.printed == "x" * 1000


def test_torch_is_whole_before_anything_is_compared():
    """Two sandboxes, opened at once in a process that has not imported torch, grade as one does."""
    code = """
import sys, threading
from pathlib import Path
from lesson_support.grading.sandbox import Sandbox
from lesson_support.grading.library import questions_of
assert "torch" not in sys.modules
notebook, seen = Path(sys.argv[1]).read_bytes(), []
def work():
    with Sandbox() as sandbox:
        seen.append(hasattr(sys.modules.get("torch"), "Tensor"))
        grade = sandbox.grade(notebook, questions_of(1), seed=1)
        seen.append((grade.status, sum(r.share * r.points for r in grade.results)))
threads = [threading.Thread(target=work) for _ in range(2)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(map(str, seen)))
"""
    solution = Path(__file__).resolve().parents[2] / "solutions" / "01_tensor_mechanics.ipynb"
    done = subprocess.run([sys.executable, "-c", code, str(solution)], capture_output=True, text=True)
    assert done.stdout.strip() == str(sorted(["True", "True", "('ok', 10.0)", "('ok', 10.0)"])), done.stderr


def test_an_environment_under_tmp_is_isolated_too():
    """A checkout in /tmp brings its interpreter along, where each submission has a folder of its own."""
    code = """
import sys
import sysconfig
import tempfile
from pathlib import Path
from lesson_support.grading.sandbox import Sandbox
from lesson_support.grading.library import questions_of
assert sys.prefix.startswith("/tmp/"), sys.prefix
with Sandbox() as sandbox:
    for _ in range(2):
        grade = sandbox.grade(Path(sys.argv[1]).read_bytes(), questions_of(1), seed=1)
        print(grade.status, sum(result.share * result.points for result in grade.results))
"""
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(dir="/tmp") as parent:
        folder = f"{parent}/environment"
        venv.create(folder, symlinks=True)
        (site,) = Path(folder, "lib").glob("python*/site-packages")
        site.rmdir()
        site.symlink_to(sysconfig.get_path("purelib"))
        solution = root / "solutions" / "01_tensor_mechanics.ipynb"
        run = [f"{folder}/bin/python", "-c", code, str(solution)]
        done = subprocess.run(run, capture_output=True, text=True, cwd="/")
    assert done.stdout.split() == ["ok", "10.0"] * 2, done.stderr
