"""How long a batch waits for its logits, by each way that answers it, and from where its weights come.

torch runs under inference_mode, as it is, with BatchNorm folded, and compiled where this machine can.
"""

import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lesson_support import timing
from lesson_support.bench import paired
from lesson_support.models.folding import fold_batchnorm
from lesson_support.models.rust_mlp import PUBLISHED_SIZES, RustClassifier, torch_layers

NETWORK = "→".join(map(str, PUBLISHED_SIZES))
BATCHES = (1, 4, 16, 64, 128, 256, 1024, 8192)
COMPILED = (1, 128)  # each takes a compilation
COLD = (1, 16)
IN_A_ROW = 64  # calls of batch 1 in a sample, fewer of larger ones: weights stay where caches keep them
ELSEWHERE = 1 << 25  # float32 of other work before a call that finds nothing in a cache
ROUNDS, FEWER = 11, 7
THREADS = (1,)  # the lesson compares single threads
NARROW = (20, 8, 8, 8, 8, 2)


def measure() -> dict:
    """Tables by name; AssertionError for a way that answers something else. Threads are left as they were."""
    before, warm = torch.get_num_threads(), []
    try:
        for threads in THREADS:
            torch.set_num_threads(threads)
            for batch in BATCHES:
                found = ways(batch, compiled=threads == 1 and batch in COMPILED)
                warm += _rows({"batch": batch, "threads": threads}, _in_a_row(found, batch))
        torch.set_num_threads(1)
        cold = [row for batch in COLD for row in _rows({"batch": batch}, _after_other_work(ways(batch)))]
    finally:
        torch.set_num_threads(before)
    return {
        "rust/latency": {
            "unit": "µs a call",
            "shape": f"{NETWORK}, evaluation, up to {IN_A_ROW} calls in a row, in turn",
            "columns": ["batch", "threads", "way"],
            "rows": warm,
        },
        "rust/latency/cold": {
            "unit": "µs a call",
            "shape": f"{NETWORK}, evaluation, one call after {ELSEWHERE >> 18} MiB of other work, one thread",
            "columns": ["batch", "way"],
            "rows": cold,
        },
    }


def networks(batch: int) -> tuple[nn.Sequential, RustClassifier]:
    """Equal weights on both sides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = torch_layers()
    ours = RustClassifier(batch=max(batch, 2))
    ours.load(layers)
    return layers, ours


def ways(batch: int, *, compiled: bool = False) -> dict[str, Callable[[], Tensor]]:
    """Whatever answers a batch, checked to answer alike; the last one makes the same calls for nothing."""
    layers, ours = networks(batch)
    x = torch.randn(batch, PUBLISHED_SIZES[0], generator=torch.Generator().manual_seed(0))
    folded = fold_batchnorm(layers)
    found = {"torch, eager": _inferred(layers.eval(), x), "torch, folded": _inferred(folded, x)}
    if compiled and (run := _compiled(folded, x)) is not None:
        found["torch.compile, folded"] = run
    found["Rust"] = lambda: ours.logits(x)
    if batch == 1:
        found["Rust, single"] = lambda: ours.single(x[0])
        found["Rust, single, folded"] = lambda: ours.single(x[0], folded=True)
    expected = found["torch, eager"]()
    for name, run in found.items():
        if (off := timing.difference(expected, run().reshape(expected.shape))) is not None:
            raise AssertionError(f"{name}: {off}")
    found["torch, eager, layers 8 wide"] = _inferred(torch_layers(NARROW).eval(), x)
    return found


def _in_a_row(found: dict[str, Callable[[], Tensor]], batch: int) -> paired.Samples:
    calls = max(1, IN_A_ROW // batch)

    def repeated(run: Callable[[], Tensor]) -> Callable[[], None]:
        def row() -> None:
            for _ in range(calls):
                run()

        return row

    samples = paired.sampled(
        {name: repeated(run) for name, run in found.items()}, ROUNDS if batch <= 128 else FEWER
    )
    return {name: [each / calls for each in times] for name, times in samples.items()}


def _after_other_work(found: dict[str, Callable[[], Tensor]]) -> paired.Samples:
    other, samples = torch.zeros(ELSEWHERE), {name: [] for name in found}
    for turn in range(ROUNDS):
        for name in list(found)[:: -1 if turn % 2 else 1]:
            other.add_(1)
            started = time.perf_counter()
            found[name]()
            samples[name].append(time.perf_counter() - started)
    return samples


def _rows(labels: dict, samples: paired.Samples) -> list[dict]:
    return [
        paired.row({**labels, "way": name}, [1e6 * each for each in times]) for name, times in samples.items()
    ]


def _inferred(layers: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    @torch.inference_mode()
    def run() -> Tensor:
        return layers(x)

    return run


def _compiled(layers: nn.Module, x: Tensor) -> Callable[[], Tensor] | None:
    """None where this torch or its compiler cannot."""
    torch._dynamo.reset()
    run = _inferred(torch.compile(layers, dynamic=False), x)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run()
    except Exception:  # whatever a compiler raises, then it is no peer here
        return None
    return run
