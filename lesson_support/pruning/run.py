"""The stages of a pruning run; each does one thing to the model and writes it down."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from lesson_support.errors import LessonError
from lesson_support.pruning.goals import Goal
from lesson_support.pruning.latency import measure_latency
from lesson_support.pruning.outcome import StepReport, share_gone
from lesson_support.pruning.report import Report
from lesson_support.pruning.rounds import Rounds
from lesson_support.pruning.structure.counting import Count, count
from lesson_support.pruning.structure.tracing import check_still_runs, output_shapes
from lesson_support.training.classifying import reestimate_batchnorm
from lesson_support.training.modes import in_mode

Evaluate = Callable[[nn.Module], float] | None


@dataclass
class Run:
    """A run under way: `model` is the copy that is cut, `before` what it counted at the start."""

    model: nn.Module
    example_inputs: Any
    rounds: Rounds
    goal: Goal
    steps: int
    before: Count
    done: list[StepReport] = field(default_factory=list)
    accuracy: dict[str, float] = field(default_factory=dict)
    latency: Any = None

    def __post_init__(self):
        self.now = self.before
        self._shapes = output_shapes(self.model, self.example_inputs)

    def note(self, state: str, evaluate: Evaluate) -> None:
        """Measure the accuracy under that name, if there is something to measure it with."""
        if evaluate:
            self.accuracy[state] = self._measured(evaluate)

    def step(self, step: int, importance: Callable, data: Iterable | None, evaluate: Evaluate) -> None:
        """Measure the importance if it is due, cut, check, count."""
        adaptive = getattr(importance, "adaptive", False)
        if hasattr(importance, "prepare") and (step == 1 or adaptive):
            importance.prepare(self.model, data)
        kept = self.rounds.cut(importance, self.goal, self.now, step / self.steps)
        if hasattr(importance, "cut") and not adaptive:
            for group, channels in kept.items():
                importance.cut(self.rounds.at_start[group].root, channels)
        check_still_runs(self.model, self.example_inputs, self._shapes)
        self.now = count(self.model, self.example_inputs)
        self.done.append(self._written(step, self._measured(evaluate) if evaluate else None))
        if evaluate and step == self.steps:
            self.accuracy["pruned"] = self.done[-1].accuracy

    def repair(self, repair: Callable, evaluate: Evaluate) -> None:
        """Between two steps: let the caller train what is left."""
        self._trained(repair)
        if evaluate:
            self.done[-1] = replace(self.done[-1], repaired=self._measured(evaluate))

    def reestimate(self, batches: Iterable, evaluate: Evaluate) -> None:
        """Running statistics of BatchNorm for the channels that are left."""
        reestimate_batchnorm(self.model, batches)
        self.note("re-estimated", evaluate)

    def fine_tune(self, fine_tune: Callable, evaluate: Evaluate) -> None:
        self._trained(fine_tune)
        self.note("fine-tuned", evaluate)

    def time(self, original: nn.Module, batches: tuple[int, ...]) -> None:
        """Seconds of the original and the pruned model side by side."""
        models = {"original": original, "pruned": self.model}
        self.latency = measure_latency(models, self.example_inputs, batches=batches)

    def report(self, settings: dict[str, Any]) -> Report:
        return Report(
            model=self.model,
            before=self.before,
            after=self.now,
            groups=self.rounds.reports(),
            steps=tuple(self.done),
            accuracy=self.accuracy,
            latency=self.latency,
            history={"version": 1, "cuts": self.rounds.cuts},
            settings=settings,
        )

    def _trained(self, train: Callable) -> None:
        with in_mode(self.model, True):
            train(self.model)

    def _measured(self, evaluate: Callable) -> float:
        with in_mode(self.model, False):
            value = evaluate(self.model)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isnan(number):
            raise LessonError(f"evaluate gives {value!r}; expected a number, such as the accuracy")
        return number

    def _written(self, step: int, accuracy: float | None) -> StepReport:
        return StepReport(
            step=step,
            asked=self.goal.share * step / self.steps,
            channels=self.rounds.share_gone(),
            parameters=share_gone(self.before.parameters, self.now.parameters),
            macs=share_gone(self.before.macs, self.now.macs),
            accuracy=accuracy,
            exhausted=self.rounds.exhausted,
        )
