"""A scenario run: one network, several methods and their controls, side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.statistics import ActivationStatistics
from lesson_support.pruning.latency import Latency, measure_latency
from lesson_support.pruning.pipeline import prune
from lesson_support.pruning.report import Report
from lesson_support.pruning.scenarios.methods import CONTROLS, method, with_controls
from lesson_support.pruning.scenarios.scenario import Plan, Scenario
from lesson_support.pruning.scenarios.sources import Source, build_model, load_weights, open_source
from lesson_support.training import train_classifier

Progress = Callable[[int, int, str], object]


@dataclass(frozen=True)
class Comparison:
    """Reports by method, controls last; `statistics` are the original model's on the calibration data."""

    scenario: Scenario
    plan: Plan
    source: str
    weights: str
    seed: int
    reports: dict[str, Report]
    statistics: ActivationStatistics
    latency: Latency | None = None

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(name for name in self.reports if name in CONTROLS)


def run_scenario(
    scenario: Scenario,
    *,
    data: str = "digits",
    weights: Path | str | None = None,
    seed: int = 0,
    progress: Progress = lambda done, total, doing: None,
) -> Comparison:
    """Prune the scenario's network by each of its methods and by the controls, from the same weights.

    Without `weights` the network is trained first, which a scenario may not offer for that data: a
    LessonError says so. `progress(done, total, what comes next)` counts epochs and methods.
    """
    source = open_source(data, scenario.plan, seed=seed)
    plan, names = scenario.plan(source.kind), with_controls(scenario.methods)
    model = build_model(scenario, source, seed=seed)
    trained, tuned = 0 if weights else plan.train_epochs, plan.tune_epochs
    steps = _Steps(progress, trained + len(names) * (1 + tuned) + bool(plan.latency))
    if weights:
        load_weights(model, weights)
    elif not trained:
        raise LessonError(
            f"weights is None: scenario {scenario.name} does not train on {source.kind}, expected a file"
        )
    else:
        _train(model, source, plan, trained, plan.lr, seed, steps, "training")
    reports = {}
    for name in names:
        steps.next(name)
        reports[name] = prune(
            model,
            source.example,
            method(name, seed=seed),
            **scenario.amount,
            scope=scenario.scope,
            steps=scenario.steps,
            data=source.calibration,
            evaluate=source.evaluate,
            reestimate=source.calibration,
            fine_tune=_tuner(source, plan, tuned, seed, steps, name) if tuned else None,
        )
    statistics = ActivationStatistics(model, source.calibration, needs=("absolute", "active"))
    latency = None
    if plan.latency:
        steps.next("latency")
        latency = measure_latency({"original": model} | _by_shape(reports), source.example, plan.latency)
    steps.end()
    said = f"weights from {Path(weights).name}" if weights else f"trained here, {trained} epochs, seed {seed}"
    return Comparison(scenario, plan, source.described, said, seed, reports, statistics, latency)


def _by_shape(reports: dict[str, Report]) -> dict[str, nn.Module]:
    """One model of each shape that the methods left, named by them: equal widths take equal time."""
    names: dict[tuple, list[str]] = {}
    for name, report in reports.items():
        if name not in CONTROLS:
            names.setdefault(report.after.layers, []).append(name)
    if len(names) == 1:
        return {"pruned": reports[next(iter(names.values()))[0]].model}
    return {", ".join(each): reports[each[0]].model for each in names.values()}


def _tuner(source: Source, plan: Plan, epochs: int, seed: int, steps: "_Steps", name: str) -> Callable:
    def tune(model: nn.Module) -> None:
        _train(model, source, plan, epochs, plan.tune_lr, seed, steps, f"{name}, fine-tuning")

    return tune


def _train(
    model: nn.Module, source: Source, plan: Plan, epochs: int, lr: float, seed: int, steps, doing
) -> None:
    steps.show(doing)
    train_classifier(
        model,
        *source.train,
        epochs=epochs,
        batch=plan.batch,
        lr=lr,
        seed=seed,
        progress=lambda epoch, of, loss: steps.advance(f"{doing}, epoch {epoch} of {of}, loss {loss:.3f}"),
    )


class _Steps:
    """Counts what is done; `next` names what comes before it is done, `advance` what has just been done."""

    def __init__(self, progress: Progress, total: int):
        self.progress, self.total, self.done, self.open = progress, total, 0, False

    def show(self, doing: str) -> None:
        self.progress(self.done, self.total, doing)

    def advance(self, doing: str) -> None:
        self.done += 1
        self.show(doing)

    def next(self, doing: str) -> None:
        self.end()
        self.open = True
        self.show(doing)

    def end(self) -> None:
        if self.open:
            self.advance("done")
            self.open = False
