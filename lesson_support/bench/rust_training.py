"""The published training run by both sides, on clouds whose best possible accuracy is known."""

import time

import torch
from torch import Tensor

from lesson_support.bench import paired
from lesson_support.data.two_classes import two_clouds
from lesson_support.models.rust_mlp import RustClassifier, torch_layers
from lesson_support.training.fitting import fit_classifier

SAMPLES, HELD_OUT, EPOCHS = 10_000, 2_000, 50
BEST = {0.9265: (0, 1, 2), 0.99: (0,)}  # the most that any rule reaches, and the seeds


def measure() -> dict:
    """Accuracy, epochs and seconds of each run; one thread."""
    right, epochs, seconds = [], [], []
    for best, seeds in BEST.items():
        found: dict[str, list] = {}
        for seed in seeds:
            training, held_out = samples(best, seed)
            for name, run in runs(seed).items():
                started = time.perf_counter()
                history = run(training, held_out)
                took = time.perf_counter() - started
                top = max(each.validation_accuracy for each in history)
                found.setdefault(name, []).append((100 * top, len(history), took))
            found.setdefault("a plane, 21 numbers", []).append((100 * plane(training, held_out), 0, 0))
        for name, each in found.items():
            labels = {"best possible, %": 100 * best, "by": name}
            accuracies, lengths, times = zip(*each, strict=True)
            right.append(paired.row(labels, accuracies))
            if any(lengths):
                epochs.append(paired.row(labels, lengths))
                seconds.append(paired.row(labels, times))
    shape = f"{SAMPLES:,} samples and {HELD_OUT:,} held out, at most {EPOCHS} epochs, n seeds"

    def table(unit: str, rows: list[dict], note: str = "") -> dict:
        columns = ["best possible, %", "by"]
        return {"unit": unit, "shape": shape + note, "columns": columns, "rows": rows}

    return {
        "rust/training": table("% of the held-out samples right", right, "; best epoch"),
        "rust/training/epochs": table("epochs until it stopped", epochs),
        "rust/training/seconds": table("seconds, evaluation included", seconds, "; one thread"),
    }


def samples(best: float, seed: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    x, y = two_clouds(SAMPLES + HELD_OUT, best, seed=seed)
    return (x[:SAMPLES], y[:SAMPLES]), (x[SAMPLES:], y[SAMPLES:])


def runs(seed: int) -> dict:
    """Both from the same weights; the order of the samples is each side's own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = torch_layers()
    ours = RustClassifier()
    ours.load(layers)
    return {
        "torch": lambda training, held: fit_classifier(layers, training, held, epochs=EPOCHS, seed=seed),
        "Rust": lambda training, held: ours.fit(training, held, epochs=EPOCHS, seed=seed),
    }


def plane(training: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor]) -> float:
    """The held-out accuracy of least squares on the features and a constant."""
    (x, y), (held, expected) = training, held_out
    ones = torch.ones(len(x), 1)
    w = torch.linalg.lstsq(torch.cat([x, ones], 1), 2.0 * y[:, None] - 1).solution
    return float(((held @ w[:-1] + w[-1] > 0).flatten() == expected).float().mean())
