"""What a CUDA device's link, launches, streams and products reach, seen from its host.

Times are read off the host's clock with the device waited for, so that they hold everything a program waits
for; only where the table says so, CUDA events were asked. What is compared is sampled in turn, and what it
computes is checked against the processor's first: copies bit by bit, products up to rounding.
"""

import torch

from lesson_support import measured
from lesson_support.bench import links, work
from lesson_support.bench.cuda import Cuda
from lesson_support.errors import LessonError


def measure(rig: Cuda | None = None) -> dict:
    """Every table of this benchmark; a LessonError where there is no CUDA device."""
    if rig is None:
        if not torch.cuda.is_available():
            raise LessonError(
                "the benchmark devices got a machine without CUDA (torch.cuda.is_available() is False): "
                "expected one with an NVIDIA GPU and a torch built for it"
            )
        rig = Cuda()
    results = {
        **links.transfers(rig),
        "devices/pin-first": links.pin_first(rig),
        "devices/bandwidth": links.bandwidth(rig),
        "devices/launch": work.launches(rig),
        **work.products(rig),
        **work.overlap(rig),
        "devices/item": work.item(rig),
    }
    beside = "; ".join(filter(None, (f"beside {measured.this_processor()}", rig.link())))
    for result in results.values():
        result["shape"] += f"; {beside}"
    return results
