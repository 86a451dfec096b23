"""`lessons run`: what is stored after a run, what stays, and that a failure changes nothing."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from io import BytesIO

import pytest
from nbclient import NotebookClient
from nbformat import from_dict, v4
from PIL import Image

from lesson_support.authoring.merging import SANITIZER, merge_run, same_outputs, sanitize
from lesson_support.authoring.notebooks import (
    WIDGET_VIEW,
    notebook_text,
    parse_notebook,
    read_notebook,
    source_hash,
    write_notebook,
)
from lesson_support.authoring.running import run_notebook
from lesson_support.errors import LessonError


def code(name, source, *outputs, tags=(), ran=None):
    metadata = ({"tags": list(tags)} if tags else {}) | ({"lesson": {"ran": source_hash(ran)}} if ran else {})
    return v4.new_code_cell(
        source, id=name, metadata=from_dict(metadata), outputs=list(map(from_dict, outputs))
    )


def notebook(*cells):
    return v4.new_notebook(cells=list(cells))


def store(path, *cells):
    write_notebook(path, notebook(*cells))
    return path


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(kind="display_data", metadata=None, **data):
    data = {mime.replace("_", "/", 1): value for mime, value in data.items()}
    return {"output_type": kind, "data": data, "metadata": metadata or {}} | (
        {"execution_count": 9} if kind == "execute_result" else {}
    )


def png(colour, compress_level=6):
    buffer = BytesIO()
    Image.new("RGB", (9, 9), colour).save(buffer, "PNG", compress_level=compress_level)
    return base64.b64encode(buffer.getvalue()).decode()


SMALL, LARGE = png("navy", 9), png("navy", 0)


def outputs(path, name):
    cell = next(cell for cell in read_notebook(path).cells if cell.id == name)
    return [
        "".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in cell.outputs
    ]


def test_a_run_stores_outputs_and_a_second_run_changes_no_byte(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "elsewhere"))
    kernels = tmp_path / "elsewhere/kernels/python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(
        '{"argv": ["/nonexistent/python"], "display_name": "x", "language": "python"}'
    )
    folder = tmp_path / "lessons"
    folder.mkdir()
    (folder / "beside.py").write_text("ANSWER = 42\n")
    path = store(
        folder / "01_x.ipynb",
        v4.new_markdown_cell("Text", id="text"),
        code("imports", "import os, sys, time\nimport beside\nbeside.ANSWER"),
        code("interpreter", "print(os.path.samefile(sys.prefix, os.environ['EXPECTED_PREFIX']))"),
        code(
            "surroundings",
            "for name in ('STRICT', 'STATIC', 'HOME'):\n    print(os.environ['LESSONS_' + name])",
        ),
        code("clock", "print(time.time())", tags=["nbval-ignore-output"]),
        code("measured", "print(f'fast (measured {time.time():.9f}×)')"),
        code(
            "streams",
            "for out in (1, 2, 1):\n    print(out, file=(sys.stdout, sys.stderr)[out - 1], flush=True)",
        ),
        code("empty", ""),
        code("error", "1 / 0", tags=["raises-exception"]),
        code("plot", f"display({{'image/png': '{LARGE}', '{WIDGET_VIEW}': {{'model_id': 'a'}}}}, raw=True)"),
    )
    monkeypatch.setenv("EXPECTED_PREFIX", sys.prefix)
    steps = []
    report = run_notebook(path, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(done, 9 - 1) for done in range(9)]
    assert report.written
    assert outputs(path, "imports") == ["42"]
    assert outputs(path, "interpreter") == ["True\n"]
    strict, static, home = outputs(path, "surroundings")[0].split()
    assert (strict, static) == ("1", "1")
    assert home != os.environ["LESSONS_HOME"]
    assert not os.path.exists(home)
    assert outputs(path, "streams") == ["1\n1\n", "2\n"]
    stored = read_notebook(path)
    assert [cell.execution_count for cell in stored.cells if cell.cell_type == "code"] == [
        1,
        2,
        3,
        4,
        5,
        6,
        None,
        7,
        8,
    ]
    assert list(stored.cells[-1].outputs[0].data) == ["image/png"]
    assert stored.cells[4].metadata.lesson.ran == source_hash("print(time.time())")
    # the child's home is another folder each time, so this cell would change in every run
    stored.cells[3].source = "print('same')"
    write_notebook(path, stored)
    assert run_notebook(path).changed == ("surroundings",)
    before = path.read_bytes()
    again = run_notebook(path)
    assert path.read_bytes() == before
    assert (again.changed, again.written, len(again.kept)) == ((), False, 8)
    assert again.seconds >= sum(again.cell_seconds.values()) > 0
    assert "every output as stored" in str(again)
    (folder / "beside.py").write_text("ANSWER = 43\n")
    refreshed = run_notebook(path, refresh=True)
    assert refreshed.changed == ("imports", "clock")
    assert outputs(path, "imports") == ["43"]


@pytest.mark.parametrize(
    ("source", "tags", "said"),
    [
        ("raise ValueError('no such row')", [], "ValueError: no such row"),
        ("print('fine')", ["raises-exception"], "raised nothing"),
        ("import os; os._exit(3)", [], "the kernel died"),
        ("import time; time.sleep(60)", [], "still running after 1 s"),
    ],
)
def test_a_failing_cell_is_named_and_the_file_stays(tmp_path, source, tags, said):
    path = store(tmp_path / "01_x.ipynb", code("fine", "print(1)"), code("culprit", source, tags=tags))
    before = path.read_bytes()
    with pytest.raises(LessonError, match=rf"01_x\.ipynb, cell culprit: .*{said}"):
        run_notebook(path, timeout=1)
    assert path.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
def test_an_interrupted_run_leaves_no_process_behind(tmp_path):
    source = (
        "import os, pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "pathlib.Path('part').write_text(f'{os.getpid()} {child.pid}')\n"
        "pathlib.Path('part').rename('pids')\n"
        "time.sleep(60)"
    )
    path = store(tmp_path / "01_x.ipynb", code("long", source))
    before = path.read_bytes()

    def interrupt():
        while not (tmp_path / "pids").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_notebook(path)
    assert path.read_bytes() == before
    for pid in (tmp_path / "pids").read_text().split():
        assert not alive(pid), pid


def test_an_interrupt_while_the_kernel_starts_leaves_no_kernel(tmp_path, monkeypatch):
    path = store(tmp_path / "01_x.ipynb", code("fine", "print(1)"))
    started = []

    def interrupted(client):
        started.append(str(client.km.provisioner.pid))
        raise KeyboardInterrupt

    monkeypatch.setattr(NotebookClient, "start_new_kernel_client", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_notebook(path)
    assert len(started) == 1
    assert not alive(started[0])


def alive(pid):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False
        ).stdout
        if not state.strip() or state.startswith("Z"):  # gone, or dead and not yet collected
            return False
        time.sleep(0.05)
    return True


def merged(stored, fresh, refresh=False):
    """The one cell after the merge, and whether it took the new outputs."""
    stored, fresh = notebook(stored), notebook(fresh)
    changed, kept = merge_run(stored, fresh, refresh=refresh)
    assert len(changed) + len(kept) == 1
    return stored.cells[0], bool(changed)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (printed("x (measured 3×)"), printed("x (measured 4×)"), True),
        (printed("x (measured 3×)"), printed("y (measured 3×)"), False),
        (printed("x (measured)"), printed("x measured 4×"), False),
        (printed("x"), printed("x", "stderr"), False),
        (shown(text_plain="(measured 1 s)"), shown(text_plain="(measured 2 s)"), True),
        (shown(text_html="<b>1</b>"), shown(text_html="<b>2</b>"), False),
        (shown(text_plain="1"), shown("execute_result", text_plain="1"), False),
        (shown(image_png=SMALL), shown(image_png=LARGE), True),
        (shown(image_png=SMALL), shown(image_png=png("red")), False),
        (shown(image_png="damaged"), shown(image_png=SMALL), False),
        (shown(text_plain="1", metadata={"a": 1}), shown(text_plain="1", metadata={"a": 2}), False),
        (shown(application_json={"a": 1}), shown(application_json={"a": 1}), True),
    ],
)
def test_outputs_are_the_same_after_sanitising(old, new, same):
    assert same_outputs([from_dict(old)], [from_dict(new)]) is same
    cell, changed = merged(code("a", "f()", old), code("a", "f()", new))
    assert changed is not same
    kept = old if same else new
    assert cell.outputs == [kept | ({"execution_count": 1} if "execution_count" in kept else {})]


def test_a_traceback_counts():
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["line 1"]}
    assert same_outputs([from_dict(error)], [from_dict(error)])
    assert not same_outputs([from_dict(error)], [from_dict(error | {"traceback": ["line 2"]})])


OLD, NEW = printed("old"), printed("new")
LIVE = {"tags": ["nbval-ignore-output"]}


@pytest.mark.parametrize(
    ("stored", "refresh", "takes"),
    [
        (code("a", "f()", OLD, **LIVE, ran="f()"), False, False),
        (code("a", "f()", OLD, **LIVE, ran="f()"), True, True),
        (code("a", "f()", OLD, **LIVE, ran="g()"), False, True),
        (code("a", "f()", OLD, **LIVE), False, True),
        (code("a", "f()", **LIVE, ran="f()"), False, True),
    ],
    ids=["kept", "refreshed", "source changed", "never recorded", "nothing stored"],
)
def test_an_ignored_cell_keeps_its_outputs_until_its_source_changes(stored, refresh, takes):
    cell, changed = merged(stored, code("a", "f()", NEW), refresh)
    assert changed is takes
    assert cell.outputs == [NEW if takes else OLD]
    assert cell.metadata["lesson"]["ran"] == source_hash("f()")


@pytest.mark.parametrize(
    ("alt", "refresh", "takes"), [("bars", False, False), ("bars", True, True), ("lines", False, True)]
)
def test_a_measured_figure_keeps_its_pixels_while_its_text_agrees(alt, refresh, takes):
    stored = code("a", "f()", shown(image_png=SMALL, text_plain="bars"), tags=["measured-figure"], ran="f()")
    fresh = code("a", "f()", shown(image_png=png("red"), text_plain=alt))
    cell, changed = merged(stored, fresh, refresh)
    assert changed is takes
    assert (cell.outputs[0].data["image/png"] == SMALL) is not takes


def test_merging_numbers_cells_and_forgets_what_is_no_longer_live():
    stored = code("a", "f()", shown("execute_result", text_plain="1"), ran="f()")
    cell, changed = merged(stored, code("a", "f()", shown("execute_result", text_plain="1")))
    assert not changed
    assert (cell.execution_count, cell.outputs[0].execution_count) == (1, 1)
    assert "lesson" not in cell.metadata


def test_the_sanitizer_ignores_what_is_measured_and_nothing_else():
    assert sanitize("✔ a: at least 50× (measured 812×), not so b (measured 1.1×)") == (
        "✔ a: at least 50× (measured), not so b (measured)"
    )
    assert sanitize("(remeasured 3) [measured 4]") == "(remeasured 3) [measured 4]"
    assert SANITIZER.read_text().count("regex:") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<<<<<< HEAD\n{}", "expected JSON"),
        ("[]", "a list of cells"),
        ('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}', r"format 4\.4: expected 4\.5"),
        (
            '{"cells": [{"cell_type": "code"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
            "at cells/0",
        ),
        ('{"cells": [], "nbformat": 4, "nbformat_minor": 5}', "'metadata' is a required property"),
    ],
)
def test_a_corrupt_notebook_is_refused_with_its_reason(tmp_path, text, said):
    path = tmp_path / "01_x.ipynb"
    path.write_text(text)
    with pytest.raises(LessonError, match=rf"01_x\.ipynb.*{said}"):
        run_notebook(path)
    assert path.read_text() == text


def test_a_missing_or_binary_notebook_is_refused(tmp_path):
    with pytest.raises(LessonError, match="cannot read .*01_x"):
        run_notebook(tmp_path / "01_x.ipynb")
    (tmp_path / "02_x.ipynb").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LessonError, match="expected UTF-8"):
        read_notebook(tmp_path / "02_x.ipynb")


def test_the_stored_form_is_stable_and_reads_back():
    cell = code("a", "print('ä')\nf()", printed("ä\nb\n"), shown(text_html="<b>\n</b>", image_png=SMALL))
    text = notebook_text(notebook(cell))
    assert text.endswith("}\n")
    assert "\n    \"print('ä')\\n\",\n" in text
    assert notebook_text(parse_notebook(text, "x")) == text
