"""`lessons fmt`: ids that can be read, no traces of editors, and nothing a second time."""

import pytest
from nbformat import from_dict, v4

from lesson_support.authoring.formatting import format_notebook, readable_id
from lesson_support.authoring.notebooks import (
    NOTEBOOK_METADATA,
    WIDGET_VIEW,
    notebook_text,
    read_notebook,
    source_hash,
    write_notebook,
)
from lesson_support.errors import LessonError


def text(identifier, source, **metadata):
    return v4.new_markdown_cell(source, id=identifier, metadata=from_dict(metadata))


def code(identifier, source, *outputs, **metadata):
    outputs = [from_dict(output) for output in outputs]
    return v4.new_code_cell(source, id=identifier, metadata=from_dict(metadata), outputs=outputs)


def formatted(tmp_path, *cells, metadata=None):
    """What `lessons fmt` makes of these cells, and what it says; a second time it changes nothing."""
    path = tmp_path / "01_x.ipynb"
    write_notebook(
        path, v4.new_notebook(cells=list(cells), metadata=from_dict(metadata or NOTEBOOK_METADATA))
    )
    changes = format_notebook(path)
    before = path.read_bytes()
    assert format_notebook(path) == []
    assert path.read_bytes() == before
    return read_notebook(path), changes


def test_random_ids_become_names(tmp_path):
    cells = [
        text("3fa9c01e", "# 01 · Title"),
        code("9d1e4b7a-1c2d-4e5f-8a9b-0c1d2e3f4a5b", "from lesson_support import lesson\n\nlesson(1)"),
        text("hook", "A hook."),
        text("0badcafe", "Shots: `1234abcd`, `hook`.", lesson={"block": "camera"}),
        text("1234abcd", "## Strides, at [last](x.md): `as_strided`!"),
        code("e5f6a7b8", "x = 1"),
        code("c0ffee11", "verify('transpose-is-free', 't', a, unless=b)"),
        text("aXb_9", "More."),
    ]
    found, changes = formatted(tmp_path, *cells)
    assert [cell.id for cell in found.cells] == [
        "title",
        "lesson",
        "hook",
        "camera",
        "strides-at-last-as-strided",
        "strides-at-last-as-strided-2",
        "transpose-is-free",
        "strides-at-last-as-strided-3",
    ]
    assert found.cells[3].source == "Shots: `strides-at-last-as-strided`, `hook`."
    assert "cell 3fa9c01e is now title" in changes


def test_doubled_ids_are_told_apart_and_the_first_keeps_its_name(tmp_path):
    path = tmp_path / "01_x.ipynb"
    notebook = v4.new_notebook(cells=[text("rows", "One."), text("columns", "Two.")])
    notebook.cells[1].id = "rows"
    write_notebook(path, notebook)
    assert format_notebook(path) != []
    names = [cell.id for cell in read_notebook(path).cells]
    assert names[0] == "rows"
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    ("identifier", "readable"),
    [
        ("hook", True),
        ("row-2", True),
        ("deadline", True),
        ("deadbeef", False),
        ("0123456789ab", False),
        ("a", False),
        ("A-b", False),
        ("a--b", False),
        ("x" * 65, False),
        ("9d1e4b7a-1c2d-4e5f-8a9b-0c1d2e3f4a5b", False),
    ],
)
def test_which_ids_can_be_read(identifier, readable):
    assert readable_id(identifier) is readable


def test_traces_of_editors_go_and_what_the_course_uses_stays(tmp_path):
    kept = {"tags": ["hide-input"], "lesson": {"block": "build"}, "nbgrader": {"grade": True}}
    stray = {
        "execution": {"iopub.execute_input": "2026"},
        "collapsed": True,
        "scrolled": True,
        "vscode": {},
        "id": "x",
    }
    alt = {"image/png": {"alt": "bars"}}
    output = {"output_type": "display_data", "data": {"text/plain": "bars", WIDGET_VIEW: {}}, "metadata": alt}
    empty = {"output_type": "display_data", "data": {WIDGET_VIEW: {}}, "metadata": {}}
    found, changes = formatted(
        tmp_path,
        code("bars", "f()", output, empty, **kept, **stray),
        text("words", "Text.", tags=[], jp_MarkdownHeadingCollapsed=True),
        metadata=NOTEBOOK_METADATA | {"widgets": {}, "colab": {"name": "x"}},
    )
    assert found.metadata == NOTEBOOK_METADATA
    assert found.cells[0].metadata == kept
    assert found.cells[1].metadata == {}
    assert found.cells[0].outputs == [output | {"data": {"text/plain": "bars"}}]
    assert any("colab" in change and "scrolled" in change for change in changes)
    assert "widget views in outputs" in changes


def test_blanks_go_where_they_mean_nothing(tmp_path):
    found, changes = formatted(
        tmp_path,
        text("words", "One.   \nTwo. \n  \nThree.  \n\n"),
        code("plain", "x = 1  \n\ny = 2\n\n"),
        code("string", 'x = """a  \nb"""\n'),
        code("magic", "%time f()  \ng()\n"),
        code("live", "f() \n", lesson={"block": "build", "ran": source_hash("f() \n")}),
    )
    assert [cell.source for cell in found.cells] == [
        "One.  \nTwo.\n\nThree.",
        "x = 1\n\ny = 2",
        'x = """a  \nb"""',
        "%time f()  \ng()",
        "f()",
    ]
    assert found.cells[4].metadata.lesson.ran == source_hash("f()")
    assert changes == ["trailing blanks"]


def test_a_file_laid_out_otherwise_is_rewritten(tmp_path):
    path = tmp_path / "01_x.ipynb"
    notebook = v4.new_notebook(cells=[text("words", "Ä.")], metadata=from_dict(NOTEBOOK_METADATA))
    path.write_text(notebook_text(notebook).replace("\n ", "\n    "))
    assert format_notebook(path) == ["the file's layout"]
    assert path.read_text() == notebook_text(notebook)


def test_a_corrupt_notebook_is_refused_and_stays(tmp_path):
    path = tmp_path / "01_x.ipynb"
    path.write_text("{")
    with pytest.raises(LessonError, match="01_x"):
        format_notebook(path)
    assert path.read_text() == "{"
