"""The ten phases as cards: what each asks, how long it takes, how much of it is written."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from lesson_support import catalog
from lesson_support.authoring.tables import phase_hours, phase_page

from . import SAFE
from .lesson_files import LESSONS
from .pieces import inline, link, paragraph


class PhaseCards(SphinxDirective):
    """`{phase-cards}`: a grid of cards, each a link to its phase's page."""

    def run(self):
        self.env.note_reread()
        cards = [self._card(phase) for phase in catalog.phases()]
        return [nodes.container("", *cards, classes=["phase-cards"], is_div=True)]

    def _card(self, phase):
        page = phase_page(phase)
        there = page in self.env.found_docs
        title = link(self.env.app, self.env.docname, page, phase.title) if there else phase.title
        written = sum(f"{LESSONS}{entry.stem}" in self.env.found_docs for entry in phase.lessons)
        facts = f"{len(phase.lessons)} lessons, {written} written · about {phase_hours(phase)} hours"
        parts = [
            paragraph(f"Phase {phase.number}", "phase-number"),
            paragraph([title], "phase-title"),
            paragraph(inline(phase.question), "phase-question"),
            paragraph(facts, "phase-facts"),
        ]
        return nodes.container("", *parts, classes=["phase-card"], is_div=True)


def setup(app):
    app.add_directive("phase-cards", PhaseCards)
    return SAFE
