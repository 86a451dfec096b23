"""Call an answer: with a time limit, without its output, and with every exception turned into an outcome."""

import contextlib
import io
import linecache
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from typing import Any

KEPT_OUTPUT = 400  # characters of what an answer prints


class OutOfTime(BaseException):
    """The time is over. Not an Exception, so that `except Exception` in an answer does not swallow it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one call: `status` is value, error or timeout.

    `errors` names the exception's class and its bases, nearest first; `message` is the exception in one line.
    """

    status: str
    value: Any = None
    errors: tuple[str, ...] = ()
    message: str = ""
    printed: str = ""


def ask(call: Callable[..., Any], arguments: tuple = (), seconds: float = 5.0) -> Outcome:
    """Call and report. Only an interrupt by the person passes through.

    The limit holds for Python code on the main thread of a POSIX system; one long call into C is not
    interrupted. Elsewhere there is no limit.
    """
    sink = _Sink()
    with contextlib.redirect_stdout(sink), _alarm(seconds):
        outcome = _inside(call, arguments)
    return Outcome(*outcome, printed=sink.getvalue())


def collecting(call: Callable[..., Any], items: int | None) -> Callable[..., Any]:
    """`call`, with the first `items` of what it yields as a list; `call` itself where `items` is None.

    An endless generator ends here, on the side of the answer and within its time.
    """

    def collected(*arguments: Any, **keywords: Any) -> list:
        found = call(*arguments, **keywords)
        return list(islice(found.tolist() if hasattr(found, "tolist") else found, items))

    return call if items is None else collected


def through(call: Callable[..., Any], named: str | None) -> Callable[..., Any]:
    """`call` as "module:function" of the package sees it; `call` itself where none is named."""
    if named is None:
        return call
    module, _, name = named.partition(":")
    return partial(getattr(import_module(module), name), call)


def _inside(call: Callable[..., Any], arguments: tuple) -> tuple:
    # The alarm raises only below this frame, so what it raises always arrives here.
    try:
        return "value", call(*arguments)
    except KeyboardInterrupt:
        raise
    except OutOfTime:
        return "timeout", None
    except BaseException as error:
        names = tuple(each.__name__ for each in type(error).__mro__)
        return "error", None, names, one_line(error)


def one_line(error: BaseException, width: int = 200) -> str:
    """The exception as the last line of its traceback, without line breaks; one that says nothing gets the
    line of code that raised it."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(its message cannot be shown)"
    name = type(error).__name__
    # A bare assert: the line itself says most. Of an error relayed from another process it is not ours.
    if not text and error.__traceback__ is not None and not hasattr(error, "relayed"):
        *_, (frame, number) = traceback.walk_tb(error.__traceback__)
        text = linecache.getline(frame.f_code.co_filename, number).strip()
    line = f"{name}: {text}" if text else name
    return line if len(line) <= width else line[: width - 1] + "…"


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    on_main_thread = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "setitimer") or not on_main_thread:
        yield
        return

    def ring(_, frame) -> None:
        while frame is not None:
            frame = frame.f_back
            if frame is not None and frame.f_code is _inside.__code__:
                raise OutOfTime

    handler = signal.signal(signal.SIGALRM, ring)
    # It rings again until it is heard: the answer may catch even this.
    timer = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 0.05)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


class _Sink(io.TextIOBase):
    """Keeps the beginning of what is written, so that a loop that prints fills no memory."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.kept = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = KEPT_OUTPUT - self.kept
        if room > 0:
            self.parts.append(text[:room])
            self.kept += len(self.parts[-1])
        return len(text)

    def getvalue(self) -> str:
        return "".join(self.parts)

    def fileno(self) -> int:
        return sys.__stdout__.fileno()
