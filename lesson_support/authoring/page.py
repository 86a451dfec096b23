"""A lesson as the checks see it, what they report, and the list they are collected in."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from nbformat import NotebookNode

from lesson_support.authoring.calls import predictions
from lesson_support.authoring.notebooks import block, tags
from lesson_support.catalog import Lesson
from lesson_support.claims import Claim

BLOCKS = ("opening", "build", "hood", "challenge")
_OFF_PAGE = {"remove-cell", "remove-input", "hide-input", "hide-cell"}


@dataclass(frozen=True)
class Problem:
    """Where (a cell id, a file), which rule, and what came where something else was expected."""

    where: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"


@dataclass(frozen=True)
class Page:
    """A lesson's notebook beside its catalog entry and the published claims, by id."""

    notebook: NotebookNode
    lesson: Lesson
    claims: dict[str, Claim]

    @cached_property
    def cells(self) -> list[NotebookNode]:
        return self.notebook.cells

    @cached_property
    def shown(self) -> list[NotebookNode]:
        """Cells that stand on the lesson's page: all but the camera's."""
        return [cell for cell in self.cells if block(cell) != "camera"]

    @cached_property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def text(self) -> list[NotebookNode]:
        """The markdown of the lesson's page."""
        return [cell for cell in self.shown if cell.cell_type == "markdown"]

    @cached_property
    def camera(self) -> NotebookNode | None:
        return next((cell for cell in self.cells if block(cell) == "camera"), None)

    @cached_property
    def predicting(self) -> list[NotebookNode]:
        """The cells that ask for a prediction."""
        return [cell for cell in self.code if predictions(cell.source)]

    def named(self, name: str) -> NotebookNode | None:
        """The cell with this id."""
        return next((cell for cell in self.cells if cell.id == name), None)

    def after(self, cell: NotebookNode) -> NotebookNode | None:
        """The next cell on the page."""
        position = next(i for i, other in enumerate(self.shown) if other is cell)
        return self.shown[position + 1] if position + 1 < len(self.shown) else None


def tagged(cell: NotebookNode, tag: str) -> bool:
    return tag in tags(cell)


def input_shown(cell: NotebookNode) -> bool:
    """Whether the page shows the code of `cell` without a click."""
    return not _OFF_PAGE & set(tags(cell))


Finding = tuple[str, str]
Check = Callable[[Page], Iterable[Finding]]


def rule(check: Check) -> Check:
    """Mark `check` as a rule: its docstring states it, and it yields (where, message) for each breach."""
    check.rule_name = check.__name__.replace("_", "-")
    return check


def findings(page: Page, rules: dict[str, Check]) -> Iterator[Problem]:
    """Every breach of every rule."""
    for name, check in rules.items():
        for where, message in check(page):
            yield Problem(where, name, message)
