"""An allocator that takes the tightest block and joins what is freed."""

from __future__ import annotations

from contextlib import suppress

from lesson_support.questions.kinds import Scenario


class best_fit:
    """Blocks of one stretch of memory, from offset 0 to `capacity`."""

    def __init__(self, capacity: int):
        self.free_blocks = {0: capacity}  # offset -> size
        self.held = {}

    def malloc(self, size: int) -> int:
        """The offset of the smallest free block that fits, rounded up to 512 bytes; MemoryError if none."""
        needed = -(-size // 512) * 512
        fits = [(free, offset) for offset, free in self.free_blocks.items() if free >= needed]
        if not fits:
            raise MemoryError(f"no free block of {needed} bytes")
        free, offset = min(fits)
        del self.free_blocks[offset]
        if free > needed:
            self.free_blocks[offset + needed] = free - needed
        self.held[offset] = needed
        return offset

    def free(self, offset: int) -> None:
        """Give the block back, joined with free neighbours; KeyError if nothing is held there."""
        size = self.held.pop(offset)
        for other, free in list(self.free_blocks.items()):
            if other + free == offset:
                del self.free_blocks[other]
                offset, size = other, free + size
            elif other == offset + size:
                del self.free_blocks[other]
                size += free
        self.free_blocks[offset] = size

    def free_list(self) -> list[tuple[int, int]]:
        """(offset, size) of every free block, by offset."""
        return sorted(self.free_blocks.items())


def oracle(arguments, operations):
    """A list of who holds each unit of 512 bytes, read from end to end for every answer."""
    (capacity,) = arguments
    units, starts, results, ticket = [0] * (capacity // 512), {}, [], 0

    def runs():
        found, at = [], 0
        while at < len(units):
            end = at
            while end < len(units) and units[end] == units[at]:
                end += 1
            if units[at] == 0:
                found.append((at, end - at))
            at = end
        return found

    for name, *given in operations:
        if name == "free_list":
            results.append([(at * 512, length * 512) for at, length in runs()])
        elif name == "malloc":
            length = (given[0] + 511) // 512
            fits = sorted((free, at) for at, free in runs() if free >= length)
            if not fits:
                results.append({"raises": "MemoryError"})
                continue
            ticket += 1
            at = fits[0][1]
            units[at : at + length] = [ticket] * length
            starts[at * 512] = ticket
            results.append(at * 512)
        elif given[0] in starts:
            gone = starts.pop(given[0])
            units = [0 if each == gone else each for each in units]
            results.append(None)
        else:
            results.append({"raises": "KeyError"})
    return results


def cases(rng):
    look, three = ("free_list",), [("malloc", 1)] * 3
    found = [
        ((512,), [look]),
        ((512,), [("malloc", 1), look]),
        ((512,), [("malloc", 512), look]),
        ((1024,), [("malloc", 512), look]),
        ((1024,), [("malloc", 513), look]),
        ((1024,), [("malloc", 1025)]),
        ((1024,), [("malloc", 1), ("free", 0), look]),
        ((1024,), [("malloc", 1), ("free", 512)]),
        ((1024,), [("malloc", 1), ("free", 0), ("free", 0)]),
        ((1024,), [("free", 0), look]),
        ((1024,), [("malloc", 1024), ("malloc", 1), ("free", 0), ("malloc", 1)]),
        ((1536,), [*three, ("free", 0), ("free", 512), look]),
        ((1536,), [*three, ("free", 512), ("free", 0), look]),
        ((1536,), [*three, ("free", 0), ("free", 1024), look]),
        ((1536,), [*three, ("free", 0), ("free", 1024), ("malloc", 1024)]),
        ((1536,), [*three, ("free", 0), ("free", 1024), ("free", 512), look]),
        (
            (5120,),
            [("malloc", 1024), ("malloc", 1), ("malloc", 512), ("malloc", 1), ("free", 0), ("free", 1536)]
            + [look, ("malloc", 512), look],
        ),
        (
            (4096,),
            [("malloc", 512), ("malloc", 512), ("malloc", 512), ("malloc", 512), ("free", 0), ("free", 1024)]
            + [("malloc", 512), look],
        ),
    ]
    for _ in range(25):
        capacity, script = 512 * int(rng.integers(4, 24)), []
        model, held = best_fit(capacity), []
        for _ in range(int(rng.integers(5, 30))):
            draw = rng.random()
            if draw < 0.5:
                size = int(rng.integers(1, 3000))
                script.append(("malloc", size))
                with suppress(MemoryError):
                    held.append(model.malloc(size))
            elif draw < 0.8 and held:
                offset = held.pop(int(rng.integers(len(held))))
                model.free(offset)
                script.append(("free", offset))
            else:
                script.append(look if draw < 0.95 else ("free", 512 * int(rng.integers(0, 24))))
                if script[-1] != look and script[-1][1] in held:
                    held.remove(script[-1][1])
                    model.free(script[-1][1])
        found.append(((capacity,), [*script, look]))
    return found


def _choosing(chosen):
    """An allocator that takes whichever fitting (offset, size) `chosen` prefers, in order of offset."""

    class Choosing(best_fit):
        def malloc(self, size):
            needed = -(-size // 512) * 512
            fits = [(offset, free) for offset, free in self.free_list() if free >= needed]
            if not fits:
                raise MemoryError
            offset, free = chosen(fits)
            del self.free_blocks[offset]
            if free > needed:
                self.free_blocks[offset + needed] = free - needed
            self.held[offset] = needed
            return offset

    return Choosing


class _NeverJoined(best_fit):
    def free(self, offset):
        self.free_blocks[offset] = self.held.pop(offset)


class _JoinedToTheRight(best_fit):
    def free(self, offset):
        size = self.held.pop(offset)
        size += self.free_blocks.pop(offset + size, 0)
        self.free_blocks[offset] = size


class _JoinedToTheLeft(best_fit):
    def free(self, offset):
        size = self.held.pop(offset)
        for other, free in list(self.free_blocks.items()):
            if other + free == offset:
                del self.free_blocks[other]
                offset, size = other, free + size
        self.free_blocks[offset] = size


class _Unrounded(best_fit):
    def malloc(self, size):
        fits = [(free, offset) for offset, free in self.free_blocks.items() if free >= size]
        if not fits:
            raise MemoryError
        free, offset = min(fits)
        del self.free_blocks[offset]
        if free > size:
            self.free_blocks[offset + size] = free - size
        self.held[offset] = size
        return offset


class _AlwaysOneMore(best_fit):
    def malloc(self, size):
        return super().malloc((size // 512 + 1) * 512)


class _WholeBlocks(best_fit):
    def malloc(self, size):
        offset = super().malloc(size)
        self.held[offset] += self.free_blocks.pop(offset + self.held[offset], 0)
        return offset


class _Forgiving(best_fit):
    def free(self, offset):
        if offset in self.held:
            super().free(offset)


class _EmptyRests(best_fit):
    def malloc(self, size):
        offset = super().malloc(size)
        self.free_blocks.setdefault(offset + self.held[offset], 0)
        return offset


QUESTION = Scenario(
    name="best_fit",
    points=3,
    difficulty="medium",
    minutes=22,
    signature="best_fit(capacity: int)",
    example=">>> memory = best_fit(2048)\n>>> memory.malloc(600), memory.malloc(1)\n(0, 1024)\n"
    ">>> memory.free(0)\n>>> memory.free_list()\n[(0, 1024), (1536, 512)]",
    hints=(
        "Keep two dicts from offset to size, one of free blocks and one of held ones. At the start there is "
        "one free block, and nothing is held.",
        "malloc: round up, look at all free blocks that are large enough, take the smallest, of equals the "
        "lowest, and put back what is left over, if anything is. free: find the free block that ends where "
        "this one starts, and the one that starts where it ends.",
        "min((size, offset) for free blocks that fit) is the block. In free, size = held.pop(offset) raises "
        "KeyError by itself; then go through a copy of the free blocks: where other + free == offset, start "
        "at other; where other == offset + size, only grow; delete what was joined.",
    ),
    solution=best_fit,
    wrong={
        "the first block that fits is good enough": _choosing(lambda fits: fits[0]),
        "the largest block leaves the most useful rest": _choosing(
            lambda fits: max(fits, key=lambda block: block[1])
        ),
        "free blocks need no joining": _NeverJoined,
        "only the block behind can be free": _JoinedToTheRight,
        "only the block in front can be free": _JoinedToTheLeft,
        "a request takes the bytes that it names": _Unrounded,
        "a request always takes one block more": _AlwaysOneMore,
        "a block is handed out whole": _WholeBlocks,
        "freeing what is not held does no harm": _Forgiving,
        "a rest of no bytes is a block": _EmptyRests,
        "of equal blocks the last one serves": _choosing(
            lambda fits: min(fits, key=lambda block: (block[1], -block[0]))
        ),
    },
    cases=cases,
    oracle=oracle,
)
