"""`expandable_segments:True`: one range of addresses per pool, with pages of memory put under it as needed.

As in the note *Expandable Segments* of c10/cuda/CUDACachingAllocator.cpp, v2.13.0: addresses are plenty and
pages are scarce, 2 MiB for small requests and 20 MiB for large ones. A request goes to the smallest free
block that has its pages, else to the lowest gap in the addresses, whose missing pages are mapped. When the
device has no page left, pages under which nothing is allocated are taken away and used elsewhere.

Not modelled: a range of addresses ends (at 1⅛ of the device's memory, one for each stream and pool); among
free blocks PyTorch ranks one that could grow by the size to which it could.
"""

from itertools import pairwise

from lesson_support.devices.allocator import (
    LARGE_SEGMENT,
    SMALL,
    SMALL_SEGMENT,
    OutOfMemoryError,
    check_size,
    refusal,
    rounded,
    segment_size,
)
from lesson_support.errors import LessonError

LARGE_BASE = LARGE_SEGMENT << 24  # beyond any address that small requests can reach, and on a page boundary


class _Range:
    """The addresses of one pool: what is allocated, and which pages have memory."""

    def __init__(self, page: int, base: int):
        self.page, self.base = page, base
        self.held: dict[int, int] = {}  # address -> size
        self.mapped: set[int] = set()

    def gaps(self) -> list[tuple[int, float]]:
        """(start, end) between what is allocated; the last gap never ends."""
        edges = [
            (self.base, self.base),
            *((start, start + size) for start, size in sorted(self.held.items())),
        ]
        inner = [(end, start) for (_, end), (start, _) in pairwise(edges) if start > end]
        return [*inner, (edges[-1][1], float("inf"))]

    def free_blocks(self) -> list[tuple[int, int]]:
        """(size, start) of each gap's parts that have memory."""
        parts = []
        for low, high in self.gaps():
            start = None
            for page in sorted(self.mapped):
                left, right = max(low, page * self.page), min(high, (page + 1) * self.page)
                if left >= right:
                    continue
                if start is not None and parts[-1][1] + parts[-1][0] == left:
                    parts[-1] = (parts[-1][0] + right - left, parts[-1][1])
                else:
                    parts.append((right - left, left))
                start = left
        return parts

    def pages(self, start: int, size: int) -> range:
        return range(start // self.page, -(-(start + size) // self.page))

    def unmap(self) -> None:
        """Give up every page under which nothing is allocated."""
        self.mapped = {page for start, size in self.held.items() for page in self.pages(start, size)}


class ExpandableAllocator:
    """The same calls as `CachingAllocator`, over two ranges that grow."""

    def __init__(self, capacity: int):
        """`capacity` is the device's memory in bytes."""
        check_size(capacity, "capacity")
        self.capacity = capacity
        self._small, self._large = _Range(SMALL_SEGMENT, 0), _Range(LARGE_SEGMENT, LARGE_BASE)

    @property
    def reserved(self) -> int:
        """Bytes of all pages that have memory."""
        return sum(len(each.mapped) * each.page for each in (self._small, self._large))

    @property
    def allocated(self) -> int:
        """Bytes that tensors hold, rounding included."""
        return sum(size for each in (self._small, self._large) for size in each.held.values())

    @property
    def largest(self) -> int:
        """The largest free block that has memory."""
        return max((size for each in (self._small, self._large) for size, _ in each.free_blocks()), default=0)

    def malloc(self, size: int) -> int:
        """The address of a block for `size` bytes; OutOfMemoryError where there is none."""
        check_size(size, "size")
        needed = rounded(size)
        pool = self._small if needed <= SMALL else self._large
        fits = [(free, start) for free, start in pool.free_blocks() if free >= needed]
        if fits:
            start = min(fits)[1]
        else:
            start = self._map(pool, needed)
            if start is None:
                self.empty_cache()
                start = self._map(pool, needed)
            if start is None:
                raise OutOfMemoryError(refusal(segment_size(needed), self))
        pool.held[start] = needed
        return start

    def free(self, address: int) -> None:
        """Give a block back; its pages keep their memory."""
        pool = self._large if address >= LARGE_BASE else self._small
        if address not in pool.held:
            raise LessonError(f"no tensor is at address {address}: expected one that malloc returned")
        del pool.held[address]

    def empty_cache(self) -> None:
        """Take the memory from every page under which nothing is allocated."""
        for each in (self._small, self._large):
            each.unmap()

    def layout(self) -> list[list[tuple[int, bool]]]:
        """For each range with memory, its blocks by address: (size, allocated)."""
        found = []
        for each in (self._small, self._large):
            held = [(start, size, True) for start, size in each.held.items()]
            free = [(start, size, False) for size, start in each.free_blocks()]
            if held or free:
                found.append([(size, taken) for _, size, taken in sorted(held + free)])
        return found

    def _map(self, pool: _Range, needed: int) -> int | None:
        """The lowest gap that is long enough, with memory under it; None where pages are missing."""
        start = next(low for low, high in pool.gaps() if high - low >= needed)
        missing = [page for page in pool.pages(start, needed) if page not in pool.mapped]
        if self.reserved + len(missing) * pool.page > self.capacity:
            return None
        pool.mapped.update(missing)
        return start
