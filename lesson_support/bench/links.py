"""The link between host and device by size, pinned and pageable, and the device's own memory."""

from functools import partial

import torch

from lesson_support.bench.cuda import Cuda
from lesson_support.bench.paired import ratios, require_copy, row, sampled

BYTES = tuple(1 << k for k in range(10, 29, 2))  # 1 KiB to 256 MiB
CELLS = 1 << 28  # a vector of 1 GiB
ROUNDS = 15
ADDITIONS = 10  # for each wait, so that launch and wait weigh little beside them


def _copied(rig: Cuda, target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    target.copy_(source, non_blocking=True)
    rig.synchronize()
    return target


def transfers(rig: Cuda) -> dict:
    """Rates of both directions from both kinds of memory, and what pinning gains."""
    rates, gains = [], []
    for size in BYTES:
        expected = torch.arange(size // 4, dtype=torch.float32)
        hosts = {"pageable": expected.clone(), "pinned": rig.pinned(expected)}
        there = expected.to(rig.device, copy=True)
        directions = {
            "to the device": {name: partial(_copied, rig, there, host) for name, host in hosts.items()},
            "to the host": {name: partial(_copied, rig, host, there) for name, host in hosts.items()},
        }
        for direction, calls in directions.items():
            for name, call in calls.items():
                call.args[1].zero_()
                require_copy(expected, call(), f"{name} {direction}, {size} bytes")
            seconds = sampled(calls, ROUNDS)
            for name, values in seconds.items():
                labels = {"direction": direction, "memory": name, "bytes": size}
                rates.append(row(labels, [size / each / 1e9 for each in values]))
            gain = ratios(seconds["pageable"], seconds["pinned"])
            gains.append(row({"direction": direction, "bytes": size}, gain))
    shape = "one copy_(non_blocking=True) and a synchronize, host clock"
    return {
        "devices/transfer": {
            "unit": "GB/s",
            "shape": shape,
            "columns": ["direction", "memory", "bytes"],
            "rows": rates,
        },
        "devices/pinned": {
            "unit": "× a pinned copy's time",
            "shape": f"a pageable copy's time over a pinned one's, pinning not counted; {shape}",
            "columns": ["direction", "bytes"],
            "rows": gains,
        },
    }


def pin_first(rig: Cuda) -> dict:
    """What it costs to pin a tensor only to copy it once; the pinned block itself is reused by then."""
    rows = []
    for size in BYTES:
        x = torch.arange(size // 4, dtype=torch.float32)
        calls = {
            "plain": lambda x=x: x.to(rig.device),
            "pinned first": lambda x=x: rig.pinned(x).to(rig.device),
        }
        for name, call in calls.items():
            require_copy(x, call(), f"{name}, {size} bytes")
        seconds = sampled(calls, ROUNDS)
        rows.append(row({"bytes": size}, ratios(seconds["pinned first"], seconds["plain"])))
    shape = "time of x.pin_memory().to(device) over that of x.to(device), PyTorch reusing the pinned block"
    return {"unit": "× a plain copy's time", "shape": shape, "columns": ["bytes"], "rows": rows}


def bandwidth(rig: Cuda) -> dict:
    """Three streams through the device's own memory."""
    a, b, out = (torch.full((CELLS,), value, device=rig.device) for value in (1.0, 2.0, 0.0))
    torch.add(a, b, out=out)
    if not bool((out == 3).all()):
        raise AssertionError("torch.add left elements of its output unwritten")

    def add():
        for _ in range(ADDITIONS):
            torch.add(a, b, out=out)
        rig.synchronize()

    values = sampled({"add": add}, ROUNDS)["add"]
    rates = row({}, [ADDITIONS * 3 * 4 * CELLS / each / 1e9 for each in values])
    shape = f"torch.add(a, b, out=h) over {CELLS:,} float32, three streams, {ADDITIONS} for each wait"
    return {"unit": "GB/s", "shape": shape, **rates}
