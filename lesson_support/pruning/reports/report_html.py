"""A document as one HTML file: no script, nothing loaded from elsewhere, light and dark, narrow and wide."""

import io
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from lesson_support import paths
from lesson_support.draw.style import PALETTE, WIDTH, theme_css, use_style
from lesson_support.pruning.outcome import Outcome
from lesson_support.pruning.reports.contents import report_document
from lesson_support.pruning.reports.document import Block, Chart, Document, Paragraph, Table

_ROLE_OF = {colour: role for role, colour in PALETTE.items()}


def write_page(document: Document, file: Path | str) -> Path:
    """Write the document to `file` as HTML, whole or not at all, and return the file."""
    file = Path(file)
    paths.make_folder(file.parent, "a report")
    paths.write_whole(file, page(document))
    return file


def page(document: Document) -> str:
    """The document as HTML; what it says is escaped, and the same document gives the same bytes."""
    facts = "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(figure)}</dd></div>" for what, figure in document.facts
    )
    parts = [
        f"<h1>{escape(document.title)}</h1>",
        f'<p class="quiet">{escape(document.subtitle)}</p>',
        f'<dl class="facts">{facts}</dl>' if facts else "",
    ]
    number = 0
    for section in document.sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        for block in section.blocks:
            number += 1
            parts.append(_block(block, number))
    css = files("lesson_support.pruning.reports").joinpath("report.css").read_text(encoding="utf-8")
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.title)}</title>\n<style>\n{theme_css()}\n{css}</style></head>\n"
        f'<body><main class="ecr">\n{body}\n</main></body></html>\n'
    )


def _block(block: Block, number: int) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Table):
        return _table(block)
    caption = f"<figcaption>{escape(block.caption)}</figcaption>" if block.caption else ""
    return f'<figure><div class="scroll">{svg(block, f"chart-{number}")}</div>{caption}</figure>'


def _table(table: Table) -> str:
    def cells(row: tuple[str, ...], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        kinds = [' class="word"' if position < table.words else "" for position in range(len(row))]
        return "".join(
            f"<{tag}{kind}{scope}>{escape(cell)}</{tag}>" for cell, kind in zip(row, kinds, strict=True)
        )

    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    rows = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    head = f"<thead><tr>{cells(table.head, 'th')}</tr></thead>"
    return f'<div class="scroll"><table>{caption}{head}\n<tbody>{rows}</tbody></table></div>'


def svg(chart: Chart, name: str) -> str:
    """The chart as inline SVG: colours of the page, real text, ids that start with `name`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with mpl.rc_context():
        use_style()
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "savefig.facecolor": "none"})
        figure = Figure(figsize=(WIDTH, chart.height), layout="constrained", facecolor="none")
        chart.draw(figure)
        for axes in figure.axes:
            axes.set_facecolor("none")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :].strip()
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.S)
    drawing = re.sub(r"#[0-9a-f]{6}\b", lambda found: _paint(found.group()), drawing)
    drawing = drawing.replace("'DejaVu Sans'", "var(--sans)")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", drawing))
    drawing = re.sub(r' id="([^"]*)"', lambda found: found.group() if found[1] in used else "", drawing)
    for each in used:
        drawing = drawing.replace(f'"{each}"', f'"{name}-{each}"').replace(f"#{each}", f"#{name}-{each}")
    described = f'role="img" aria-label="{escape(chart.alt)}"'
    drawing = re.sub(r'^<svg ([^>]*?)width="[^"]*"', rf"<svg {described} \1", drawing)
    return re.sub(r'^(<svg [^>]*?)height="[^"]*pt"', r"\1", drawing)


def _paint(colour: str) -> str:
    return f"var(--{_ROLE_OF[colour]})" if colour in _ROLE_OF else colour


def write_html(report: Outcome, file: Path | str, *, statistics: Any = None) -> Path:
    """One pruning run as a page; with the statistics of the original model also their histograms."""
    return write_page(report_document(report, statistics=statistics), file)
