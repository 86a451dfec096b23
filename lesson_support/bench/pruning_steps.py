"""Pruning in steps, with and without training in between; and how many images the scores need."""

import torch
from torch import Tensor

from lesson_support.bench.pruning_runs import (
    CALIBRATION_BATCH,
    CNN,
    RIGHT,
    SEEDS,
    STAGES,
    Figures,
    Trained,
    trained,
)
from lesson_support.bench.threads import with_threads
from lesson_support.data import batches
from lesson_support.pruning import ChannelGraph
from lesson_support.pruning.importance.hybrid import ranks
from lesson_support.pruning.scenarios.methods import method

AMOUNTS = {"channels-50": {"ratio": 0.5}, "macs-5": {"macs": 0.05}}
STEPS = (1, 3, 5)
EPOCHS = 6  # in all, whether between the steps or after them
STEPPED = ("coverage", "wanda", "taylor", "random")
ONCE, ANEW = "measured once", "measured before each step"
SIZES = (8, 16, 32, 64, 128, 256, 512)
MEASURED = ("coverage", "wanda", "taylor")
MACS_LEFT = 0.5


def measure() -> dict:
    """Tables by name, median and extremes over the seeds; counts, so that another run finds them again."""
    with with_threads(1):
        return schedules() | calibration()


def schedules() -> dict:
    """One table a method and amount: steps, scores measured once or anew, training between them or not.

    Every cell leaves the same widths. With as many epochs in all one shot is the peer of steps that train in
    between; one shot with the epochs that are left to them after the last step is what they are compared with
    where nobody counts.
    """
    tables = {}
    for key, amount in AMOUNTS.items():
        for name in STEPPED:
            figures = Figures(("steps", "scores", "epochs between", "epochs after", "stage"))
            for seed in SEEDS:
                for arm in _arms(name):
                    for stage, value in _run(trained(CNN, seed), name, amount, *arm).items():
                        figures.add(*arm, stage, value=100 * value)
            shape = (
                f"SmallCNN on digits, {name}, {_said(amount)}, layer by layer, so that every cell leaves the "
                f"same widths; one epoch of training after each step or none; {len(SEEDS)} seeds"
            )
            tables[f"pruning/steps/{key}/{name}"] = figures.table(RIGHT, shape, {"stage": STAGES})
    return tables


def _said(amount: dict[str, float]) -> str:
    return "; ".join(
        f"{value:.0%} of the {'channels gone' if kind == 'ratio' else 'MACs left'}"
        for kind, value in amount.items()
    )


def _arms(name: str) -> list[tuple[int, str, int, int]]:
    """(steps, when scores are measured, epochs between, epochs after); random scores are never measured."""
    arms = [(1, ONCE, 0, EPOCHS - spent) for spent in sorted({steps - 1 for steps in STEPS})]
    for steps in STEPS:
        if steps > 1:
            for scores in (ONCE,) if name == "random" else (ONCE, ANEW):
                arms += [(steps, scores, 0, EPOCHS), (steps, scores, steps - 1, EPOCHS - steps + 1)]
    return arms


def _run(ready: Trained, name: str, amount: dict, steps: int, scores: str, between: int, after: int) -> dict:
    report = ready.pruned(
        name,
        **amount,
        scope="local",
        steps=steps,
        adaptive=scores == ANEW,
        repair=(lambda model: ready.train(model, 1)) if between else None,
    )
    return ready.stages(report.model, after) if between else ready.stages_of(report, after)


def calibration() -> dict:
    """Scores from few images: their rank correlation with those from all, and the accuracy they lead to."""
    right = Figures(("images", "method"))
    agreement = Figures(("images", "method"))
    for seed in SEEDS:
        ready = trained(CNN, seed)
        x, y = ready.split.train
        for name in MEASURED:
            expected = scores_of(ready, name, batches(x, y, CALIBRATION_BATCH))
            for size in SIZES:
                data = batches(x[:size], y[:size], CALIBRATION_BATCH)
                agreement.add(size, name, value=_mean_spearman(expected, scores_of(ready, name, data)))
                report = ready.pruned(name, macs=MACS_LEFT, scope="local", data=data)
                right.add(size, name, value=100 * ready.stages(report.model, 0)["re-estimated"])
    shape = f"SmallCNN, scores from so many of the digits to train, {len(SEEDS)} seeds"
    return {
        "pruning/calibration/accuracy": right.table(
            RIGHT,
            f"{shape}; {MACS_LEFT:.0%} of the MACs left, local, BatchNorm re-estimated on 512 images",
            {"images": SIZES},
        ),
        "pruning/calibration/rank-correlation": agreement.table(
            "Spearman's ρ", f"{shape}; with the scores from all, mean over the layers", {"images": SIZES}
        ),
    }


def scores_of(ready: Trained, name: str, data) -> dict[str, Tensor]:
    """Scores of every group that can shrink, by its name."""
    importance = method(name, seed=ready.seed)
    importance.prepare(ready.model, data)
    groups = ChannelGraph(ready.model, ready.split.test[0][:1]).groups()
    return {group.name: importance(group.items) for group in groups if not group.skipped_because}


def _mean_spearman(left: dict[str, Tensor], right: dict[str, Tensor]) -> float:
    return sum(spearman(left[name], right[name]) for name in left) / len(left)


def spearman(left: Tensor, right: Tensor) -> float:
    """Correlation of the ranks, ties sharing theirs."""
    return torch.corrcoef(torch.stack([ranks(left), ranks(right)]))[0, 1].item()
