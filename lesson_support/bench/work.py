"""What reaches the device when: launches, products with their transfers, streams, numbers read back."""

import itertools
from collections.abc import Callable

import torch

from lesson_support.bench.cuda import Cuda
from lesson_support.bench.paired import ratios, require_equal, row, sampled

SIDES = tuple(1 << k for k in range(5, 14))  # products of 32 to 8192
CHUNKS, CHUNK_SIDE = 12, 2048
STEPS, KERNELS = 200, 6
ROUNDS = 15


def launches(rig: Cuda) -> dict:
    """What one launch costs the host, and what events read around it."""
    x = torch.zeros(1, device=rig.device)

    def many():
        for _ in range(STEPS):
            x.add_(1)

    def one():
        x.add_(1)
        rig.synchronize()

    seconds = sampled({"launch, in a run of launches": many, "launch and wait": one}, ROUNDS)
    seconds["launch, in a run of launches"] = [
        each / STEPS for each in seconds["launch, in a run of launches"]
    ]
    for name, busy in (("between two events, empty queue", False), ("between two events, full queue", True)):
        seconds[name] = [rig.between_events(lambda: x.add_(1), busy=busy) for _ in range(ROUNDS)]
    rows = [row({"what": name}, [1e6 * each for each in values]) for name, values in seconds.items()]
    return {"unit": "µs", "shape": "add_ on one float32", "columns": ["what"], "rows": rows}


def products(rig: Cuda) -> dict:
    """Products on the processor and on the device, transfers included and not."""
    milliseconds, gains = [], []
    for n in SIDES:
        generator = torch.Generator().manual_seed(n)
        a, b = (torch.randn(n, n, generator=generator) for _ in range(2))
        pinned_a, pinned_b, out = rig.pinned(a), rig.pinned(b), rig.pinned(torch.empty(n, n))
        there_a, there_b = a.to(rig.device), b.to(rig.device)

        def through_pinned(a=pinned_a, b=pinned_b, out=out):
            product = a.to(rig.device, non_blocking=True) @ b.to(rig.device, non_blocking=True)
            out.copy_(product, non_blocking=True)
            rig.synchronize()
            return out

        def kept(a=there_a, b=there_b):
            product = a @ b
            rig.synchronize()
            return product

        calls = {
            "processor": lambda a=a, b=b: a @ b,
            "device, pageable transfers": lambda a=a, b=b: (a.to(rig.device) @ b.to(rig.device)).cpu(),
            "device, pinned transfers": through_pinned,
            "device, operands kept": kept,
        }
        expected = calls["processor"]()
        for name, call in calls.items():
            require_equal(expected, call(), f"{name}, n = {n}")
        seconds = sampled(calls, ROUNDS)
        for name, values in seconds.items():
            milliseconds.append(row({"side": n, "where": name}, [1e3 * each for each in values]))
            if name != "processor":
                gains.append(row({"side": n, "where": name}, ratios(seconds["processor"], values)))
    shape = f"float32, no TF32; the processor's product on {torch.get_num_threads()} threads"
    return {
        "devices/product": {"unit": "ms", "shape": shape, "columns": ["side", "where"], "rows": milliseconds},
        "devices/product-gain": {
            "unit": "× the device's speed",
            "shape": f"the processor's time over the device's; {shape}",
            "columns": ["side", "where"],
            "rows": gains,
        },
    }


def overlapped(rig: Cuda, sources, results, work: Callable, count: int) -> None:
    """Each chunk is copied in, worked on and copied out in one of `count` streams, taken in turn."""
    streams = rig.streams(count)
    for source, result, stream in zip(sources, results, itertools.cycle(streams), strict=False):
        with rig.on(stream):
            x = source.to(rig.device, non_blocking=True)
            result.copy_(work(x), non_blocking=True)
    rig.synchronize()


def overlap(rig: Cuda) -> dict:
    """One stream against several, and how long each stage takes alone."""
    generator = torch.Generator().manual_seed(0)
    w, *pageable = (torch.randn(CHUNK_SIDE, CHUNK_SIDE, generator=generator) for _ in range(CHUNKS + 1))
    sources, there = [rig.pinned(x) for x in pageable], (w / CHUNK_SIDE**0.5).to(rig.device)
    x, out = sources[0].to(rig.device), [rig.pinned(torch.empty_like(w)) for _ in range(CHUNKS)]

    def copy_in():
        x.copy_(sources[0], non_blocking=True)
        rig.synchronize()

    def copy_out():
        out[0].copy_(x, non_blocking=True)
        rig.synchronize()

    def product(times=1):
        y = x
        for _ in range(times):
            y = y @ there
        rig.synchronize()

    single = sampled({"copy in": copy_in, "product": product}, ROUNDS)
    times = max(1, round(min(single["copy in"]) / min(single["product"])))

    def work(x):
        for _ in range(times):
            x = x @ there
        return x

    counts = {"one stream": 1, "two streams": 2, "three streams": 3, "four streams": 4}
    calls = {
        name: (lambda count=count: overlapped(rig, sources, out, work, count))
        for name, count in counts.items()
    }
    calls["two streams, pageable"] = lambda: overlapped(rig, pageable, out, work, 2)
    for name, call in calls.items():
        call()
        for source, result in zip(sources, out, strict=True):
            require_equal(work(source.to(rig.device)).cpu(), result, name)
            result.zero_()
    stages = {"copy in": copy_in, "compute": lambda: product(times), "copy out": copy_out}
    seconds, parts = sampled(calls, ROUNDS), sampled(stages, ROUNDS)
    shape = f"{CHUNKS} chunks of {CHUNK_SIDE}² float32, {times} products of that size each"
    rows = [row({"what": name}, ratios(values, seconds["one stream"])) for name, values in seconds.items()]
    lengths = [row({"stage": name}, [1e3 * each for each in values]) for name, values in parts.items()]
    return {
        "devices/overlap": {"unit": "× one stream's time", "shape": shape, "columns": ["what"], "rows": rows},
        "devices/stages": {"unit": "ms", "shape": shape, "columns": ["stage"], "rows": lengths},
    }


def item(rig: Cuda) -> dict:
    """A number read back every step, every tenth and once."""
    rows = []
    for kernel, side in (("long", CHUNK_SIDE // 2), ("short", 4)):
        x = torch.eye(side, device=rig.device)

        def steps(every: int, x=x):
            total = 0.0
            for step in range(1, STEPS + 1):
                for _ in range(KERNELS):
                    y = x @ x
                if step % every == 0:
                    total += y[0, 0].item()
            rig.synchronize()
            return total

        if steps(1) != STEPS:
            raise AssertionError(f"{STEPS} steps that read 1 each do not add up to {steps(1)}")
        calls = {f"every {n} steps": (lambda n=n: steps(n)) for n in (1, 10, STEPS)}
        for name, values in sampled(calls, ROUNDS).items():
            rows.append(row({"kernels": kernel, ".item()": name}, [1e6 * each / STEPS for each in values]))
    shape = f"{KERNELS} products a step, of {CHUNK_SIDE // 2}² (long) or 4² (short) float32"
    return {"unit": "µs a step", "shape": shape, "columns": ["kernels", ".item()"], "rows": rows}
