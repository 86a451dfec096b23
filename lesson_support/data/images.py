"""Images that need no download: the handwritten digits that come with scikit-learn, split four ways."""

from typing import NamedTuple

import torch
from torch import Tensor

TEST, VALIDATION, CALIBRATION = 540, 200, 512


class DigitsSplit(NamedTuple):
    """Pairs (x, y): x (n, 1, 8, 8) float32 in [0, 1], y (n,) int64.

    `train`, `validation` (to choose by) and `test` (for the score alone) share no image. `calibration` is
    the first 512 images of `train`: what a layer sees is measured on images that the model may know.
    """

    train: tuple[Tensor, Tensor]
    calibration: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def digits_split(seed: int = 0) -> DigitsSplit:
    """The 1,797 digits as 1,057 to train, 200 to validate and 540 to test; every part has each class alike.

    The same seed gives the same parts.
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = torch.from_numpy(x).float().div(16).reshape(-1, 1, 8, 8)
    y = torch.from_numpy(y).long()
    order = _even_order(y, torch.Generator().manual_seed(seed))
    test, validation, train = order.split([TEST, VALIDATION, len(order) - TEST - VALIDATION])
    parts = (train, train[:CALIBRATION], validation, test)
    return DigitsSplit(*((x[part], y[part]) for part in parts))


def _even_order(y: Tensor, generator: torch.Generator) -> Tensor:
    """A random order in which every stretch has the classes in (nearly) the shares of the whole."""
    shuffled = torch.randperm(len(y), generator=generator)
    place = torch.empty(len(y), dtype=torch.float64)
    for label in y.unique():
        members = shuffled[y[shuffled] == label]
        place[members] = (torch.arange(len(members)) + 0.5).double() / len(members)
    # Ties between classes fall in the shuffled order.
    return shuffled[place[shuffled].argsort(stable=True)]
