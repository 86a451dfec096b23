"""A small SVG builder: shapes in roles of the palette, one drawing for light and dark, always the same bytes.

Coordinates are CSS pixels of a drawing shown at its natural size; x to the right, y down.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from math import atan2, cos, isfinite, pi, sin

from lesson_support.draw.style import RAMP, roles
from lesson_support.errors import LessonError

ROLES = frozenset(roles())
TONES = ("accent", "second", "good", "bad")
# Text never gets smaller than this on a phone: a wide drawing scrolls in its own box instead of shrinking.
LEGIBLE = 11.0


def number(value: float) -> str:
    """A coordinate in at most two decimals, without a trailing zero or a negative zero."""
    if not isfinite(value):
        raise LessonError(f"a drawing got the coordinate {value}; expected a finite number")
    short = f"{float(value):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


class Scene:
    """One drawing of `width` by `height`, built by calls that each add a shape on top of the earlier ones."""

    def __init__(self, width: float, height: float):
        if not (width > 0 and height > 0):
            raise LessonError(f"Scene got width {width} and height {height}; expected two positive numbers")
        self.width, self.height = width, height
        self.shapes: list[str] = []
        self.smallest_text = 16.0

    def rect(self, x, y, w, h, *, fill="surface", stroke=None, thick=1.25, radius=3, dash=None) -> None:
        """A box; `fill` and `stroke` are roles of the palette or None."""
        corner = f' rx="{number(radius)}"' if radius else ""
        place = f'x="{number(x)}" y="{number(y)}" width="{number(w)}" height="{number(h)}"'
        self._add(f"<rect {place}{corner}{_paint(fill, stroke, thick, dash)}/>")

    def circle(self, x, y, r, *, fill="surface", stroke=None, thick=1.25, dash=None) -> None:
        """A disc around (x, y)."""
        place = f'cx="{number(x)}" cy="{number(y)}" r="{number(r)}"'
        self._add(f"<circle {place}{_paint(fill, stroke, thick, dash)}/>")

    def line(self, x1, y1, x2, y2, *, stroke="muted", thick=1.5, dash=None) -> None:
        """A straight line."""
        place = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
        self._add(f"<line {place}{_paint(None, stroke, thick, dash)}/>")

    def path(self, *points, stroke="muted", thick=1.5, fill=None, dash=None, closed=False) -> None:
        """Straight pieces through the (x, y) points."""
        if len(points) < 2:
            raise LessonError(f"path() got {len(points)} points; expected two or more (x, y) pairs")
        steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        tag = "polygon" if closed else "polyline"
        self._add(f'<{tag} points="{steps}"{_paint(fill, stroke, thick, dash)}/>')

    def arrow(self, x1, y1, x2, y2, *, bend=0.0, stroke="muted", thick=1.5, head=6.0, dash=None) -> None:
        """An arrow to (x2, y2); `bend` pushes its middle to the left of its direction by so many pixels."""
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        if not length:
            raise LessonError(f"arrow() got the same point ({x1}, {y1}) twice; expected two different ones")
        # A quadratic curve passes half as far from its chord as its control point.
        reach = 2 * bend / length
        cx, cy = (x1 + x2) / 2 + reach * (y2 - y1), (y1 + y2) / 2 - reach * (x2 - x1)
        towards = atan2(y2 - cy, x2 - cx)
        back = [
            (x2 - head * cos(towards + turn), y2 - head * sin(towards + turn)) for turn in (pi / 7, -pi / 7)
        ]
        stop_x, stop_y = x2 - 0.7 * head * cos(towards), y2 - 0.7 * head * sin(towards)
        way = f"M{number(x1)} {number(y1)}"
        way += f"Q{number(cx)} {number(cy)} {number(stop_x)} {number(stop_y)}" if bend else ""
        way += "" if bend else f"L{number(stop_x)} {number(stop_y)}"
        self._add(f'<path d="{way}"{_paint(None, stroke, thick, dash)}/>')
        self.path((x2, y2), *back, stroke=None, fill=stroke, closed=True)

    def text(
        self, x, y, said, *, size=13, anchor="middle", fill="ink", bold=False, mono=False, middle=True
    ) -> None:
        """Real text at (x, y); `middle` centres it on y, otherwise y is its baseline."""
        if anchor not in ("start", "middle", "end"):
            raise LessonError(f"text() got anchor {anchor!r}; expected 'start', 'middle' or 'end'")
        self.smallest_text = min(self.smallest_text, size)
        # Shifting by a share of the size looks centred in every font; dominant-baseline does not.
        base = y + 0.35 * size if middle else y
        classes = " ".join(_class("f", fill) + ["m"] * mono + ["b"] * bold)
        place = f'x="{number(x)}" y="{number(base)}" font-size="{number(size)}"'
        where = "" if anchor == "middle" else f' text-anchor="{anchor}"'
        self._add(f'<text {place}{where} class="{classes}">{escape(str(said), quote=False)}</text>')

    def cell(self, x, y, w, h, said="", *, tone=None, size=13, bold=False) -> None:
        """A box with centred text; `tone` is None, 'quiet' (dashed), a signal role, or a ramp step 0 to 6."""
        if tone is None:
            fill, stroke, ink, dash = "surface", "line", "ink", None
        elif tone == "quiet":
            fill, stroke, ink, dash = "paper", "line", "muted", 3
        elif tone in TONES:
            fill, stroke, ink, dash = f"{tone}-soft", tone, "ink", None
        elif isinstance(tone, int) and 0 <= tone < len(RAMP):
            fill, stroke, ink, dash = f"ramp{tone}", f"ramp{min(tone + 2, 6)}", f"on{tone}", None
        else:
            raise LessonError(
                f"cell() got tone {tone!r}; expected None, 'quiet', {', '.join(TONES)} or 0 to 6"
            )
        self.rect(x, y, w, h, fill=fill, stroke=stroke, dash=dash)
        if said != "":
            self.text(x + w / 2, y + h / 2, said, size=size, fill=ink, mono=True, bold=bold)

    @contextmanager
    def group(self, x: float = 0, y: float = 0, *, faded: bool = False) -> Iterator["Scene"]:
        """Shapes added inside are moved by (x, y), and pale if `faded`; they count as one shape."""
        outer, self.shapes = self.shapes, []
        try:
            yield self
        finally:
            inner, self.shapes = self.shapes, outer
        move = f' transform="translate({number(x)} {number(y)})"' if x or y else ""
        pale = ' opacity=".35"' if faded else ""
        self._add(f"<g{move}{pale}>{''.join(inner)}</g>")

    def place(self, other: "Scene", x: float = 0, y: float = 0) -> None:
        """Draw another scene here, its corner at (x, y)."""
        with self.group(x, y):
            self.shapes.extend(other.shapes)
        self.smallest_text = min(self.smallest_text, other.smallest_text)

    def svg(self, alt: str) -> str:
        """The drawing as one `<svg>` element that screen readers call `alt`."""
        return wrap(self.shapes, self.width, self.height, self.smallest_text, alt)

    def _add(self, shape: str) -> None:
        self.shapes.append(shape)


def wrap(shapes: list[str], width: float, height: float, smallest_text: float, alt: str) -> str:
    """`<svg>` around shapes: never much wider than natural, never so narrow that its text is illegible."""
    narrowest = min(width, width * LEGIBLE / smallest_text)
    limits = f"max-width:{number(1.15 * width)}px;min-width:{number(narrowest)}px"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'role="img" aria-label="{escape(alt)}" fill="none" text-anchor="middle" style="{limits}">'
        f"{''.join(shapes)}</svg>"
    )


def _class(kind: str, role: str | None) -> list[str]:
    if role is None:
        return []
    if role not in ROLES:
        raise LessonError(f"a drawing got the colour {role!r}; expected a role: {', '.join(sorted(ROLES))}")
    return [f"{kind}-{role}"]


def _paint(fill: str | None, stroke: str | None, thick: float, dash: float | None) -> str:
    classes = _class("f", fill) + _class("s", stroke)
    width = f' stroke-width="{number(thick)}"' if stroke else ""
    dashes = f' stroke-dasharray="{number(dash)}"' if dash else ""
    return f' class="{" ".join(classes)}"{width}{dashes}' if classes else ""
