"""Grade submissions whose code cannot be trusted.

The grader's process holds the questions, the hidden cases, the right results and the comparison. A
submission's notebook runs in a process forked from a zygote, which was started by exec before any question,
seed or submission was read. Between them go plain values, arrays and tensors, never pickles and never code:
a probe inspects in the grader what the answer returned, and an implementation that an answer is to test stays
in the grader and is called from outside.

What a submission can still forge: whether its answer changed its arguments, what it printed, and the words of
the exceptions that it raises. No point rests on these. Implementations under test run in the grader on
arguments that the submission chose; they are bounded in size and, between two lines of Python, in time.
"""

import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.grading.sandbox.launching import Broken, Zygote
from lesson_support.grading.sandbox.limits import Limits
from lesson_support.grading.sandbox.session import Grade, Session
from lesson_support.questions.kinds import Question

DEFAULT = Limits()

__all__ = ["Grade", "Limits", "Sandbox"]


class Sandbox:
    """Grades one notebook after the other; a context manager.

    Enter it before questions and submissions are read. `measures` says in sentences what protects the grader
    on this machine and what does not. LessonError where this machine cannot isolate, unless `unsafe`. Files
    in `hidden` folders stay out of reach even where they lie among the libraries. One Sandbox belongs to one
    thread at a time; several, each in its own thread, grade side by side.
    """

    def __init__(
        self, *, limits: Limits = DEFAULT, unsafe: bool = False, hidden: Sequence[Path] = ()
    ) -> None:
        if sys.platform != "linux":
            raise LessonError(f"submissions cannot be graded on {platform.system()}: expected Linux")
        self.limits, self.unsafe, self.hidden = limits, unsafe, tuple(hidden)
        self._zygote = self._launch()
        self.measures: tuple[str, ...] = self._zygote.measures
        # Questions import torch when they first need it. In a grader with several threads another one would
        # then compare with a module that is imported by half; this import waits until it is whole.
        import_module("torch")

    def _launch(self) -> Zygote:
        try:
            return Zygote(self.limits, True, self.hidden)
        except LessonError:
            if not self.unsafe:
                raise
        return Zygote(self.limits, False, self.hidden)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote and everything that it started."""
        self._zygote.close()

    def grade(self, notebook: bytes, questions: Sequence[Question], *, seed: int) -> Grade:
        """Run the notebook's cells and judge its answers.

        Nothing that a submission does raises here; a question that cannot be asked across processes, or that
        its own solution does not answer, does.
        """
        for _ in range(2):
            try:
                grade = Session(self._zygote, notebook, questions, seed).grade()
            except Broken:
                self._relaunch()
                continue
            if self._zygote.broken:
                self._relaunch()
            return grade
        raise LessonError("no process can be started for a submission: expected a machine with room for it")

    def _relaunch(self) -> None:
        self._zygote.close()
        self._zygote = self._launch()
