"""The frame around every drawing, player and explorer: self-contained HTML with the course's colours.

A card carries its style and script with it, because an output may be read alone: in the book, in a notebook,
in print. It has no element ids, so that one page can show the same card twice.
"""

import re
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from lesson_support.draw.style import theme_css
from lesson_support.errors import LessonError

LIMIT = 150_000
SHORTEST_ALT = 20


def described(alt: str) -> str:
    """`alt`, trimmed; refused where it is too short to stand in for a drawing."""
    if not isinstance(alt, str) or len(alt.split()) < 3 or len(alt.strip()) < SHORTEST_ALT:
        raise LessonError(
            f"got the alternative text {alt!r}; expected a phrase of {SHORTEST_ALT} characters or more "
            "that says what a reader is meant to see"
        )
    return " ".join(alt.split())


@cache
def asset(name: str) -> str:
    """A style or script of this package without indentation, blank lines and comment lines.

    Those files keep each comment on lines of its own, and no string runs over a line end.
    """
    text = files("lesson_support.draw").joinpath(name).read_text(encoding="utf-8")
    lines = (line.strip() for line in re.sub(r"/\*.*?\*/", "", text, flags=re.S).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def card(
    body: str,
    *,
    kind: str,
    styles: tuple[str, ...] = (),
    script: str = "",
    attributes: dict[str, str] | None = None,
) -> str:
    """One card as HTML: `body` inside the frame, with the assets it names. Over 150 KB is refused.

    No line is blank, so the card also survives inside Markdown.
    """
    style = "\n".join([theme_css(), asset("card.css"), *(asset(name) for name in styles), _paints(body)])
    code = f"<script>\n{asset(script)}\n</script>" if script else ""
    digest = sha256("\n".join([kind, style, body, code, *(attributes or {}).values()]).encode()).hexdigest()[
        :12
    ]
    named = {f"data-ecr-{kind}": digest, **(attributes or {})}
    inside = " ".join(f'{name}="{escape(value)}"' for name, value in named.items())
    # JupyterLab would take arrow keys for itself without the last attribute.
    frame = f'<div class="ecr ecr-{kind}" {inside} data-lm-suppress-shortcuts="true">'
    html = f"{frame}\n<style>\n{style}\n</style>\n{body}\n{code}</div>"
    size = len(html.encode())
    if size > LIMIT:
        raise LessonError(
            f"the {kind} takes {size / 1000:.0f} KB; expected at most {LIMIT // 1000} KB: "
            "draw fewer states or fewer shapes per state"
        )
    return html


def _paints(body: str) -> str:
    """The rules behind the fill and stroke classes that `body` uses."""
    used = {
        name for group in re.findall(r'class="([^"]*)"', body) for name in group.split() if name[1:2] == "-"
    }
    properties = {"f": "fill", "s": "stroke"}
    return "\n".join(
        f".ecr .{name}{{{properties[name[0]]}:var(--{name[2:]})}}"
        for name in sorted(used)
        if name[0] in properties
    )
