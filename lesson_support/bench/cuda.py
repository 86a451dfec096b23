"""The few CUDA calls that the benchmark of devices makes, in one place, so that a stand-in can take them."""

import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch


class Cuda:
    """The current CUDA device."""

    device = "cuda"

    def __init__(self):
        """Products in float32 throughout: TF32, which rounds their factors, is switched off."""
        torch.set_float32_matmul_precision("highest")

    def link(self) -> str:
        """The link's generation and width at their best, as the driver reports them; empty if it does not."""
        card = f"GPU-{torch.cuda.get_device_properties().uuid}"
        query = ["nvidia-smi", f"--id={card}", "--query-gpu=pcie.link.gen.max,pcie.link.width.max"]
        try:
            told = subprocess.run(
                [*query, "--format=csv,noheader"], capture_output=True, text=True, check=True, timeout=30
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return ""
        found = [each.strip() for each in told.split(",")]
        return f"PCIe {found[0]}.0 ×{found[1]}" if len(found) == 2 and all(map(str.isdigit, found)) else ""

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
        for event in (first, second):
            event.record()  # an event is created when it is first recorded, which takes the host a while
        self.synchronize()
        if busy:
            torch.cuda._sleep(10_000_000)  # cycles: milliseconds, longer than three launches
        first.record()
        run()
        second.record()
        self.synchronize()
        return first.elapsed_time(second) / 1e3
