"""One score for each channel of a group, from what every layer that reads it has measured."""

from __future__ import annotations

import torch
from torch import Tensor

from lesson_support.questions.kinds import Function


def group_scores(readers: list[tuple[Tensor, Tensor, Tensor]], channels: int) -> Tensor:
    """The mean over the readers of their means per channel, each reader's scaled to mean 1 (or all 0)."""
    scores = torch.zeros(channels, dtype=torch.float64)
    for values, idxs, roots in readers:
        total = torch.zeros_like(scores).index_add_(0, roots, values[idxs])
        mean = total / torch.bincount(roots, minlength=channels)
        scores += mean / mean.mean() if mean.any() else 0
    return scores / len(readers)


def oracle(readers, channels):
    """Channel by channel, in Python's numbers."""
    scores = [0.0] * channels
    for values, idxs, roots in readers:
        means = []
        for channel in range(channels):
            own = [float(values[i]) for i, root in zip(idxs, roots, strict=True) if root == channel]
            means.append(sum(own) / len(own))
        scale = sum(means) / channels
        for channel in range(channels):
            scores[channel] += means[channel] / scale if scale else 0.0
    return torch.tensor([each / len(readers) for each in scores], dtype=torch.float64)


def cases(rng):
    def reader(values, idxs, roots):
        return torch.tensor(values, dtype=torch.float64), torch.tensor(idxs), torch.tensor(roots)

    plain = reader([4.0, 2.0], [0, 1], [0, 1])
    found = [
        ([reader([3.0], [0], [0])], 1),
        ([plain], 2),
        ([plain, reader([1.0, 3.0], [0, 1], [0, 1])], 2),
        ([plain, reader([100.0, 300.0], [0, 1], [0, 1])], 2),
        ([plain, reader([0.0, 0.0], [0, 1], [0, 1])], 2),
        ([reader([0.0, 0.0], [0, 1], [0, 1])], 2),
        ([reader([4.0, 2.0], [1, 0], [0, 1])], 2),
        ([reader([4.0, 2.0], [0, 1], [1, 0])], 2),
        ([reader([9.0, 9.0, 4.0, 2.0], [2, 3], [0, 1])], 2),
        ([reader([1.0, 2.0, 3.0, 6.0], [0, 1, 2, 3], [0, 0, 1, 1])], 2),
        ([reader([1.0, 2.0, 3.0, 6.0], [0, 1, 2, 3], [0, 1, 0, 1])], 2),
        ([reader([1.0, 2.0, 3.0], [0, 1, 2], [0, 1, 1])], 2),
        ([plain, reader([5.0, 1.0, 3.0, 0.0, 6.0], [4, 1, 3, 2], [1, 0, 1, 0])], 2),
    ]
    for _ in range(10):
        channels = int(rng.integers(2, 7))
        readers = []
        for _ in range(int(rng.integers(1, 4))):
            repeats = rng.integers(1, 4, channels) if rng.random() < 0.4 else rng.integers(1, 4)
            roots = rng.permutation(torch.arange(channels).numpy().repeat(repeats))
            size = len(roots) + int(rng.integers(0, 4))
            idxs = rng.permutation(size)[: len(roots)]
            scale = 10.0 ** rng.integers(-2, 3)
            readers.append(tuple(map(torch.from_numpy, (scale * rng.random(size), idxs, roots))))
        found.append((readers, channels))
    return found


def _mean(values, idxs, roots, channels):
    total = torch.zeros(channels, dtype=torch.float64).index_add_(0, roots, values[idxs])
    return total / torch.bincount(roots, minlength=channels)


def _scaled(mean):
    return mean / mean.mean() if mean.any() else mean


def _reshaped(readers, channels):
    rows = [values[idxs][: len(idxs) // channels * channels] for values, idxs, _ in readers]
    return torch.stack([_scaled(row.reshape(channels, -1).mean(1)) for row in rows]).mean(0)


def _last_one_wins(readers, channels):
    found = []
    for values, idxs, roots in readers:
        scores = torch.zeros(channels, dtype=torch.float64)
        scores[roots] += values[idxs]
        found.append(_scaled(scores))
    return torch.stack(found).mean(0)


def _summed(readers, channels):
    zeros = torch.zeros(channels, dtype=torch.float64)
    sums = [zeros.index_add(0, roots, values[idxs]) for values, idxs, roots in readers]
    return torch.stack(list(map(_scaled, sums))).mean(0)


def _unscaled(readers, channels):
    return _scaled(torch.stack([_mean(*reader, channels) for reader in readers]).mean(0))


def _first_reader(readers, channels):
    return _scaled(_mean(*readers[0], channels))


def _own_features(readers, channels):
    whole = [(values, torch.arange(len(roots)), roots) for values, idxs, roots in readers]
    return group_scores(whole, channels)


def _divided_by_zero(readers, channels):
    means = [_mean(*reader, channels) for reader in readers]
    return torch.stack([mean / mean.mean() for mean in means]).mean(0)


def _silent_left_out(readers, channels):
    heard = [reader for reader in readers if _mean(*reader, channels).any()]
    return group_scores(heard or readers, channels)


def _by_peak(readers, channels):
    means = [_mean(*reader, channels) for reader in readers]
    return torch.stack([mean / mean.max() if mean.any() else mean for mean in means]).mean(0)


QUESTION = Function(
    name="group_scores",
    points=3,
    difficulty="medium",
    minutes=18,
    signature="group_scores(readers: list[tuple[Tensor, Tensor, Tensor]], channels: int) -> Tensor",
    example=">>> values = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64)\n"
    ">>> flat = values, torch.arange(4), torch.tensor([0, 0, 1, 1])\n"
    ">>> group_scores([flat], 2)\n"
    "tensor([0.5000, 1.5000], dtype=torch.float64)",
    hints=(
        "A Linear behind a flatten reads each channel through several features, and nothing says in which "
        "order. What in a reader tells you which feature belongs to which channel?",
        "values[idxs] are the group's features in this reader, and roots names the channel of each. Several "
        "may name the same channel, so an assignment to scores[roots] loses all but one. Scale before you "
        "average, or the loudest reader decides.",
        "For each reader: torch.zeros(channels, dtype=torch.float64).index_add_(0, roots, values[idxs]), "
        "divided by torch.bincount(roots, minlength=channels), divided by its own mean unless all of it is "
        "zero. Return the mean of these over all readers.",
    ),
    solution=group_scores,
    wrong={
        "a channel's features lie side by side": _reshaped,
        "an indexed += adds up": _last_one_wins,
        "a sum ranks like a mean": _summed,
        "readers can be averaged as they are": _unscaled,
        "the first reader speaks for the group": _first_reader,
        "a reader has no other features than the group's": _own_features,
        "a reader always hears something": _divided_by_zero,
        "a reader that hears nothing does not count": _silent_left_out,
        "it does not matter by what one scales": _by_peak,
    },
    cases=cases,
    oracle=oracle,
)
