"""What a report says, apart from how it looks: sections of paragraphs, tables and charts."""

from collections.abc import Callable
from dataclasses import dataclass

from lesson_support.errors import LessonError


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells that are already text; the first `words` columns are read, the others compared."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    caption: str = ""

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.head):
                raise LessonError(f"a table row has {len(row)} cells: expected {len(self.head)}, as its head")


@dataclass(frozen=True)
class Chart:
    """`draw` fills a Matplotlib figure, or a part of one, that is `height` inches high; `alt` replaces it."""

    draw: Callable[[object], None]
    alt: str
    height: float
    caption: str = ""


Block = Paragraph | Table | Chart


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """`facts` are the few figures that a reader looks for first, each with what it counts."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
