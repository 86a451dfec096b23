"""Causal attention with rotary positions: the peer that keeps every token instead of a state."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lesson_support.errors import LessonError
from lesson_support.models.states import check_input, check_sizes

_LONGEST_TURN = 10_000.0


class CausalAttention(nn.Module):
    """out_t = W_o Σ_{s ≤ t} softmax_s(q_t·k_s / √channels) v_s per head; q and k turned by their position.

    The state is all keys and values so far, each (batch, head, time, channel): it grows with every token.
    """

    def __init__(self, width: int, heads: int = 4):
        super().__init__()
        check_sizes(width=width, heads=heads)
        if width % (2 * heads):
            raise LessonError(f"heads = {heads}: expected the width {width} to be a multiple of 2·heads")
        self.width, self.heads = width, heads
        self.enter = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)

    def forward(
        self, x: Float[Tensor, "batch time width"], state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], tuple[Tensor, Tensor]]:
        """All tokens of x against themselves and those of `state`, and the longer state."""
        check_input(x, self.width)
        if state is not None and not (isinstance(state, tuple) and len(state) == 2):
            came = type(state).__name__
            raise LessonError(f"state is a {came}: expected the keys and values of an earlier call")
        q, k, v = self.enter(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        before = 0 if state is None else state[0].shape[2]
        q, k = _turn(q, before), _turn(k, before)
        if state is None:
            o = scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            k, v = torch.cat([state[0], k], 2), torch.cat([state[1], v], 2)
            seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=x.device).tril(before)
            o = scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self.project(o.transpose(1, 2).flatten(2)), (k, v)

    def step(
        self, x_t: Float[Tensor, "batch width"], state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Float[Tensor, "batch width"], tuple[Tensor, Tensor]]:
        """One token against all before it."""
        out, state = self.forward(x_t[:, None], state)
        return out[:, 0], state


def _turn(x: Tensor, before: int) -> Tensor:
    """Channel pairs (c, c + half) of (…, time, channel) turned by position times a rate of their own."""
    half = x.shape[-1] // 2
    rates = _LONGEST_TURN ** (-torch.arange(half, device=x.device, dtype=x.dtype) / half)
    positions = torch.arange(before, before + x.shape[-2], device=x.device, dtype=x.dtype)
    angles = positions[:, None] * rates
    cos, sin = angles.cos(), angles.sin()
    one, two = x.split(half, -1)
    return torch.cat([one * cos - two * sin, one * sin + two * cos], -1)
