"""The allocator figure: a device's memory as one bar, cut into segments and blocks."""

from lesson_support.devices.allocator import MIB, CachingAllocator
from lesson_support.devices.expandable import ExpandableAllocator
from lesson_support.draw.canvas import Scene

# A phone's column shows it whole, its smallest text at 11 px.
WIDTH, MARGIN = 334.0, 6.0
BAR, TOP, SIZE = 40.0, 24.0, 12
CHARACTER = 7.4  # width of a digit at that size
APART = 4.0


def segments(of: CachingAllocator | ExpandableAllocator, *, refused: int | None = None) -> Scene:
    """Draw the segments: blocks that tensors hold are filled, cached ones dashed; sizes in MiB.

    A request of `refused` bytes lies under the bar at the same scale, to compare it with every free piece.
    """
    below = TOP + BAR + (26 if refused else 0)
    scene = Scene(WIDTH, below + 60)
    parts = of.layout()
    scale = (WIDTH - 2 * MARGIN - APART * len(parts)) / of.capacity
    x = MARGIN
    for part in parts:
        wide = sum(size for size, _ in part) * scale
        place = x
        for size, taken in part:
            scene.cell(
                place, TOP, size * scale, BAR, _label(size, scale), tone="accent" if taken else "quiet"
            )
            place += size * scale
        scene.rect(x - 1, TOP - 3, wide + 2, BAR + 6, fill=None, stroke="ink", thick=1.75, radius=2)
        x += wide + APART
    rest = of.capacity - of.reserved
    if rest:
        scene.rect(x, TOP, rest * scale, BAR, fill=None, stroke="line", dash=2, radius=0)
        said = f"{rest / MIB:,.10g} not reserved"
        if rest * scale > CHARACTER * len(said):
            scene.text(x + rest * scale / 2, TOP + BAR / 2, said, size=SIZE, fill="muted")
    scene.text(
        MARGIN, 12, f"device memory, {of.capacity / MIB:,.10g} MiB", size=SIZE, anchor="start", fill="muted"
    )
    told = {"allocated": of.allocated, "reserved": of.reserved, "largest cached": of.largest}
    said = " · ".join(f"{name} {size / MIB:,.10g}" for name, size in told.items())
    scene.text(MARGIN, below + 22, said, size=SIZE, anchor="start")
    if refused:
        wide = refused * scale
        scene.rect(MARGIN, TOP + BAR + 10, wide, 20, fill="bad-soft", stroke="bad", radius=2)
        told = f"{refused / MIB:,.10g} refused"
        scene.text(MARGIN + wide / 2, TOP + BAR + 20, told, size=SIZE)
    _legend(scene, below + 40)
    return scene


def _legend(scene: Scene, y: float) -> None:
    for x, said, tone in (
        (MARGIN, "held by a tensor", "accent"),
        (138, "cached", "quiet"),
        (218, "a segment", None),
    ):
        if tone:
            scene.cell(x, y, 13, 13, tone=tone)
        else:
            scene.rect(x, y, 13, 13, fill=None, stroke="ink", thick=1.75, radius=2)
        scene.text(x + 18, y + 6.5, said, size=SIZE, anchor="start", fill="muted")


def _label(size: int, scale: float) -> str:
    said = f"{size / MIB:,.10g}"
    return said if size * scale > CHARACTER * len(said) + 2 else ""
