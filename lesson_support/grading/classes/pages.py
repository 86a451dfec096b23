"""Pages that stand alone: one file, no script, no request; everything that a person wrote is escaped here."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from lesson_support.grading.classes.names import visible

# Even a page that escaped something wrongly could load and run nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Markup(str):
    """Text that is HTML already."""


def escaped(value: object) -> Markup:
    """`value` as HTML that shows it, invisible characters spelled out."""
    return value if isinstance(value, Markup) else Markup(html.escape(visible(str(value), keep="\n\t")))


def element(tag: str, *content: object, **attributes: str) -> Markup:
    """`<tag …>content</tag>`; what is not markup is escaped."""
    named = "".join(f' {name.rstrip("_")}="{escaped(value)}"' for name, value in attributes.items() if value)
    return Markup(f"<{tag}{named}>{joined(content)}</{tag}>")


def joined(parts: Iterable[object]) -> Markup:
    return Markup("".join(escaped(part) for part in parts))


def listed(items: Iterable[object]) -> Markup:
    return element("ul", *(element("li", item) for item in items))


def table(heading: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> Markup:
    """A table that scrolls for itself on a narrow screen; `numbers` are the columns set to the right."""
    right = set(numbers)

    def line(tag: str, cells: Sequence[object]) -> Markup:
        return element(
            "tr", *(element(tag, cell, class_="n" if i in right else "") for i, cell in enumerate(cells))
        )

    return element(
        "div", element("table", line("th", heading), *(line("td", row) for row in rows)), class_="wide"
    )


def page(title: str, body: Iterable[object]) -> str:
    """A whole page."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'
        f"<title>{escaped(title)}</title>\n<style>\n{style}</style></head>\n"
        f"<body>\n{joined([element('h1', title), *body])}\n</body></html>\n"
    )
