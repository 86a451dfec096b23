"""Stored outputs: complete, in order, the same on every machine."""

import re
from collections.abc import Iterator

from lesson_support.authoring.calls import find_calls
from lesson_support.authoring.notebooks import WIDGET_VIEW, output_texts
from lesson_support.authoring.page import Page, rule, tagged

_PATH = re.compile(
    r"(?<![\w./~-])(?:file://)?(?:/(?:home|root|Users|work|tmp|var/folders|opt|mnt)/[\w.]|(?:/[\w.+-]+)+/(?:site|dist)-packages/)"
    r"|\b[A-Za-z]:\\+(?:Users|Windows|Program)"
)
# sixteen digits are eight bytes of data, eight are four; an address has nine to fourteen, or follows "at"
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{5,}|\b0x[0-9a-fA-F]{9,14}\b")
_TIMESTAMP = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d|\b\d\d:\d\d:\d\d\b")
_PROGRESS = re.compile(r"\d%\||\bit/s\b|s/it\b|[█▉▊▋▌▍▎▏━╸╺]{3,}|\r(?!\n)")
_NBVAL_COMMENT = re.compile(r"^\s*#\s*(?:NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)", re.M)


def _told(page: Page, *, shown_source: bool = False) -> Iterator[tuple[str, str]]:
    """The stored text of each cell with its id; source that a lesson shows is no output of a run."""
    for cell in page.code:
        texts = (text for output in cell.outputs for text in output_texts(output, shown_source=shown_source))
        yield cell.id, "\n".join(texts)


def _matches(page: Page, pattern: re.Pattern, what: str) -> Iterator[tuple[str, str]]:
    for where, text in _told(page):
        if found := pattern.search(text):
            yield where, f"{what} in the output: {found[0]!r}"


@rule
def executed(page: Page):
    """Every code cell was executed, from top to bottom."""
    for number, cell in enumerate(page.code, 1):
        if cell.execution_count != number:
            yield cell.id, f"execution count {cell.execution_count}: expected {number}; use `lessons run`"
            return


@rule
def ignored_cells(page: Page):
    """At most three cells carry `nbval-ignore-output`."""
    ignored = [cell.id for cell in page.code if tagged(cell, "nbval-ignore-output")]
    if len(ignored) > 3:
        yield ignored[3], f"{len(ignored)} cells are ignored by the comparison: expected at most three"


@rule
def no_nbval_comment(page: Page):
    """No comment in a cell switches its comparison off: the tag does, where it can be counted."""
    for cell in page.code:
        if found := _NBVAL_COMMENT.search(cell.source):
            yield cell.id, f"the comment {found[0].strip()}: expected the tag nbval-ignore-output"


@rule
def no_redraw(page: Page):
    """No cell clears or updates what it displayed: nbval sees each version, the page only the last."""
    for cell in page.code:
        for name, call in find_calls(cell.source):
            redraws = name.split(".")[-1] in ("clear_output", "update_display")
            if redraws or any(keyword.arg == "display_id" for keyword in call.keywords):
                yield cell.id, f"{name} changes an earlier output: expected outputs that stay"


@rule
def no_stderr(page: Page):
    """Nothing stands on standard error."""
    for cell in page.code:
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                yield cell.id, f"standard error in the output: {output.text.strip()[:80]!r}"


@rule
def unexpected_error(page: Page):
    """An error is stored only where the tag `raises-exception` announces it."""
    for cell in page.code:
        if any(output.output_type == "error" for output in cell.outputs) and not tagged(
            cell, "raises-exception"
        ):
            yield cell.id, "an error in the output without the tag raises-exception"


@rule
def deliberate_error(page: Page):
    """A cell tagged `raises-exception` holds its error, and text follows that says what it means."""
    for cell in page.code:
        if not tagged(cell, "raises-exception"):
            continue
        if not any(output.output_type == "error" for output in cell.outputs):
            yield cell.id, "tagged raises-exception, but its output holds no error"
        following = page.after(cell)
        if following is None or following.cell_type != "markdown":
            yield cell.id, "no text after the deliberate error: expected what its lines mean"


@rule
def error_indexed(page: Page):
    """A deliberate error says for the error index what it means and how to fix it."""
    for cell in page.code:
        if tagged(cell, "raises-exception"):
            entry = cell.metadata.get("lesson", {}).get("error", {})
            if not (set(entry) == {"meaning", "fix"} and all(str(said).strip() for said in entry.values())):
                yield (
                    cell.id,
                    "metadata.lesson.error lacks its meaning or its fix, two sentences for the index",
                )


@rule
def machine_path(page: Page):
    """No path of one machine, in outputs, code or text."""
    for where, text in _told(page, shown_source=True):
        if found := _PATH.search(text):
            yield where, f"a path of one machine in the output: {found[0]!r}"
    for cell in page.cells:
        if (found := _PATH.search(cell.source)) and not found[0].startswith("/tmp"):
            yield cell.id, f"a path of one machine: {found[0]!r}"


@rule
def address(page: Page):
    """No memory address in an output."""
    yield from _matches(page, _ADDRESS, "a memory address")


@rule
def colour_codes(page: Page):
    """No terminal colours in an output."""
    yield from _matches(page, re.compile(r"\x1b\["), "a terminal code")


@rule
def timestamp(page: Page):
    """No time of day in an output (a date alone, as in a provenance line, is fine)."""
    yield from _matches(page, _TIMESTAMP, "a time of day")


@rule
def warning(page: Page):
    """No warning in an output."""
    yield from _matches(page, re.compile(r"\b\w*Warning\b|\bwarnings\.warn\b"), "a warning")


@rule
def progress_bar(page: Page):
    """No progress bar in an output."""
    yield from _matches(page, _PROGRESS, "a progress bar")


@rule
def widget_view(page: Page):
    """No widget view is stored: its ids are random and the page has no server for it."""
    for cell in page.code:
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.outputs):
            yield cell.id, "a widget view in the output: `lessons fmt` removes it"
