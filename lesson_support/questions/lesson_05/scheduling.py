"""Who starts when: streams in order, engines one at a time, a host that launches and sometimes waits."""

from __future__ import annotations

from lesson_support.questions.kinds import Scenario


class streams:
    """One host, any streams, any engines; an engine takes operations in the order of their launches."""

    def __init__(self, launch: int):
        self.launch = launch
        self.now = 0
        self.stream_free = {}
        self.engine_free = {}
        self.events = []

    def submit(self, stream: str, engine: str, duration: int) -> tuple[int, int]:
        """Launch an operation; (start, end)."""
        self.now += self.launch
        start = max(self.now, self.stream_free.get(stream, 0), self.engine_free.get(engine, 0))
        end = start + duration
        self.stream_free[stream] = self.engine_free[engine] = end
        return start, end

    def record(self, stream: str) -> int:
        """Mark the stream here; the number of the event, counted from 0."""
        self.events.append(self.stream_free.get(stream, 0))
        return len(self.events) - 1

    def wait(self, stream: str, event: int) -> None:
        """What `stream` gets from now on starts after the event; KeyError if there is no such event."""
        if not 0 <= event < len(self.events):
            raise KeyError(event)
        self.stream_free[stream] = max(self.stream_free.get(stream, 0), self.events[event])

    def synchronize(self, stream: str | None = None) -> int:
        """The host waits for one stream, or for all; its clock afterwards."""
        ends = self.stream_free.values() if stream is None else [self.stream_free.get(stream, 0)]
        self.now = max([self.now, *ends])
        return self.now


def oracle(arguments, operations):
    """Nothing is kept but the history; every time is found by searching all of it."""
    (launch,) = arguments
    clock, history, marks, results = 0, [], [], []

    def reached(stream, before):
        """When everything of `stream` before place `before` in the history is over."""
        latest = 0
        for kind, where, value in history[:before]:
            if where == stream:
                latest = max(latest, value[2] if kind == "work" else reached(*marks[value]))
        return latest

    for name, *given in operations:
        if name == "submit":
            stream, engine, duration = given
            clock += launch
            same_engine = [value[2] for kind, _, value in history if kind == "work" and value[0] == engine]
            start = max([clock, reached(stream, len(history)), *same_engine])
            history.append(("work", stream, (engine, start, start + duration)))
            results.append((start, start + duration))
        elif name == "record":
            marks.append((given[0], len(history)))
            results.append(len(marks) - 1)
        elif name == "wait":
            if given[1] in range(len(marks)):
                history.append(("wait", given[0], given[1]))
                results.append(None)
            else:
                results.append({"raises": "KeyError"})
        else:
            named = given[0] if given else None
            touched = [named] if named is not None else [where for _, where, _ in history]
            clock = max([clock, *(reached(each, len(history)) for each in touched)])
            results.append(clock)
    return results


def _work(*rows):
    return [("submit", *row) for row in rows]


def cases(rng):
    copied, follow = [*_work(("a", "c", 9)), ("record", "a")], ("wait", "b", 0)
    found = [
        ((0,), [("synchronize",)]),
        ((0,), [("synchronize", "a")]),
        ((0,), [("record", "a")]),
        ((0,), [("wait", "a", 0)]),
        ((2,), _work(("a", "k", 5))),
        ((0,), _work(("a", "k", 5), ("a", "k", 3))),
        ((0,), _work(("a", "k", 5), ("b", "k", 3))),
        ((0,), _work(("a", "k", 5), ("b", "c", 3))),
        ((0,), _work(("a", "k", 5), ("a", "c", 3))),
        ((9,), _work(("a", "k", 5), ("b", "c", 3))),
        ((3,), [*_work(("a", "k", 5)), ("synchronize",), *_work(("a", "k", 5))]),
        ((3,), [*_work(("a", "k", 9), ("b", "c", 2)), ("synchronize", "b"), *_work(("b", "c", 1))]),
        ((3,), [*_work(("a", "k", 9), ("b", "c", 2)), ("synchronize",), *_work(("b", "c", 1))]),
        ((3,), [*_work(("a", "k", 9)), ("synchronize", "z"), *_work(("b", "c", 1))]),
        ((1,), [*copied, follow, *_work(("b", "k", 4))]),
        ((1,), [*copied, *_work(("a", "c", 9)), follow, *_work(("b", "k", 4))]),
        ((1,), [*copied, follow, *_work(("a", "k", 1), ("b", "k", 4))]),
        ((1,), [*copied, ("wait", "b", -1), ("wait", "b", 1)]),
        ((1,), [*copied, follow, ("record", "b"), ("synchronize", "b")]),
        ((1,), [*copied, follow, ("record", "b"), ("wait", "d", 1), *_work(("d", "k", 1))]),
        ((1,), [*_work(("d", "k", 1)), *copied, follow, *_work(("d", "k", 4))]),
        ((1,), [*_work(("a", "c", 3), ("b", "k", 20)), ("record", "a"), follow, *_work(("b", "c", 1))]),
        (
            (1,),
            [*_work(("a", "k", 5), ("b", "c", 20)), ("record", "a"), ("wait", "d", 0), *_work(("d", "k", 1))],
        ),
        ((4,), _work(*((stream, engine, 10) for stream in "ab" for engine in ("in", "k", "out")))),
        ((4,), _work(*((stream, engine, 10) for engine in ("in", "k", "out") for stream in "ab"))),
        ((0,), _work(("a", "k", 0), ("b", "k", 0), ("a", "c", 0))),
    ]
    for _ in range(25):
        script, events = [], 0
        for _ in range(int(rng.integers(4, 22))):
            stream, draw = "abc"[int(rng.integers(3))], rng.random()
            if draw < 0.6:
                engine = ("in", "k", "out")[int(rng.integers(3))]
                script.append(("submit", stream, engine, int(rng.integers(0, 30))))
            elif draw < 0.75:
                script.append(("record", stream))
                events += 1
            elif draw < 0.92:
                script.append(("wait", stream, int(rng.integers(0, events + 1))))
            else:
                script.append(("synchronize", stream) if draw < 0.97 else ("synchronize",))
        found.append(((int(rng.integers(0, 12)),), script))
    return found


