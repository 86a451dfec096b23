"""A time limit for code of our own that runs on what a submission chose, in any thread."""

import sys
import time

from lesson_support.grading.asking import OutOfTime


class Clock:
    """Raises OutOfTime inside once `deadline`, a moment of `time.monotonic()`, has passed.

    It looks between two lines of Python; one long call into C is not interrupted.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def __enter__(self) -> None:
        self.before = sys.gettrace()
        sys.settrace(self._look)

    def __exit__(self, *_) -> None:
        sys.settrace(self.before)

    def _look(self, *_):
        if time.monotonic() > self.deadline:
            raise OutOfTime
        return self._look
