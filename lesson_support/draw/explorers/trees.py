"""The trees explorer: a scan of 8, 11 or 16 elements, round by round, by a loop, two trees or chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.draw.canvas import Scene
from lesson_support.draw.explorers.frame import framed
from lesson_support.draw.output import emit
from lesson_support.errors import LessonError

if TYPE_CHECKING:
    from lesson_support.kernels.associative.cost import Cost

# What the scripts call the methods, and what `kernels.scan` does.
METHODS = {
    "loop": "sequential",
    "Hillis–Steele": "hillis_steele",
    "Blelloch": "blelloch",
    "chunks": "chunked",
}
# Elements to a chunk, by how many elements there are: four chunks each.
CHUNKS = {8: 2, 11: 3, 16: 4}
# No value on the way has more than two characters, so that sixteen stand side by side on a phone.
NUMBERS = (1, 3, 2, 6, 8, 7, 4, 8, 4, 3, 4, 5, 1, 8, 2, 1)
GATES = (2, 1, -1, 2, 1, 1, 1, 2, 0, 1, -1, 1, 1, 2, 1, 3)


def trees_explorer(method: str = "Hillis–Steele", size: int = 8, pace: float = 1.4) -> None:
    """Display a scan that the reader steps through: which cells combine in each round, its work and depth.

    It begins with `method`, one of loop, Hillis–Steele, Blelloch, chunks, on 8, 11 or 16 elements. The reader
    changes both, and the operator: a sum, or the pair of gate and input. Played, a round takes `pace`
    seconds.
    """
    emit({"text/html": trees_html(method, size, pace), "text/plain": _alt(method, size)})


def trees_html(method: str = "Hillis–Steele", size: int = 8, pace: float = 1.4) -> str:
    """The explorer as HTML for a page of the book; arguments as for `trees_explorer`."""
    if method not in METHODS:
        raise LessonError(f"method = {method!r}: expected one of {', '.join(METHODS)}")
    if size not in CHUNKS:
        raise LessonError(f"size = {size!r}: expected 8, 11 or 16")
    config = {
        "method": method,
        "size": size,
        "chunks": {str(count): chunk for count, chunk in CHUNKS.items()},
        "numbers": NUMBERS,
        "gates": GATES,
        "pace": round(1000 * pace),
    }
    still = _still(method, size).svg(_alt(method, size))
    return framed("trees", f'<div class="tr-still ecr-stage">{still}</div>', config)


def counted(method: str, size: int, chunk: int) -> Cost:
    """What `kernels.scan` does, round by round, for a sum over `size` elements."""
    import torch

    from lesson_support.kernels import Cost, scan

    cost = Cost()
    scan(torch.add, torch.ones(size, dtype=torch.int64), method=METHODS[method], chunk=chunk, cost=cost)
    return cost


def _alt(method: str, size: int) -> str:
    return f"Trees explorer: which of {size} cells a scan combines in each round, beginning with {method}"


def _still(method: str, size: int) -> Scene:
    """All rounds of one method, for paper and pages without scripts."""
    cost, chunk = counted(method, size, CHUNKS[size]), CHUNKS[size]

    def across(place: int) -> float:
        return 24 + 26 * place if place < size else 33 + 26 * (min(chunk * (place - size + 1), size) - 1)

    scene = Scene(48 + 26 * (size - 1), 62 + 26 * cost.rounds)
    for place in range(size):
        scene.text(across(place), 14, place, size=12, fill="muted", mono=True)
        scene.line(across(place), 26, across(place), 30 + 26 * cost.rounds, stroke="line")
    for at, moment in enumerate(cost.history, start=1):
        y = 26 + 26 * at
        for left, right, into in moment.pairs:
            for source in {left, right} - {into}:
                scene.line(across(source), y - 26, across(into), y, stroke="accent")
            scene.circle(across(into), y, 4, fill="accent")
    said = f"work {cost.combines}, depth {cost.rounds}"
    scene.text(12, 48 + 26 * cost.rounds, said, anchor="start")
    return scene
