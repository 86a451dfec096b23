"""`lessons fmt`: the form in which a notebook is committed. Formatting twice changes nothing."""

import ast
import copy
import re
from pathlib import Path

from nbformat import NotebookNode, from_dict

from lesson_support.authoring.calls import claim_calls
from lesson_support.authoring.markup import headings, slug
from lesson_support.authoring.notebooks import (
    NOTEBOOK_METADATA,
    block,
    read_notebook,
    source_hash,
    without_widgets,
    write_notebook,
)

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# What editors generate: eight or more hex digits, or a UUID.
_RANDOM = re.compile(r"[0-9a-f]{8,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# nbgrader's belongs to the masters in solutions/; all other metadata is an editor's own.
_CELL_METADATA = ("lesson", "nbgrader", "tags")


def readable_id(identifier: str) -> bool:
    """Whether a cell id is a slug that a person chose, two to sixty-four characters."""
    return bool(
        2 <= len(identifier) <= 64 and SLUG.fullmatch(identifier) and not _RANDOM.fullmatch(identifier)
    )


def format_notebook(path: Path) -> list[str]:
    """Bring the notebook at `path` into the course's form; what was changed, in words (empty: nothing).

    Random or doubled cell ids become slugs, metadata that editors leave goes, lines lose trailing blanks.
    Code keeps its layout and every output its content.
    """
    notebook = read_notebook(path)
    changes: list[str] = []
    for step in (_tidy_sources, _tidy_outputs, _tidy_metadata, _name_cells):
        before = copy.deepcopy(notebook)
        told = step(notebook)
        if notebook != before:
            changes += told
    if write_notebook(path, notebook) and not changes:
        changes.append("the file's layout")
    return changes


def _tidy_sources(notebook: NotebookNode) -> list[str]:
    for cell in notebook.cells:
        before = cell.source
        cell.source = _trimmed_code(before) if cell.cell_type == "code" else _trimmed_markdown(before)
        lesson = cell.metadata.get("lesson", {})
        if lesson.get("ran") == source_hash(before):  # blanks do not make its outputs stale
            lesson["ran"] = source_hash(cell.source)
    return ["trailing blanks"]


def _trimmed_code(source: str) -> str:
    """`source` without blanks at line ends if the program stays the same: a long string may hold some."""
    trimmed = "\n".join(line.rstrip() for line in source.split("\n")).rstrip()
    try:
        same = ast.dump(ast.parse(trimmed)) == ast.dump(ast.parse(source))
    except (SyntaxError, ValueError):  # a deliberate error, or a line for IPython
        same = False
    return trimmed if same else source.rstrip()


def _trimmed_markdown(source: str) -> str:
    """`source` without blanks at line ends; two before a line of text are a line break and stay."""
    lines = source.rstrip().split("\n")
    following = [*lines[1:], ""]
    return "\n".join(
        line.rstrip() + ("  " if line.strip() and line.endswith("  ") and after.strip() else "")
        for line, after in zip(lines, following, strict=True)
    )


def _tidy_outputs(notebook: NotebookNode) -> list[str]:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = without_widgets(cell.outputs)
    return ["widget views in outputs"]


def _tidy_metadata(notebook: NotebookNode) -> list[str]:
    dropped = set(notebook.metadata) - set(NOTEBOOK_METADATA)
    notebook.metadata = from_dict(NOTEBOOK_METADATA)
    for cell in notebook.cells:
        dropped |= set(cell.metadata) - set(_CELL_METADATA)
        kept = {key: cell.metadata[key] for key in _CELL_METADATA if cell.metadata.get(key)}
        cell.metadata = from_dict(kept)
    return [f"metadata ({', '.join(sorted(dropped))})" if dropped else "metadata"]


def _name_cells(notebook: NotebookNode) -> list[str]:
    seen: set[str] = set()
    unnamed = []
    for cell in notebook.cells:  # what is readable keeps its name, so that links to it stay right
        if readable_id(cell.id) and cell.id not in seen:
            seen.add(cell.id)
        else:
            unnamed.append(id(cell))
    told, section = [], "cell"
    renamed: dict[str, str] = {}
    for cell in notebook.cells:
        under = headings(cell.source) if cell.cell_type == "markdown" else []
        if under:
            section = "title" if under[0][0] == 1 else slug(under[0][1]) or section
        if id(cell) not in unnamed:
            continue
        old = cell.id
        cell.id = _unused(_name_of(cell, section), seen)
        seen.add(cell.id)
        renamed.setdefault(old, cell.id)
        told.append(f"cell {old} is now {cell.id}")
    for cell in notebook.cells:
        if block(cell) == "camera":
            cell.source = re.sub(
                r"`([^`\n]+)`", lambda found: f"`{renamed.get(found[1], found[1])}`", cell.source
            )
    return told


def _name_of(cell: NotebookNode, section: str) -> str:
    """A name that says what the cell is about: its claim, its role, or the heading it stands under."""
    if block(cell) == "camera":
        return "camera"
    if cell.cell_type == "code":
        claims = [call.claim for call in claim_calls(cell.source) if call.claim and readable_id(call.claim)]
        if claims:
            return claims[0]
        if re.search(r"^lesson\(\d+\)", cell.source, re.M):
            return "lesson"
    return section


def _unused(name: str, seen: set[str]) -> str:
    name = name if readable_id(name) else f"cell-{name}"
    if name not in seen:
        return name
    return next(f"{name}-{number}" for number in range(2, len(seen) + 3) if f"{name}-{number}" not in seen)
