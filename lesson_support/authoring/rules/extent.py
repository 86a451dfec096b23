"""How much: words, code, the length of a step, what follows a step, the size of the file."""

from lesson_support.authoring.markup import words
from lesson_support.authoring.notebooks import block, notebook_text
from lesson_support.authoring.page import Page, input_shown, rule, tagged

WORDS = {"short": (1200, 2000), "standard": (2000, 3500), "long": (3500, 5500)}
CODE_LINES = (80, 300)
STEP_LINES = 30
CODE_COLUMNS = 88
NOTEBOOK_BYTES = 700_000


def code_lines(source: str) -> int:
    """Lines that are not blank."""
    return sum(bool(line.strip()) for line in source.splitlines())


@rule
def word_count(page: Page):
    """The words of the page lie within the catalog's length class."""
    count = sum(len(words(cell.source)) for cell in page.text)
    low, high = WORDS[page.lesson.length]
    if not low <= count <= high:
        yield "the notebook", f"{count} words: expected {low} to {high} for a {page.lesson.length} lesson"


@rule
def code_on_page(page: Page):
    """80 to 300 lines of code stand on the page (hidden input does not count)."""
    count = sum(code_lines(cell.source) for cell in page.code if input_shown(cell))
    low, high = CODE_LINES
    if not low <= count <= high:
        yield "the notebook", f"{count} lines of code on the page: expected {low} to {high}"


@rule
def step_length(page: Page):
    """A code cell of the build has at most 30 lines (hidden input does not count)."""
    for cell in page.code:
        count = code_lines(cell.source)
        if block(cell) == "build" and input_shown(cell) and count > STEP_LINES:
            yield cell.id, f"{count} lines in one cell: expected at most {STEP_LINES}"


@rule
def code_width(page: Page):
    """No line of code on the page is longer than 88 characters, what a laptop shows without scrolling."""
    for cell in page.code:
        widest = max((len(line) for line in cell.source.splitlines()), default=0)
        if input_shown(cell) and cell not in page.predicting and widest > CODE_COLUMNS:
            yield cell.id, f"a line of {widest} characters: expected at most {CODE_COLUMNS}"


@rule
def output_explained(page: Page):
    """In the build, text follows a code cell with output (a prediction is followed by its answer)."""
    for cell in page.code:
        if (
            block(cell) != "build"
            or not cell.outputs
            or cell in page.predicting
            or tagged(cell, "remove-cell")
        ):
            continue
        following = page.after(cell)
        if "raises-exception" not in cell.metadata.get("tags", []) and (
            following is None or following.cell_type != "markdown"
        ):
            yield cell.id, "no text after this output: expected what it shows"


@rule
def halfway(page: Page):
    """A long lesson marks its middle, where a second video begins: a markdown cell with the id `halfway`."""
    cell = page.named("halfway")
    if page.lesson.length == "long" and (cell is None or cell.cell_type != "markdown"):
        yield "halfway", "expected a markdown cell with the id halfway in a long lesson"


@rule
def notebook_size(page: Page):
    """The file has at most 700 KB."""
    size = len(notebook_text(page.notebook).encode())
    if size > NOTEBOOK_BYTES:
        yield "the notebook", f"{size:,} bytes: expected at most {NOTEBOOK_BYTES:,}"
