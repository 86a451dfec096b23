"""The caching allocator cuts, joins and caches as PyTorch's does; its expandable twin refuses less."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesson_support.devices.allocator import (
    BLOCK,
    GIB,
    KIB,
    MIB,
    CachingAllocator,
    OutOfMemoryError,
    in_units,
    rounded,
    segment_size,
)
from lesson_support.devices.expandable import ExpandableAllocator
from lesson_support.errors import LessonError

BOTH = pytest.mark.parametrize("kind", [CachingAllocator, ExpandableAllocator])


def sizes(allocator):
    """The layout in MiB, allocated blocks as positive numbers, cached ones as negative."""
    return [[size / MIB if taken else -size / MIB for size, taken in part] for part in allocator.layout()]


@pytest.mark.parametrize(
    "size, block, segment",
    [
        (1, 512, 2 * MIB),
        (512, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 512, 10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        (11 * MIB - 512, 11 * MIB - 512, 12 * MIB),
        (600 * MIB, 600 * MIB, 600 * MIB),
    ],
)
def test_what_a_request_takes(size, block, segment):
    assert (rounded(size), segment_size(rounded(size))) == (block, segment)
    allocator = CachingAllocator(GIB)
    allocator.malloc(size)
    assert (allocator.allocated, allocator.reserved) == (block, segment)


def test_a_rest_too_small_to_split_counts_as_allocated():
    allocator = CachingAllocator(GIB)
    allocator.malloc(11 * MIB)
    assert (allocator.allocated, allocator.reserved) == (12 * MIB, 12 * MIB)


def test_the_constants_are_those_of_the_installed_torch():
    import re
    from pathlib import Path

    import torch

    header = Path(torch.__file__).parent / "include/c10/core/AllocatorConfig.h"
    if not header.is_file():
        pytest.skip("this torch came without c10/core/AllocatorConfig.h")
    text = header.read_text(encoding="utf-8")
    found = dict(re.findall(r"constexpr size_t (k\w+) = (\d+);", text))
    if "kMinBlockSize" not in found:
        pytest.skip("this torch keeps the constants elsewhere")
    from lesson_support.devices import allocator

    expected = {
        "kMinBlockSize": allocator.BLOCK,
        "kSmallSize": allocator.SMALL,
        "kSmallBuffer": allocator.SMALL_SEGMENT,
        "kMinLargeAlloc": allocator.OWN_SEGMENT,
        "kRoundLarge": allocator.ROUND_LARGE,
    }
    assert {name: int(found[name]) for name in expected} == expected
    assert f"large_segment_size_{{{allocator.LARGE_SEGMENT}}}" in text


def test_small_requests_share_a_segment_and_large_ones_do_not_touch_it():
    allocator = CachingAllocator(GIB)
    allocator.malloc(512 * KIB)
    allocator.malloc(MIB)
    assert sizes(allocator) == [[0.5, 1.0, -0.5]]
    allocator.malloc(5 * MIB)
    allocator.malloc(600 * KIB)
    assert sizes(allocator) == [[0.5, 1.0, -0.5], [5.0, -15.0], [600 / 1024, -(2 - 600 / 1024)]]


def test_a_rest_is_split_off_where_it_is_worth_it():
    allocator = CachingAllocator(GIB)
    allocator.free(allocator.malloc(20 * MIB))
    for size, expected in [(19 * MIB, [20.0]), (19 * MIB - 512, [19 - 512 / MIB, -(1 + 512 / MIB)])]:
        address = allocator.malloc(size)
        assert sizes(allocator) == [expected]
        allocator.free(address)
    small = CachingAllocator(GIB)
    small.malloc(MIB)
    small.malloc(MIB - 512)
    assert sizes(small) == [[1.0, 1 - 512 / MIB, -512 / MIB]]


def test_the_smallest_block_that_fits_serves_and_of_equals_the_lowest():
    allocator = CachingAllocator(GIB)
    blocks = [allocator.malloc(size * MIB) for size in (40, 16, 24, 16)]
    for block in blocks:
        allocator.free(block)
    assert allocator.malloc(15 * MIB) == blocks[1]
    assert allocator.malloc(15 * MIB) == blocks[3]
    assert allocator.malloc(15 * MIB) == blocks[2]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_neighbours_join_in_any_order_of_freeing(order):
    allocator = CachingAllocator(GIB)
    blocks = [allocator.malloc(4 * MIB) for _ in range(3)]
    for each in order:
        allocator.free(blocks[each])
    assert sizes(allocator) == [[-20.0]]


def test_a_freed_block_stays_reserved_until_its_whole_segment_goes():
    allocator = CachingAllocator(GIB)
    first, second = allocator.malloc(4 * MIB), allocator.malloc(4 * MIB)
    allocator.free(first)
    allocator.empty_cache()
    assert (allocator.allocated, allocator.reserved) == (4 * MIB, 20 * MIB)
    allocator.free(second)
    assert allocator.reserved == 20 * MIB
    allocator.empty_cache()
    assert allocator.reserved == 0 and allocator.layout() == []


def test_whole_cached_segments_are_given_back_before_a_request_is_refused():
    allocator = CachingAllocator(100 * MIB)
    allocator.free(allocator.malloc(60 * MIB))
    allocator.malloc(80 * MIB)
    assert sizes(allocator) == [[80.0]]


@BOTH
def test_the_last_byte_can_be_had(kind):
    allocator = kind(100 * MIB)
    allocator.malloc(100 * MIB)
    assert allocator.reserved == allocator.capacity
    with pytest.raises(OutOfMemoryError):
        allocator.malloc(1)


def crowd(allocator):
    """A large tensor comes and goes; ten small ones that stay settle in its segment."""
    allocator.free(allocator.malloc(600 * MIB))
    return [allocator.malloc(12 * MIB) for _ in range(10)]


def test_enough_free_bytes_in_two_places_are_refused():
    allocator = CachingAllocator(GIB)
    crowd(allocator)
    free = allocator.capacity - allocator.allocated
    assert free == 904 * MIB and allocator.largest == 480 * MIB
    with pytest.raises(OutOfMemoryError) as told:
        allocator.malloc(600 * MIB)
    assert str(told.value) == (
        "simulated CUDA out of memory. Tried to allocate 600.00 MiB. The device has a total capacity of "
        "1.00 GiB of which 424.00 MiB is free. Of the allocated memory 120.00 MiB is in tensors, and "
        "480.00 MiB is reserved but unallocated."
    )
    assert allocator.allocated == 120 * MIB  # a refusal changes nothing that is held
    allocator.malloc(480 * MIB)


@BOTH
def test_a_refusal_names_the_segment_and_not_the_tensor(kind):
    allocator = kind(25 * MIB)
    allocator.malloc(11 * MIB)
    with pytest.raises(OutOfMemoryError, match=r"Tried to allocate 20\.00 MiB\. "):
        allocator.malloc(19 * MIB // 2)


def test_expandable_segments_serve_what_was_refused():
    allocator = ExpandableAllocator(GIB)
    crowd(allocator)
    allocator.malloc(600 * MIB)
    assert allocator.allocated == allocator.reserved == 720 * MIB


def test_pages_move_to_where_they_are_needed():
    allocator = ExpandableAllocator(100 * MIB)
    low = allocator.malloc(60 * MIB)
    high = allocator.malloc(20 * MIB)
    allocator.free(low)
    assert (allocator.reserved, allocator.largest) == (80 * MIB, 60 * MIB)
    moved = allocator.malloc(80 * MIB)  # does not fit below `high`: the pages there are taken away
    assert moved > high and allocator.reserved == 100 * MIB and sizes(allocator) == [[20.0, 80.0]]


def test_the_smallest_free_piece_with_memory_serves_and_else_the_lowest_gap():
    allocator = ExpandableAllocator(200 * MIB)
    pieces = [allocator.malloc(size * MIB) for size in (40, 20, 20, 20)]
    allocator.free(pieces[0])
    allocator.free(pieces[2])
    assert allocator.malloc(15 * MIB) == pieces[2]
    allocator.free(pieces[2])
    allocator.empty_cache()
    assert allocator.largest == 0 and allocator.reserved == 40 * MIB
    assert allocator.malloc(40 * MIB) == pieces[0]
    assert allocator.malloc(20 * MIB) == pieces[2]


def test_only_missing_pages_are_taken_from_the_device():
    allocator = ExpandableAllocator(60 * MIB)
    allocator.malloc(30 * MIB)
    allocator.malloc(25 * MIB)
    assert allocator.reserved == 60 * MIB


def test_a_page_that_is_held_in_part_stays():
    allocator = ExpandableAllocator(60 * MIB)
    first, second = allocator.malloc(30 * MIB), allocator.malloc(5 * MIB)
    assert (first, second - first) == (min(first, second), 30 * MIB)
    allocator.free(first)
    allocator.empty_cache()
    assert (allocator.reserved, allocator.largest) == (20 * MIB, 10 * MIB)
    with pytest.raises(OutOfMemoryError):
        allocator.malloc(51 * MIB)
    allocator.malloc(30 * MIB)


def test_small_requests_have_pages_of_their_own():
    allocator = ExpandableAllocator(GIB)
    allocator.free(allocator.malloc(MIB))
    assert allocator.reserved == 2 * MIB
    allocator.malloc(KIB)
    assert allocator.reserved == 2 * MIB
    allocator.malloc(2 * MIB)
    assert allocator.reserved == 22 * MIB
    assert sizes(allocator) == [[1 / 1024, -(2 - 1 / 1024)], [2.0, -18.0]]


def check(allocator, held):
    parts = allocator.layout()
    taken = [size for part in parts for size, is_taken in part if is_taken]
    assert sum(taken) == allocator.allocated and len(taken) == len(held)
    spare = [size - rounded(asked) for size, asked in zip(sorted(taken), sorted(held.values()), strict=True)]
    assert all(0 <= each <= MIB for each in spare)
    assert sum(size for part in parts for size, _ in part) == allocator.reserved <= allocator.capacity
    spans = sorted((address, address + size) for address, size in held.items())
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))
    assert all(size % BLOCK == 0 and size > 0 for part in parts for size, _ in part)


SIZES = st.one_of(st.integers(1, 3 * KIB), st.integers(1, 3 * MIB), st.integers(MIB, 40 * MIB))


@BOTH
@settings(max_examples=60)
@given(calls=st.lists(st.one_of(SIZES, st.integers(-9, 0)), max_size=40))
def test_any_script_keeps_the_books(kind, calls):
    """A positive number allocates, a negative one frees one of those held, 0 empties the cache."""
    allocator, held = kind(128 * MIB), {}
    for call in calls:
        if call > 0:
            try:
                held[allocator.malloc(call)] = call
            except OutOfMemoryError:
                assert sum(map(rounded, held.values())) + rounded(call) > allocator.largest
        elif call < 0 and held:
            address = list(held)[call % len(held)]
            allocator.free(address)
            del held[address]
        elif call == 0:
            allocator.empty_cache()
        check(allocator, held)
        if kind is CachingAllocator:
            for part in allocator.layout():
                assert not any(not a and not b for (_, a), (_, b) in zip(part, part[1:], strict=False))
    for address in held:
        allocator.free(address)
    assert allocator.allocated == 0
    allocator.empty_cache()
    assert allocator.reserved == 0


@pytest.mark.parametrize("kind, refused", [(CachingAllocator, True), (ExpandableAllocator, False)])
def test_batches_that_grow_leave_slivers(kind, refused):
    """The case of the note: each round's tensors are a little larger than the last one's."""
    allocator = kind(450 * MIB)
    try:
        for batch in range(20, 32):
            for each in [allocator.malloc(batch * share * MIB) for share in (1, 2, 4)]:
                allocator.free(each)
            allocator.malloc(12 * MIB)  # a result of the batch, kept
    except OutOfMemoryError:
        assert refused and allocator.capacity - allocator.allocated > (1 + 2 + 4) * batch * MIB
    else:
        assert not refused


@BOTH
def test_what_is_wrong_is_said(kind):
    with pytest.raises(LessonError, match="capacity = 0: expected a whole number of bytes, 1 or more"):
        kind(0)
    allocator = kind(GIB)
    with pytest.raises(LessonError, match="size = 2.5: expected a whole number"):
        allocator.malloc(2.5)
    address = allocator.malloc(100)
    with pytest.raises(LessonError, match=f"no tensor is at address {address + 1}"):
        allocator.free(address + 1)
    allocator.free(address)
    with pytest.raises(LessonError, match="expected one that malloc returned"):
        allocator.free(address)


def test_sizes_in_words():
    written = [in_units(size) for size in (1, 512, KIB, 3 * MIB // 2, GIB)]
    assert written == ["1 bytes", "512 bytes", "1.00 KiB", "1.50 MiB", "1.00 GiB"]
