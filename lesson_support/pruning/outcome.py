"""The data of a pruning run: asked, achieved, and why some layers were left alone."""

from dataclasses import dataclass, field
from typing import Any

from torch import nn

from lesson_support.pruning.structure.counting import Count


@dataclass(frozen=True)
class GroupReport:
    """One group of layers that shrink together, named by its first layer.

    `before` and `after` count channels; `removed` holds their numbers in the original model. A group that
    was left alone says why in `skipped_because`; `problems` holds what was wrong with its scores. Where
    `can_shrink` is false the network is the reason, or `ignore`, and the channels do not count in any share.
    """

    name: str
    layers: tuple[str, ...]
    before: int
    after: int
    removed: tuple[int, ...] = ()
    skipped_because: str = ""
    problems: tuple[Any, ...] = ()
    unit: str = "channel"
    can_shrink: bool = True


@dataclass(frozen=True)
class StepReport:
    """One step: `asked` and the three achieved shares are cumulative, as shares of the original that went.

    `asked` is a share of the channels for `ratio=`, of the MACs for `macs=`. `accuracy` is measured right
    after the cut, `repaired` after the repair that followed it (never after the last step). `exhausted` says
    that all went that could go.
    """

    step: int
    asked: float
    channels: float
    parameters: float
    macs: float
    accuracy: float | None = None
    repaired: float | None = None
    exhausted: bool = False


@dataclass
class Outcome:
    """Everything a pruning run did; `model` is the pruned model, the one that was passed in is unchanged."""

    model: nn.Module
    before: Count
    after: Count
    groups: tuple[GroupReport, ...]
    steps: tuple[StepReport, ...]
    accuracy: dict[str, float] = field(default_factory=dict)
    latency: Any = None
    history: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)

    @property
    def achieved(self) -> dict[str, float]:
        """Shares of the original that are gone: channels of all groups that can shrink, parameters, MACs."""
        last = self.steps[-1]
        return {"channels": last.channels, "parameters": last.parameters, "macs": last.macs}

    @property
    def skipped(self) -> dict[str, str]:
        """Group name -> why it was left alone."""
        return {group.name: group.skipped_because for group in self.groups if group.skipped_because}

    def __str__(self) -> str:
        return "\n".join([*_totals(self), "", *_table(self.groups), *_notes(self)])


def _totals(outcome: Outcome) -> list[str]:
    last, kind = outcome.steps[-1], outcome.settings.get("asked", "channels")
    lines = [f"asked      {last.asked:6.1%} of the {kind} to go, in {_steps(len(outcome.steps))}"]
    able = [group for group in outcome.groups if group.can_shrink]
    rows = {
        "channels": (sum(group.before for group in able), sum(group.after for group in able)),
        "parameters": (outcome.before.parameters, outcome.after.parameters),
        "MACs": (outcome.before.macs, outcome.after.macs),
    }
    for name, (before, after) in rows.items():
        lines.append(f"{name:<10} {share_gone(before, after):6.1%} gone: {before:,} -> {after:,}")
    if outcome.accuracy:
        lines.append("accuracy   " + ", ".join(f"{k} {v:.1%}" for k, v in outcome.accuracy.items()))
    return lines


def share_gone(before: int, after: int) -> float:
    """Share of `before` that is not in `after`; 0 of nothing."""
    return 1 - after / before if before else 0.0


def _steps(count: int) -> str:
    return "one step" if count == 1 else f"{count} steps"


def _table(groups: tuple[GroupReport, ...]) -> list[str]:
    width = max([len("group"), *(len(group.name) for group in groups)])
    lines = [f"{'group':<{width}}  before  after  layers"]
    for group in groups:
        lines.append(f"{group.name:<{width}}  {group.before:6d} {group.after:6d}  {len(group.layers):6d}")
    return lines


def _notes(outcome: Outcome) -> list[str]:
    short = [f"short of what was asked: {reason}"] if (reason := _shortfall(outcome)) else []
    left = [f"left alone: {name}: {reason}" for name, reason in outcome.skipped.items()]
    return [*short, *left, *(str(problem) for group in outcome.groups for problem in group.problems)]


def _shortfall(outcome: Outcome) -> str:
    """Why less went than was asked for, beyond the rounding to whole channels; nothing where it did not."""
    last, in_macs = outcome.steps[-1], outcome.settings.get("asked") == "MACs"
    able = [group for group in outcome.groups if group.can_shrink]
    rounding = 0.0 if in_macs else len(able) / 2 / max(1, sum(group.before for group in able))
    lacking = last.asked - (last.macs if in_macs else last.channels)
    if last.exhausted and lacking > 0:
        return "nothing more could go"
    if lacking > rounding + 1e-9 and not outcome.settings.get("per_layer"):
        return "the share is that of the layers with usable scores, and some have none"
    return ""
