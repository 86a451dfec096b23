"""Small models whose every channel is in use, and the importances that score them."""

import copy
from functools import cache

import torch
from torch import Tensor, nn

from lesson_support.models.convolutional import SmallCNN
from lesson_support.models.residual import resnet18
from lesson_support.models.vision_transformer import SmallViT
from lesson_support.pruning.importance.hybrid import Hybrid
from lesson_support.pruning.importance.importances import Coverage, Magnitude, Random, Wanda
from lesson_support.pruning.importance.taylor import Taylor

METRICS = ("combined", "normalised_mean", "frequency", "mean_absolute")


class SmallDepthwise(nn.Module):
    """1×1 up, a convolution for each channel alone, 1×1 down, as in a mobile network."""

    def __init__(self):
        super().__init__()
        self.up, self.bn1 = nn.Conv2d(1, 12, 1), nn.BatchNorm2d(12)
        self.alone, self.bn2 = nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.BatchNorm2d(12)
        self.down = nn.Conv2d(12, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.up(x)))
        return self.down(torch.relu(self.bn2(self.alone(x)))).mean((2, 3))


class SmallConcat(nn.Module):
    """Two convolutions side by side, read by one: its inputs belong to two groups."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(1, 6, 3, padding=1)
        self.both = nn.Conv2d(10, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.both(torch.relu(torch.cat([self.left(x), self.right(x)], 1))).mean((2, 3))


MAKERS = {
    "cnn": lambda: SmallCNN(width=8),
    "resnet": lambda: resnet18(10, 1, 4, "small"),
    "vit": lambda: SmallViT(width=12, heads=3),
    "depthwise": SmallDepthwise,
    "concat": SmallConcat,
}


def calibration(count: int = 48) -> tuple[Tensor, Tensor]:
    """Images and labels, the same every time."""
    generator = torch.Generator().manual_seed(5)
    return torch.rand(count, 1, 8, 8, generator=generator), torch.arange(count) % 10


def settle(model: nn.Module, x: Tensor) -> nn.Module:
    """BatchNorm's statistics those of x: about half of every channel is then above zero."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    model.train()
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model(x)
    return model.eval()


def lively(kind: str, seed: int = 0) -> nn.Module:
    """An untrained model in eval mode with all kinds of γ and β; no two channels are alike."""
    return copy.deepcopy(_lively(kind, seed))


@cache
def _lively(kind: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = MAKERS[kind]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return settle(model, calibration()[0])


# Which measure something, by the name in a test's id.
MEASURING = {
    **{metric: lambda metric=metric, **more: Coverage(metric, **more) for metric in METRICS},
    "wanda": Wanda,
    "taylor": Taylor,
    "taylor signed": lambda **more: Taylor(signed=True, **more),
    "hybrid": lambda **more: Hybrid({Wanda(): 1.0, Taylor(): 2.0}, **more),
    "hybrid by rank": lambda **more: Hybrid({Coverage(): 1.0, Taylor(): 2.0}, combine="rank", **more),
}
INVERTED = {
    "coverage inverted": lambda **more: Coverage(inverted=True, **more),
    "wanda inverted": lambda **more: Wanda(inverted=True, **more),
}
BLIND = {"magnitude": Magnitude, "magnitude L1": lambda **more: Magnitude(1, **more), "random": Random}
ALL = MEASURING | INVERTED | BLIND
