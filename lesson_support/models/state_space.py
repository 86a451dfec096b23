"""A selective state space: a diagonal linear system whose step and whose ports depend on the input.

After "Mamba" (Gu and Dao 2023), without its convolution; with `heads`, after its successor's state-space dual
(Dao and Gu 2024), which matrix products compute.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from lesson_support.errors import LessonError
from lesson_support.kernels import linear_scan
from lesson_support.models.chunks import chunkwise
from lesson_support.models.states import check_input, check_sizes, check_state


class SelectiveStateSpace(nn.Module):
    """Each of `inner` channels u has `state` numbers h[n], with a step Δ_t > 0, and ports B_t and C_t:

        h_t[n] = exp(−Δ_t·rate[n])·h_{t−1}[n] + Δ_t·B_t[n]·u_t
        y_t    = Σ_n C_t[n]·h_t[n] + skip·u_t

    B_t and C_t are shared by all channels; Δ_t, B_t and C_t are functions of u_t; `rate` > 0 is learned.
    u = silu(W_u x); out = W_o (y ⊙ silu(W_s x)).

    Without `heads` the gates are diagonal: Δ_t per channel, rate per channel and n. With `heads` they are
    scalar: one Δ_t and one rate for all numbers of a head of inner / heads channels. `chunk` computes scalar
    gates by matrix products, that many steps at a time; without it a scan computes either.
    """

    def __init__(
        self,
        width: int,
        state: int = 16,
        *,
        inner: int | None = None,
        rank: int = 4,
        heads: int | None = None,
        chunk: int | None = None,
    ):
        super().__init__()
        inner = width if inner is None else inner
        gates = inner if heads is None else heads
        check_sizes(width=width, state=state, inner=inner, rank=rank, heads=gates)
        if chunk is not None:
            check_sizes(chunk=chunk)
            if heads is None:
                raise LessonError(f"chunk = {chunk} without heads: expected heads, chunks take scalar gates")
        if inner % gates:
            raise LessonError(f"heads = {heads}: expected a divisor of the {inner} inner channels")
        self.width, self.state, self.inner, self.rank = width, state, inner, rank
        self.heads, self.chunk = heads, chunk
        self.enter = nn.Linear(width, 2 * inner, bias=False)
        self.select = nn.Linear(inner, rank + 2 * state, bias=False)
        self.widen_step = nn.Linear(rank, gates)
        rates = torch.arange(1.0, state + 1).repeat(inner, 1) if heads is None else torch.ones(heads, 1)
        self.log_rate = nn.Parameter(rates.log())
        self.skip = nn.Parameter(torch.ones(inner))
        self.project = nn.Linear(inner, width, bias=False)
        with torch.no_grad():  # steps from 0.001 to 0.1, spread over the channels: softplus(bias) = step
            steps = torch.logspace(-3, -1, gates)
            self.widen_step.bias.copy_(steps.expm1().log())

    def forward(
        self, x: Float[Tensor, "batch time width"], state: Float[Tensor, "batch inner state"] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "batch inner state"]]:
        """All steps of all channels and n, and the last h."""
        check_input(x, self.width)
        check_state(state, (len(x), self.inner, self.state))
        u, side, step, b, c = self._discretise(x)
        if self.chunk is None:
            log_gates, entering = self._system(u, step, b)
            entering = entering.to(log_gates.dtype)  # autocast gives them two
            h, last = linear_scan(log_gates, entering, state, log_gates=True, return_state=True)
            y = (h @ c[..., None]).squeeze(-1)
        else:
            y, last = self._by_chunks(u, step, b, c, state)
        return self._leave(y, u, side), last

    def step(
        self, x_t: Float[Tensor, "batch width"], state: Float[Tensor, "batch inner state"] | None = None
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch inner state"]]:
        """One token by the formula."""
        u, side, step, b, c = self._discretise(x_t)
        log_gates, h = self._system(u, step, b)
        if state is not None:
            h = log_gates.exp() * state + h
        return self._leave((h @ c[..., None]).squeeze(-1), u, side), h

    def _discretise(self, x: Tensor) -> tuple[Tensor, ...]:
        u, side = self.enter(x).chunk(2, -1)
        u = silu(u)
        narrow, b, c = self.select(u).split([self.rank, self.state, self.state], -1)
        return u, side, softplus(self.widen_step(narrow)), b, c

    def _system(self, u: Tensor, step: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of the gates, 1 in place of `state` if they are scalar, and what enters the states."""
        log_gates = -step[..., None] * self.log_rate.exp()
        channels = self.inner // step.shape[-1]
        log_gates = log_gates.repeat_interleave(channels, -2)
        return log_gates, (step.repeat_interleave(channels, -1) * u)[..., None] * b[..., None, :]

    def _by_chunks(self, u: Tensor, step: Tensor, b: Tensor, c: Tensor, state: Tensor | None):
        """C_t, B_t and Δ_t·u_t are the q, k and v of attention with decaying weights."""
        q, k = (each[:, :, None].expand(-1, -1, self.heads, -1) for each in (c, b))
        v = step[..., None] * u.unflatten(-1, (self.heads, -1))
        before = None if state is None else state.unflatten(1, (self.heads, -1)).mT
        log_gates = -step * self.log_rate.exp().squeeze(-1)
        y, last = chunkwise(q, k, v, log_gates, chunk=self.chunk, state=before)
        return y.flatten(-2), last.mT.flatten(1, 2)

    def _leave(self, y: Tensor, u: Tensor, side: Tensor) -> Tensor:
        return self.project((y + self.skip * u) * silu(side))
