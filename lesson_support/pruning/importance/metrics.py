"""Coverage: four ways to say how much a channel is used, from its statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lesson_support.errors import LessonError

if TYPE_CHECKING:
    from lesson_support.pruning.importance.statistics import ChannelStatistics

# metric -> the quantities that it is computed from, for `ActivationStatistics(…, needs=…)`
NEEDS = {
    "normalised_mean": ("total", "peak"),
    "frequency": ("active",),
    "mean_absolute": ("absolute",),
    "combined": ("total", "active", "peak"),
}
METRICS = tuple(NEEDS)


def coverage(stats: ChannelStatistics, metric: str = "combined") -> Tensor:
    """A float64 score per channel, at least 0; the higher, the more the channel is used.

    frequency        share of the values above the threshold
    mean_absolute    mean of |x|
    normalised_mean  mean of x, divided by the largest value of any channel of this layer
    combined         √(normalised_mean · frequency)

    A negative mean counts as 0, and so does every mean where no value of the layer is positive: after ReLU
    neither occurs, and normalised_mean orders the channels of a layer as mean_absolute does.
    """
    if metric not in NEEDS:
        raise LessonError(f"metric = {metric!r}: expected one of {', '.join(METRICS)}")
    for quantity in NEEDS[metric]:
        _measured(stats, quantity)
    if metric == "mean_absolute":
        return stats.absolute / stats.count
    if metric == "frequency":
        return stats.active / stats.count
    largest = stats.peak.amax()
    mean = (stats.total / stats.count).clamp(min=0)
    mean = mean / largest if largest > 0 else torch.zeros_like(mean)
    return mean if metric == "normalised_mean" else (mean * stats.active / stats.count).sqrt()


def wanda_norm(stats: ChannelStatistics) -> Tensor:
    """The l2 norm of a channel's values over all samples and places, in float64."""
    return _measured(stats, "square").sqrt()


def _measured(stats: ChannelStatistics, quantity: str) -> Tensor:
    value = getattr(stats, quantity)
    if value is None:
        raise LessonError(f"stats has no {quantity!r}: expected statistics measured with it among `needs`")
    return value
