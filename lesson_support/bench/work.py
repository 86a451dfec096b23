"""What reaches the device when: launches, products with their transfers, streams, numbers read back."""

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from lesson_support.bench.cuda import Cuda
from lesson_support.bench.paired import ratios, require_equal, row, sampled
from lesson_support.timing.sampling import no_collections

SIDES = tuple(1 << k for k in range(5, 14))  # products of 32 to 8192
CHUNKS, CHUNK_SIDE = 12, 2048
STEPS, KERNELS = 200, 6
ROUNDS = 15
LONGEST_ALONE = 4096  # the largest product that is also timed on one thread: the next takes it ten seconds
QUEUED = 200  # launches in a row, fewer than a queue holds, so that none of them waits for room


def launches(rig: Cuda) -> dict:
    """What one launch costs the host, and what events read around it."""
    x = torch.zeros(1, device=rig.device)

    def one():
        x.add_(1)
        rig.synchronize()

    def queued() -> float:
        """Seconds of one launch among many, nothing being waited for."""
        rig.synchronize()
        started = time.perf_counter()
        for _ in range(QUEUED):
            x.add_(1)
        return (time.perf_counter() - started) / QUEUED

    seconds = sampled({"launch and wait": one}, ROUNDS)
    with no_collections():
        seconds[f"launch, one of {QUEUED} and no wait"] = [queued() for _ in range(ROUNDS)]
    for name, busy in (("between two events, empty queue", False), ("between two events, full queue", True)):
        seconds[name] = [rig.between_events(lambda: x.add_(1), busy=busy) for _ in range(ROUNDS)]
    rows = [row({"what": name}, [1e6 * each for each in values]) for name, values in seconds.items()]
    return {"unit": "µs", "shape": "add_ on one float32", "columns": ["what"], "rows": rows}


def products(rig: Cuda) -> dict:
    """Products on the processor and on the device, transfers included and not."""
    milliseconds, gains = [], []
    threads = torch.get_num_threads()
    for n, count in itertools.product(SIDES, sorted({1, threads})):
        if count < threads and n > LONGEST_ALONE:
            continue
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
        torch.set_num_threads(count)
        try:
            for name, call in calls.items():
                require_equal(expected, call(), f"{name}, n = {n}")
            seconds = sampled(calls, ROUNDS)
        finally:
            torch.set_num_threads(threads)
        for name, values in seconds.items():
            labels = {"side": n, "threads": count, "where": name}
            milliseconds.append(row(labels, [1e3 * each for each in values]))
            if name != "processor":
                gains.append(row(labels, ratios(seconds["processor"], values)))
    shape, columns = "float32, no TF32; threads of the processor", ["side", "threads", "where"]
    return {
        "devices/product": {"unit": "ms", "shape": shape, "columns": columns, "rows": milliseconds},
        "devices/product-gain": {
            "unit": "× the processor's speed",
            "shape": f"the processor's time over the device's; {shape}",
            "columns": columns,
            "rows": gains,
        },
    }


def overlapped(rig: Cuda, sources, results, work: Callable, streams: Sequence) -> None:
    """Each chunk is copied in, worked on and copied out in one of the streams, taken in turn."""
    for source, result, stream in zip(sources, results, itertools.cycle(streams), strict=False):
        with rig.on(stream):
            x = source.to(rig.device, non_blocking=True)
            result.copy_(work(x), non_blocking=True)
    rig.synchronize()


def overlap(rig: Cuda) -> dict:
    """One stream against several, and how long each stage takes alone."""
    generator = torch.Generator().manual_seed(0)
    w, *pageable = (torch.randn(CHUNK_SIDE, CHUNK_SIDE, generator=generator) for _ in range(CHUNKS + 1))
    w /= CHUNK_SIDE**0.5  # products of this size neither grow nor shrink
    sources, there = [rig.pinned(x) for x in pageable], w.to(rig.device)
    x, out = sources[0].to(rig.device), [rig.pinned(torch.empty_like(w)) for _ in range(CHUNKS)]
    pageable_out = [torch.empty_like(w) for _ in range(CHUNKS)]

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

    def work(x, w=there):
        for _ in range(times):
            x = x @ w
        return x

    counts = {"one stream": 1, "two streams": 2, "three streams": 3, "four streams": 4}
    cases = {name: (sources, out, work, rig.streams(count)) for name, count in counts.items()}
    cases["two streams, pageable"] = (pageable, pageable_out, work, rig.streams(2))
    calls = {name: partial(overlapped, rig, *case) for name, case in cases.items()}
    expected = [work(each, w) for each in pageable]
    for name, call in calls.items():
        call()
        for chunk, result in zip(expected, cases[name][1], strict=True):
            require_equal(chunk, result, name)
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
        numbers = torch.randn(side, side, generator=torch.Generator().manual_seed(side)) / side**0.5
        x, expected = numbers.to(rig.device), numbers @ numbers

        def steps(every: int, x=x):
            total = 0.0
            for step in range(1, STEPS + 1):
                for _ in range(KERNELS):
                    y = x @ x
                if step % every == 0:
                    total += y[0, 0].item()
            rig.synchronize()
            return total

        mean = torch.tensor(steps(1) / STEPS)
        require_equal(expected.flatten()[:1], mean.reshape(1), f"what was read, {kernel} kernels")
        calls = {f"every {n} steps": (lambda n=n: steps(n)) for n in (1, 10, STEPS)}
        for name, values in sampled(calls, ROUNDS).items():
            rows.append(row({"kernels": kernel, ".item()": name}, [1e6 * each / STEPS for each in values]))
    shape = f"{KERNELS} products a step, of {CHUNK_SIDE // 2}² (long) or 4² (short) float32"
    return {"unit": "µs a step", "shape": shape, "columns": ["kernels", ".item()"], "rows": rows}
