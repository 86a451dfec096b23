"""What a notebook calls: the opening, predictions, source listings and tracebacks."""

import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html import escape

import numpy
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from lesson_support import catalog, lesson, predict, show_source
from lesson_support.classroom.card import card_html
from lesson_support.classroom.prediction import prediction_html
from lesson_support.classroom.tracebacks import clean_traceback, install_tracebacks
from lesson_support.errors import LessonError

OPTIONS = {
    "40 bytes": "That is what the ten numbers need, not what their storage holds.",
    "40 MB": "The whole storage is written, because `save` writes storages.",
    "0 bytes": "A view has no storage of its own, but it points to one.",
}


@pytest.fixture
def displayed(monkeypatch):
    """What `display` was given, instead of a front end."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *things, **_: shown.extend(things))
    return shown


def test_lesson_puts_every_process_into_the_same_state(capsys, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    draws = []
    for _ in range(2):
        lesson(1)
        draws.append((random.random(), numpy.random.rand(), torch.rand(()).item()))
    lesson(2)
    assert draws[0] == draws[1]
    assert random.random() != draws[0][0]
    assert torch.get_num_threads() == 1
    assert capsys.readouterr().out.startswith("Lesson 01 · ")


def test_the_card_says_what_a_lesson_asks_for_and_links_only_where_the_book_can():
    entry = catalog.lesson_entry(42)
    plain = card_html(entry)
    assert "difficulty 10/10" in plain and "needs Triton" in plain and "<a " not in plain
    assert all(escape(outcome) in plain for outcome in entry.outcomes)
    linked = card_html(entry, lambda kind, number: f"{kind}-{number}.html" if number == 40 else None)
    assert linked.count("<a ") == 1 and 'href="lesson-40.html">40<' in linked
    published = card_html(catalog.lesson_entry(5))
    assert "no GPU needed; what one measured appears once it is published" in published
    assert "needs" not in published.replace("needed", "")
    assert "builds on no other lesson" in card_html(catalog.lesson_entry(1))


def test_an_exercise_opens_its_lesson_without_the_card(capsys, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    lesson(1, card=False)
    assert capsys.readouterr().out == ""
    assert torch.initial_seed() == 1


def test_an_unknown_lesson_is_named():
    with pytest.raises(LessonError, match="99"):
        lesson(99)


@pytest.mark.skipif(sys.platform != "linux", reason="triton is a Linux package")
@pytest.mark.parametrize(("first", "fine"), [("", True), ("import triton; ", False)])
def test_triton_interprets_without_a_gpu_only_if_lesson_comes_first(first, fine):
    code = (
        first
        + "from lesson_support import lesson; lesson(36); import os; print(os.environ['TRITON_INTERPRET'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"} | {
        "CUDA_VISIBLE_DEVICES": ""
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode == 0) is fine, done.stderr
    if fine:
        assert done.stdout.splitlines()[-1] == "1"
    else:
        assert "after triton was imported" in done.stderr


def test_without_a_compiler_only_its_lessons_refuse(monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    lesson(1, card=False)
    with pytest.raises(LessonError, match=r"lesson 02 builds C\+\+ operators.*no-such-compiler.*its page"):
        lesson(2)


def test_without_triton_only_its_lessons_refuse(monkeypatch, capsys):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr("lesson_support.classroom.opening.find_spec", lambda name: None)
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(LessonError, match=r"lesson 36 needs Triton.*Darwin"):
        lesson(36)
    lesson(1)
    assert capsys.readouterr().out.startswith("Lesson 01") and "TRITON_INTERPRET" not in os.environ


def test_a_prediction_reveals_the_explanation_of_what_was_chosen(displayed):
    predict("How large is the file?", OPTIONS, answer="40 MB")
    (bundle,) = displayed
    form = ElementTree.fromstring(bundle["text/html"])
    choices = form.findall(".//div[@class='choice wrong']") + form.findall(".//div[@class='choice right']")
    assert len(choices) == 3
    right = form.find(".//div[@class='choice right']")
    assert "40 MB" in "".join(right.find("label").itertext())
    assert right.find("div/strong").text == "✔ Yes."
    assert right.find("div/code").text == "save"
    assert len({each.get("name") for each in form.iter("input")}) == 1
    assert "storage is written" not in bundle["text/plain"]


def test_prediction_bytes_are_stable_and_names_differ_between_questions():
    first = prediction_html("How large?", OPTIONS, "40 MB")
    assert first == prediction_html("How large?", OPTIONS, "40 MB")
    name = re.compile(r'name="([^"]+)"')
    assert name.findall(first) != name.findall(prediction_html("How small?", OPTIONS, "40 MB"))


@pytest.mark.parametrize(
    ("question", "options", "answer", "complaint"),
    [
        ("", OPTIONS, "40 MB", "empty question"),
        ("Q?", {"a": "one two three four"}, "a", "1 options"),
        ("Q?", ["a", "b", "c"], "a", "3 options"),
        ("Q?", {**OPTIONS, "4 KB": "why"}, "40 MB", "no explanation"),
        ("Q?", OPTIONS, "41 MB", "none of the options"),
    ],
)
def test_a_bad_prediction_is_refused(question, options, answer, complaint):
    with pytest.raises(LessonError, match=complaint):
        predict(question, options, answer=answer)


def test_show_source_shows_functions_files_and_parts(displayed):
    show_source(prediction_html)
    show_source("classroom/source.py", between=("def _part", "return textwrap"))
    whole, part = (each.data for each in displayed)
    assert whole.startswith("```python\ndef prediction_html(") and whole.endswith("```")
    assert part.splitlines()[1].startswith("def _part(") and "return textwrap" in part.splitlines()[-2]


def test_a_marker_can_ask_for_the_line_s_beginning(displayed):
    show_source("native/cpp/roofline.cpp", between=("^void triad", "^}"))
    (bundle,) = displayed
    lines = bundle.data.splitlines()
    assert lines[1].startswith("void triad") and lines[-2] == "}" and lines.count("}") == 1


@pytest.mark.parametrize(
    ("things", "between", "complaint"),
    [
        ((), None, "got nothing"),
        (("kernels/nowhere.py",), None, "no file"),
        (("../README.md",), None, "no file"),
        ((len,), None, "no Python source"),
        (("errors.py",), ("class Nobody", "x"), "class Nobody"),
        (("errors.py",), ("class LessonError", "never there"), "never there"),
    ],
)
def test_show_source_names_what_it_cannot_show(things, between, complaint):
    with pytest.raises(LessonError, match=re.escape(complaint)):
        show_source(*things, between=between)


@pytest.fixture
def shell():
    shell = InteractiveShell()
    install_tracebacks(shell)
    install_tracebacks(shell)  # twice must do no harm
    return shell


def test_a_library_error_shows_the_readers_line_and_one_library_line(shell, capsys):
    shell.run_cell("import torch\nlayer = torch.nn.Linear(3, 2)\nlayer(torch.ones(4))")
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "this cell, line 3:"
    assert lines[1] == "    layer(torch.ones(4))"
    assert re.fullmatch(r"torch/nn/modules/linear\.py:\d+, in forward", lines[2])
    assert lines[3].startswith("RuntimeError: ")
    assert len(lines) == 4


def test_every_frame_of_the_reader_is_shown_and_no_path(shell, capsys):
    shell.run_cell("def halve(x):\n    return x / 0\nhalve(3)")
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "this cell, line 3:",
        "    halve(3)",
        "this cell, line 2, in halve:",
        "    return x / 0",
        "ZeroDivisionError: division by zero",
    ]


def test_a_message_for_a_person_comes_alone(shell, capsys):
    shell.run_cell("from lesson_support import lesson\nlesson(99)")
    out = capsys.readouterr().out.strip()
    assert out.count("\n") == 0 and "99" in out


def test_a_cause_is_told_first():
    try:
        try:
            {}["stride"]
        except KeyError as cause:
            raise ValueError("no stride given") from cause
    except ValueError as error:
        lines = clean_traceback(error)
    assert lines[0] == "KeyError: 'stride'" and lines[1] == "which led to:"
    assert lines[-1] == "ValueError: no stride given"


def test_the_full_traceback_returns_on_request(shell, capsys):
    shell.run_cell("%xmode Verbose")
    capsys.readouterr()
    shell.run_cell("import torch\ntorch.nn.Linear(3, 2)(torch.ones(4))")
    assert len(capsys.readouterr().out.splitlines()) > 10
