"""Scores of channels: brought to mean 1, and what in them a choice of channels cannot rest on."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lesson_support.errors import LessonError

_TEXTS = {
    "not a number": "{count} of {channels} scores are NaN or infinite",
    "all zero": "all {channels} scores are 0",
    "constant": "all {channels} scores are equal",
    "tied": "{count} of {channels} scores share their value with another",
}


@dataclass(frozen=True)
class ScoreProblem:
    """Scores of a group that do not order its channels: `count` of its `channels` are concerned."""

    group: str
    kind: Literal["not a number", "all zero", "constant", "tied"]
    count: int
    channels: int

    def __str__(self) -> str:
        return f"{self.group}: {_TEXTS[self.kind].format(count=self.count, channels=self.channels)}"


def score_problems(group: str, scores: Tensor, removed: int | None = None) -> tuple[ScoreProblem, ...]:
    """What is wrong with the scores of the group of that name; empty where they settle which channels go.

    The worst finding alone: a score that is not a finite number, then all zero, then all equal, then ties.
    With the number of channels that are `removed`, a tie counts only if some that share a score go and some
    stay. One channel alone is never tied.
    """
    if scores.ndim != 1 or not len(scores):
        raise LessonError(f"scores has shape {tuple(scores.shape)}: expected one number for each channel")
    channels = len(scores)
    if removed is not None and not 0 <= removed <= channels:
        raise LessonError(f"removed is {removed}: expected 0 to {channels}, the channels of {group}")
    lost = int((~scores.isfinite()).sum())
    if lost:
        return (ScoreProblem(group, "not a number", lost, channels),)
    if not scores.any():
        return (ScoreProblem(group, "all zero", channels, channels),)
    if channels > 1 and scores.min() == scores.max():
        return (ScoreProblem(group, "constant", channels, channels),)
    tied = _tied(scores) if removed is None else _tied_across(scores, removed)
    return (ScoreProblem(group, "tied", tied, channels),) if tied else ()


def _tied(scores: Tensor) -> int:
    sizes = scores.unique(return_counts=True)[1]
    return int(sizes[sizes > 1].sum())


def _tied_across(scores: Tensor, removed: int) -> int:
    """How many share the score of the last that goes, if one that stays has it too."""
    if not 0 < removed < len(scores):
        return 0
    last, first = scores.sort().values[removed - 1 : removed + 1]
    return int((scores == last).sum()) if last == first else 0


def to_mean_one(scores: Tensor) -> Tensor:
    """Scores over the mean of their sizes |score|, those that are not finite left out of it.

    The size keeps the order of scores that can be negative. Where the mean is 0 or none is finite they stay.
    """
    sizes = scores[scores.isfinite()].abs()
    return scores / sizes.mean() if sizes.any() else scores
