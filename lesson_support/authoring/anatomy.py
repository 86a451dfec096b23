"""Whether a lesson is made as `lesson-format.md` says, as far as a program can tell."""

from collections.abc import Mapping

from nbformat import NotebookNode

from lesson_support.authoring.page import Page, Problem, findings
from lesson_support.authoring.rules import blocks, challenge, extent, figures, headline, opening, outputs
from lesson_support.catalog import Lesson
from lesson_support.claims import Claim

RULES = {
    check.rule_name: check
    for module in (opening, blocks, extent, headline, figures, outputs, challenge)
    for check in vars(module).values()
    if hasattr(check, "rule_name")
}


def anatomy_problems(notebook: NotebookNode, lesson: Lesson, *, claims: Mapping[str, Claim]) -> list[Problem]:
    """Every rule that `notebook` breaks as the lesson `lesson`; `claims` are the published ones, by id."""
    return list(findings(Page(notebook, lesson, dict(claims)), RULES))


def rule_statements() -> dict[str, str]:
    """Each rule's name and what it says."""
    return {name: check.__doc__.strip() for name, check in RULES.items()}
