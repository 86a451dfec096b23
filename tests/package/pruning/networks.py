"""Networks with one difficulty each, and importances that are known in advance."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lesson_support.models.convolutional import SmallCNN
from lesson_support.models.residual import resnet18
from lesson_support.models.vision_transformer import SmallViT


class FusedAttention(nn.Module):
    """q, k and v in one Linear layer; the number of heads is called `num_heads`."""

    def __init__(self, width: int = 24, heads: int = 4):
        super().__init__()
        self.num_heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = (part.unflatten(-1, (self.num_heads, -1)) for part in self.qkv(x).chunk(3, -1))
        q, k, v = (part.transpose(1, 2) for part in parts)
        return self.proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Fused(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.attention, self.head = nn.Linear(8, 24), FusedAttention(), nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head((x + self.attention(x)).mean(1))


class TorchAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(8, 24), nn.Linear(24, 5)
        self.attention = nn.MultiheadAttention(24, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head((x + self.attention(x, x, x)[0]).mean(1))


class Concat(nn.Module):
    """The second convolution's input goes on beside its output."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1)
        self.c, self.fc = nn.Conv2d(14, 6, 1), nn.Linear(6 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x).relu()
        return self.fc(self.c(torch.cat([a, self.b(a).relu()], 1)).flatten(1))


class Shortcut(nn.Module):
    """conv + conv(conv): the outputs of a and b are added, so they are one group."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.c(x + self.b(x.relu())).mean((2, 3))


class InputShortcut(nn.Module):
    """The input itself is added: its width is nobody's to change."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x) + x)


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(self.a(x).detach()))


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> dict:
        x = self.a(x).relu()
        return {"classes": self.c(x), "features": [self.b(x)]}


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(8, 8) for _ in range(4))
        self.c.weight = self.b.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.d(self.c(self.b(self.a(x)).relu()).relu())


def _depthwise() -> nn.Module:
    alone = nn.Conv2d(16, 16, 3, groups=16, padding=1)
    return nn.Sequential(nn.Conv2d(3, 16, 1), alone, nn.BatchNorm2d(16), nn.ReLU(), *_end())


def _grouped() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 16, 1, groups=4), nn.ReLU(), *_end())


def _group_norm() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 16, 1), nn.GroupNorm(4, 16), nn.ReLU(), *_end())


def _transposed() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.ConvTranspose2d(8, 16, 2), nn.PReLU(16), *_end(25))


def _end(places: int = 16) -> tuple[nn.Module, ...]:
    return nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * places, 5)


def _signal() -> nn.Module:
    first = nn.Conv1d(3, 16, 3, padding=1)
    return nn.Sequential(first, nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 6, 1), nn.Flatten())


# name -> what makes the network, and the shape of its inputs without the batch
NETWORKS = {
    "cnn": (lambda: SmallCNN(width=8), (1, 8, 8)),
    "resnet": (lambda: resnet18(10, 1, 4, "small"), (1, 8, 8)),
    "vit": (lambda: SmallViT(width=12, heads=3), (1, 8, 8)),
    "fused attention": (Fused, (7, 8)),
    "torch attention": (TorchAttention, (7, 8)),
    "concat": (Concat, (3, 4, 4)),
    "shortcut": (Shortcut, (3, 4, 4)),
    "depthwise": (_depthwise, (3, 4, 4)),
    "grouped": (_grouped, (3, 4, 4)),
    "group norm": (_group_norm, (3, 4, 4)),
    "transposed": (_transposed, (3, 4, 4)),
    "signal": (_signal, (3, 5)),
}


def make(name: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A network in eval mode, with BatchNorms that are not the identity, and two examples."""
    maker, shape = NETWORKS[name]
    torch.manual_seed(seed)
    model = maker()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for values in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(values, 0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval(), torch.randn(2, *shape)


def channels_of(group) -> int:
    return len(group[0].idxs)


def shuffled(group) -> Tensor:
    """Scores that are the same in every run and never tied."""
    return (
        torch.randperm(channels_of(group), generator=torch.Generator().manual_seed(channels_of(group))) + 1.0
    )


def ascending(group) -> Tensor:
    """The first channels go first."""
    return torch.arange(channels_of(group)) + 1.0


def constant(group) -> Tensor:
    return torch.ones(channels_of(group))
