"""Several importances in one: a weighted sum of their scores."""

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.scores import to_mean_one
from lesson_support.pruning.importance.scoring import Importance, Needs

_ORDER: tuple[Needs, ...] = ("nothing", "activations", "labels")


class Hybrid(Importance):
    """Σ weight · scores of several importances, which are made comparable within each group first.

    `combine="mean"` divides each by its mean, so that one far above its mean stays far above. "rank" takes
    places from 1 / n for the lowest to 1, ties sharing theirs: an outlier counts no more than its place, and
    every group has the same scores, so global pruning cuts all groups alike. Whatever one part says nothing
    about (None) is left to the others. One adaptive part makes all of it adaptive.
    """

    def __init__(
        self,
        parts: Mapping[Importance, float],
        *,
        combine: Literal["mean", "rank"] = "mean",
        adaptive: bool = False,
        normalise: bool = True,
    ):
        if not isinstance(parts, Mapping) or not parts:
            raise LessonError(
                f"parts is {parts!r}: expected importances and their weights, such as {{Wanda(): 1.0}}"
            )
        for part, weight in parts.items():
            if not isinstance(part, Importance):
                raise LessonError(f"parts has {part!r}: expected an importance, such as Wanda()")
            if not isinstance(weight, int | float) or not 0 < weight < inf:
                raise LessonError(f"parts gives {part} the weight {weight!r}: expected a positive number")
        if combine not in ("mean", "rank"):
            raise LessonError(f"combine is {combine!r}: expected 'mean' or 'rank'")
        adaptive = adaptive or any(part.adaptive for part in parts)
        super().__init__(adaptive=adaptive, normalise=normalise)
        self.parts, self.combine = dict(parts), combine
        self.needs = max((part.needs for part in self.parts), key=_ORDER.index)

    def _measure(self, model: nn.Module, data: Iterable | None) -> None:
        if isinstance(data, Iterator):
            data = list(data)  # every part reads it from the start
        for part in self.parts:
            part.prepare(model, data if part.needs != "nothing" else None)

    def _scores(self, group: Any) -> Tensor | None:
        total, weights = None, 0.0
        for part, weight in self.parts.items():
            scores = part(group)
            if scores is None:
                continue
            comparable = (to_mean_one if self.combine == "mean" else ranks)(scores) * weight
            total = comparable if total is None else total + comparable
            weights += weight
        return None if total is None else total / weights

    def __str__(self) -> str:
        parts = " + ".join(f"{weight:g} {part}" for part, weight in self.parts.items())
        return f"hybrid by {self.combine} ({parts})"


def ranks(scores: Tensor) -> Tensor:
    """Places in ascending order over their number, (0, 1], equal scores the mean of theirs; NaN stays NaN."""
    _, place, sizes = scores.unique(return_inverse=True, return_counts=True)
    last = sizes.cumsum(0).double()
    shared = (last - (sizes.double() - 1) / 2)[place] / len(scores)
    return torch.where(scores.isnan(), scores.double(), shared)
