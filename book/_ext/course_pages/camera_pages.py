"""The production notes of every lesson, collected for instructors and never on the lesson's own page."""

import re

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from lesson_support.authoring.notebooks import block, tags

from . import SAFE
from .lesson_files import cells, entry_of, written_lessons
from .pieces import link, paragraph

log = logging.getLogger(__name__)
_FOLD = re.compile(r"</?details[^>]*>|<summary>.*?</summary>", re.S)


class Camera(SphinxDirective):
    """`{camera-notes}`: a section for each lesson, its shots linked to their cells."""

    def run(self):
        self.env.note_reread()
        sections = [
            self._section(lesson, cell)
            for lesson in written_lessons(self.env)
            for cell in lesson.cells
            if block(cell) == "camera"
        ]
        return sections or [paragraph("No lesson is written yet.")]

    def _section(self, lesson, cell):
        entry = lesson.entry
        title = link(self.env.app, self.env.docname, lesson.docname, f"{entry.label} · {entry.title}")
        section = nodes.section("", nodes.title("", "", title), ids=[f"camera-{entry.label}"])
        section["names"] = [f"camera-{entry.label}"]
        lines = StringList(_FOLD.sub("", cell.source).splitlines(), source=self.env.doc2path(lesson.docname))
        self.state.nested_parse(lines, 0, section)
        known = {other["id"] for other in lesson.cells}
        for shot in _shots(section):
            if shot.astext() not in known:
                log.warning(
                    "the shot list names %s, which is no cell", shot.astext(), location=lesson.docname
                )
                continue
            target = link(self.env.app, self.env.docname, lesson.docname, "", shot.astext())
            shot.replace_self(target)
            target += shot
        return section


def _shots(section) -> list[nodes.literal]:
    """The cell ids in the first column of the shot table."""
    rows = [row for body in section.findall(nodes.tbody) for row in body.children]
    return [shot for row in rows for shot in list(row.children[0].findall(nodes.literal))[:1]]


def keep_off_page(app, docname, source):
    """A camera cell that its lesson's page would show is a warning, which ends the build."""
    if entry_of(docname):
        for cell in cells(app.env, docname):
            if block(cell) == "camera" and "remove-cell" not in tags(cell):
                log.warning("the camera cell %s would stand on the page: tag it remove-cell", cell["id"],
                            location=docname)  # fmt: skip


def setup(app):
    app.add_directive("camera-notes", Camera)
    app.connect("source-read", keep_off_page)
    return SAFE
