"""The picture of a phase: its lessons as boxes, an arrow from each lesson to those that build on it."""

import textwrap
from html import escape

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from lesson_support import catalog
from lesson_support.draw import Scene
from lesson_support.draw.figures import scene_html

from . import SAFE
from .lesson_files import LESSONS
from .phase_layout import BOX, Place, layout

MARGIN = 8
_CAPTION = "An arrow leads from a lesson to one that builds on it. Small numbers are lessons of other phases."


class PhaseMap(SphinxDirective):
    """`{phase-map} 9`: the picture of phase 9; lessons that are written are links."""

    required_arguments = 1

    def run(self):
        numbered = {str(phase.number): phase for phase in catalog.phases()}
        if self.arguments[0] not in numbered:
            raise self.error(f"phase-map got {self.arguments[0]!r}: expected 1 to {len(numbered)}")
        self.env.note_reread()
        phase = numbered[self.arguments[0]]
        scene = draw_phase(phase, self._address)
        return [nodes.raw("", scene_html(scene, alt=said(phase), caption=_CAPTION), format="html")]

    def _address(self, number: int) -> str | None:
        page = f"{LESSONS}{catalog.lesson_entry(number).stem}"
        if page not in self.env.found_docs:
            return None
        return self.env.app.builder.get_relative_uri(self.env.docname, page)


def said(phase: catalog.Phase) -> str:
    """The picture in words."""
    parts = []
    for lesson in phase.lessons:
        before = " and ".join(f"{number:02}" for number in lesson.prerequisites)
        parts.append(f"{lesson.label} builds on {before or 'no other lesson'}")
    return f"The lessons of phase {phase.number} and what they build on: {'; '.join(parts)}."


def draw_phase(phase: catalog.Phase, address) -> Scene:
    """The scene; `address(number)` is where a lesson's page lies, None while it is planned."""
    columns = layout(phase)
    places = [place for column in columns for place in column]
    width = max(place.x for place in places) + BOX[0] + 2 * MARGIN
    height = max(place.y + place.below for place in places) + 2 * MARGIN
    scene = Scene(width, height)
    with scene.group(MARGIN, MARGIN):
        for place in places:
            if place.lesson is not None:
                for following in place.right:
                    _draw_arrow(scene, place, following)
        for place in places:
            if place.lesson is not None:
                _draw_lesson(scene, place, address)
    return scene


def _draw_arrow(scene: Scene, start: Place, following: Place) -> None:
    """From the right edge of a box, through its passages, to the left edge of the next box."""
    points = [(start.x + BOX[0], start.y)]
    while following.lesson is None:
        points += [(following.x, following.y), (following.x + BOX[0], following.y)]
        following = following.right[0]
    end = (following.x - 1, following.y + _fan(points[-1][1], following))
    if len(points) > 1:
        scene.path(*points)
    scene.arrow(*points[-1], *end)


def _fan(coming: float, place: Place) -> float:
    """Arrows that arrive from above end above those that arrive from below."""
    if len(place.left) == 1:
        return 0.0
    order = sorted(one.y for one in place.left)
    return (order.index(coming) - (len(order) - 1) / 2) * 12


def _draw_lesson(scene: Scene, place: Place, address) -> None:
    entry = catalog.lesson_entry(place.lesson)
    written = address(place.lesson)
    left, top = place.x, place.y - BOX[1] / 2
    for position, number in enumerate(place.outside):
        across = left + 12 + 40 * position
        with _linked(scene, address(number), catalog.lesson_entry(number).title):
            scene.rect(across, top - 25, 32, 18, fill="surface", stroke="line", radius=9)
            scene.text(across + 16, top - 16, f"{number:02}", fill="muted")
        scene.line(across + 16, top - 7, across + 16, top - 1)
    fill, stroke, dash = ("accent-soft", "accent", None) if written else ("paper", "muted", 4)
    with _linked(scene, written, entry.title):
        scene.rect(left, top, *BOX, fill=fill, stroke=stroke, dash=dash, radius=6)
        scene.text(left + 19, place.y, entry.label, size=15, bold=True, fill="ink" if written else "muted")
        lines = title_lines(entry.title)
        for line, words in enumerate(lines):
            down = place.y + (line - (len(lines) - 1) / 2) * 15
            scene.text(left + 37, down, words, anchor="start")


def title_lines(title: str) -> list[str]:
    """A lesson's name for its box: what stands before the colon, on lines that fit."""
    return textwrap.wrap(title.partition(":")[0], 16)


class _linked:
    """Shapes drawn inside become a link with a tooltip; without an address they have the tooltip alone.

    The Tab key passes it by: screen readers meet one picture, and the list below has the same links.
    """

    def __init__(self, scene: Scene, address: str | None, title: str):
        self.scene, self.address, self.title = scene, address, title

    def __enter__(self):
        self.before = len(self.scene.shapes)

    def __exit__(self, *_):
        inside = "".join(self.scene.shapes[self.before :])
        tip = f"<title>{escape(self.title, quote=False)}</title>"
        if self.address:
            shape = f'<a href="{escape(self.address)}" tabindex="-1">{tip}{inside}</a>'
        else:
            shape = f"<g>{tip}{inside}</g>"
        self.scene.shapes[self.before :] = [shape]


def setup(app):
    app.add_directive("phase-map", PhaseMap)
    return SAFE
