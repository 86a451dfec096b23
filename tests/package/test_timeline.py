"""The timeline agrees with closed forms, keeps its own rules, and shows what a stopwatch misses."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesson_support.devices.timeline import LANES, Timeline, elapsed
from lesson_support.errors import LessonError


def chunked(chunks, streams, stages, *, launch=0, pinned=True, sync=False):
    """Copy in, compute, copy out, chunk after chunk over the streams in turn."""
    timeline = Timeline(launch)
    for k in range(chunks):
        stream = f"s{k % streams}"
        timeline.copy_in(stages[0], stream, pinned=pinned)
        timeline.kernel(stages[1], stream)
        timeline.copy_out(stages[2], stream, pinned=pinned)
        if sync:
            timeline.synchronize()
    timeline.synchronize()
    return timeline


def by_lane(timeline):
    return {
        lane: sorted((s.start, s.end, s.kind) for s in timeline.spans if s.lane == lane) for lane in LANES
    }


STAGES = [(40, 60, 20), (40, 40, 40), (10, 100, 10), (70, 5, 30), (5, 5, 80), (0, 7, 0)]


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("chunks", [1, 2, 5, 9])
def test_one_stream_takes_the_sum(stages, chunks):
    assert chunked(chunks, 1, stages).finish() == chunks * sum(stages)


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("chunks", [1, 2, 5, 9])
def test_enough_streams_make_the_perfect_pipeline(stages, chunks):
    """With ⌈sum/max⌉ streams the slowest stage never waits: sum + (chunks − 1)·max."""
    needed = math.ceil(sum(stages) / max(stages))
    for streams in (needed, needed + 1, chunks):
        if streams >= needed:
            expected = sum(stages) + (chunks - 1) * max(stages)
            assert chunked(chunks, streams, stages).finish() == expected


@pytest.mark.parametrize("stages", [(40, 60), (60, 40), (50, 50)])
def test_two_stages_overlap_too(stages):
    timeline = Timeline()
    for k in range(7):
        timeline.copy_in(stages[0], f"s{k % 2}")
        timeline.kernel(stages[1], f"s{k % 2}")
    assert timeline.finish() == sum(stages) + 6 * max(stages)


def test_one_stream_too_few_leaves_the_slowest_stage_waiting():
    """Three equal stages in two streams: two chunks are under way, so a period lasts 120/2."""
    assert chunked(6, 2, (40, 40, 40)).finish() == 400 > chunked(6, 3, (40, 40, 40)).finish() == 320


def test_pageable_memory_and_synchronising_each_chunk_undo_the_overlap():
    assert chunked(6, 2, (40, 60, 20), pinned=False).finish() == 720
    assert chunked(6, 2, (40, 60, 20), sync=True).finish() == 720
    assert chunked(6, 2, (40, 60, 20)).finish() == 420


def test_a_pageable_copy_is_launched_when_its_stream_is_idle_and_keeps_the_host_busy():
    timeline = Timeline(10)
    timeline.kernel(100)
    timeline.copy_in(5, pinned=False)
    timeline.kernel(1)
    assert timeline.finish() == 10 + 100 + 10 + 5 + 10 + 1
    assert [(s.kind, s.start, s.end) for s in timeline.spans if s.lane == "host"] == [
        ("launch", 0, 10),
        ("wait", 10, 110),
        ("launch", 110, 120),
        ("stage", 120, 125),
        ("launch", 125, 135),
    ]


def test_short_kernels_are_bound_by_the_launches_and_long_ones_by_the_device():
    def run(launch, kernel, count=50):
        timeline = Timeline(launch)
        for _ in range(count):
            timeline.kernel(kernel)
        timeline.synchronize()
        return timeline.finish()

    assert run(10, 3) == 50 * 10 + 3
    assert run(10, 30) == 10 + 50 * 30
    assert run(10, 10) == 10 + 50 * 10


def test_a_stopwatch_without_synchronize_times_the_launches():
    def stopwatch(kernel, wait):
        timeline = Timeline(10)
        started = timeline.now
        for _ in range(5):
            timeline.kernel(kernel)
        if wait:
            timeline.synchronize()
        return timeline.now - started

    assert stopwatch(10, False) == stopwatch(10_000, False) == 50
    assert stopwatch(10_000, True) == 10 + 5 * 10_000


def test_events_measure_the_stream_not_the_kernel_where_the_queue_is_empty():
    def between_events(kernel, before):
        timeline = Timeline(10)
        if before:
            timeline.kernel(before)
        first = timeline.record()
        timeline.kernel(kernel)
        second = timeline.record()
        timeline.synchronize()
        return elapsed(first, second)

    assert between_events(2, before=0) == 20
    assert between_events(2, before=1000) == 2
    assert between_events(500, before=0) == 510 and between_events(500, before=1000) == 500


def test_an_event_orders_two_streams_and_a_missing_one_does_not():
    def run(ordered):
        timeline = Timeline(1)
        timeline.copy_in(50, "copies")
        if ordered:
            timeline.wait_event(timeline.record("copies"), "work")
        timeline.kernel(10, "work")
        timeline.finish()
        (copy,) = [s for s in timeline.spans if s.kind == "copy"]
        (kernel,) = [s for s in timeline.spans if s.kind == "kernel"]
        return copy, kernel

    copy, kernel = run(ordered=True)
    assert kernel.start == copy.end
    copy, kernel = run(ordered=False)
    assert kernel.start < copy.end


def test_an_event_is_passed_when_its_stream_gets_there():
    timeline = Timeline(1)
    timeline.kernel(20, "a")
    event = timeline.record("a")
    assert event.time is None
    timeline.synchronize("b")  # a stream without work: nothing to wait for
    assert (timeline.now, event.time) == (2, None)
    timeline.synchronize("a")
    assert event.time == timeline.now == 21


def test_a_kernel_that_waits_lets_a_later_one_of_another_stream_go_first():
    timeline = Timeline()
    timeline.copy_in(50, "a")
    timeline.kernel(10, "a", name="first launched")
    timeline.kernel(10, "b", name="ready at once")
    assert timeline.finish() == 60
    assert [s.name for s in timeline.spans if s.kind == "kernel"] == ["ready at once", "first launched"]


def test_work_launched_after_a_wait_does_not_start_before_it():
    timeline = Timeline(1)
    timeline.kernel(100, "a")
    timeline.item(5, "a")
    timeline.kernel(3, "b")
    timeline.finish()
    assert next(s for s in timeline.spans if s.stream == "b").start == timeline.now == 107


def test_item_waits_and_starts_the_next_step_with_an_empty_queue():
    def run(every_step):
        timeline = Timeline(10)
        for _ in range(4):
            for _ in range(6):
                timeline.kernel(15)
            if every_step:
                timeline.item(2)
        timeline.synchronize()
        return timeline.finish()

    assert run(False) == 10 + 4 * 90
    assert run(True) == 4 * (10 + 90 + 2)


def test_a_full_queue_holds_the_host_back_and_changes_nothing_else():
    def run(depth):
        timeline = Timeline(1, depth=depth)
        for _ in range(20):
            timeline.kernel(10)
        launched = timeline.now
        return launched, timeline.finish()

    assert run(None) == (20, 201)
    assert run(4) == (1 + 15 * 10 + 11, 201)
    assert run(1) == (20 + 19 * 10, 20 + 200)


def test_a_full_queue_has_room_again_as_soon_as_one_operation_ends():
    timeline = Timeline(1, depth=2)
    timeline.kernel(100, "a")
    timeline.copy_in(10, "b")
    timeline.copy_out(1, "c")
    assert [(s.name, s.start, s.end) for s in timeline.spans if s.lane == "host"][2:] == [
        ("queue full", 2, 12),
        ("out", 12, 13),
    ]


def test_busy_counts_work_and_no_waiting():
    timeline = chunked(6, 2, (40, 60, 20), launch=5)
    assert [timeline.busy(lane) for lane in LANES[1:]] == [240, 360, 120]
    assert timeline.busy("host") == 18 * 5


CALLS = st.one_of(
    st.tuples(st.just("kernel"), st.integers(0, 9), st.sampled_from("abc")),
    st.tuples(st.sampled_from(["copy_in", "copy_out"]), st.integers(0, 9), st.sampled_from("abc")),
    st.tuples(st.sampled_from(["pageable_in", "blocking_in"]), st.integers(0, 9), st.sampled_from("abc")),
    st.tuples(st.just("host"), st.integers(0, 9)),
    st.tuples(st.just("record"), st.sampled_from("abc")),
    st.tuples(st.just("wait_event"), st.integers(0, 3), st.sampled_from("abc")),
    st.tuples(st.just("synchronize"), st.sampled_from([None, "a", "b"])),
)


def play(calls, launch, depth=None):
    timeline, events = Timeline(launch, depth=depth), []
    for name, *arguments in calls:
        if name == "record":
            events.append(timeline.record(*arguments))
        elif name == "wait_event":
            if events:
                timeline.wait_event(events[arguments[0] % len(events)], arguments[1])
        elif name == "pageable_in":
            timeline.copy_in(*arguments, pinned=False)
        elif name == "blocking_in":
            timeline.copy_in(*arguments, non_blocking=False)
        else:
            getattr(timeline, name)(*arguments)
    return timeline, timeline.finish()


@given(st.lists(CALLS, max_size=25), st.integers(0, 4), st.sampled_from([None, 1, 2, 5]))
def test_any_script_keeps_the_rules(calls, launch, depth):
    timeline, end = play(calls, launch, depth)
    lanes = by_lane(timeline)
    for spans in lanes.values():
        worked = [(start, stop) for start, stop, kind in spans if stop > start]
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(worked))
    for stream in "abc":
        work = [s for s in timeline.spans if s.stream == stream]
        assert all(before.end <= after.start for before, after in itertools.pairwise(work))
    launches = sum(name != "host" and name != "synchronize" for name, *_ in calls)
    serial = launches * launch + sum(call[1] for call in calls if call[0] not in NO_WORK)
    by_stream = [sum(s.end - s.start for s in timeline.spans if s.stream == each) for each in "abc"]
    assert max([*by_stream, timeline.now, *(timeline.busy(lane) for lane in LANES)]) <= end <= serial
    assert end == max([0, *(span.end for span in timeline.spans)])


NO_WORK = ("record", "wait_event", "synchronize")


@given(st.lists(CALLS, max_size=20), st.integers(1, 4))
def test_waiting_for_everything_after_each_call_is_serial(calls, launch):
    calls = [call for call in calls if call[0] not in NO_WORK]
    after_each = [step for call in calls for step in (call, ("synchronize", None))]
    launches = sum(name != "host" for name, *_ in calls)
    assert play(after_each, launch)[1] == launches * launch + sum(call[1] for call in calls)


@pytest.mark.parametrize(
    "build, told",
    [
        (lambda: Timeline(-1), "launch = -1: expected a finite number of 0 or more"),
        (lambda: Timeline(1, depth=0), "depth = 0: expected a finite number of 1"),
        (lambda: Timeline().kernel(float("nan")), "duration = nan"),
        (lambda: Timeline().host("a"), "duration = 'a'"),
        (lambda: elapsed(Timeline().record(), Timeline().record()), "an event has not happened"),
    ],
)
def test_what_is_wrong_is_said(build, told):
    with pytest.raises(LessonError, match=told):
        build()
