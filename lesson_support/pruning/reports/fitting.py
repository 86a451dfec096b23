"""How much room text takes on paper, and how it is broken to fit: lines of a text, columns of a table."""

from collections.abc import Sequence
from functools import lru_cache

from lesson_support.pruning.reports.document import Table


@lru_cache(maxsize=8192)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Inches that one line takes in the font of the course's figures."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return width / 72


def wrapped(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """The lines of `text` that fit `width` inches; a word that is longer than a line is broken."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if text_width(longer, size, bold) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, width, size, bold)
        lines += full
    return [*lines, line] if line or not lines else lines


def _pieces(word: str, width: float, size: float, bold: bool) -> list[str]:
    pieces, piece = [], ""
    for letter in word:
        if piece and text_width(piece + letter, size, bold) > width:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece]


def column_widths(table: Table, room: float, gap: float, size: float) -> list[float]:
    """Inches for each column: what its text takes, or as much of `room` as leaves the words whole."""
    columns = list(zip(table.head, *table.rows, strict=True))
    available = room - gap * (len(columns) - 1)
    natural = [_widest(column, size) for column in columns]
    if sum(natural) <= available:
        return natural
    least = [_widest([word for cell in column for word in cell.split()], size) for column in columns]
    spare = available - sum(least)
    if spare < 0:
        return _leveled(least, available)
    wish = sum(natural) - sum(least)
    return [low + spare * (high - low) / wish for low, high in zip(least, natural, strict=True)]


def _leveled(least: Sequence[float], available: float) -> list[float]:
    """Columns that ask for less than an equal share get it; the others share what is left alike."""
    level, rest, left = 0.0, available, len(least)
    for each in sorted(least):
        level = rest / left
        if each > level:
            break
        rest, left = rest - each, left - 1
    return [min(each, level) for each in least]


def _widest(texts: Sequence[str], size: float) -> float:
    # As bold as a head; and a hair more than measured, or rounding breaks the widest line.
    return 0.01 + max((text_width(text, size, bold=True) for text in texts), default=0.0)
