"""A published result as a reader sees it: a table, and under it where the figures came from."""

import sys
from html import escape

from lesson_support.measured.schema import Record, Row


def provenance(record: Record) -> str:
    """One line: device, versions, date, commit."""
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return f"measured on {record.device} with {versions}; {record.date}, commit {record.commit}"


def show_record(record: Record) -> None:
    """Show the table with its provenance: HTML with a text twin in a notebook, text elsewhere."""
    text = plain_table(record)
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            display({"text/plain": text, "text/html": html_table(record)}, raw=True)
            return
    print(text)


def _cells(record: Record) -> list[list[str]]:
    result = record.result
    head = [*result.columns, f"median, {result.unit}", "spread", "n"]
    return [head, *(_line(row) for row in result.rows)]


def _line(row: Row) -> list[str]:
    labels = [label if isinstance(label, str) else f"{label:,}" for label in row.labels]
    return [*labels, _figure(row.median), f"{_figure(row.low)} to {_figure(row.high)}", str(row.n)]


def _figure(value: float) -> str:
    """Three significant digits or every whole one; no figure here is better than that."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:#.3g}"
    return text if "e" in text else text.rstrip(".")


def _caption(record: Record) -> str:
    return f"{record.name}: {record.result.shape}" if record.result.shape else record.name


def plain_table(record: Record) -> str:
    cells = _cells(record)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = len(record.result.columns)
    lines = [
        "  ".join(
            cell.ljust(width) if position < words else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([_caption(record), *lines, provenance(record)])


def html_table(record: Record) -> str:
    head, *body = _cells(record)
    header = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in body)
    return (
        f'<table class="lesson-measured"><caption>{escape(_caption(record))}</caption>'
        f"<thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"
        f"<p><small>{escape(provenance(record))}</small></p>"
    )