class _EnginesShare(streams):
    def submit(self, stream, engine, duration):
        self.engine_free.pop(engine, None)
        return super().submit(stream, engine, duration)


class _StreamsUnordered(streams):
    def submit(self, stream, engine, duration):
        self.now += self.launch
        start = max(self.now, self.engine_free.get(engine, 0))
        self.engine_free[engine] = start + duration
        self.stream_free[stream] = max(self.stream_free.get(stream, 0), start + duration)
        return start, start + duration


class _HostWaits(streams):
    def submit(self, stream, engine, duration):
        span = super().submit(stream, engine, duration)
        self.now = span[1]
        return span


class _OneEngine(streams):
    def submit(self, stream, engine, duration):
        return super().submit(stream, "the device", duration)


class _WaitStopsTheHost(streams):
    def wait(self, stream, event):
        super().wait(stream, event)
        self.now = max(self.now, self.events[event])


def _wait_stops(which):
    """All of `which`, streams or engines, wait for the event."""

    class Stops(streams):
        def wait(self, stream, event):
            super().wait(stream, event)
            free = getattr(self, which)
            free.update({each: max(end, self.events[event]) for each, end in free.items()})

    return Stops


class _EventsAreStreams(streams):
    def record(self, stream):
        self.events.append(stream)
        return len(self.events) - 1

    def wait(self, stream, event):
        if not 0 <= event < len(self.events):
            raise KeyError(event)
        other = self.stream_free.get(self.events[event], 0)
        self.stream_free[stream] = max(self.stream_free.get(stream, 0), other)


class _WaitReplaces(streams):
    def wait(self, stream, event):
        super().wait(stream, event)
        self.stream_free[stream] = self.events[event]


class _ListIndex(streams):
    def wait(self, stream, event):
        if event >= len(self.events):
            raise KeyError(event)
        self.stream_free[stream] = max(self.stream_free.get(stream, 0), self.events[event])


class _SynchronizeLooks(streams):
    def synchronize(self, stream=None):
        before = self.now
        seen = super().synchronize(stream)
        self.now = before
        return seen


class _SynchronizeTheDevice(streams):
    def synchronize(self, stream=None):
        return super().synchronize()


QUESTION = Scenario(
    name="streams",
    points=3,
    difficulty="hard",
    minutes=25,
    signature="streams(launch: int)",
    example=">>> device = streams(launch=2)\n"
    '>>> device.submit("a", "copy", 10), device.submit("b", "copy", 10)\n'
    "((2, 12), (12, 22))\n"
    '>>> device.record("a")\n0\n'
    '>>> device.wait("b", 0)\n>>> device.submit("a", "compute", 5), device.synchronize("b")\n((12, 17), 22)',
    hints=(
        "Three clocks decide when an operation starts: the host's, its stream's, its engine's. Keep one "
        "number for the host and a dict of numbers for each of the other two kinds.",
        "submit moves the host's clock by launch first; the start is the latest of the three, and the end "
        "becomes the new time of stream and engine. An event is the time at which its stream is free at that "
        "moment, a number, not the stream. wait raises the other stream's time to it, and never lowers it.",
        "events is a list; record appends stream_free.get(stream, 0) and returns its place. wait checks "
        "0 <= event < len(events) before indexing, since -1 would be accepted. synchronize sets now to the "
        "largest of now and the times asked for, and returns it.",
    ),
    solution=streams,
    wrong={
        "an engine can do two things at once": _EnginesShare,
        "a stream does not keep its operations in order": _StreamsUnordered,
        "a launch costs nothing": lambda launch: streams(0),
        "the host waits for what it launches": _HostWaits,
        "a device does one thing at a time": _OneEngine,
        "waiting for an event stops the host": _WaitStopsTheHost,
        "waiting for an event stops every stream": _wait_stops("stream_free"),
        "waiting for an event stops the engines": _wait_stops("engine_free"),
        "an event means the end of its stream, whatever comes later": _EventsAreStreams,
        "waiting sets a stream's time": _WaitReplaces,
        "-1 is an event": _ListIndex,
        "synchronize only looks": _SynchronizeLooks,
        "synchronize always waits for the whole device": _SynchronizeTheDevice,
    },
    cases=cases,
    oracle=oracle,
)
