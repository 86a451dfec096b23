"""Samples of two classes whose best possible accuracy is known before any network sees them."""

from statistics import NormalDist

import torch
from torch import Tensor

from lesson_support.errors import LessonError


def cloud_distance(best: float) -> float:
    """How far apart two normal clouds of deviation 1 stand if the best rule is right with probability `best`.

    That rule is a plane half-way between them, so `best` is Φ(distance / 2).
    """
    if not isinstance(best, float) or not 0.5 < best < 1:
        raise LessonError(f"best is {best!r}: expected a probability above 0.5 and below 1")
    return 2 * NormalDist().inv_cdf(best)


def two_clouds(samples: int, best: float, *, features: int = 20, seed: int = 0) -> tuple[Tensor, Tensor]:
    """x (samples, features) float32 and y (samples,) int64: a cloud for each class, along the diagonal.

    No rule whatever is right more often than `best`; a linear one is that often.
    """
    if not all(isinstance(each, int) and each >= 1 for each in (samples, features)):
        raise LessonError(f"samples, features are {samples!r}, {features!r}: expected whole numbers from 1")
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (samples,), generator=generator)
    half = cloud_distance(best) / 2 / features**0.5
    return torch.randn(samples, features, generator=generator) + (2 * y[:, None] - 1) * half, y
