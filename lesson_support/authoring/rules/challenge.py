"""How a lesson ends: exercise, review, references."""

from nbformat import NotebookNode

from lesson_support.authoring.markup import collapsed, has_link, links, lists, prose
from lesson_support.authoring.notebooks import block
from lesson_support.authoring.page import Page, rule


def _cell(page: Page, name: str) -> NotebookNode | None:
    cell = page.named(name)
    fits = cell is not None and cell.cell_type == "markdown" and block(cell) == "challenge"
    return cell if fits else None


@rule
def exercise(page: Page):
    """Cell `exercise` names points and minutes and links the exercise notebook."""
    cell = _cell(page, "exercise")
    if cell is None:
        yield "exercise", "expected a markdown cell with the id exercise in the challenge"
        return
    target = f"../exercises/{page.lesson.stem}.ipynb"
    if target not in links(cell.source):
        yield "exercise", f"no link to {target}"
    for word in ("point", "minute"):
        if word not in prose(cell.source).lower():
            yield "exercise", f"does not say how many {word}s"


@rule
def review(page: Page):
    """Cell `review` asks five questions with collapsed answers."""
    cell = _cell(page, "review")
    if cell is None:
        yield "review", "expected a markdown cell with the id review in the challenge"
    elif len(collapsed(cell.source)) != 5:
        yield "review", f"{len(collapsed(cell.source))} collapsed answers: expected five <details>"


@rule
def references(page: Page):
    """Cell `references` lists three to six items, each with a link."""
    cell = _cell(page, "references")
    if cell is None:
        yield "references", "expected a markdown cell with the id references in the challenge"
        return
    items = [item for found in lists(cell.source) for item in found]
    if not 3 <= len(items) <= 6:
        yield "references", f"{len(items)} references: expected three to six list items"
    for item in items:
        if not has_link(item):
            yield "references", f"no link in “{item[:60]}”"
