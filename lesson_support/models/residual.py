"""Residual networks: ResNet-18 and ResNet-50, module names and shapes as torchvision has them.

So that published weights load: `model.load_state_dict(torch.load(file, weights_only=True))`.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from lesson_support.errors import LessonError
from lesson_support.models.states import check_sizes

STEMS = ("imagenet", "small")


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1×1 down to `width`, 3×3 there (which carries the stride), 1×1 up to 4·width, beside a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Four stages of residual blocks; x (batch, channels, height, width) to logits (batch, classes).

    The stem "imagenet" reduces the image four times (7×7 convolution of stride 2, max pooling), "small"
    keeps its size (3×3), for images of 8 to 64 pixels a side.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        *,
        classes: int,
        channels: int,
        width: int,
        stem: str,
    ):
        super().__init__()
        check_sizes(classes=classes, channels=channels, width=width)
        if stem not in STEMS:
            raise LessonError(f"stem = {stem!r}: expected one of {', '.join(STEMS)}")
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(channels, width, 7, 2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        else:
            self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        inputs = width
        for number, depth in enumerate(depths):
            stage = []
            for place in range(depth):
                stride = 2 if number and not place else 1
                stage.append(block(inputs, width << number, stride))
                inputs = (width << number) * block.expansion
            setattr(self, f"layer{number + 1}", nn.Sequential(*stage))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(classes: int = 1000, channels: int = 3, width: int = 64, stem: str = "imagenet") -> ResNet:
    """ResNet-18: 11,689,512 parameters with the defaults."""
    return ResNet(BasicBlock, (2, 2, 2, 2), classes=classes, channels=channels, width=width, stem=stem)


def resnet50(classes: int = 1000, channels: int = 3, width: int = 64, stem: str = "imagenet") -> ResNet:
    """ResNet-50: 25,557,032 parameters with the defaults, 4.09 G multiply-adds for an image of 224²."""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes=classes, channels=channels, width=width, stem=stem)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if inputs == outputs and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
