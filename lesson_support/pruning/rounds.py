"""The cuts of one run: scores of what is left, the units that go, and the books kept on them."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.pruning.goals import Goal
from lesson_support.pruning.importance.scores import score_problems
from lesson_support.pruning.outcome import GroupReport, share_gone
from lesson_support.pruning.selecting import Ranked, Removal, chosen, removals, up_to_macs, up_to_ratio
from lesson_support.pruning.structure.counting import Count, widths_of
from lesson_support.pruning.structure.graph import ChannelGraph, ChannelGroup
from lesson_support.pruning.structure.widths import Widths


class Rounds:
    """What is left of each group of `graph`, by channel number of the original model.

    `fixed` holds the groups with a ratio of their own; of each group at least the share `floor` of its units
    stays, and never fewer than one.
    """

    def __init__(self, graph: ChannelGraph, scope: str, fixed: Mapping[str, float], floor: float):
        self.graph, self.scope, self.fixed, self.floor = graph, scope, fixed, floor
        self.at_start = {group.name: group for group in graph.groups()}
        self.left = {name: list(range(group.channels)) for name, group in self.at_start.items()}
        self.skipped: dict[str, str] = {}
        self.problems: dict[str, list[Any]] = {name: [] for name in self.at_start}
        self.cuts: list[dict[str, Any]] = []
        self.exhausted = False

    def cut(self, importance: Callable, goal: Goal, counted: Count, part: float) -> dict[str, list[int]]:
        """Cut until `part` of the way to `goal` is done; returns {group: surviving channels of before}.

        `counted` is the count of the model of now.
        """
        groups = [group for group in self.graph.groups() if not group.skipped_because]
        ranked = [each for group in groups if (each := self._ranked(group, importance))]
        gone = self._fixed(ranked, part) + self._free(ranked, goal, part, groups, counted)
        units = chosen(gone)
        channels = {
            group.name: sorted(channel for unit in units[group.name] for channel in group.units.members[unit])
            for group in groups
            if group.name in units
        }
        self.graph.cut(channels)
        for group in ranked:
            self._complain(group.name, group.scores, sum(each.group == group.name for each in gone))
        return {name: self._book(name, numbers) for name, numbers in channels.items()}

    def _ranked(self, group: ChannelGroup, importance: Callable) -> Ranked | None:
        """The group with a score for each unit; None, and a reason on the books, where there is none."""
        scores = importance(group.items)
        if scores is None:
            self.skipped.setdefault(group.name, "the importance gives it no scores")
            return None
        scores = _checked(scores, group)
        if not scores.isfinite().all():
            self._complain(group.name, scores, 0)
            self.skipped.setdefault(group.name, "its scores are not finite numbers")
            return None
        by_unit = torch.stack([scores[list(unit)].mean() for unit in group.units.members])
        units = self.at_start[group.name].units.members
        stay = max(1, math.ceil(self.floor * len(units) - 1e-9))
        return Ranked(group.name, by_unit, len(units), stay, width=len(units[0]))

    def _complain(self, name: str, scores: Tensor, removed: int) -> None:
        known = self.problems[name]
        known += [each for each in score_problems(name, scores, removed=removed) if each not in known]

    def _fixed(self, ranked: list[Ranked], part: float) -> list[Removal]:
        gone = []
        for group in ranked:
            if group.name in self.fixed:
                order = removals([group], "local")
                gone += order[: up_to_ratio(order, [group], self.fixed[group.name] * part, "local")]
        return gone

    def _free(
        self, ranked: list[Ranked], goal: Goal, part: float, groups: list[ChannelGroup], counted: Count
    ) -> list[Removal]:
        free = [group for group in ranked if group.name not in self.fixed]
        order = removals(free, self.scope)
        if goal.kind == "channels":
            length = up_to_ratio(order, free, goal.share * part, self.scope)
        else:
            widths = Widths(self.graph.model, groups, counted)
            fixed = Counter(each.group for each in self._fixed(ranked, part))
            length = up_to_macs(order, lambda gone: widths.macs(fixed + gone), goal.macs_left(part))
        self.exhausted = length == len(order)
        return order[:length]

    def _book(self, name: str, channels: list[int]) -> list[int]:
        before = self.left[name]
        kept = sorted(set(range(len(before))) - set(channels))
        self.left[name] = [before[channel] for channel in kept]
        self.cuts.append({"group": name, "channels": channels})
        return kept

    def share_gone(self) -> float:
        """Share of the channels that is gone, of all groups that can lose some."""
        able = [name for name, group in self.at_start.items() if not group.skipped_because]
        total = sum(self.at_start[name].channels for name in able)
        return share_gone(total, sum(len(self.left[name]) for name in able))

    def reports(self) -> tuple[GroupReport, ...]:
        """All groups in the order of the model, then the layers that no group knows."""
        unseen = (_unseen(self.graph, name) for name in self.graph.untraced)
        return (*(self._report(group) for group in self.at_start.values()), *unseen)

    def _report(self, group: ChannelGroup) -> GroupReport:
        left = self.left[group.name]
        removed = tuple(sorted(set(range(group.channels)) - set(left)))
        reason = group.skipped_because or self.skipped.get(group.name, "")
        return GroupReport(
            name=group.name,
            layers=group.layers,
            before=group.channels,
            after=len(left),
            removed=removed,
            skipped_because=reason,
            problems=tuple(self.problems[group.name]),
            unit=group.units.kind,
            can_shrink=not group.skipped_because,
        )


def _unseen(graph: ChannelGraph, name: str) -> GroupReport:
    width = widths_of(graph.model.get_submodule(name))[1]
    reason = "autograd does not reach it from the outputs"
    return GroupReport(name, (name,), width, width, skipped_because=reason, can_shrink=False)


def _checked(scores: Any, group: ChannelGroup) -> Tensor:
    """The scores on the CPU in double precision; anything but one number a channel is a LessonError."""
    if not isinstance(scores, Tensor) or scores.shape != (group.channels,):
        came = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
        raise LessonError(
            f"importance gives {came} for the group {group.name}; "
            f"expected a tensor of {group.channels} scores, one for each channel"
        )
    return scores.detach().to("cpu", torch.float64)
