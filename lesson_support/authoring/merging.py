"""When two runs of a cell said the same, and which outputs a notebook keeps.

The comparison is nbval's, made stricter: the same texts, cleaned by the same file, and besides the order of
outputs, their metadata, the lines of a traceback and the pixels of a figure, which nbval passes over. Hence
outputs that are equal here are equal there.
"""

import base64
import configparser
import re
from functools import cache
from io import BytesIO
from pathlib import Path

from nbformat import NotebookNode

from lesson_support.authoring.notebooks import code_cells, source_hash, tags, without_widgets

SANITIZER = Path(__file__).with_name("sanitize.cfg")
IGNORED = "nbval-ignore-output"
MEASURED_FIGURE = "measured-figure"
_LIVE = {IGNORED, MEASURED_FIGURE}


@cache
def _patterns() -> tuple[tuple[re.Pattern, str], ...]:
    parser = configparser.RawConfigParser()
    parser.read_string(SANITIZER.read_text(encoding="utf-8"))
    return tuple(
        (re.compile(part["regex"]), part["replace"]) for part in map(parser.__getitem__, parser.sections())
    )


def sanitize(text: str) -> str:
    """`text` without what differs from run to run by design: `(measured 812×)` becomes `(measured)`."""
    for pattern, replacement in _patterns():
        text = pattern.sub(replacement, text)
    return text


def _pixels(encoded: str) -> object:
    """Size and colours of a PNG; the text itself where it is none, so that it equals only itself."""
    from PIL import Image

    try:
        image = Image.open(BytesIO(base64.b64decode(encoded))).convert("RGBA")
    except (ValueError, OSError):
        return encoded
    return image.size, image.tobytes()


def _comparable(output: NotebookNode, figures: bool) -> object:
    """What must be equal for two outputs to say the same; `figures=False` leaves the pixels out."""
    if output.output_type == "stream":
        return "stream", output.name, sanitize(output.text)
    if output.output_type == "error":
        return "error", output.ename, sanitize(output.evalue), [sanitize(line) for line in output.traceback]
    data = {}
    for mime, value in output.data.items():
        if mime == "image/png":
            data[mime] = _pixels(value) if figures else None
        else:
            data[mime] = sanitize(value) if isinstance(value, str) else value
    return output.output_type, data, output.metadata


def same_outputs(stored: list[NotebookNode], fresh: list[NotebookNode], *, figures: bool = True) -> bool:
    """Whether a reader is told the same twice: equal in order, after sanitising, pictures by their pixels."""
    return [_comparable(output, figures) for output in stored] == [
        _comparable(output, figures) for output in fresh
    ]


def _keeps(cell: NotebookNode, fresh: list[NotebookNode], refresh: bool) -> bool:
    """Whether `cell` keeps its stored outputs although it ran again."""
    live = _LIVE & set(tags(cell))
    if not live:
        return same_outputs(cell.outputs, fresh)
    ran = cell.metadata.get("lesson", {}).get("ran")
    if refresh or ran != source_hash(cell.source) or bool(cell.outputs) != bool(fresh):
        return False
    return IGNORED in live or same_outputs(cell.outputs, fresh, figures=False)


def _record_run(cell: NotebookNode) -> None:
    """Note which source the outputs of a live cell belong to; other cells need no note."""
    lesson = cell.metadata.setdefault("lesson", {})
    if _LIVE & set(tags(cell)):
        lesson["ran"] = source_hash(cell.source)
    else:
        lesson.pop("ran", None)
    if not lesson:
        del cell.metadata["lesson"]


def merge_run(stored: NotebookNode, fresh: NotebookNode, *, refresh: bool) -> tuple[list[str], list[str]]:
    """Take into `stored` what its run `fresh` says differently; the ids of the cells changed and kept.

    Live cells (`nbval-ignore-output`, and the pictures of `measured-figure`) keep what they have until their
    source changes or `refresh` asks. Execution counts become 1, 2, 3, …
    """
    changed, kept = [], []
    for number, (cell, run) in enumerate(zip(code_cells(stored), code_cells(fresh), strict=True), 1):
        cell.outputs = without_widgets(cell.outputs)
        outputs = without_widgets(run.outputs)
        if _keeps(cell, outputs, refresh):
            kept.append(cell.id)
        else:
            cell.outputs = outputs
            changed.append(cell.id)
        _record_run(cell)
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return changed, kept
