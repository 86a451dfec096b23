"""A language model around any of the blocks: what differs between two models is the block alone."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, linear, rms_norm

from lesson_support.errors import LessonError
from lesson_support.models.states import check_sizes


class SequenceModel(nn.Module):
    """Embedding; per layer x + block(shift(norm x)) and x + MLP(norm x); logits by the embedding's transpose.

    `block(width)` makes a block. Every layer sees a blend of each token and the one before it (`TokenShift`),
    whatever its block. The MLP has `hidden` channels, four times the width without it.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        layers: int,
        block: Callable[[int], nn.Module],
        *,
        hidden: int | None = None,
    ):
        super().__init__()
        hidden = 4 * width if hidden is None else hidden
        check_sizes(vocabulary=vocabulary, width=width, layers=layers, hidden=hidden)
        self.vocabulary = vocabulary
        self.embedding = nn.Parameter(torch.randn(vocabulary, width) / width**0.5)
        self.layers = nn.ModuleList(_Layer(width, block(width), hidden) for _ in range(layers))

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocabulary"]:
        """The logits of what follows each token, all at once."""
        return self.proceed(tokens)[0]

    def proceed(
        self, tokens: Int[Tensor, "batch time"], states: Sequence | None = None
    ) -> tuple[Float[Tensor, "batch time vocabulary"], list]:
        """Logits and the states after the last token, going on from `states`, one a layer."""
        if not isinstance(tokens, Tensor) or tokens.ndim != 2 or tokens.is_floating_point():
            came = (
                f"{tuple(tokens.shape)} {tokens.dtype}"
                if isinstance(tokens, Tensor)
                else type(tokens).__name__
            )
            raise LessonError(f"tokens are {came}: expected whole numbers of shape (batch, time)")
        return self._run(tokens, states, lambda layer: layer)

    def step(
        self, token: Int[Tensor, " batch"], states: Sequence | None = None
    ) -> tuple[Float[Tensor, "batch vocabulary"], list]:
        """One token per sequence: the logits of the next one, and the states to hand in with it."""
        return self._run(token, states, lambda layer: layer.step)

    def _run(self, tokens: Tensor, states: Sequence | None, way: Callable) -> tuple[Tensor, list]:
        states = [None] * len(self.layers) if states is None else states
        if len(states) != len(self.layers):
            raise LessonError(
                f"states has {len(states)} entries: expected one for each of {len(self.layers)} layers"
            )
        x, following = embedding(tokens, self.embedding), []
        for layer, state in zip(self.layers, states, strict=True):
            x, state = way(layer)(x, state)
            following.append(state)
        return linear(_norm(x), self.embedding), following


class TokenShift(nn.Module):
    """y_t = m⊙x_{t−1} + (1 − m)⊙x_t with a learned m per channel; its state is the last x.

    Without it one layer could not tie a value to the key before it.
    """

    def __init__(self, width: int):
        super().__init__()
        self.share = nn.Parameter(torch.linspace(0.0, 1.0, width))

    def forward(self, x: Tensor, last: Tensor | None = None) -> tuple[Tensor, Tensor]:
        last = torch.zeros_like(x[:, 0]) if last is None else last
        whole = torch.cat([last[:, None], x], 1)
        return torch.lerp(x, whole[:, :-1], self.share), whole[:, -1]

    def step(self, x_t: Tensor, last: Tensor | None = None) -> tuple[Tensor, Tensor]:
        last = torch.zeros_like(x_t) if last is None else last
        return torch.lerp(x_t, last, self.share), x_t


class _Layer(nn.Module):
    def __init__(self, width: int, block: nn.Module, hidden: int):
        super().__init__()
        self.shift, self.block = TokenShift(width), block
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        return self._around(x, state, self.shift, self.block)

    def step(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        return self._around(x, state, self.shift.step, self.block.step)

    def _around(
        self, x: Tensor, state: tuple | None, shift: Callable, block: Callable
    ) -> tuple[Tensor, tuple]:
        last, inner = (None, None) if state is None else state
        shifted, last = shift(_norm(x), last)
        out, inner = block(shifted, inner)
        x = x + out
        return x + self.narrow(gelu(self.widen(_norm(x)))), (last, inner)


def _norm(x: Tensor) -> Tensor:
    return rms_norm(x, x.shape[-1:])
