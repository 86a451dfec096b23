"""How many pieces of memory the loads of one warp touch.

From compute capability 6.0 on, the accesses of a warp become as many transactions as its threads' addresses
touch 32-byte sectors (CUDA C++ Best Practices Guide, *Coalesced Access to Global Memory*).
"""

from collections.abc import Iterable

from lesson_support.errors import LessonError

LANES = 32
SECTOR = 32


def sectors(addresses: Iterable[int], itemsize: int = 4) -> int:
    """Sectors that loads of `itemsize` bytes at these byte addresses touch."""
    if itemsize not in (1, 2, 4, 8, 16):
        raise LessonError(f"itemsize = {itemsize!r}: expected 1, 2, 4, 8 or 16 bytes, what one load can have")
    return len({byte // SECTOR for at in addresses for byte in (at, at + itemsize - 1)})


def strided_warp(stride: int, itemsize: int = 4, offset: int = 0) -> list[int]:
    """The byte addresses of a warp whose lane i reads cell offset + i·stride."""
    return [(offset + lane * stride) * itemsize for lane in range(LANES)]
