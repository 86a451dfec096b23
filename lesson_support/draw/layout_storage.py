"""The upper part of the memory-layout figure: the storage in lines of cells."""

from collections import Counter
from itertools import pairwise

from lesson_support.draw.canvas import Scene
from lesson_support.draw.layout import Layout
from lesson_support.draw.layout_measures import MARGIN, ROOM, SMALL, WIDTH, cell_width, rows_of, shade

MOST_LINES = 8


def draw_storage(scene: Scene, plan: Layout) -> float:
    """Draw it from the top of `scene`; gives the y below it."""
    addresses, rows = plan.addresses(), rows_of(plan)
    times = Counter(addresses)
    row_of: dict[int, int] = {}
    for place, address in enumerate(addresses):
        row_of.setdefault(address, place * rows // len(addresses))
    width = cell_width(plan)
    across = _across(plan, int(ROOM / width))
    height = 38.0 if max(times.values(), default=0) > 1 else 28.0

    meant = f"{len(times):,} of {plan.storage:,} cells read"
    scene.text(MARGIN, 10, "storage", anchor="start", bold=True)
    scene.text(WIDTH - MARGIN, 10, meant, size=SMALL, anchor="end", fill="muted")
    y = 26 + _first_step(scene, plan, across, width)
    lines = _lines(-(-plan.storage // across), sorted({address // across for address in times}))
    for before, line in pairwise([-1, *lines]):
        if line > before + 1:
            y = _gap(scene, y, range((before + 1) * across, line * across), times)
        for address in range(line * across, min(plan.storage, (line + 1) * across)):
            x = MARGIN + (address - line * across) * width
            tone = shade(row_of[address], rows) if address in times else "quiet"
            _cell(scene, x, y, width, height, address, tone, times[address])
        y += height + 4
    return y


def _lines(count: int, meant: list[int]) -> list[int]:
    """Which lines to draw: all if they are few, else the first, the last, and the first the view means."""
    if count <= MOST_LINES:
        return list(range(count))
    chosen = {0, count - 1, *meant[: MOST_LINES - 2]}
    # Room that is left shows what lies around them.
    for line in (line + by for line in meant[:1] or [0] for by in (-1, 1, 2, 3, 4, 5)):
        if len(chosen) < MOST_LINES - 1 and 0 <= line < count:
            chosen.add(line)
    return sorted(chosen)


def _gap(scene: Scene, y: float, hidden: range, times: Counter) -> float:
    lost = sum(address in hidden for address in times)
    said = f"{len(hidden):,} more cells" + (f", {lost:,} of them read" if lost else "")
    scene.text(WIDTH / 2, y + 7, f"⋮  {said}  ⋮", size=SMALL, fill="muted")
    return y + 22


def _cell(scene: Scene, x, y, width, height, address, tone, times) -> None:
    scene.cell(x, y, width, height, "" if times > 1 else address, tone=tone, size=SMALL)
    if times > 1:
        scene.text(x + width / 2, y + 11, address, size=SMALL, mono=True, fill=f"on{tone}")
        scene.text(x + width / 2, y + 26, f"×{times}", size=SMALL, bold=True, fill=f"on{tone}")


def _across(plan: Layout, most: int) -> int:
    """Cells per line: as many as a step of the view skips, where that fits, so that rows line up."""
    if plan.storage <= most:
        return plan.storage
    fitting = [abs(step) for step in plan.stride if 3 < abs(step) <= most]
    return max(fitting, default=most)


def _first_step(scene: Scene, plan: Layout, across: int, width: float) -> float:
    """An arc over the first line for one step of the first index, if it stays there; gives its height."""
    if not plan.shape or not plan.elements or plan.shape[0] < 2:
        return 0.0
    start, stop = plan.offset, plan.offset + plan.stride[0]
    if start == stop or not (0 <= start < across and 0 <= stop < across):
        return 0.0
    left, right = (MARGIN + (address + 0.5) * width for address in (start, stop))
    rise = min(22.0, 10.0 + 0.08 * abs(right - left))
    base = 38 + rise
    scene.arrow(left, base, right, base, bend=rise if stop > start else -rise, stroke="accent")
    middle = min(max((left + right) / 2, MARGIN + 46), WIDTH - MARGIN - 46)
    scene.text(middle, 30, f"stride[0] = {plan.stride[0]}", size=SMALL, fill="accent", mono=True)
    return 16 + rise
