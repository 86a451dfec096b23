"""How a lesson begins: title, first cell, hook, retrieval, predictions."""

import re
from itertools import pairwise

from lesson_support.authoring.calls import argument, literal, predictions
from lesson_support.authoring.markup import collapsed, headings, visible, words
from lesson_support.authoring.notebooks import block
from lesson_support.authoring.page import Page, rule, tagged

HOOK_WORDS = 80
WORDS_BEFORE_OUTPUT = 120


@rule
def title(page: Page):
    """The first cell opens with `# NN · Title` as in the catalog, and no other heading is of that level."""
    expected = f"# {page.lesson.label} · {page.lesson.title}"
    first = page.cells[0] if page.cells else None
    if first is None or first.cell_type != "markdown" or first.source.split("\n")[0] != expected:
        yield "the first cell", f"expected markdown that opens with “{expected}”"
        return
    top = [(cell, text) for cell in page.text for level, text in headings(cell.source) if level == 1]
    for cell, text in top[1:]:
        yield cell.id, f"a second title “{text}”: expected ## or lower"


@rule
def lesson_call(page: Page):
    """The first code cell imports and calls `lesson(NN)`, nothing else, and carries `remove-cell`."""
    expected = f"from lesson_support import lesson\n\nlesson({page.lesson.number})"
    first = page.code[0] if page.code else None
    if first is None or first.source != expected:
        yield getattr(first, "id", "the notebook"), f"the first code cell is not {expected!r}"
    elif not tagged(first, "remove-cell"):
        yield first.id, "the opening call lacks the tag remove-cell"


@rule
def hook(page: Page):
    """Cell `hook` is markdown of the opening, at most 80 words."""
    cell = page.named("hook")
    if cell is None or cell.cell_type != "markdown" or block(cell) != "opening":
        yield "hook", "expected a markdown cell with the id hook in the opening"
    elif not 1 <= len(words(cell.source)) <= HOOK_WORDS:
        yield "hook", f"{len(words(cell.source))} words: expected 1 to {HOOK_WORDS}"


@rule
def retrieval(page: Page):
    """From lesson 2 on, cell `retrieval` asks two questions, answers collapsed, before a prediction."""
    if page.lesson.number < 2:
        return
    cell = page.named("retrieval")
    if cell is None or cell.cell_type != "markdown" or block(cell) != "opening":
        yield "retrieval", "expected a markdown cell with the id retrieval in the opening"
        return
    if len(collapsed(cell.source)) != 2:
        yield "retrieval", f"{len(collapsed(cell.source))} collapsed answers: expected two <details>"
    if page.predicting and page.cells.index(page.predicting[0]) < page.cells.index(cell):
        yield "retrieval", "stands after the first prediction: expected it before"


@rule
def predictions_asked(page: Page):
    """One to three predictions, the first in the opening."""
    count = sum(len(predictions(cell.source)) for cell in page.code)
    if not 1 <= count <= 3:
        yield "the notebook", f"{count} calls of predict: expected one to three"
    elif block(page.predicting[0]) != "opening":
        yield page.predicting[0].id, "the first prediction is not in the opening"


@rule
def prediction_options(page: Page):
    """A prediction has three or four literal options, each explained, and its answer is one of them."""
    for cell in page.predicting:
        for call in predictions(cell.source):
            options = literal(argument(call, 1, "options"))
            if not isinstance(options, dict) or not 3 <= len(options) <= 4:
                yield cell.id, "expected a literal dict of three or four options"
            elif not all(isinstance(why, str) and why.strip() for why in options.values()):
                yield cell.id, "an option has no explanation"
            elif literal(argument(call, None, "answer")) not in options:
                yield cell.id, "the answer is none of the options"


@rule
def prediction_answered(page: Page):
    """Between a prediction and the next one stands the cell that answers it, tagged `hide-output`."""
    positions = [page.shown.index(cell) for cell in page.predicting if cell in page.shown]
    for position, following in pairwise([*positions, len(page.shown)]):
        between = page.shown[position + 1 : following]
        if not any(cell.cell_type == "code" and tagged(cell, "hide-output") for cell in between):
            yield page.shown[position].id, "no later code cell tagged hide-output answers this prediction"


@rule
def first_output(page: Page):
    """The page shows a first output within 120 words (what is collapsed does not count)."""
    count = 0
    for cell in page.shown:
        if cell.cell_type == "markdown":
            count += len(words(visible(cell.source)))
        elif cell.cell_type == "code" and cell.outputs and not tagged(cell, "remove-cell"):
            break
    if count > WORDS_BEFORE_OUTPUT:
        yield "the notebook", f"{count} words before the first output: expected at most {WORDS_BEFORE_OUTPUT}"


@rule
def retrieval_numbers(page: Page):
    """The retrieval asks about earlier lessons only."""
    cell = page.named("retrieval")
    for number in re.findall(r"\blesson (\d+)", cell.source if cell is not None else "", re.I):
        if int(number) >= page.lesson.number:
            yield "retrieval", f"asks about lesson {number}: expected an earlier one"
