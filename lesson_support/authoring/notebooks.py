"""A notebook as a file: read and checked, or refused with a reason; equal content gives equal bytes."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode, v4
from nbformat.validator import iter_validate

from lesson_support.errors import LessonError
from lesson_support.paths import write_whole

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# All that a notebook of the course says about itself; anything more differs from machine to machine.
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def parse_notebook(text: str, name: str) -> NotebookNode:
    """The notebook in `text`, format 4.5 only (the one with cell ids); `name` is what an error calls it."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise LessonError(f"{name} is not a notebook: expected JSON, but {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("cells"), list):
        raise LessonError(f"{name} is not a notebook: expected a JSON object with a list of cells")
    version = (data.get("nbformat"), data.get("nbformat_minor"))
    if version != (4, 5):
        found = ".".join(map(str, version))
        raise LessonError(f"{name} has notebook format {found}: expected 4.5, the format with cell ids")
    for error in iter_validate(data):
        where = "/".join(map(str, error.absolute_path)) or "the top level"
        reason = error.message if len(error.message) <= 200 else error.message[:200] + "…"
        raise LessonError(f"{name} breaks the notebook format at {where}: {reason}")
    return v4.to_notebook_json(data)


def read_notebook(path: Path) -> NotebookNode:
    """The notebook stored at `path`; a missing, unreadable or malformed one is an error that says which."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LessonError(f"{path} is not a notebook: expected UTF-8 text, but {error.reason}") from None
    except OSError as error:
        raise LessonError(f"cannot read {path} ({error.strerror}): expected a notebook") from None
    return parse_notebook(text, str(path))


def notebook_text(notebook: NotebookNode) -> str:
    """The bytes to store, as text: sorted keys, one space of indent, sources as lists of lines."""
    return v4.writes(notebook) + "\n"


def write_notebook(path: Path, notebook: NotebookNode) -> bool:
    """Store `notebook` unless the file holds exactly that already; says whether the file changed."""
    text = notebook_text(notebook)
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    write_whole(path, text)
    return True


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells that hold code: an empty one has nothing to run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def block(cell: NotebookNode) -> str | None:
    """opening, camera, build, hood or challenge; None where the cell does not say."""
    lesson = cell.metadata.get("lesson", {})
    return lesson.get("block") if isinstance(lesson, dict) else None


def source_hash(source: str) -> str:
    """What `metadata.lesson.ran` records: the source whose run produced the stored outputs."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def without_widgets(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """`outputs` without the widget view (its ids are random); one that was nothing else goes altogether."""
    kept = []
    for output in outputs:
        if WIDGET_VIEW in output.get("data", {}):
            del output["data"][WIDGET_VIEW]
            if not output["data"]:
                continue
        kept.append(output)
    return kept


def output_texts(output: NotebookNode, *, shown_source: bool = True) -> Iterator[str]:
    """Every stored text of one output; without `shown_source` not what `show_source` printed."""
    if output.output_type == "stream":
        yield output.text
    elif output.output_type == "error":
        yield from (output.ename, output.evalue, *output.traceback)
    else:
        for mime, value in output.data.items():
            picture = mime.startswith("image/") and mime != "image/svg+xml"
            if isinstance(value, str) and not picture and (shown_source or mime != "text/markdown"):
                yield value
