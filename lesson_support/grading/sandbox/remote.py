"""An answer that lives in another process, as the judge sees it: something to call.

Whatever the other process sends is data: values are read by `values`, exceptions are rebuilt, and a call that
the answer makes back (to an implementation under test) gets a result and nothing else.
"""

import secrets
import time
from typing import Any

from lesson_support.errors import LessonError
from lesson_support.grading.asking import Outcome, OutOfTime, one_line
from lesson_support.grading.comparing import as_array
from lesson_support.grading.sandbox.arguments import write_back
from lesson_support.grading.sandbox.clock import Clock
from lesson_support.grading.sandbox.limits import Limits
from lesson_support.grading.sandbox.relaying import describe, rebuild
from lesson_support.grading.sandbox.values import Packer, Unpacker, Unsendable
from lesson_support.grading.sandbox.wire import Channel, Ended, Garbled, Late

CALLBACK_ITEMS = 100_000


class Lost(BaseException):
    """The other process is of no more use: `cause` is timeout, died or protocol. Not an Exception, so that
    no question's code swallows it."""

    def __init__(self, cause: str, note: str = "") -> None:
        super().__init__(cause, note)
        self.cause, self.note = cause, note


class Remote:
    """Requests and replies, strictly in turns, `until` a moment of `time.monotonic()`. Once lost, it stays
    lost."""

    def __init__(self, channel: Channel, limits: Limits, until: float) -> None:
        self.channel, self.limits = channel, limits
        self.lost: Lost | None = None
        self.until = until
        self.printed = ""

    def request(self, seconds: float, blobs: list, calls: list | None = None, **fields: Any) -> tuple:
        """Send one request; the reply's header and blobs. `calls` are functions it may call meanwhile."""
        if self.lost:
            raise self.lost
        number = secrets.randbits(60)
        self.channel.deadline = min(time.monotonic() + seconds, self.until)
        try:
            if self.channel.has_spoken():
                raise Garbled("an answer without a question")
            self.channel.send({**fields, "id": number}, blobs)
            while True:
                reply, out = self.channel.receive()
                if reply.get("type") != "invoke" or not calls:
                    break
                self._invoke(reply, out, calls)
            if reply.get("id") != number:
                raise Garbled("an answer to another question")
            return reply, out
        except Late:
            self.lost = Lost("timeout")
        except Ended:
            self.lost = Lost("died")
        except Garbled as error:
            self.lost = Lost("protocol", str(error))
        raise self.lost

    def ask(self, call, arguments: tuple = (), seconds: float = 5.0) -> Outcome:
        """What `asking.ask` does, for an answer behind this connection."""
        self.printed, self.seconds = "", min(max(seconds, 0.001), self.limits.call_seconds)
        try:
            return Outcome("value", call(*arguments), printed=self.printed)
        except Lost as lost:
            if lost.cause != "timeout":
                raise
            return Outcome("timeout", printed=self.printed)
        except (LessonError, Unsendable):
            raise
        except Garbled as error:
            self.lost = Lost("protocol", str(error))
            raise self.lost from None
        except Exception as error:
            names = tuple(each.__name__ for each in type(error).__mro__)
            return Outcome("error", None, names, one_line(error), printed=self.printed)

    def call(
        self,
        name: str,
        method: str | None,
        make: bool,
        arguments: tuple,
        keywords: dict,
        items: int | None = None,
        through: str | None = None,
    ) -> Any:
        """One call of the answer, or of a method of the object that it made; `items` of what it yields,
        or what the package's function `through` makes of it."""
        calls: list = []
        packer = Packer(callables=lambda each: calls.append(each) or len(calls) - 1)
        try:
            tree = {"arguments": packer.pack(list(arguments)), "keywords": packer.pack(keywords)}
        except TypeError as error:
            raise Unsendable(f"the question hands {name} {error}") from None
        how = {"method": method, "make": make, "items": items, "through": through}
        fields = {"type": "call", "name": name, **how, **tree}
        reply, blobs = self.request(self.seconds, packer.blobs, calls, **fields)
        printed = reply.get("printed")
        if type(printed) is not str or reply.get("type") not in ("returned", "raised"):
            raise Garbled("an answer of an unknown type")
        self.printed = (self.printed + printed)[: self.limits.output_chars]
        storages = packer.tensors.storages
        limit = self.limits.message_bytes
        reader = Unpacker(blobs, limit=limit, callables=_handed_over(calls), known_storages=storages)
        found = reader.unpack(reply.get("value"))
        if reply["type"] == "raised" and found is None:
            raise rebuild(reply)
        if type(found) is not list or len(found) != 2:
            raise Garbled("an answer without a value")
        write_back([list(arguments), keywords], found[1])
        if reply["type"] == "raised":
            raise rebuild(reply)
        return found[0]

    def _invoke(self, reply: dict, blobs: list, calls: list) -> None:
        """Call one of ours with what the answer hands over, and send back what it returns."""
        called = _handed_over(calls)(reply.get("handle"))
        given = Unpacker(blobs, limit=self.limits.message_bytes).unpack(reply.get("arguments"))
        if type(given) is not list or list(map(type, given)) != [list, dict]:
            raise Garbled("a call without arguments")
        try:
            if _size(given) > CALLBACK_ITEMS:
                raise ValueError("these arguments are too large for an implementation under test")
            with Clock(self.channel.deadline):
                value = called(*given[0], **given[1])
            packer = Packer()
            self.channel.send({"type": "value", "value": packer.pack(value)}, packer.blobs)
        except OutOfTime:
            raise Late from None
        except (Late, Ended, Garbled):
            raise
        except Exception as error:
            self.channel.send({"type": "raised", **describe(error)})


class RemoteFunction:
    """The answer `name` of the other process."""

    elsewhere = True

    def __init__(
        self,
        remote: Remote,
        name: str,
        make: bool = False,
        items: int | None = None,
        through: str | None = None,
    ) -> None:
        self.remote, self.name, self.make = remote, name, make
        self.items, self.through = items, through

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        value = self.remote.call(self.name, None, self.make, arguments, keywords, self.items, self.through)
        return RemoteObject(self.remote, self.name) if self.make else value


class RemoteObject:
    """What a class made in the other process: every attribute is a method there."""

    def __init__(self, remote: Remote, name: str) -> None:
        object.__setattr__(self, "_made", (remote, name))

    def __getattribute__(self, method: str) -> Any:
        remote, name = object.__getattribute__(self, "_made")
        return lambda *arguments, **keywords: remote.call(name, method, False, arguments, keywords)


def _handed_over(calls: list):
    """From a handle to the function that was handed over under it."""

    def find(handle: Any) -> Any:
        if type(handle) is not int or not 0 <= handle < len(calls):
            raise Garbled("a function that nobody handed over")
        return calls[handle]

    return find


def _size(value: Any) -> int:
    """How much there is in arguments; an integer beyond 64 bits counts as too much."""
    if isinstance(value, list | tuple):
        return 1 + sum(map(_size, value))
    if isinstance(value, dict):
        return 1 + sum(_size(key) + _size(each) for key, each in value.items())
    if isinstance(value, int):
        return 1 if abs(value) < 2**63 else CALLBACK_ITEMS + 1
    array = as_array(value)
    return 1 if array is None else 1 + array[0].size
