"""Every exception that a lesson shows, with its meaning and fix, and the symptoms that lessons explain.

What an error means is said in the lesson, in the markdown cell after it; `metadata.lesson.error` on the
failing cell (`meaning`, `fix`) replaces that. `metadata.lesson.symptom` on any cell is one symptom or a list.
"""

import re

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from lesson_support.authoring.markup import paragraphs

from . import SAFE
from .filter_box import filter_box
from .lesson_files import written_lessons
from .pieces import inline, link, paragraph

log = logging.getLogger(__name__)
_CALLED = {"exceptions": "errors", "symptoms": "symptoms"}
_LOCAL_LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?://)[^()]*\)")


class ErrorIndex(SphinxDirective):
    """`{error-index} exceptions` or `{error-index} symptoms`."""

    required_arguments = 1

    def run(self):
        lists = {"exceptions": self._exceptions, "symptoms": self._symptoms}
        if self.arguments[0] not in lists:
            raise self.error(f"error-index got {self.arguments[0]!r}: expected exceptions or symptoms")
        self.env.note_reread()
        entries = lists[self.arguments[0]]()
        if not entries:
            return [paragraph(f"The lessons written so far show no {_CALLED[self.arguments[0]]}.")]
        return [
            filter_box(_CALLED[self.arguments[0]]),
            nodes.container("", *entries, classes=["index-list"], is_div=True),
        ]

    def _exceptions(self):
        found = []
        for lesson in written_lessons(self.env):
            for cell, following in zip(lesson.cells, [*lesson.cells[1:], None], strict=True):
                for output in cell.get("outputs", []):
                    if output.output_type == "error":
                        found.append((output.ename, output.evalue, lesson, cell, following))
        found.sort(key=lambda entry: (entry[0].lower(), entry[1].lower(), entry[2].entry.number))
        return [self._exception(*entry) for entry in found]

    def _exception(self, name, message, lesson, cell, following):
        head = f"{name}: {message}" if message else name
        meaning = self._meaning(lesson, cell, following)
        return self._entry("error", [nodes.literal(text=head)], lesson, cell, meaning)

    def _meaning(self, lesson, cell, following) -> list[nodes.Node]:
        said = cell.metadata.get("lesson", {}).get("error", {})
        if said:
            parts = [said["meaning"], f"*Fix:* {said['fix']}"]
        elif following is not None and following.cell_type == "markdown":
            parts = [text for text in paragraphs(following.source) if not text.startswith(("#", "<", "|"))][
                :1
            ]
        else:
            parts = []
        if not parts:
            log.warning("cell %s shows an error that nothing explains", cell["id"], location=lesson.docname)
        holder = nodes.Element()
        for part in parts:
            lines = StringList(
                _LOCAL_LINK.sub(r"\1", part).splitlines(), source=self.env.doc2path(lesson.docname)
            )
            self.state.nested_parse(lines, 0, holder)
        return holder.children

    def _symptoms(self):
        found = []
        for lesson in written_lessons(self.env):
            for cell in lesson.cells:
                said = cell.metadata.get("lesson", {}).get("symptom", [])
                found += [(symptom, lesson, cell) for symptom in ([said] if isinstance(said, str) else said)]
        found.sort(key=lambda entry: (entry[0].lower(), entry[1].entry.number))
        return [self._entry("symptom", inline(symptom), lesson, cell, []) for symptom, lesson, cell in found]

    def _entry(self, kind, head, lesson, cell, body):
        name = f"{lesson.entry.label} · {lesson.entry.title}"
        where = link(self.env.app, self.env.docname, lesson.docname, name, cell["id"])
        anchor = f"{kind}-{lesson.entry.stem}-{cell['id']}"
        parts = [
            nodes.paragraph("", "", *head, classes=["index-head"]),
            *body,
            paragraph(["→ ", where], "index-where"),
        ]
        return nodes.container("", *parts, ids=[anchor], classes=["filtered"], is_div=True)


def setup(app):
    app.add_directive("error-index", ErrorIndex)
    return SAFE
