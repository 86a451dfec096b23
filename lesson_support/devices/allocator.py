"""PyTorch's caching allocator for CUDA memory, as a model with addresses and no memory behind them.

Rules and sizes are those of c10/core/AllocatorConfig.h and c10/cuda/CUDACachingAllocator.cpp, v2.13.0. A
request is rounded to 512 bytes. Up to 1 MiB it shares a segment of 2 MiB, below 10 MiB one of 20 MiB; a
larger one gets a segment of its own, rounded to 2 MiB. The smallest cached block that is large enough serves,
and is split where enough is left over. A freed block joins its free neighbours and stays cached. Not
modelled: streams (one is assumed), `max_split_size_mb`, garbage collection and private pools.
"""

from dataclasses import dataclass

from lesson_support.errors import LessonError

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
BLOCK = 512
SMALL = MIB
SMALL_SEGMENT, LARGE_SEGMENT = 2 * MIB, 20 * MIB
OWN_SEGMENT = 10 * MIB
ROUND_LARGE = 2 * MIB


class OutOfMemoryError(RuntimeError):
    """The request fits nowhere, not even after all whole cached segments went back to the device."""


@dataclass
class Block:
    """`size` bytes at `address`; `requested` of them were asked for, or None: then it is cached."""

    address: int
    size: int
    requested: int | None = None


@dataclass
class Segment:
    """What one cudaMalloc returned: blocks that tile it, in order of address."""

    small: bool
    blocks: list[Block]

    @property
    def size(self) -> int:
        return sum(block.size for block in self.blocks)


class CachingAllocator:
    """Segments, and the blocks into which they are cut."""

    def __init__(self, capacity: int):
        """`capacity` is the device's memory in bytes."""
        check_size(capacity, "capacity")
        self.capacity = capacity
        self.segments: list[Segment] = []
        self._next_address = 0

    @property
    def reserved(self) -> int:
        """Bytes that were taken from the device; `nvidia-smi` adds what CUDA itself holds."""
        return sum(segment.size for segment in self.segments)

    @property
    def allocated(self) -> int:
        """Bytes of the blocks that tensors hold, with what rounding added and a rest too small to split."""
        return sum(block.size for block in self._blocks() if block.requested is not None)

    @property
    def largest(self) -> int:
        """The largest cached block."""
        return max((block.size for block in self._blocks() if block.requested is None), default=0)

    def malloc(self, size: int) -> int:
        """The address of a block for `size` bytes; OutOfMemoryError where there is none."""
        check_size(size, "size")
        needed = rounded(size)
        found = self._best_fit(needed)
        if found is None and not self._grow(needed):
            self.empty_cache()
            if not self._grow(needed):
                raise OutOfMemoryError(refusal(segment_size(needed), self))
        segment, block = found or self._best_fit(needed)
        left = block.size - needed
        if left >= BLOCK if segment.small else left > SMALL:
            block.size = needed
            segment.blocks.insert(segment.blocks.index(block) + 1, Block(block.address + needed, left))
        block.requested = size
        return block.address

    def free(self, address: int) -> None:
        """Give a block back to the cache, joined with its free neighbours; the device gets nothing back."""
        for segment in self.segments:
            for position, block in enumerate(segment.blocks):
                if block.address == address and block.requested is not None:
                    block.requested = None
                    self._join(segment, position)
                    return
        raise LessonError(f"no tensor is at address {address}: expected one that malloc returned")

    def empty_cache(self) -> None:
        """Give segments in which nothing is allocated back to the device; a split one has to stay."""
        self.segments = [
            segment
            for segment in self.segments
            if any(block.requested is not None for block in segment.blocks)
        ]

    def layout(self) -> list[list[tuple[int, bool]]]:
        """For each segment, its blocks in order: (size, allocated)."""
        return [[(b.size, b.requested is not None) for b in segment.blocks] for segment in self.segments]

    def _blocks(self):
        return (block for segment in self.segments for block in segment.blocks)

    def _best_fit(self, needed: int) -> tuple[Segment, Block] | None:
        small = needed <= SMALL
        fits = [
            (block.size, block.address, segment, block)
            for segment in self.segments
            for block in segment.blocks
            if segment.small == small and block.requested is None and block.size >= needed
        ]
        return min(fits, key=lambda fit: fit[:2])[2:] if fits else None

    def _grow(self, needed: int) -> bool:
        size = segment_size(needed)
        if self.reserved + size > self.capacity:
            return False
        self.segments.append(Segment(needed <= SMALL, [Block(self._next_address, size)]))
        self._next_address += size  # a segment that was given back leaves its addresses unused
        return True

    def _join(self, segment: Segment, position: int) -> None:
        blocks = segment.blocks
        for right in (position + 1, position):
            left = right - 1
            if (
                left >= 0
                and right < len(blocks)
                and blocks[left].requested is blocks[right].requested is None
            ):
                blocks[left].size += blocks.pop(right).size


def rounded(size: int) -> int:
    """A request in whole blocks of 512 bytes, at least one."""
    return max(1, -(-size // BLOCK)) * BLOCK


def segment_size(size: int) -> int:
    """How many bytes a rounded request takes from the device when no cached block serves it."""
    if size <= SMALL:
        return SMALL_SEGMENT
    return LARGE_SEGMENT if size < OWN_SEGMENT else -(-size // ROUND_LARGE) * ROUND_LARGE


def refusal(refused: int, allocator) -> str:
    """The message of an allocator that got no segment of `refused` bytes: PyTorch's, but for the number of
    what the process holds outside PyTorch."""
    free = in_units(allocator.capacity - allocator.reserved)
    spare = in_units(allocator.reserved - allocator.allocated)
    return (
        f"simulated CUDA out of memory. Tried to allocate {in_units(refused)}. The device has a total "
        f"capacity of {in_units(allocator.capacity)} of which {free} is free. Of the allocated memory "
        f"{in_units(allocator.allocated)} is in tensors, and {spare} is reserved but unallocated."
    )


def in_units(size: int) -> str:
    """1.50 GiB, 20.00 MiB, 4.00 KiB, 512 bytes, as PyTorch's messages write it."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size} bytes"


def check_size(size: object, name: str) -> None:
    """A LessonError unless `size` is a positive whole number."""
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise LessonError(f"{name} = {size!r}: expected a whole number of bytes, 1 or more")
