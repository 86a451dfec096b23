"""Gated linear attention: a state that is a matrix per head, trained by chunks, run step by step."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, normalize, rms_norm, silu

from lesson_support.errors import LessonError
from lesson_support.models.chunks import chunkwise
from lesson_support.models.states import check_input, check_sizes

# Gates of about 0.98 at the start of training: a pair is still there fifty steps later.
_OPEN = 4.0


class GatedLinearAttention(nn.Module):
    """Per head: S_t = g_t·S_{t−1} + k_t v_tᵀ, o_t = q_t S_t, with g_t = σ(W_g x_t); q and k have length 1.

    out = W_o (rms_norm(o) ⊙ silu(W_s x)). A head has `key` × `value` numbers of state; both are
    width / heads without them.
    """

    def __init__(
        self, width: int, heads: int = 1, *, key: int | None = None, value: int | None = None, chunk: int = 32
    ):
        super().__init__()
        check_sizes(width=width, heads=heads, chunk=chunk)
        if width % heads and None in (key, value):
            raise LessonError(f"heads = {heads}: expected a divisor of the width {width}, or key and value")
        key, value = (width // heads if each is None else each for each in (key, value))
        check_sizes(key=key, value=value)
        self.width, self.heads, self.key, self.value, self.chunk = width, heads, key, value, chunk
        self._parts = [heads * key, heads * key, heads * value, heads * value, heads]
        self.enter = nn.Linear(width, sum(self._parts))
        self.project = nn.Linear(heads * value, width, bias=False)
        with torch.no_grad():
            self.enter.bias.zero_()[-heads:] = _OPEN

    def forward(
        self, x: Float[Tensor, "batch time width"], state: Float[Tensor, "batch head key value"] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "batch head key value"]]:
        """All steps chunk by chunk, and the last S."""
        check_input(x, self.width)
        q, k, v, side, log_gates = self._enter(x)
        o, last = chunkwise(q, k, v, log_gates, chunk=self.chunk, state=state)
        return self._leave(o, side), last

    def step(
        self, x_t: Float[Tensor, "batch width"], state: Float[Tensor, "batch head key value"] | None = None
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch head key value"]]:
        """One token by the formula."""
        q, k, v, side, log_gates = self._enter(x_t)
        S = k[..., :, None] * v[..., None, :]
        if state is not None:
            S = log_gates.exp()[..., None, None] * state + S
        return self._leave((q[..., None, :] @ S).squeeze(-2), side), S

    def _enter(self, x: Tensor) -> tuple[Tensor, ...]:
        q, k, v, side, gate = self.enter(x).split(self._parts, -1)
        q, k, v = (each.unflatten(-1, (self.heads, -1)) for each in (q, k, v))
        return normalize(q, dim=-1), normalize(k, dim=-1), v, side, logsigmoid(gate)

    def _leave(self, o: Tensor, side: Tensor) -> Tensor:
        return self.project(rms_norm(o, o.shape[-1:]).flatten(-2) * silu(side))
