"""A small vision transformer whose attention survives the removal of heads."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lesson_support.errors import LessonError
from lesson_support.models.states import check_sizes


class HeadedAttention(nn.Module):
    """Attention with a Linear each for q, k and v; x (batch, time, width) to the same shape.

    `heads` says how many heads the features of q, k and v are cut into, `head_width` how many features a
    head has. Who removes features sets both anew: a product that is not the number of features is refused,
    for cutting by the old number of heads runs and mixes features of different heads.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self._cut(layer(x)) for layer in (self.q, self.k, self.v))
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def _cut(self, features: Tensor) -> Tensor:
        if features.shape[-1] != self.heads * self.head_width:
            raise LessonError(
                f"{features.shape[-1]} features of q, k or v are not heads = {self.heads} times "
                f"head_width = {self.head_width}: expected both to be set after features are removed"
            )
        return features.unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)


class Layer(nn.Module):
    """Attention, then two Linear layers with GELU between, each behind a LayerNorm and beside a shortcut."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = HeadedAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(self.gelu(self.fc1(self.norm2(x))))


class SmallViT(nn.Module):
    """x (batch, channels, image, image), cut into patches, to logits (batch, classes).

    A token per patch, learned positions, `depth` layers, the mean over the tokens, a Linear layer. No class
    token: every feature of the residual stream is a channel of the patch convolution.
    """

    def __init__(
        self,
        image: int = 8,
        patch: int = 2,
        width: int = 48,
        depth: int = 2,
        heads: int = 4,
        classes: int = 10,
        channels: int = 1,
    ):
        super().__init__()
        check_sizes(image=image, patch=patch, width=width, depth=depth, heads=heads, classes=classes)
        check_sizes(channels=channels)
        if image % patch:
            raise LessonError(f"patch = {patch}: expected a divisor of image = {image}")
        if width % heads:
            raise LessonError(f"heads = {heads}: expected a divisor of width = {width}")
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(torch.empty(1, (image // patch) ** 2, width))
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.layers(tokens + self.positions)).mean(1))
