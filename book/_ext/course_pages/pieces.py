"""Small builders of document nodes: text with code in it, links to cells, tables."""

import re
from collections.abc import Sequence

from docutils import nodes

Inline = str | nodes.Node | Sequence["str | nodes.Node"]


def inline(content: Inline) -> list[nodes.Node]:
    """Nodes for a text, whose `backticks` become code, or for nodes and texts in a row."""
    if isinstance(content, nodes.Node):
        return [content]
    if not isinstance(content, str):
        return [node for part in content for node in inline(part)]
    parts = re.split(r"`([^`]+)`", content)
    return [
        nodes.literal(text=part) if position % 2 else nodes.Text(part)
        for position, part in enumerate(parts)
        if part
    ]


def link(app, docname: str, target: str, content: Inline, anchor: str = "") -> nodes.reference:
    """A link on page `docname` to page `target`, at one of its anchors."""
    address = app.builder.get_relative_uri(docname, target) + (f"#{anchor}" if anchor else "")
    return nodes.reference("", "", *inline(content), refuri=address, internal=True)


def paragraph(content: Inline, *classes: str) -> nodes.paragraph:
    return nodes.paragraph("", "", *inline(content), classes=list(classes))


def table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[Inline]]], *classes: str) -> nodes.table:
    """A table; each row is its anchor (or "") and its cells."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row("", head))
    group += nodes.tbody("", *(_row(anchor, content) for anchor, content in rows))
    return nodes.table("", group, classes=["course-table", "colwidths-auto", *classes])


def _row(anchor: str, content: Sequence[Inline]) -> nodes.row:
    entries = [nodes.entry("", nodes.paragraph("", "", *inline(one))) for one in content]
    return nodes.row("", *entries, ids=[anchor] if anchor else [])
