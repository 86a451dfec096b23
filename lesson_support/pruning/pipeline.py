"""Structured pruning from a model and an importance to a smaller model and a report."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from torch import nn

from lesson_support.pruning.goals import check_importance, check_share, check_steps, fixed_ratios, goal_of
from lesson_support.pruning.report import Report
from lesson_support.pruning.rounds import Rounds
from lesson_support.pruning.run import Run
from lesson_support.pruning.selecting import check_scope
from lesson_support.pruning.structure.counting import count
from lesson_support.pruning.structure.graph import ChannelGraph
from lesson_support.pruning.structure.naming import ignored_names
from lesson_support.pruning.structure.tracing import check_model


def prune(
    model: nn.Module,
    example_inputs: Any,
    importance: Callable,
    *,
    ratio: float | None = None,
    macs: float | None = None,
    scope: str = "global",
    per_layer: Mapping[str, float] | None = None,
    steps: int = 1,
    repair: Callable[[nn.Module], Any] | None = None,
    ignore: Iterable = (),
    floor: float = 0.0,
    data: Iterable | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    reestimate: Iterable | None = None,
    fine_tune: Callable[[nn.Module], Any] | None = None,
    latency: Iterable[int] = (),
    progress: Callable[[str, int, int], Any] | None = None,
) -> Report:
    """Remove the channels that `importance` scores lowest from a copy of `model`, which is `report.model`.

    `importance(group)` gives one score for each channel of a torch-pruning group; those of this package
    measure on `data` first. Exactly one of: `ratio`, the share of the channels that go, in [0, 1), rounded to
    the nearest (of every group for scope "local", of all together for "global"); `macs`, the MACs that stay,
    as a share or, above 1, as a number. `per_layer` gives layers, by name or glob, a ratio of their own;
    `floor` is the share of each group that stays at least. Attention loses whole heads.

    The way is cut into `steps` equal steps, `repair(model)` runs between them. Then BatchNorm is re-estimated
    on the batches `reestimate` and `fine_tune(model)` runs. `evaluate(model)` measures before and after each
    of these. The functions get the model in train mode, `evaluate` in eval mode; modes are restored.
    `progress(text, done, of)` is called when a stage begins, and at the end.
    """
    check_model(model)
    check_importance(importance)
    check_scope(scope)
    check_steps(steps)
    check_share("floor", floor)
    pruned = copy.deepcopy(model)
    graph = ChannelGraph(pruned, example_inputs, ignored_names(model, ignore))
    before = count(pruned, example_inputs)
    goal = goal_of(ratio, macs, before.macs)
    rounds = Rounds(graph, scope, fixed_ratios(pruned, graph.groups(), per_layer), floor)
    run = Run(pruned, example_inputs, rounds, goal, steps, before)
    adaptive = bool(getattr(importance, "adaptive", False))
    batches = list(data) if adaptive and isinstance(data, Iterator) else data

    stages = [("accuracy of the original", partial(run.note, "original", evaluate))] if evaluate else []
    for step in range(1, steps + 1):
        stages.append((f"step {step} of {steps}", partial(run.step, step, importance, batches, evaluate)))
        if repair and step < steps:
            stages.append((f"repair after step {step}", partial(run.repair, repair, evaluate)))
    if reestimate is not None:
        stages.append(("BatchNorm", partial(run.reestimate, reestimate, evaluate)))
    if fine_tune:
        stages.append(("fine-tuning", partial(run.fine_tune, fine_tune, evaluate)))
    if latency := tuple(latency):
        stages.append(("latency", partial(run.time, model, latency)))
    _go(stages, progress or (lambda text, done, of: None))

    asked = {"asked": goal.kind} | ({"ratio": ratio} if macs is None else {"macs": macs})
    how = {"scope": scope, "steps": steps, "floor": floor, "adaptive": adaptive, "repair": bool(repair)}
    layers = {"per_layer": dict(per_layer or {}), "ignore": sorted(graph.ignored)}
    return run.report({"importance": _name_of(importance)} | asked | how | layers)


def _go(stages: list[tuple[str, Callable[[], Any]]], progress: Callable[[str, int, int], Any]) -> None:
    for done, (text, stage) in enumerate(stages):
        progress(text, done, len(stages))
        stage()
    progress("done", len(stages), len(stages))


def _name_of(importance: Callable) -> str:
    """Its own text if it has one, else the name of the function or of its class: never an address."""
    if type(importance).__str__ is not object.__str__:
        return str(importance)
    return getattr(importance, "__name__", type(importance).__name__)
