"""The tiles explorer: a matrix product through a small cache, in an order that the reader picks."""

from lesson_support.draw.canvas import Scene
from lesson_support.draw.explorers.frame import framed
from lesson_support.draw.output import emit
from lesson_support.errors import LessonError
from lesson_support.tensors.cache import ijp, ipj, matmul_loads

ORDERS = ("ijp", "ipj", "blocked")
SMALLEST, LARGEST = 4, 16
FEWEST_LINES = 3


def tiles_explorer(n: int = 16, line: int = 4, lines: int = 16, order: str = "ijp", tile: int = 2) -> None:
    """Display three n × n matrices in cache lines of `line` elements, and a cache of `lines` lines.

    The reader steps or plays through the products in the order "ijp", "ipj" or "blocked" (square tiles), sees
    which lines are in the cache and how often each was loaded, and looks for the `tile` that loads fewest.
    """
    html = tiles_html(n, line, lines, order, tile)
    emit({"text/html": html, "text/plain": _alt(n, line, lines)})


def tiles_html(n: int = 16, line: int = 4, lines: int = 16, order: str = "ijp", tile: int = 2) -> str:
    """The explorer as HTML for a page of the book; arguments as for `tiles_explorer`."""
    if not SMALLEST <= n <= LARGEST or line < 2 or n % line:
        raise LessonError(
            f"got n={n} and lines of {line} elements; expected n from {SMALLEST} to {LARGEST}, a multiple of "
            "a line of 2 elements or more"
        )
    if not FEWEST_LINES <= lines <= 3 * n * n // line:
        raise LessonError(
            f"got a cache of {lines} lines; expected {FEWEST_LINES} to {3 * n * n // line}, all of them"
        )
    if order not in ORDERS or not 1 <= tile <= n:
        raise LessonError(
            f"got order {order!r} and tile {tile}; expected {', '.join(ORDERS[:2])} or {ORDERS[2]}, "
            f"and a tile from 1 to {n}"
        )
    config = {"n": n, "line": line, "lines": lines, "order": order, "tile": tile}
    still = _still(n, line, lines).svg(_alt(n, line, lines))
    return framed("tiles", f'<div class="ti-still ecr-stage">{still}</div>', config)


def _totals(n: int, lines: int, line: int) -> dict[str, int]:
    orders = {"i-j-p": ijp(n, n, n), "i-p-j": ipj(n, n, n)}
    return {name: matmul_loads(order, n, n, n, lines, line).total for name, order in orders.items()}


def _alt(n: int, line: int, lines: int) -> str:
    told = ", ".join(f"{name} loads {total:,} lines" for name, total in _totals(n, lines, line).items())
    return (
        f"Tiles explorer: c += a b with matrices of {n} × {n} in cache lines of {line} elements and a cache "
        f"of {lines} lines; the order {told}"
    )


def _still(n: int, line: int, lines: int) -> Scene:
    """What paper keeps: the matrices in their lines, and what the two plain orders load."""
    unit, left, top = 144 // n, 8, 18
    side = n * unit
    scene = Scene(2 * side + 2 * left + 22, 2 * (side + top) + left)
    places = {
        "b": (left + side + 22, top),
        "a": (left, 2 * top + side),
        "c": (left + side + 22, 2 * top + side),
    }
    for name, (x, y) in places.items():
        scene.text(x, y - 8, name, anchor="start", size=13, mono=True, bold=True)
        for row in range(n):
            for column in range(0, n, line):
                box = (x + column * unit + 1, y + row * unit + 1, line * unit - 2, unit - 2)
                scene.rect(*box, fill="surface", stroke="line", thick=1, radius=2)
    scene.text(left, top, f"a cache of {lines} lines", anchor="start", size=12)
    scene.text(left, top + 18, f"of {line} elements", anchor="start", size=12)
    for at, (name, total) in enumerate(_totals(n, lines, line).items()):
        scene.text(left, top + 44 + 18 * at, f"{name}: {total:,} loads", anchor="start", size=12)
    return scene
