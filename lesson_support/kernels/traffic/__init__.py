"""Count the traffic of Triton kernels exactly: every byte that interpreted loads and stores move.

    with traffic.count(x=x, out=out) as seen:
        kernel[grid](x, out, ...)
    seen["x"].read, seen["out"].written, seen.ratio, seen.outside

What is counted is what the kernel asks for: caches, registers and warps do not exist here. Lanes that are
masked off move nothing.
"""

import contextlib
from collections.abc import Iterator

from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.running import interpreting
from lesson_support.kernels.traffic.flows import Flow, Stray, Traffic
from lesson_support.kernels.traffic.regions import Region

__all__ = ["Flow", "Stray", "Traffic", "count"]


@contextlib.contextmanager
def count(**tensors: Tensor) -> Iterator[Traffic]:
    """Count what interpreted kernels move while the block runs; name the tensors that must be moved.

    LessonError if Triton does not interpret, if another count is running, if a name does not stand for a
    dense CPU tensor, or if two tensors share elements.
    """
    if not interpreting():
        raise LessonError(
            "traffic is counted by Triton's interpreter, which is off: expected TRITON_INTERPRET=1 set "
            "before triton is imported (lesson() does this where there is no GPU)"
        )
    regions: list[Region] = []
    for name, tensor in tensors.items():
        region = Region.of(name, tensor)
        for other in regions:
            if region.overlaps(other):
                raise LessonError(
                    f"{other.name} and {name} share elements: expected tensors that do not overlap; "
                    "count memory that is updated in place under one name"
                )
        regions.append(region)
    from lesson_support.kernels.traffic.recording import watching

    seen = Traffic()
    with watching(regions, seen) as recorder:
        try:
            yield seen
        finally:
            recorder.settle()
