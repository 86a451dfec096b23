"""The few CUDA calls that the benchmark of devices makes, in one place, so that a stand-in can take them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch


class Cuda:
    """The current CUDA device."""

    device = "cuda"

    def pinned(self, x: torch.Tensor) -> torch.Tensor:
        """A copy of `x` in page-locked host memory."""
        return x.pin_memory()

    def synchronize(self) -> None:
        """Wait until the device has done everything that was launched."""
        torch.cuda.synchronize()

    def streams(self, count: int) -> Sequence:
        return [torch.cuda.Stream() for _ in range(count)]

    def on(self, stream) -> AbstractContextManager:
        """What is launched inside goes into `stream`."""
        return torch.cuda.stream(stream)

    def between_events(self, run: Callable[[], object], *, busy: bool) -> float:
        """Seconds between two events around `run`; `busy` fills the queue first, so that no launch is waited
        for."""
        first, second = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.synchronize()
        if busy:
            torch.cuda._sleep(10_000_000)  # cycles: milliseconds, longer than three launches
        first.record()
        run()
        second.record()
        self.synchronize()
        return first.elapsed_time(second) / 1e3
