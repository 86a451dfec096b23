"""A GPU without one at hand: what streams, copies, the caching allocator and the link cost, as models."""

from lesson_support.devices.allocator import CachingAllocator, OutOfMemoryError
from lesson_support.devices.breakeven import Accelerator, break_even, device_seconds, host_seconds
from lesson_support.devices.coalescing import sectors, strided_warp
from lesson_support.devices.expandable import ExpandableAllocator
from lesson_support.devices.timeline import Event, Span, Timeline, elapsed

__all__ = [
    "Accelerator",
    "CachingAllocator",
    "Event",
    "ExpandableAllocator",
    "OutOfMemoryError",
    "Span",
    "Timeline",
    "break_even",
    "device_seconds",
    "elapsed",
    "host_seconds",
    "sectors",
    "strided_warp",
]
