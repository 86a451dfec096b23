"""A document as a PDF: numbered A4 pages, wrapped text, tables that go on overleaf."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lesson_support import paths
from lesson_support.draw.style import PALETTE, use_style
from lesson_support.errors import LessonError
from lesson_support.pruning.outcome import Outcome
from lesson_support.pruning.reports.contents import report_document
from lesson_support.pruning.reports.document import Block, Chart, Document, Paragraph, Section, Table
from lesson_support.pruning.reports.fitting import column_widths, wrapped

PAGE = (8.27, 11.69)  # inches: A4
LEFT, TOP, BOTTOM = 0.85, 0.8, 0.85
COLUMN = PAGE[0] - 2 * LEFT
LEADING = 1.4
TALLEST = PAGE[1] - TOP - BOTTOM - 0.6
GAP = 0.16  # inches between two columns of a table


def write_pdf_pages(document: Document, file: Path | str) -> Path:
    """Write the document to `file` as a PDF and return the file."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import PdfPages

    file = Path(file)
    paths.make_folder(file.parent, "a report")
    with mpl.rc_context():
        use_style()
        mpl.rcParams.update({"pdf.fonttype": 42, "figure.constrained_layout.use": False})
        pages = lay_out(document)
        try:
            with PdfPages(file, metadata={"Title": document.title, "CreationDate": None}) as pdf:
                for page in pages:
                    pdf.savefig(page)
        except OSError as error:
            raise LessonError(f"cannot write {file} ({error.strerror}): expected a place to write") from None
    return file


def lay_out(document: Document) -> list:
    """The pages as Matplotlib figures, numbered; the style must be set."""
    sheet = _Sheet()
    sheet.text(document.title, size=19, bold=True)
    sheet.text(document.subtitle, size=9.5, colour="muted")
    sheet.skip(0.12)
    if document.facts:
        sheet.table(Table(("", ""), tuple(document.facts), caption=""), head=False)
    for section in document.sections:
        sheet.reserve(_opening(section))
        sheet.skip(0.22)
        sheet.text(section.title, size=13, bold=True)
        sheet.skip(0.04)
        for block in section.blocks:
            sheet.block(block)
    for number, page in enumerate(sheet.pages, start=1):
        page.text(
            LEFT / PAGE[0], 0.45 / PAGE[1], _shortened(document.title, 90), size=8, color=PALETTE["muted"]
        )
        page.text(1 - LEFT / PAGE[0], 0.45 / PAGE[1], f"{number} of {len(sheet.pages)}", size=8, ha="right",
                  color=PALETTE["muted"])  # fmt: skip
    return sheet.pages


def _opening(section: Section) -> float:
    """Inches for the heading and what should not be parted from it, the first two blocks."""
    under = sum(each.height if isinstance(each, Chart) else 0.5 for each in section.blocks[:2])
    return min(0.9 + under, TALLEST)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


class _Sheet:
    """Places text, tables and charts from the top of a page down, and takes a new page when one is full."""

    def __init__(self):
        self.pages: list = []
        self._turn()

    def _turn(self) -> None:
        from matplotlib.figure import Figure

        self.pages.append(Figure(figsize=PAGE, facecolor=PALETTE["paper"]))
        self.y = TOP

    @property
    def room(self) -> float:
        return PAGE[1] - BOTTOM - self.y

    def skip(self, inches: float) -> None:
        self.y += inches

    def reserve(self, inches: float) -> None:
        """A new page unless so much room is left on this one."""
        if self.room < inches and self.y > TOP:
            self._turn()

    def block(self, block: Block) -> None:
        if isinstance(block, Paragraph):
            self.text(block.text)
            self.skip(0.08)
        elif isinstance(block, Table):
            self.table(block)
        else:
            self.chart(block)

    def text(self, text: str, *, size: float = 10, bold: bool = False, colour: str = "ink") -> None:
        """Wrapped to the column, line by line, over as many pages as it takes."""
        for line in wrapped(text, COLUMN, size, bold):
            self.reserve(size * LEADING / 72)
            self._put(LEFT, line, size, bold, colour)
            self.y += size * LEADING / 72

    def _put(self, x: float, text: str, size: float, bold=False, colour="ink", align="left") -> None:
        from matplotlib.text import Text

        # A dollar sign in a name is no formula.
        self.pages[-1].add_artist(Text(x / PAGE[0], 1 - (self.y + size / 72) / PAGE[1], text, size=size,
                                       weight="bold" if bold else "normal", color=PALETTE[colour],
                                       ha=align, parse_math=False))  # fmt: skip

    def chart(self, chart: Chart) -> None:
        from matplotlib.gridspec import GridSpec

        height = min(chart.height, TALLEST)
        self.reserve(height + 0.1)
        below = PAGE[1] - self.y - height
        page = self.pages[-1]
        ratios = {"width_ratios": [LEFT, COLUMN, LEFT], "height_ratios": [self.y, height, below]}
        whole = {"left": 0, "right": 1, "top": 1, "bottom": 0, "wspace": 0, "hspace": 0}
        grid = GridSpec(3, 3, figure=page, **ratios, **whole)
        part = page.add_subfigure(grid[1, 1], facecolor="none")
        page.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
        chart.draw(part)
        self.y += height + 0.08
        if chart.caption:
            self.text(chart.caption, size=9, colour="muted")
            self.skip(0.08)

    def table(self, table: Table, *, head: bool = True, size: float = 9) -> None:
        """Columns as wide as their text; where that is too much, the widest words are broken into lines."""
        widths = column_widths(table, COLUMN, GAP, size)
        step = size * LEADING / 72
        if table.caption:
            self.text(table.caption, size=9, colour="muted")
        titles = self._cells(table.head, widths, size, bold=True)
        heading = step * max(map(len, titles)) + 0.06

        def begin() -> None:
            if head:
                self._row(titles, widths, table.words, size, bold=True, colour="muted")
            self._rule()

        self.reserve(heading + 2 * step)
        begin()
        for row in table.rows:
            cells = self._cells(row, widths, size)
            if self.room < step * max(map(len, cells)) + 0.05:
                self._turn()
                begin()
            self._row(cells, widths, table.words, size)
            self._rule()
        self.skip(0.12)

    def _cells(self, row: Sequence[str], widths: Sequence[float], size: float, bold=False) -> list[list[str]]:
        return [wrapped(cell, width, size, bold) for cell, width in zip(row, widths, strict=True)]

    def _row(self, cells, widths, words: int, size: float, bold=False, colour="ink") -> None:
        step = size * LEADING / 72
        for line in range(max(map(len, cells))):
            x = LEFT
            for position, (lines, width) in enumerate(zip(cells, widths, strict=True)):
                if line < len(lines):
                    left = position < words
                    self._put(
                        x if left else x + width, lines[line], size, bold, colour, "left" if left else "right"
                    )
                x += width + GAP
            self.y += step

    def _rule(self) -> None:
        from matplotlib.lines import Line2D

        y = 1 - (self.y + 0.025) / PAGE[1]
        across = [LEFT / PAGE[0], 1 - LEFT / PAGE[0]]
        self.pages[-1].add_artist(Line2D(across, [y, y], color=PALETTE["line"], linewidth=0.5, linestyle="-"))
        self.y += 0.045


def write_pdf(report: Outcome, file: Path | str, *, statistics: Any = None) -> Path:
    """One pruning run as a PDF; with the statistics of the original model also their histograms."""
    return write_pdf_pages(report_document(report, statistics=statistics), file)
