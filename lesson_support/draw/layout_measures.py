"""Measures that both parts of the memory-layout figure share."""

from lesson_support.draw.layout import Layout

# With these a phone's column, about 310 px, shows the drawing whole and its smallest text at 11 px.
WIDTH, MARGIN, SMALL = 334.0, 5.0, 12
ROOM = WIDTH - 2 * MARGIN


def rows_of(plan: Layout) -> int:
    """How many rows the view has, over all its dimensions but the last."""
    return plan.elements // plan.shape[-1] if plan.elements and plan.shape else 1


def shade(row: int, rows: int) -> int:
    """The ramp step of a row."""
    return 2 if rows < 2 else round(1 + 4 * row / (rows - 1))


def cell_width(plan: Layout) -> float:
    """Room for the longest address in small text."""
    return max(27.0, 8.0 * len(str(plan.storage - 1)) + 4)
