"""The header card below a lesson's title: the card that Jupyter shows, with links to pages of the book."""

from docutils import nodes
from sphinx.util import logging

from lesson_support import catalog
from lesson_support.authoring.tables import phase_page
from lesson_support.classroom.card import card_html

from . import SAFE
from .lesson_files import EXERCISES, LESSONS, entry_of
from .notebook_links import notebook_links

log = logging.getLogger(__name__)


def add_card(app, doctree, docname):
    if not docname.startswith(LESSONS):
        return
    entry = entry_of(docname)
    if entry is None:
        log.warning("the catalog has no lesson of this name", location=docname)
        return
    card = nodes.raw(
        "", card_html(entry, address=_addresses(app, docname), links=_links(app, docname)), format="html"
    )
    below_title(doctree, card)


def below_title(doctree, node) -> None:
    """Insert `node` directly below the page's title."""
    section = next(iter(doctree.findall(nodes.section)), None)
    if section is not None:
        section.insert(1, node)


def _addresses(app, docname):
    """What `card_html` asks for the addresses of phases and lessons; None where there is no page yet."""
    found = app.env.found_docs

    def address(kind: str, number: int) -> str | None:
        entry = catalog.lesson_entry(number) if kind == "lesson" else None
        page = f"{LESSONS}{entry.stem}" if entry else phase_page(catalog.phases()[number - 1])
        return app.builder.get_relative_uri(docname, page) if page in found else None

    return address


def _links(app, docname) -> list[tuple[str, str]]:
    exercise = docname.replace(LESSONS, EXERCISES, 1)
    there = exercise in app.env.found_docs
    own = [("Exercise", app.builder.get_relative_uri(docname, exercise))] if there else []
    return own + notebook_links(app, docname)


def setup(app):
    app.connect("doctree-resolved", add_card)
    return SAFE
