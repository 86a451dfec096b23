"""Messages over a socket between the grader and a submission's process.

A frame is two lengths, a JSON header, and the blobs that the header counts. Every size is checked before
anything of that size is read. Whatever is wrong with a frame raises `Garbled`; nothing is ever unpickled.
"""

import builtins
import json
import select
import socket
import struct
import time

# What a notebook does to the names in `builtins` does not reach the functions below.
__builtins__ = dict(vars(builtins))

LENGTHS = struct.Struct("!II")
HEADER_BYTES = 4 << 20
BLOBS = 4096
TOGETHER = 1 << 16  # bytes that are sent in one piece
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode


class Garbled(Exception):
    """The other side sent something that is no message, or a message at the wrong time."""


class Ended(Exception):
    """The other side is gone."""


class Late(Exception):
    """The time is over."""


class Channel:
    """One end. `deadline` is a moment of `time.monotonic()`, or None to wait for ever."""

    def __init__(self, end: socket.socket, message_bytes: int) -> None:
        self.end = end
        self.message_bytes = message_bytes
        self.deadline: float | None = None
        end.setblocking(False)

    def send(self, header: dict, blobs: list[bytes] = ()) -> None:
        """Send one frame. ValueError where it is larger than the limit: nothing is sent then."""
        text = _encode({**header, "blobs": [len(blob) for blob in blobs]}).encode()
        size = sum(len(blob) for blob in blobs)
        if len(text) > HEADER_BYTES or size > self.message_bytes or len(blobs) > BLOBS:
            raise ValueError(f"{(len(text) + size) / 1e6:.0f} MB are too large to be handed over")
        parts = [LENGTHS.pack(len(text), size) + text, *blobs]
        for part in [b"".join(parts)] if size < TOGETHER else parts:
            self._write(memoryview(part))

    def receive(self) -> tuple[dict, list[memoryview]]:
        """The next frame: its header, a dict, and its blobs."""
        self._left()  # a side that never stops talking is never waited for
        length, size = LENGTHS.unpack(self._read(LENGTHS.size))
        if length > HEADER_BYTES or size > self.message_bytes:
            raise Garbled(f"a message of {length + size} bytes")
        header = self._parse(self._read(length))
        lengths = header.pop("blobs", None)
        if type(lengths) is not list or len(lengths) > BLOBS:
            raise Garbled("a header that does not count its blobs")
        if any(type(each) is not int or each < 0 for each in lengths) or sum(lengths) != size:
            raise Garbled("blobs of other lengths than announced")
        body, blobs = memoryview(self._read(size)), []
        for each in lengths:
            blobs.append(body[:each])
            body = body[each:]
        return header, blobs

    def has_spoken(self) -> bool:
        """Has the other side sent anything that was not read yet? Ended if it is gone."""
        try:
            waiting = self.end.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            raise Ended from None
        if not waiting:
            raise Ended
        return True

    def close(self) -> None:
        self.end.close()

    def _parse(self, text: bytes) -> dict:
        try:
            header = _decode(bytes(text).decode())
        except (ValueError, RecursionError):
            raise Garbled("a header that is no JSON") from None
        if type(header) is not dict:
            raise Garbled("a header that is no JSON object")
        return header

    def _read(self, length: int) -> bytearray:
        found = bytearray(length)
        rest = memoryview(found)
        while rest:
            try:
                got = self.end.recv_into(rest)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError:
                raise Ended from None
            if got == 0:
                raise Ended
            rest = rest[got:]
        return found

    def _write(self, rest: memoryview) -> None:
        while rest:
            try:
                rest = rest[self.end.send(rest, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
                continue
            except OSError:
                raise Ended from None

    def _wait(self, event: int) -> None:
        left = self._left()
        poll = select.poll()
        try:
            poll.register(self.end, event)
            ready = poll.poll(left)
        except (OSError, ValueError):
            raise Ended from None
        if not ready:
            raise Late

    def _left(self) -> float | None:
        """Milliseconds until the deadline; Late where there are none."""
        if self.deadline is None:
            return None
        if (left := (self.deadline - time.monotonic()) * 1000) <= 0:
            raise Late
        return left
