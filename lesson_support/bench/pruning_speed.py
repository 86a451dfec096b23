"""What pruning costs and what it buys in time: statistics, scores, and forward passes of pruned models."""

import subprocess
import sys
from collections.abc import Callable

import torch
import torch_pruning as tp
from torch import Tensor, nn

from lesson_support import timing
from lesson_support.bench import four_digits
from lesson_support.bench.pruning_library import NAME
from lesson_support.bench.threads import with_threads
from lesson_support.models import SmallCNN, resnet50
from lesson_support.pruning import ActivationStatistics, ChannelGraph, measure_latency, prune
from lesson_support.pruning.latency import Latency
from lesson_support.pruning.scenarios.methods import method

SIDE, BATCH, BATCHES = 224, 8, 8
ROUNDS = 7
# What scores ask the statistics for: Wanda, coverage, and everything.
NEEDS = {"Wanda": ("square",), "coverage": ("absolute", "active"), "all sums": None}
SCORED = ("magnitude", "wanda", "coverage")
MACS = (0.75, 0.5, 0.25)
SIZES = {"resnet50": (1, 8, 32), "cnn": (1, 8, 64, 512)}
FIRST_CALLS = 5  # fresh processes
_PER_MB = 1e6 if sys.platform == "darwin" else 1e3  # ru_maxrss: bytes on a Mac, kilobytes on Linux


def measure() -> dict:
    """Tables by name; times, so that they belong on a quiet machine."""
    results = {"pruning_speed/memory": _memory()}
    with with_threads(1):
        model, images = _resnet()
        results |= {"pruning_speed/statistics": _statistics(model, images)}
        results |= {"pruning_speed/scoring": _scoring(model, images)}
        results |= {"pruning_speed/first-call": _first_calls()}
    cases = {"resnet50": (model, images[0][:1]), "cnn": (SmallCNN(), torch.zeros(1, 1, 8, 8))}
    for name, (original, example) in cases.items():
        models = {"original": original} | _smaller(original, example)
        for threads in dict.fromkeys((1, torch.get_num_threads())):
            with with_threads(threads):
                measured = measure_latency(models, example, SIZES[name], rounds=ROUNDS)
                count = "one-thread" if threads == 1 else f"{threads}-threads"
                results |= {f"pruning_speed/latency/{name}/{count}": _latency(measured, original)}
    return results


def _resnet() -> tuple[nn.Module, list[Tensor]]:
    torch.manual_seed(0)
    images = [torch.randn(BATCH, 3, SIDE, SIDE) for _ in range(BATCHES)]
    return resnet50().eval(), images


def _statistics(model: nn.Module, images: list[Tensor]) -> dict:
    """Passes with the hooks of the statistics on them, as multiples of passes without."""

    @torch.inference_mode()
    def plain() -> None:
        for x in images:
            model(x)

    ways: dict[str, Callable] = {"forward alone": plain}
    for name, needs in NEEDS.items():
        ways[f"with statistics for {name}"] = lambda needs=needs: ActivationStatistics(
            model, images, needs=needs
        )
    return _times(ways, f"{BATCHES} batches of {BATCH} images of {SIDE}², ResNet-50, one thread")


def _times(ways: dict[str, Callable], shape: str) -> dict:
    """Time as a multiple of the first way's, interleaved."""
    standings = timing.compare(ways, rounds=ROUNDS, same=None)
    rows = [
        {"what": name} | _row(1 / each.ratio, 1 / each.high, 1 / each.low, each.rounds)
        for name, each in standings.items()
    ]
    return {"unit": f"× the time of {next(iter(ways))}", "shape": shape, "columns": ["what"], "rows": rows}


def _row(middle: float, low: float, high: float, n: int) -> dict:
    return {"median": four_digits(middle), "spread": [four_digits(low), four_digits(high)], "n": n}


def _scoring(model: nn.Module, images: list[Tensor]) -> dict:
    """Scores of all groups, once what they rest on is measured, beside the library's magnitude."""
    groups = [each.items for each in ChannelGraph(model, images[0][:1]).groups() if not each.skipped_because]
    library = tp.importance.GroupMagnitudeImportance()
    ways: dict[str, Callable] = {"library magnitude": lambda: [library(group) for group in groups]}
    for name in SCORED:
        importance = method(name)
        importance.prepare(model, images[:1])
        ways[name] = lambda importance=importance: [importance(group) for group in groups]
    shape = f"{len(groups)} groups of ResNet-50, one thread; library is {NAME}"
    return _times(ways, shape)


def _smaller(model: nn.Module, example: Tensor) -> dict[str, nn.Module]:
    """Magnitude leaves the same widths whatever the weights have learned, as scope is local."""
    return {
        f"{share:.0%} of the MACs": prune(
            model, example, method("magnitude"), macs=share, scope="local"
        ).model
        for share in MACS
    }


def _latency(measured: Latency, model: nn.Module) -> dict:
    rows = [
        {"model": row.model, "batch": row.batch} | _row(row.ratio, row.low, row.high, measured.rounds)
        for row in measured.rows
        if row.model != measured.base
    ]
    shape = f"forward passes of {type(model).__name__} pruned layer by layer, {measured.conditions}"
    return {"unit": "× the original's speed", "shape": shape, "columns": ["model", "batch"], "rows": rows}


_PEAK = """
import resource, torch
from lesson_support.bench import pruning_speed
from lesson_support.pruning import ActivationStatistics
torch.set_num_threads(1)
model, images = pruning_speed._resnet()
needs = {needs!r}
with torch.inference_mode():
    for x in images[:2]:
        model(x)
if needs != "none":
    ActivationStatistics(model, images[:2], needs=needs)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _memory() -> dict:
    """Peak memory of processes that measure, less that of one that only runs the model."""
    plain = [_printed(_PEAK.format(needs="none")) for _ in range(3)]
    rows = []
    for name, needs in NEEDS.items():
        peaks = [_printed(_PEAK.format(needs=needs)) for _ in range(3)]
        extra = sorted((peak - base) / _PER_MB for peak, base in zip(peaks, plain, strict=True))
        rows.append({"statistics for": name} | _row(extra[1], extra[0], extra[2], 3))
    shape = f"peak of a process over one without statistics, ResNet-50, batches of {BATCH} images of {SIDE}²"
    return {"unit": "MB", "shape": shape, "columns": ["statistics for"], "rows": rows}


_FIRST = """
import time, torch
from lesson_support.models import resnet50
torch.set_num_threads(1)
torch.manual_seed(0)
model, x = resnet50().eval(), torch.randn(1, 3, {side}, {side})
times = []
with torch.inference_mode():
    for _ in range(12):
        started = time.perf_counter()
        model(x)
        times.append(time.perf_counter() - started)
print(times[0] / sorted(times[2:])[5])
"""


def _first_calls() -> dict:
    """The first forward pass of a process against its later ones: what timing one call measures."""
    ratios = sorted(_printed(_FIRST.format(side=SIDE)) for _ in range(FIRST_CALLS))
    shape = f"first forward pass of a fresh process, ResNet-50, one image of {SIDE}², one thread"
    figure = _row(ratios[FIRST_CALLS // 2], ratios[0], ratios[-1], FIRST_CALLS)
    return {"unit": "× the time of a later pass", "shape": shape} | figure


def _printed(program: str) -> float:
    """The number that a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)
