"""Figures: how many, of which kind, described, light, self-contained."""

import base64
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from lesson_support.authoring.page import Page, rule, tagged

PNG_BYTES = 60_000
HTML_BYTES = 150_000
_FOREIGN = re.compile(
    r"""(?:src|href|srcset|data|action)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import|<link\b|<iframe\b"""
    r"""|\bimport\s*\(|\bfetch\s*\(|XMLHttpRequest|WebSocket""",
    re.I,
)
_PLACEHOLDER = re.compile(r"^\s*<.*>\s*$|^\s*Figure\(", re.S)


def _shown_data(page: Page) -> Iterator[tuple[NotebookNode, NotebookNode]]:
    """Each output that is no stream and no error, with its cell."""
    for cell in page.code:
        for output in cell.outputs:
            if "data" in output:
                yield cell, output


def _structural(html: str) -> bool:
    return "<svg" in html or "explorer" in html


def _figures(page: Page) -> list[tuple[NotebookNode, NotebookNode]]:
    return [
        (cell, output)
        for cell, output in _shown_data(page)
        if "image/png" in output.data or _structural(output.data.get("text/html", ""))
    ]


@rule
def figure_count(page: Page):
    """Three to six figures."""
    count = len(_figures(page))
    if not 3 <= count <= 6:
        yield "the notebook", f"{count} figures: expected three to six"


@rule
def structure_shown(page: Page):
    """At least one figure explains a structure: a drawing or an explorer, not a plot."""
    figures = _figures(page)
    if figures and not any(_structural(output.data.get("text/html", "")) for _, output in figures):
        yield "the notebook", "no figure of a structure: expected an SVG or an explorer"


@rule
def figure_described(page: Page):
    """A figure has its alt text as text/plain, a PNG the same in its metadata."""
    for cell, output in _figures(page):
        alt = output.data.get("text/plain", "")
        if not alt.strip() or _PLACEHOLDER.match(alt):
            yield cell.id, "the figure has no alt text as text/plain"
        elif "image/png" in output.data and output.metadata.get("image/png", {}).get("alt") != alt:
            yield cell.id, "the PNG's metadata does not hold its alt text"


@rule
def figure_size(page: Page):
    """A PNG has at most 60 KB, a drawing 150 KB."""
    for cell, output in _figures(page):
        if "image/png" in output.data:
            size, limit = len(base64.b64decode(output.data["image/png"])), PNG_BYTES
        else:
            size, limit = len(output.data["text/html"].encode()), HTML_BYTES
        if size > limit:
            yield cell.id, f"a figure of {size:,} bytes: expected at most {limit:,}"


@rule
def plot_code_hidden(page: Page):
    """The code of a plot is folded away: its cell is tagged `hide-input`."""
    for cell, output in _figures(page):
        if "image/png" in output.data and not tagged(cell, "hide-input"):
            yield cell.id, "a plot without the tag hide-input"


@rule
def html_self_contained(page: Page):
    """HTML in an output asks no other host for anything."""
    for cell, output in _shown_data(page):
        if found := _FOREIGN.search(output.data.get("text/html", "")):
            yield cell.id, f"the HTML reaches outside ({found[0].strip()}): expected it self-contained"
