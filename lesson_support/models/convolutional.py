"""A small convolutional classifier: large enough to prune, small enough to train in seconds."""

from torch import Tensor, nn

from lesson_support.errors import LessonError
from lesson_support.models.states import check_sizes


class SmallCNN(nn.Module):
    """Three times convolution, BatchNorm and ReLU, then flatten and two Linear layers.

    x (batch, channels, image, image) to logits (batch, classes). The convolutions have `width`, 2·width and
    4·width channels and max pooling halves the image after the second and the third: with the defaults
    126,602 parameters, and a flatten that lays 2 × 2 places of each of 128 channels side by side.
    """

    def __init__(self, channels: int = 1, classes: int = 10, width: int = 32, image: int = 8):
        super().__init__()
        check_sizes(channels=channels, classes=classes, width=width, image=image)
        if image % 4:
            raise LessonError(f"image = {image}: expected a multiple of 4, for it is halved twice")
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.conv3 = nn.Conv2d(2 * width, 4 * width, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(4 * width * (image // 4) ** 2, 2 * width)
        self.fc2 = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.pool(self.relu(self.bn2(self.conv2(x))))
        x = self.pool(self.relu(self.bn3(self.conv3(x))))
        return self.fc2(self.relu(self.fc1(x.flatten(1))))
