"""The role `{lesson}`: a link to a lesson, or the word that it is planned.

`` {lesson}`5` `` reads "05 · its title" once that lesson is written and "05 (planned)" before, with the title
as a tooltip. `` {lesson}`the words <5>` `` brings its own words.
"""

from docutils import nodes
from sphinx.util.docutils import ReferenceRole

from lesson_support import catalog
from lesson_support.errors import LessonError

from . import SAFE
from .lesson_files import LESSONS
from .pieces import link


class planned_lesson(nodes.inline):
    """A lesson that no page stands for yet; `title` is its tooltip."""


class LessonRole(ReferenceRole):
    def run(self):
        try:
            entry = catalog.lesson_entry(self.target)
        except LessonError as error:
            message = self.inliner.reporter.error(str(error), line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        self.env.note_reread()  # it depends on which lessons are written
        page = f"{LESSONS}{entry.stem}"
        words = self.title if self.has_explicit_title else entry.label
        if page not in self.env.found_docs:
            planned = nodes.inline(text=" (planned)", classes=["planned-word"])
            text = planned_lesson("", "", nodes.Text(words), planned, classes=["lesson-planned"])
            text["title"] = entry.title
            return [text], []
        content = [nodes.inline(text=words, classes=["lesson-label"])]
        if not self.has_explicit_title:
            # in a class of its own, so that a narrow table can do without it
            content.append(nodes.inline(text=f" · {entry.title}", classes=["lesson-title"]))
        found = link(self.env.app, self.env.docname, page, content)
        found["reftitle"] = entry.title
        return [found], []


def visit_planned(translator, node):
    translator.body.append(translator.starttag(node, "span", "", title=node["title"]))


def depart_planned(translator, node):
    translator.body.append("</span>")


def setup(app):
    app.add_node(planned_lesson, html=(visit_planned, depart_planned))
    app.add_role("lesson", LessonRole())
    return SAFE
