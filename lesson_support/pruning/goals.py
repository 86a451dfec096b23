"""What a run is asked for: a share of the channels or of the MACs, over all layers or for one of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from lesson_support.errors import LessonError
from lesson_support.pruning.structure.graph import ChannelGroup
from lesson_support.pruning.structure.naming import matching


@dataclass(frozen=True)
class Goal:
    """`share` of the channels (kind "channels") or of the `macs` at the start (kind "MACs") is to go."""

    kind: str
    share: float
    macs: int

    def macs_left(self, part: float) -> float:
        """MACs that stay when `part` of the way is done; every step takes as many."""
        return self.macs * (1 - self.share * part)


def goal_of(ratio: float | None, macs: float | None, before: int) -> Goal:
    """The goal of exactly one of `ratio` (share of the channels that go) and `macs` (MACs that stay).

    `macs` up to 1 is a share of `before`, above 1 a number of MACs.
    """
    if (ratio is None) == (macs is None):
        came = "both came" if ratio is not None else "none came"
        raise LessonError(f"ratio and macs: {came}; expected exactly one of them")
    if ratio is not None:
        return Goal("channels", check_share("ratio", ratio), before)
    if not _number(macs) or not 0 < macs <= max(before, 1):
        raise LessonError(
            f"macs is {macs!r}; expected a share in (0, 1] of the MACs, or a number of them up to {before:,}"
        )
    return Goal("MACs", 1 - (macs if macs <= 1 else macs / before), before)


def check_share(name: str, value: float) -> float:
    """A share in [0, 1); anything else is a LessonError."""
    if not _number(value) or not 0 <= value < 1:
        raise LessonError(f"{name} is {value!r}; expected a number in [0, 1)")
    return float(value)


def check_steps(steps: int) -> int:
    """A whole number from 1 on; anything else is a LessonError."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise LessonError(f"steps is {steps!r}; expected a whole number from 1 on")
    return steps


def check_importance(importance) -> None:
    """What can be called with a group; anything else is a LessonError."""
    if isinstance(importance, type) or not callable(importance):
        what = f"the class {importance.__name__}" if isinstance(importance, type) else repr(importance)
        raise LessonError(f"importance is {what}; expected one that can be called, such as Magnitude()")


def _number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def fixed_ratios(
    model: nn.Module, groups: tuple[ChannelGroup, ...], per_layer: Mapping[str, float] | None
) -> dict[str, float]:
    """{group name: ratio} for {layer name or glob: ratio}; any layer that makes its channels means a group.

    An exact name goes before a glob, an earlier glob before a later one. A key that means no layer, or no
    group that can lose channels, and two exact names that disagree about one group are errors.
    """
    ratios: dict[str, float] = {}
    exact: dict[str, str] = {}
    names = {name for name, _ in model.named_modules()}
    for key, value in sorted((per_layer or {}).items(), key=lambda entry: entry[0] not in names):
        ratio = check_share(f"per_layer[{key!r}]", value)
        for group in _meant(model, groups, key):
            if key in names and group.name in exact and ratios[group.name] != ratio:
                raise LessonError(
                    f"per_layer gives {exact[group.name]!r} {ratios[group.name]} and {key!r} {ratio}; "
                    "expected one ratio for both, because they shrink together"
                )
            if key in names:
                exact[group.name] = key
            ratios.setdefault(group.name, ratio)
    return ratios


def _meant(model: nn.Module, groups: tuple[ChannelGroup, ...], key: str) -> list[ChannelGroup]:
    layers = set(matching(model, key, "per_layer"))
    found = [group for group in groups if layers & set(group.makers)]
    able = [group for group in found if not group.skipped_because]
    if not able:
        reason = found[0].skipped_because if found else "no channels are made there"
        raise LessonError(f"per_layer names {key!r}, but {reason}; expected a layer that can lose channels")
    return able
