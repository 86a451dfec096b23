"""The submission's side: run a notebook's cells and answer calls. Nothing in this process is trusted.

What a notebook calls of the course's own checks (`exercise`, `check`, `hint`, `solution`) is answered by
stand-ins: the questions are not here.
"""

import builtins
import json
import sys
import types
from collections.abc import Callable
from typing import Any

from lesson_support.grading.asking import Outcome, ask, collecting, one_line, through
from lesson_support.grading.sandbox.relaying import describe, rebuild
from lesson_support.grading.sandbox.values import Packer, Unpacker, Unsendable
from lesson_support.grading.sandbox.wire import Channel

__builtins__ = dict(vars(builtins))

FOREVER = 1e6  # seconds: the grader keeps the time
LABEL = 64
ABSENT = object()


def make_shell():
    """The shell in which cells run, with the course's checks replaced; once, before any notebook."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from lesson_support.classroom.opening import lesson

    stand_in = types.ModuleType("lesson_support.grading.learner")
    stand_in.exercise = lambda number: lesson(number, card=False)
    for name in ("check", "hint", "solution"):
        setattr(stand_in, name, lambda *_, **__: None)
    sys.modules[stand_in.__name__] = stand_in
    quiet = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"})
    shell = InteractiveShell.instance(config=quiet)
    shell.showtraceback = lambda *_, **__: None
    sys.path.insert(0, "")
    return shell


def cells_of(content: bytes) -> list[tuple[str, str]]:
    """(label, source) of every code cell; ValueError for what is no notebook."""
    try:
        notebook = json.loads(content)
        cells = notebook.get("cells")
        if cells is None:  # the format of 2014
            cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        found = []
        for position, cell in enumerate(cells, 1):
            source = cell.get("source", cell.get("input", ""))
            source = source if isinstance(source, str) else "".join(source)
            if cell["cell_type"] == "code" and source.strip():
                found.append((str(cell.get("id", position))[:LABEL], source))
        return found
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except MemoryError:
        raise ValueError("too large") from None
    except (AttributeError, KeyError, TypeError):
        raise ValueError("JSON, but no notebook") from None


class Worker:
    """Answers one request after the other until the connection ends."""

    def __init__(self, channel: Channel, shell) -> None:
        self.channel, self.shell = channel, shell
        self.cells: list[tuple[str, str]] = []
        self.made: Any = None
        self.handles: dict[int, int] = {}

    def serve(self) -> None:
        while True:
            request, blobs = self.channel.receive()
            reply, out = getattr(self, f"on_{request['type']}")(request, blobs)
            self._send(request["id"], reply, out)

    def _send(self, number: int, reply: dict, blobs: list[bytes]) -> None:
        try:
            self.channel.send({**reply, "id": number}, blobs)
        except (ValueError, RecursionError) as error:
            told = describe(ValueError(str(error)))
            self.channel.send({"type": "raised", **told, "printed": "", "id": number})

    def on_open(self, _, blobs) -> tuple[dict, list]:
        _fix_randomness()
        try:
            self.cells = cells_of(bytes(blobs[0]))
        except ValueError as error:
            return {"type": "unreadable", "why": one_line(error)[:200]}, []
        return {"type": "opened", "cells": [label for label, _ in self.cells]}, []

    def on_run(self, request, _) -> tuple[dict, list]:
        outcome = _attempt(self.shell.run_cell, self.cells[request["cell"]][1])
        done = outcome.value
        error = done and (done.error_before_exec or done.error_in_exec)
        trouble = outcome.message if outcome.status == "error" else ""
        if error and not isinstance(error, NotImplementedError):  # an untouched stub is no trouble
            trouble = one_line(error)
        return {"type": "ran", "trouble": trouble}, []

    def on_look(self, request, _) -> tuple[dict, list]:
        value = self.shell.user_ns.get(request["name"], ABSENT)
        if value is ABSENT:
            return {"type": "found", "what": "missing", "value": None}, []
        if callable(value):
            return {"type": "found", "what": "function", "value": None}, []
        packer = Packer()
        try:
            return {"type": "found", "what": "value", "value": packer.pack(value)}, packer.blobs
        except (TypeError, RecursionError):
            return {"type": "found", "what": "other", "value": type(value).__name__[:LABEL]}, []

    def on_call(self, request, blobs) -> tuple[dict, list]:
        self.handles = {}
        reader = Unpacker(blobs, limit=sys.maxsize, callables=self._calls_back)
        arguments = reader.unpack(request["arguments"])
        keywords = reader.unpack(request["keywords"])
        call = self.shell.user_ns.get(request["name"])
        if request["method"] is not None:
            outcome = _attempt(lambda: getattr(self.made, request["method"])(*arguments, **keywords))
        else:
            outcome = _attempt(lambda: _as_asked(call, request)(*arguments, **keywords))
        if outcome.status == "value" and request["make"]:
            self.made = outcome.value
            outcome = Outcome("value", None, printed=outcome.printed)
        known = reader.tensors.table()
        packer = Packer(self._handle_of, known)
        if outcome.status == "value":
            try:
                tree = packer.pack([outcome.value, [arguments, keywords]])
                return {"type": "returned", "value": tree, "printed": outcome.printed}, packer.blobs
            except (TypeError, RecursionError) as error:
                outcome = _attempt(_fail, TypeError(f"the answer returned {error}"))
        packer = Packer(self._handle_of, known)
        try:
            tree = packer.pack([None, [arguments, keywords]])
        except (TypeError, RecursionError):
            tree, packer.blobs = None, []
        names = [name[:100] for name in outcome.errors if name != "object" and name.isidentifier()][:24]
        _, _, text = outcome.message.partition(": ")
        told = {"type": "raised", "errors": names, "text": text[:400], "value": tree}
        return {**told, "printed": outcome.printed}, packer.blobs

    def _calls_back(self, handle: int) -> Callable[..., Any]:
        """A function of the grader, as the submission sees it: only arguments and results cross."""

        def implementation(*arguments: Any, **keywords: Any) -> Any:
            packer = Packer()
            tree = packer.pack([list(arguments), keywords])
            self.channel.send({"type": "invoke", "handle": handle, "arguments": tree}, packer.blobs)
            reply, blobs = self.channel.receive()
            if reply["type"] == "raised":
                raise rebuild(reply)
            return Unpacker(blobs, limit=sys.maxsize).unpack(reply["value"])

        self.handles[id(implementation)] = handle
        return implementation

    def _handle_of(self, function: Any) -> int:
        if id(function) not in self.handles:
            raise Unsendable(f"a {type(function).__name__}: expected a plain value")
        return self.handles[id(function)]


def _as_asked(call: Callable[..., Any], request: dict) -> Callable[..., Any]:
    return through(collecting(call, request["items"]), request["through"])


def _attempt(call: Callable[..., Any], *arguments: Any) -> Outcome:
    try:
        return ask(call, arguments, FOREVER)
    except KeyboardInterrupt as error:
        names = tuple(each.__name__ for each in type(error).__mro__)
        return Outcome("error", None, names, one_line(error))


def _fix_randomness() -> None:
    """A notebook graded twice draws the same numbers twice."""
    import random

    import numpy
    import torch

    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)


def _fail(error: Exception) -> None:
    raise error
