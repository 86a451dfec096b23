"""A GPU as its host meets it: streams take work, engines do it, and the host waits only when asked to.

A discrete-event model. The host spends `launch` on every call. Each direction of copying has one engine, and
so has computing. An operation starts when it was launched, its stream's earlier operations are over and its
engine is free; of several that could start, the one that waited longest does. Times have whatever unit the
durations have. Not modelled: kernels that share the compute engine, and copies that slow each other down.
"""

import math
from collections import deque
from dataclasses import dataclass

from lesson_support.errors import LessonError

LANES = ("host", "copy in", "compute", "copy out")


@dataclass(frozen=True)
class Span:
    """What one lane did from `start` to `end`; `kind` is launch, host, wait, stage, copy or kernel."""

    lane: str
    start: float
    end: float
    kind: str
    name: str
    stream: str


class Event:
    """A mark in a stream; `time` is when the stream passed it, None until then."""

    time: float | None = None


@dataclass(eq=False)
class _Operation:
    """A copy or a kernel, or, with no engine, the mark or the wait of an event."""

    sequence: int
    issued: float
    stream: str
    engine: str | None
    duration: float
    kind: str
    name: str
    marks: Event | None = None
    awaits: Event | None = None
    start: float | None = None
    end: float | None = None


class Timeline:
    """One host thread and one device; every call adds to the script, `finish()` returns when all is over."""

    def __init__(self, launch: float = 0.0, depth: int | None = None):
        """`depth` is how many launched operations may be unfinished before a launch waits; None: no limit."""
        _at_least(0, launch=launch)
        if depth is not None:
            _at_least(1, depth=depth)
        self.launch, self.depth = launch, depth
        self.now = 0.0
        self.spans: list[Span] = []
        self._queues: dict[str, deque[_Operation]] = {}
        self._stream_free: dict[str, float] = {}
        self._engine_free = dict.fromkeys(LANES[1:], 0.0)
        self._running: list[_Operation] = []
        self._launched = 0

    def host(self, duration: float, name: str = "host") -> None:
        """The host thread computes for `duration`."""
        _at_least(0, duration=duration)
        self._host(self.now + duration, "host", name)

    def kernel(self, duration: float, stream: str = "default", name: str = "kernel") -> None:
        """Launch a kernel; the host goes on at once."""
        self._launch(stream, "compute", duration, "kernel", name)

    def copy_in(self, duration: float, stream: str = "default", name: str = "in", **memory: bool) -> None:
        """Copy to the device; see `_copy` for `pinned` and `non_blocking`."""
        self._copy("copy in", duration, stream, name, **memory)

    def copy_out(self, duration: float, stream: str = "default", name: str = "out", **memory: bool) -> None:
        """Copy to the host; see `_copy` for `pinned` and `non_blocking`."""
        self._copy("copy out", duration, stream, name, **memory)

    def _copy(
        self, engine, duration, stream, name, *, pinned: bool = True, non_blocking: bool = True
    ) -> None:
        """From or to pinned memory the engine works alone, and the host waits only if not `non_blocking`.

        Pageable memory is staged: the host first waits for the stream, then works as long as the engine does.
        """
        if pinned:
            operation = self._launch(stream, engine, duration, "copy", name)
            if not non_blocking:
                self._wait([operation])
            return
        self.synchronize(stream)
        operation = self._launch(stream, engine, duration, "copy", name)
        self._complete(operation)
        self._host(operation.start, "wait", "wait")
        self._host(operation.end, "stage", name)

    def item(self, duration: float, stream: str = "default") -> None:
        """Read one number back, as `.item()` does: a copy to the host that the host waits for."""
        self.copy_out(duration, stream, "item", non_blocking=False)

    def record(self, stream: str = "default") -> Event:
        """Mark the stream here: the event happens when all earlier work of the stream is done."""
        event = Event()
        self._launch(stream, marks=event)
        return event

    def wait_event(self, event: Event, stream: str = "default") -> None:
        """Later work of `stream` starts after the event; the host does not wait."""
        self._launch(stream, awaits=event)

    def synchronize(self, stream: str | None = None) -> None:
        """The host waits for everything launched so far, or for one stream."""
        streams = list(self._queues) if stream is None else [stream]
        self._wait([operation for each in streams for operation in self._queues.get(each, ())])
        self._host(max([self._stream_free.get(each, 0.0) for each in streams], default=0.0), "wait", "wait")

    def finish(self) -> float:
        """Let everything run out; when the last of host and device is done."""
        while self._step():
            pass
        return max([self.now, *(operation.end for operation in self._running)])

    def busy(self, lane: str) -> float:
        """For how long a lane worked; waiting is not work."""
        work = [span for span in self.spans if span.lane == lane and span.kind != "wait"]
        return math.fsum(span.end - span.start for span in work)

    def _host(self, until: float, kind: str, name: str) -> None:
        if until > self.now:
            self.spans.append(Span("host", self.now, until, kind, name, ""))
            self.now = until

    def _launch(self, stream, engine=None, duration=0.0, kind="", name="", **event) -> _Operation:
        _at_least(0, duration=duration)
        self._make_room()
        self._host(self.now + self.launch, "launch", name or "event")
        self._launched += 1
        operation = _Operation(self._launched, self.now, stream, engine, duration, kind, name, **event)
        self._queues.setdefault(stream, deque()).append(operation)
        self._stream_free.setdefault(stream, 0.0)
        return operation

    def _make_room(self) -> None:
        while self.depth is not None:
            self._run_to(self.now)
            # What has not started waits for something that runs, so the next completion is among these.
            ends = [operation.end for operation in self._running if operation.end > self.now]
            if len(ends) + sum(map(len, self._queues.values())) < self.depth:
                return
            self._host(min(ends), "wait", "queue full")

    def _wait(self, operations: list[_Operation]) -> None:
        for operation in operations:
            self._complete(operation)
        self._host(max((operation.end for operation in operations), default=self.now), "wait", "wait")

    def _complete(self, operation: _Operation) -> None:
        # Nothing is launched while the host waits, so whatever starts before it starts as if alone.
        while operation.end is None:
            self._step()

    def _run_to(self, time: float) -> None:
        while (head := self._next()) is not None and head[0] <= time:
            self._step()

    def _next(self) -> tuple[float, float, int, str] | None:
        """(start, ready, sequence, stream) of the operation that starts next."""
        found = []
        for stream, queue in self._queues.items():
            if not queue:
                continue
            head = queue[0]
            if head.awaits is not None and head.awaits.time is None:
                continue
            ready = max(head.issued, self._stream_free[stream], head.awaits.time if head.awaits else 0.0)
            start = max(ready, self._engine_free[head.engine]) if head.engine else ready
            found.append((start, ready, head.sequence, stream))
        return min(found, default=None)

    def _step(self) -> bool:
        """Start the next operation; False when there is none."""
        if (chosen := self._next()) is None:
            return False
        start, _, _, stream = chosen
        operation = self._queues[stream].popleft()
        operation.start, operation.end = start, start + operation.duration
        self._stream_free[stream] = operation.end
        self._running.append(operation)
        if operation.marks is not None:
            operation.marks.time = operation.end
        if operation.engine is not None:
            self._engine_free[operation.engine] = operation.end
            self.spans.append(
                Span(operation.engine, start, operation.end, operation.kind, operation.name, stream)
            )
        return True


def elapsed(first: Event, second: Event) -> float:
    """The time between two events, which must have happened."""
    if first.time is None or second.time is None:
        raise LessonError("an event has not happened: expected synchronize() or finish() before elapsed()")
    return second.time - first.time


def _at_least(low: float, **named: float) -> None:
    for name, value in named.items():
        if not (isinstance(value, int | float) and math.isfinite(value) and value >= low):
            raise LessonError(f"{name} = {value!r}: expected a finite number of {low} or more")
