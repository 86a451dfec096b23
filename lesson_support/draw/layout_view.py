"""The lower part of the memory-layout figure: the view as grids of addresses, its facts and its formula."""

from itertools import product
from textwrap import wrap

from lesson_support.draw.canvas import Scene
from lesson_support.draw.layout import Layout
from lesson_support.draw.layout_measures import MARGIN, ROOM, SMALL, WIDTH, cell_width, rows_of, shade

INDICES = "ijklmnop"
MOST_ROWS, MOST_COLUMNS, MOST_BLOCKS = 8, 9, 4


def _picked(count: int, most: int) -> list[int | None]:
    """Which of `count` places to draw: all, or the first ones, None for a gap, and the last."""
    return list(range(count)) if count <= most else [*range(most - 2), None, count - 1]


def draw_view(scene: Scene, plan: Layout, y: float) -> float:
    """Draw it from `y` on; gives the y below it."""
    letters = ", ".join(INDICES[: len(plan.shape)])
    scene.text(MARGIN, y, f"view[{letters}]", anchor="start", bold=True)
    facts = [("shape", _tuple(plan.shape)), ("stride", _tuple(plan.stride)), ("offset", str(plan.offset))]
    top = y + 14
    if not plan.elements:
        scene.text(MARGIN, top + 12, "no elements", anchor="start", fill="muted")
        right, bottom = MARGIN + 80, top + 24
    else:
        right, bottom = _blocks(scene, plan, top)
    longest = max(len(said) for _, said in facts)
    if right + 24 + 7.5 * (longest + 7) <= WIDTH:
        x, line = right + 24, top + 20
    else:
        x, line = MARGIN, bottom + 14
    for name, said in facts:
        scene.text(x, line, name, size=13, anchor="start", fill="muted")
        scene.text(x + 50, line, said, size=13, anchor="start", mono=True)
        line += 20
    y = max(bottom, line - 8) + 16
    terms = [str(plan.offset), *(f"{step}·{name}" for step, name in zip(plan.stride, INDICES, strict=False))]
    formula = f"address = {' + '.join(terms).replace('+ -', '− ')}"
    for piece in wrap(formula, 44, subsequent_indent="          "):
        scene.text(MARGIN, y, piece, size=SMALL, anchor="start", mono=True)
        y += 18
    return y - 8


def _tuple(numbers: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, numbers))}{',' if len(numbers) == 1 else ''})"


def _blocks(scene: Scene, plan: Layout, top: float) -> tuple[float, float]:
    """The view as one matrix, or as one per leading index; gives the right edge and the bottom."""
    leading = list(product(*map(range, plan.shape[:-2])))
    x, y, right, bottom = MARGIN, top, MARGIN, top
    wide = 0.0
    for block in _picked(len(leading), MOST_BLOCKS):
        if x > MARGIN and x + wide > WIDTH - MARGIN:
            x, y = MARGIN, bottom + 12
        if block is None:
            scene.text(x + 10, y + 30, "⋯", fill="muted")
            x += 30
            continue
        head = y
        if leading[block]:
            said = f"[{', '.join(map(str, leading[block]))}, :, :]"
            scene.text(x, y + 8, said, size=SMALL, anchor="start", mono=True)
            head += 18
        wide, end = _matrix(scene, plan, leading[block], block, x, head)
        x += wide + 14
        right, bottom = max(right, x - 14), max(bottom, end)
    return right, bottom


def _matrix(
    scene: Scene, plan: Layout, leading: tuple, block: int, x: float, y: float
) -> tuple[float, float]:
    """One matrix with its indices at (x, y); gives its width and its lower edge."""
    down, across = ((1, 1) + plan.shape)[-2:]
    width, rows, dims = cell_width(plan), rows_of(plan), len(plan.shape)
    step = width + 3
    beside, above = (16.0 if dims > 1 else 0.0), (16.0 if dims else 0.0)
    columns = [
        (x + beside + at * step, column)
        for at, column in enumerate(_picked(across, min(MOST_COLUMNS, int((ROOM - 16) / step))))
    ]
    for left, column in columns if dims else []:
        said = "⋯" if column is None else column
        scene.text(left + width / 2, y + 7, said, size=SMALL, fill="muted", mono=True)
    y += above
    for line in _picked(down, MOST_ROWS):
        if line is None:
            scene.text(x + beside + width / 2, y + 9, "⋮", fill="muted")
            y += 20
            continue
        if dims > 1:
            scene.text(x + 6, y + 14, line, size=SMALL, fill="muted", mono=True)
        for left, column in columns:
            if column is None:
                scene.text(left + width / 2, y + 14, "⋯", fill="muted")
                continue
            # A vector has no row index, and a single number no index at all.
            index = (*leading, line, column)[max(0, 2 - dims) :] if dims else ()
            tone = shade(block * down + line, rows)
            scene.cell(left, y, width, 28, plan.address(index), tone=tone, size=SMALL)
        y += 31
    return beside + step * len(columns), y
