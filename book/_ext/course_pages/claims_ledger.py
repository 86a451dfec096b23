"""The ledger: `published` lists what others claimed and our verdicts, `lessons` what the lessons claim.

A verdict is what running the cell printed, so the ledger says nothing that was not executed.
"""

import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from lesson_support import catalog
from lesson_support.claims import VERDICTS, published_claims

from . import SAFE
from .filter_box import filter_box
from .lesson_files import stated_claims, written_lessons
from .pieces import inline, link, paragraph, table

_JUDGED = re.compile(r"⚖ (?P<verdict>.+?): “.*” \([a-z0-9-]+\)")


class ClaimsLedger(SphinxDirective):
    """`{claims-ledger} published` or `{claims-ledger} lessons`."""

    required_arguments = 1

    def run(self):
        tables = {"published": self._published, "lessons": self._lessons}
        if self.arguments[0] not in tables:
            raise self.error(f"claims-ledger got {self.arguments[0]!r}: expected published or lessons")
        self.env.note_reread()  # it depends on every lesson, those not written yet included
        return tables[self.arguments[0]]()

    def _cells(self):
        for lesson in written_lessons(self.env):
            for cell in lesson.cells:
                for claim in stated_claims(cell):
                    yield lesson, claim

    def _to(self, target, content, anchor=""):
        return link(self.env.app, self.env.docname, target, content, anchor)

    def _published(self):
        judged: dict[str, list] = {}
        for lesson, claim in self._cells():
            if claim.call.name == "verify.verdict" and claim.line:
                judged.setdefault(claim.call.claim, []).append((lesson, claim))
        rows, settled = [], 0
        for claim in published_claims().values():
            verdicts = judged.get(claim.id, [])
            settled += bool(verdicts)
            about = inline(f"{claim.source}; compared with {claim.denominator}")
            said = [claim.text, nodes.inline("", "", *about, classes=["claim-source"])]
            rows.append((f"claim-{claim.id}", [said, self._verdicts(claim, verdicts)]))
        count = f"{settled} of {len(rows)} published claims are settled."
        return [paragraph(count), filter_box("claims"), table(("claim", "verdict"), rows, "claims-ledger")]

    def _verdicts(self, claim, verdicts):
        if not verdicts:
            planned = []
            for number in claim.lessons:
                entry = catalog.lesson_entry(number)
                target = f"lessons/{entry.stem}"
                name = f"lesson {entry.label}"
                planned += [
                    ", " if planned else "",
                    self._to(target, name) if target in self.env.found_docs else name,
                ]
            return [_badge("open"), " planned in ", *planned]
        found = []
        for lesson, stated in verdicts:
            verdict = _verdict(stated.line)
            found += ["; " if found else "", _badge(verdict), f"{verdict.removeprefix(_kind(verdict))}, "]
            found.append(self._to(lesson.docname, f"lesson {lesson.entry.label}", stated.anchor))
        return found

    def _lessons(self):
        rows = []
        for lesson, claim in self._cells():
            if claim.call.name != "verify.verdict" and claim.line:
                said = self._to(lesson.docname, claim.line[2:], claim.anchor)
                rows.append(("", [said, self._to(lesson.docname, lesson.entry.label)]))
        if not rows:
            return [paragraph("No lesson is written yet.")]
        return [filter_box("claims"), table(("claim", "lesson"), rows, "claims-ledger")]


def _verdict(line: str) -> str:
    found = _JUDGED.match(line)
    return found["verdict"] if found else line[2:]


def _kind(verdict: str) -> str:
    """Which of the four verdicts a sentence such as "holds when …" starts with."""
    return next(
        (kind for kind in sorted(VERDICTS, key=len, reverse=True) if verdict.startswith(kind)), verdict
    )


def _badge(verdict: str) -> nodes.inline:
    kind = _kind(verdict)
    return nodes.inline(text=kind, classes=["verdict", f"verdict-{kind.replace(' ', '-')}"])


def setup(app):
    app.add_directive("claims-ledger", ClaimsLedger)
    return SAFE
