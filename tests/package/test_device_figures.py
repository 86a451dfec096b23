"""The drawings of timelines and of device memory show what their models hold."""

import re

import pytest

from lesson_support import draw
from lesson_support.devices import CachingAllocator, ExpandableAllocator, Timeline
from lesson_support.devices.allocator import GIB, MIB
from lesson_support.errors import LessonError


def texts(scene):
    return re.findall(r"<text[^>]*>([^<]*)</text>", "".join(scene.shapes))


def boxes(scene):
    """(x, y, width, class) of each rectangle."""
    found = re.findall(
        r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"[^>]*class="([^"]*)"', "".join(scene.shapes)
    )
    return [(float(x), float(y), float(w), kinds) for x, y, w, kinds in found]


def two_streams():
    timeline = Timeline(2)
    for k in range(4):
        timeline.copy_in(40, f"s{k % 2}", str(k))
        timeline.kernel(60, f"s{k % 2}", str(k))
    timeline.synchronize()
    return timeline


def test_a_timeline_has_a_box_for_every_span_as_long_as_it():
    timeline = two_streams()
    scene = draw.timeline(timeline)
    scale = (334 - 62 - 6) / timeline.finish()
    key = 2  # launch and wait
    drawn = sorted((round(x, 1), round(w, 1)) for x, _, w, _ in boxes(scene)[:-key])
    assert drawn == sorted(
        (round(62 + s.start * scale, 1), round((s.end - s.start) * scale, 1)) for s in timeline.spans
    )
    assert texts(scene).count("3") == 2 and {"host", "copy in", "compute", "copy out"} <= set(texts(scene))
    assert f"{timeline.finish():g} µs" in texts(scene)


def test_what_takes_no_time_has_no_box():
    timeline = Timeline(0)
    timeline.kernel(0)
    timeline.kernel(5)
    assert len(boxes(draw.timeline(timeline))) == 1


def test_streams_differ_and_waiting_is_dashed():
    drawn = boxes(draw.timeline(two_streams()))
    assert {"f-accent-soft s-accent", "f-second-soft s-second"} <= {kinds for *_, kinds in drawn}
    assert {"launch", "wait"} <= set(texts(draw.timeline(two_streams())))
    assert (
        draw.timeline(two_streams()).svg("two streams that take turns in copying").count("stroke-dasharray")
        == 2  # the wait and its entry in the key
    )


def test_the_key_names_what_the_host_does_and_nothing_else():
    timeline = Timeline(2)
    timeline.host(5)
    timeline.copy_in(9, pinned=False)
    said = texts(draw.timeline(timeline))
    assert {"host's work", "launch", "copy that holds the host"} <= set(said) and "wait" not in said


def test_a_mark_stands_at_its_moment():
    plain = draw.timeline(two_streams(), until=1000)
    marked = draw.timeline(two_streams(), until=1000, marks={100: "here"})
    assert set(texts(marked)) - set(texts(plain)) == {"here"} and "0" in texts(plain)[-4:]
    added = [shape for shape in marked.shapes if shape not in plain.shapes]
    assert any('x1="88.6"' in shape and 'x2="88.6"' in shape for shape in added)


def test_timelines_share_a_scale_where_it_is_asked_for():
    scene = draw.timeline(two_streams(), until=1000, unit="ms")
    assert all(x + w <= 62 + 266 * two_streams().finish() / 1000 + 0.1 for x, _, w, _ in boxes(scene))
    assert "282 ms" in texts(scene)
    with pytest.raises(LessonError, match="until = 10: expected a time above 0 and not before the end"):
        draw.timeline(two_streams(), until=10)
    with pytest.raises(LessonError, match="until = 0"):
        draw.timeline(Timeline())


@pytest.mark.parametrize("kind", [CachingAllocator, ExpandableAllocator])
def test_memory_is_drawn_to_scale_and_told_in_numbers(kind):
    allocator = kind(GIB)
    allocator.free(allocator.malloc(600 * MIB))
    allocator.malloc(100 * MIB)
    scene = draw.segments(allocator)
    said = texts(scene)
    assert {"100", "500", "424 not reserved", "device memory, 1,024 MiB"} <= set(said)
    assert "allocated 100 · reserved 600 · largest cached 500" in said
    held, cached = boxes(scene)[:2]
    assert held[2] > 20 and cached[2] == pytest.approx(5 * held[2], rel=0.01)
    assert ("accent" in held[3], "accent" in cached[3]) == (True, False)
    assert all(x + w <= 334 for x, _, w, _ in boxes(scene))


def test_what_was_refused_is_drawn_to_the_same_scale():
    allocator = CachingAllocator(GIB)
    allocator.malloc(300 * MIB)
    scene = draw.segments(allocator, refused=600 * MIB)
    held, (refused,) = boxes(scene)[0], [box for box in boxes(scene) if "bad" in box[3]]
    assert refused[2] == pytest.approx(2 * held[2], rel=0.01) and "600 refused" in texts(scene)
    assert not any("bad" in box[3] for box in boxes(draw.segments(allocator)))


def test_a_full_device_has_no_rest_and_an_empty_one_no_segment():
    full = CachingAllocator(100 * MIB)
    full.malloc(100 * MIB)
    assert not any("not reserved" in said for said in texts(draw.segments(full)))
    assert "100 not reserved" in texts(draw.segments(CachingAllocator(100 * MIB)))
