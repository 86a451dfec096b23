"""The four blocks, the camera cell, and what cells carry."""

import re

from lesson_support.authoring.formatting import readable_id
from lesson_support.authoring.markup import headings, lists, prose, words
from lesson_support.authoring.notebooks import NOTEBOOK_METADATA, block, tags
from lesson_support.authoring.page import BLOCKS, Page, rule, tagged

TAGS = {
    "hide-cell",
    "hide-input",
    "hide-output",
    "measured-figure",
    "nbval-ignore-output",
    "raises-exception",
    "remove-cell",
    "remove-input",
    "remove-output",
}
EMPTY_HEADINGS = {
    *("build", "hood", "camera", "challenge", "opening"),
    *("summary", "conclusion", "introduction"),
    *("the hood", "under the hood", "the build", "the challenge"),
}


@rule
def block_named(page: Page):
    """Every cell says which block it belongs to."""
    for cell in page.cells:
        if block(cell) not in (*BLOCKS, "camera"):
            yield cell.id, f"metadata.lesson.block is {block(cell)!r}: expected camera, {', '.join(BLOCKS)}"


@rule
def block_order(page: Page):
    """Opening, build, hood and challenge are all there, in this order."""
    places = [(BLOCKS.index(block(cell)), cell) for cell in page.shown if block(cell) in BLOCKS]
    missing = [name for position, name in enumerate(BLOCKS) if position not in {place for place, _ in places}]
    if missing:
        yield "the notebook", f"no cell of {', '.join(missing)}"
    for (before, _), (place, cell) in zip(places, places[1:], strict=False):
        if place < before:
            yield cell.id, f"{BLOCKS[place]} after {BLOCKS[before]}: expected {', '.join(BLOCKS)}"


@rule
def camera_place(page: Page):
    """Exactly one camera cell, markdown, tagged `remove-cell`, right after the opening."""
    found = [i for i, cell in enumerate(page.cells) if block(cell) == "camera"]
    if len(found) != 1:
        yield "the notebook", f"{len(found)} camera cells: expected one"
        return
    cell = page.cells[found[0]]
    if cell.cell_type != "markdown" or not tagged(cell, "remove-cell"):
        yield cell.id, "the camera cell is not markdown tagged remove-cell"
    around = [block(other) for other in page.cells[max(found[0] - 1, 0) : found[0] + 2]]
    if around[0] != "opening" or around[-1] == "opening":
        yield cell.id, "the camera cell does not stand right after the opening"


@rule
def camera_parts(page: Page):
    """The camera cell is a `<details>` with Title, two Alternatives, Editor and Pause."""
    if page.camera is None:
        return
    source = page.camera.source
    missing = [part for part in ("Title", "Alternatives", "Editor", "Pause") if f"**{part}" not in source]
    if "<details" not in source:
        missing.insert(0, "<details>")
    if missing:
        yield page.camera.id, f"no {', '.join(missing)}"
        return
    alternatives = lists(source.split("**Alternatives", 1)[1])
    if not alternatives or len(alternatives[0]) != 2:
        yield page.camera.id, "expected a list of two items under Alternatives"


@rule
def camera_hook(page: Page):
    """The words of the hook open the video: they stand in the camera cell too."""
    cell = page.named("hook")
    if page.camera is None or cell is None:
        return
    if " ".join(words(cell.source)) not in " ".join(words(page.camera.source)):
        yield page.camera.id, "the words of the hook are not in the camera cell"


@rule
def camera_shots(page: Page):
    """The shot table names existing cells in its first column."""
    if page.camera is None:
        return
    rows = [line.strip() for line in page.camera.source.splitlines() if line.lstrip().startswith("|")]
    named = [cells for row in rows if (cells := re.findall(r"`([^`]+)`", row.split("|")[1]))]
    if not named:
        yield page.camera.id, "no shot table with cell ids in backticks"
    for name in sorted({name for row in named for name in row}):
        if page.named(name) is None:
            yield page.camera.id, f"the shot table names the cell {name}, which is not there"


@rule
def cell_ids(page: Page):
    """Cell ids are unique readable slugs."""
    seen: set[str] = set()
    for cell in page.cells:
        if not readable_id(cell.id):
            yield cell.id, "the cell id is no readable slug: `lessons fmt` gives it one"
        elif cell.id in seen:
            yield cell.id, "two cells have this id: `lessons fmt` renames one"
        seen.add(cell.id)


# What a cell's lesson entry may hold: its block, the hash of the source that made its outputs, and what the
# error index says of its error or symptom.
LESSON_ENTRIES = {"block", "ran", "error", "symptom"}


@rule
def metadata(page: Page):
    """The notebook carries kernelspec and language_info only, a cell only its tags and its lesson entry."""
    if page.notebook.metadata != NOTEBOOK_METADATA:
        yield "the notebook", "metadata beyond kernelspec and language_info: run `lessons fmt`"
    for cell in page.cells:
        stray = (
            set(cell.metadata) - {"tags", "lesson"} | set(cell.metadata.get("lesson", {})) - LESSON_ENTRIES
        )
        if stray:
            yield cell.id, f"metadata {', '.join(sorted(stray))}: run `lessons fmt`"


@rule
def known_tags(page: Page):
    """A tag is one that book or tests know: a misspelt one does nothing, `nbval-skip` hides a cell."""
    for cell in page.cells:
        if unknown := sorted(set(tags(cell)) - TAGS):
            yield cell.id, f"unknown tag {', '.join(unknown)}: expected {', '.join(sorted(TAGS))}"


@rule
def heading_content(page: Page):
    """Headings name content: no Build, Hood, Camera, Challenge, Summary, Conclusion, Introduction."""
    for cell in page.text:
        for _, text in headings(cell.source):
            if " ".join(words(prose(text))).lower() in EMPTY_HEADINGS:
                yield cell.id, f"the heading “{text}” names no content"
