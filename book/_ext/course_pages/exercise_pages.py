"""An exercise's page: whose exercise it is, how to start and check it, and no trace of its solution."""

from html import escape

from docutils import nodes
from sphinx.util import logging

from . import SAFE
from .header_card import below_title
from .lesson_files import EXERCISES, LESSONS, cells, entry_of
from .notebook_links import notebook_links

log = logging.getLogger(__name__)
_SECRET = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS")


def refuse_solutions(app, docname, source):
    """A page that would publish a solution is a warning, which ends the build."""
    if docname.startswith("solutions/"):
        log.warning("a master of an exercise must not be a page of the book", location=docname)
    if docname.startswith(EXERCISES):
        for cell in cells(app.env, docname):
            if any(secret in cell.source for secret in _SECRET):
                log.warning("cell %s holds a solution region", cell["id"], location=docname)


def add_card(app, doctree, docname):
    entry = entry_of(docname, EXERCISES)
    if entry is None:
        return
    lesson = docname.replace(EXERCISES, LESSONS, 1)
    name = f"Lesson {entry.label} · {escape(entry.title)}"
    if lesson in app.env.found_docs:
        name = f'<a href="{app.builder.get_relative_uri(docname, lesson)}">{name}</a>'
    links = " · ".join(
        f'<a href="{escape(url)}">{escape(label)}</a>' for label, url in notebook_links(app, docname)
    )
    card = (
        f'<div class="lesson-card exercise-card"><p>The exercise of {name}</p>'
        f"<p><code>lessons start {entry.label}</code> puts a copy of your own into <code>work/</code>; "
        f"<code>lessons check {entry.label}</code> says how far you are.</p>"
        f'<p class="lesson-links">{links}</p></div>'
    )
    below_title(doctree, nodes.raw("", card, format="html"))


def setup(app):
    app.connect("source-read", refuse_solutions)
    app.connect("doctree-resolved", add_card)
    return SAFE
