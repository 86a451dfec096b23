"""The timeline figure: what host, copy engines and compute engine did when, one lane each."""

from collections.abc import Mapping

from lesson_support.devices.timeline import LANES, Timeline
from lesson_support.draw.canvas import TONES, Scene
from lesson_support.errors import LessonError

# A phone's column shows it whole, its smallest text at 11 px.
WIDTH, LEFT, RIGHT = 334.0, 62.0, 6.0
LANE, GAP, TOP, SIZE = 27.0, 8.0, 6.0, 12
CHARACTER = 7.2  # width of a digit at that size
HOST = {"launch": "launch", "host": "host's work", "stage": "copy that holds the host", "wait": "wait"}


def timeline(
    of: Timeline, *, until: float | None = None, unit: str = "µs", marks: Mapping[float, str] | None = None
) -> Scene:
    """Draw a finished timeline; `until` is the time at the right edge, so that drawings can share a scale.

    A box has the colour of its stream and, where it fits, its name. Waiting is dashed. Under the axis stand
    the kinds of boxes that the host has here. `marks` are words at moments, with a line through the lanes.
    """
    end = of.finish()
    until = end if until is None else until
    if not until >= end or not until > 0:
        raise LessonError(f"until = {until!r}: expected a time above 0 and not before the end, {end:g}")
    scene = Scene(WIDTH, TOP + len(LANES) * (LANE + GAP) + 48)
    scale = (WIDTH - LEFT - RIGHT) / until
    streams = sorted({span.stream for span in of.spans if span.stream})
    for row, lane in enumerate(LANES):
        y = TOP + row * (LANE + GAP)
        scene.text(LEFT - 6, y + LANE / 2, lane, size=SIZE, anchor="end", fill="muted")
        scene.line(LEFT, y + LANE, WIDTH - RIGHT, y + LANE, stroke="line", thick=1)
        for span in of.spans:
            if span.lane == lane and span.end > span.start:
                x, wide = LEFT + span.start * scale, (span.end - span.start) * scale
                _box(scene, x, y, wide, span, streams)
    marks = marks or {}
    _axis(scene, end, until, scale, unit, zero=not marks)
    for moment, said in marks.items():
        x = LEFT + moment * scale
        scene.line(x, TOP, x, scene.height - 40, stroke="bad", thick=1.5, dash=3)
        scene.text(x, scene.height - 34, said, size=SIZE, anchor="start", fill="bad")
    _key(scene, {span.kind for span in of.spans if span.lane == "host" and span.end > span.start})
    return scene


def _key(scene: Scene, kinds: set[str]) -> None:
    y, x = scene.height - 18, 6.0
    for kind, said in HOST.items():
        if kind in kinds:
            _host_box(scene, x, y, 13, 13, kind)
            scene.text(x + 17, y + 6.5, said, size=SIZE, anchor="start", fill="muted")
            x += 29 + 6.3 * len(said)


def _box(scene: Scene, x: float, y: float, wide: float, span, streams: list[str]) -> None:
    if span.lane == "host":
        inset = 4 if span.kind == "wait" else 2
        _host_box(scene, x, y + inset, wide, LANE - 2 * inset, span.kind)
    else:
        tone = TONES[streams.index(span.stream) % len(TONES)]
        scene.rect(x, y + 2, wide, LANE - 4, fill=f"{tone}-soft", stroke=tone, radius=2)
    if span.kind != "launch" and wide > CHARACTER * len(span.name) + 2:
        fill = "muted" if span.kind == "wait" else "ink"
        scene.text(x + wide / 2, y + LANE / 2, span.name, size=SIZE, fill=fill)


def _host_box(scene: Scene, x: float, y: float, wide: float, high: float, kind: str) -> None:
    if kind == "wait":
        scene.rect(x, y, wide, high, fill="paper", stroke="muted", dash=3, radius=0)
    else:
        fill = {"launch": "line", "stage": "ramp1"}.get(kind, "surface")
        scene.rect(x, y, wide, high, fill=fill, stroke="muted", thick=0.75, radius=0)


def _axis(scene: Scene, end: float, until: float, scale: float, unit: str, *, zero: bool) -> None:
    y = TOP + len(LANES) * (LANE + GAP)
    x = LEFT + end * scale
    scene.line(x, TOP, x, y + 2, stroke="bad", thick=1.25)
    said = f"{end:,.10g} {unit}"
    half = CHARACTER * len(said) / 2
    scene.text(min(x, WIDTH - half - 2), y + 14, said, size=SIZE, bold=True)
    if zero and x > LEFT + half + 30:
        scene.text(LEFT, y + 14, "0", size=SIZE, fill="muted")
