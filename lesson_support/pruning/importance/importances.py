"""Importances that read the activations (coverage, Wanda), the weights (magnitude), or nothing (random)."""

import zlib
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import torch
from torch import Tensor, nn

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.metrics import NEEDS, coverage, wanda_norm
from lesson_support.pruning.importance.scores import to_mean_one
from lesson_support.pruning.importance.scoring import Importance, Needs
from lesson_support.pruning.importance.statistics import ActivationStatistics
from lesson_support.pruning.structure.groups import (
    Member,
    by_input,
    by_output,
    channels_of,
    members,
    root_channels,
    root_name,
    to_roots,
)

# The published inversion divides by the coverage plus such a number; any far below the scores does.
_EPSILON = 1e-8


class _FromActivations(Importance):
    """Scores read off the inputs of the layers that read the channels, so after norm and activation.

    Each such layer gives one value for each of its inputs, averaged over those that belong to a channel and,
    if `normalise`, divided by their mean: the layers then count alike. `max_batches` of the data are read,
    or all.
    """

    needs: Needs = "activations"

    def __init__(self, *, inverted: bool, max_batches: int | None, adaptive: bool, normalise: bool):
        super().__init__(adaptive=adaptive, normalise=normalise)
        self.inverted, self.max_batches = inverted, max_batches
        self.statistics: ActivationStatistics | None = None

    def _measure(self, model: nn.Module, data: Iterable | None) -> None:
        self.statistics = ActivationStatistics(model, data, max_batches=self.max_batches, **self._options())

    def _options(self) -> dict[str, Any]:
        """What to measure."""
        raise NotImplementedError

    def _value(self, member: Member) -> Tensor:
        """One number for each input index of the layer."""
        raise NotImplementedError

    def _scores(self, group: Any) -> Tensor | None:
        if self.statistics is None:
            raise LessonError(f"{self} has measured nothing: expected a call of prepare(model, data) first")
        scores = mean_of_readers(group, self._value, scaled=self.normalise)
        return 1 / (scores + _EPSILON) if self.inverted and scores is not None else scores


def mean_of_readers(group: Any, value: Callable[[Member], Tensor], scaled: bool) -> Tensor | None:
    """Mean of `value` over the layers that read a channel, each `scaled` to mean 1; NaN where none does."""
    channels = channels_of(group)
    total = torch.zeros(channels, dtype=torch.float64)
    votes = torch.zeros(channels, dtype=torch.float64)
    readers = [member for member in members(group) if member.role in ("consumer", "depthwise")]
    for member in readers:
        values = value(member).cpu()
        inputs = len(by_input(member.module, member.module.weight))
        if values.shape != (inputs,):
            raise LessonError(
                f"statistics of {member.name} are for {len(values)} inputs: expected {inputs}, as many as now"
            )
        found = to_roots(values, member.idxs, member.roots, channels)
        read = torch.zeros(channels, dtype=torch.bool)
        read[list(member.roots)] = True
        total[read] += to_mean_one(found[read]) if scaled else found[read]
        votes += read
    return total / votes if readers else None


class Coverage(_FromActivations):
    """How much of its range a channel uses, by a metric of `metrics.coverage`; unused channels go first.

    `inverted=True` scores 1 / (coverage + ε): the published error, which removes the most used channels.
    It is kept as a control: a comparison that cannot tell it from `Coverage` measures nothing.
    """

    def __init__(
        self,
        metric: str = "combined",
        *,
        inverted: bool = False,
        threshold: float = 0.0,
        max_batches: int | None = None,
        adaptive: bool = False,
        normalise: bool = True,
    ):
        super().__init__(inverted=inverted, max_batches=max_batches, adaptive=adaptive, normalise=normalise)
        if metric not in NEEDS:
            raise LessonError(f"metric is {metric!r}: expected one of {', '.join(NEEDS)}")
        self.metric, self.threshold = metric, threshold

    def _options(self) -> dict[str, Any]:
        return {"threshold": self.threshold, "needs": NEEDS[self.metric]}

    def _value(self, member: Member) -> Tensor:
        return coverage(self.statistics.of(member.name), self.metric)

    def __str__(self) -> str:
        return f"coverage ({self.metric.replace('_', ' ')}{', inverted' if self.inverted else ''})"


class Wanda(_FromActivations):
    """‖W[:, c]‖ · ‖x[c]‖ in the layers that read channel c: the weights' norm times that of the inputs.

    Wanda scores single weights by |W_ij| · ‖x_j‖; here the weights of a channel count together. `inverted`
    is a control, as in `Coverage`.
    """

    def __init__(
        self,
        *,
        inverted: bool = False,
        max_batches: int | None = None,
        adaptive: bool = False,
        normalise: bool = True,
    ):
        super().__init__(inverted=inverted, max_batches=max_batches, adaptive=adaptive, normalise=normalise)

    def _options(self) -> dict[str, Any]:
        return {"needs": ("square",)}

    def _value(self, member: Member) -> Tensor:
        weights = by_input(member.module, member.module.weight).double().norm(dim=1)
        inputs = wanda_norm(self.statistics.of(member.name)).to(weights.device)
        # a wrong length goes on as it is: the caller knows the layer that it has to name
        return weights * inputs if len(inputs) == len(weights) else inputs

    def __str__(self) -> str:
        return f"Wanda{' (inverted)' if self.inverted else ''}"


class Magnitude(Importance):
    """Σ |w|^p over all weights of a channel: of its producers, its norms' γ and its consumers; no bias.

    What torch-pruning's group magnitude computes. Convolutions by channel and group norms do not count.
    """

    def __init__(self, p: float = 2, *, adaptive: bool = False, normalise: bool = True):
        super().__init__(adaptive=adaptive, normalise=normalise)
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0 < p < inf:
            raise LessonError(f"p is {p!r}: expected a positive number, the power of |w| that is summed")
        self.p = p

    def _scores(self, group: Any) -> Tensor | None:
        channels, total = channels_of(group), None
        for member in members(group):
            module = member.module
            if member.role in ("producer", "consumer"):
                rows = by_output if member.role == "producer" else by_input
                values = rows(module, module.weight).double().abs().pow(self.p).sum(1)
            elif (
                isinstance(module, nn.modules.batchnorm._BatchNorm | nn.LayerNorm)
                and module.weight is not None
            ):
                values = module.weight.double().abs().pow(self.p)
            else:
                continue
            part = to_roots(values.cpu(), member.idxs, member.roots, channels, total=True)
            total = part if total is None else total + part
        return total

    def __str__(self) -> str:
        return f"magnitude (L{self.p:g})"


class Random(Importance):
    """Scores drawn uniformly from `seed` and the name of the group's root layer: the control without a view.

    A layer has the same scores whatever the other groups are and whenever it is asked.
    """

    def __init__(self, seed: int = 0, *, adaptive: bool = False, normalise: bool = True):
        super().__init__(adaptive=adaptive, normalise=normalise)
        self.seed = seed

    def _scores(self, group: Any) -> Tensor:
        key = zlib.crc32(f"{self.seed} {root_name(group)}".encode())
        drawn = torch.rand(root_channels(group), generator=torch.Generator().manual_seed(key))
        return drawn.double()[list(group[0].idxs)]

    def __str__(self) -> str:
        return f"random (seed {self.seed})"
