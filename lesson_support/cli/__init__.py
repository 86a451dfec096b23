"""The `lessons` command: each parses its words, calls one room below and prints; nothing is computed here."""

import sys

from lesson_support.cli import authors, instructors, learners, pruning  # noqa: F401, I001  (commands join in this order)
from lesson_support.cli.app import app
from lesson_support.errors import LessonError


def main() -> None:
    """Run the command; a LessonError is one sentence on standard error and exit code 1."""
    try:
        app()
    except LessonError as error:
        print(f"lessons: {error}", file=sys.stderr)
        sys.exit(1)
