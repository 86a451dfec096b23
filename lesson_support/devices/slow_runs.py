"""Five runs of a device model, each slow for a reason of its own."""

from __future__ import annotations

from lesson_support.devices.timeline import Timeline

# what each run does: chunks of copies and kernels, `streams` taken in turn, times in µs
_RUNS = {
    "a": {"chunks": 3, "kernels": 8, "kernel": 3, "launch": 10, "streams": 2, "copy": 0},
    "b": {"chunks": 5, "kernels": 1, "kernel": 40, "launch": 2, "streams": 1, "copy": 30},
    "c": {"chunks": 5, "kernels": 1, "kernel": 80, "launch": 2, "streams": 3, "copy": 10, "read": True},
    "d": {"chunks": 5, "kernels": 1, "kernel": 20, "launch": 2, "streams": 3, "copy": 70},
    "e": {"chunks": 5, "kernels": 1, "kernel": 40, "launch": 2, "streams": 3, "copy": 30, "pinned": False},
}


def names() -> tuple[str, ...]:
    """The runs by letter."""
    return tuple(_RUNS)


def run(name: str) -> Timeline:
    """The timeline of one run, ended."""
    return _play(**_RUNS[name])


def changed(name: str, **changes) -> Timeline:
    """The same run with some of its properties changed."""
    return _play(**{**_RUNS[name], **changes})


def _play(chunks, kernels, kernel, launch, streams, copy, *, pinned=True, read=False, link=1) -> Timeline:
    timeline = Timeline(launch)
    for k in range(chunks):
        stream = f"s{k % streams}"
        if copy:
            timeline.copy_in(copy / link, stream, str(k), pinned=pinned)
        for _ in range(kernels):
            timeline.kernel(kernel, stream, str(k))
        if read:
            timeline.item(2, stream)
        elif copy:
            timeline.copy_out(copy / link, stream, str(k), pinned=pinned)
    timeline.synchronize()
    return timeline
