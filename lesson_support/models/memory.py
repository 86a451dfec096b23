"""A block of MM-Rec's parts in a form that a scan computes: the gate reads the input instead of the state."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lesson_support.errors import LessonError
from lesson_support.kernels import gated_scan
from lesson_support.models.states import check_input, check_sizes, check_state


class MemoryState(NamedTuple):
    """What a block has kept of the tokens so far, each tensor batch first."""

    h: Tensor  # (batch, width)
    keys: Tensor  # (batch, tokens of the open chunk, width): k of a chunk that is not summarised yet
    fine: Tensor  # (batch, chunks of the open group, 2, width): key and value of each summary
    coarse: Tensor  # (batch, groups, 2, width)


class GatedMemoryBlock(nn.Module):
    """A short memory h and a long one of summaries, blended per channel:

        q, k, v, z = W x_t                       one projection
        h_t = σ(z)⊙h_{t−1} + (1 − σ(z))⊙v        a linear scan
        m_t = attention of q over the summaries of earlier chunks
        out = W_o (g⊙h_t + (1 − g)⊙m_t)          with g = σ(W_g [h_t, m_t])

    A chunk of `chunk` tokens is summarised by the mean of its k and by its last h; `group` chunks by the mean
    of theirs. q sees the chunks of the group that its token lies in and the groups before, all of them
    finished, and one empty slot: after T tokens at most group + T / (chunk·group) + 1 slots.
    """

    def __init__(self, width: int, *, chunk: int = 16, group: int = 4):
        super().__init__()
        check_sizes(width=width, chunk=chunk, group=group)
        self.width, self.chunk, self.group = width, chunk, group
        self.qkvz = nn.Linear(width, 4 * width)
        self.integrate = nn.Linear(2 * width, width)
        self.project = nn.Linear(width, width, bias=False)

    def forward(
        self, x: Float[Tensor, "batch time width"], state: MemoryState | None = None
    ) -> tuple[Float[Tensor, "batch time width"], MemoryState]:
        """All tokens at once, going on from `state`, which may end inside a chunk."""
        check_input(x, self.width)
        state = self._empty(x) if state is None else state
        if not isinstance(state, MemoryState):
            came = type(state).__name__
            raise LessonError(f"state is a {came}: expected the MemoryState of an earlier call")
        check_state(state.h, (len(x), self.width), "state.h")
        q, k, v, z = self.qkvz(x).chunk(4, -1)
        h, last = gated_scan(z, torch.sigmoid(-z) * v, state.h, return_state=True)
        m, state = self._remember(q, k, h, state)
        g = self.integrate(torch.cat([h, m], -1)).sigmoid()
        return self.project(torch.lerp(m, h, g)), state._replace(h=last)

    def step(
        self, x_t: Float[Tensor, "batch width"], state: MemoryState | None = None
    ) -> tuple[Float[Tensor, "batch width"], MemoryState]:
        """One token."""
        out, state = self.forward(x_t[:, None], state)
        return out[:, 0], state

    def _empty(self, x: Tensor) -> MemoryState:
        none = x.new_zeros(len(x), 0, 2, self.width)
        return MemoryState(x.new_zeros(len(x), self.width), none[:, :, 0], none, none)

    def _remember(self, q: Tensor, k: Tensor, h: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """m of every token, and the state with the chunks and groups that these tokens finish."""
        groups, chunks, open_ = state.coarse.shape[1], state.fine.shape[1], state.keys.shape[1]
        first = groups * self.group + chunks  # the open chunk's number, counted from the first token
        keys = torch.cat([state.keys, k], 1)
        done = keys.shape[1] // self.chunk
        ends = torch.arange(1, done + 1, device=q.device) * self.chunk - open_ - 1
        mean_keys = keys[:, : done * self.chunk].unflatten(1, (done, self.chunk)).mean(2)
        fine = torch.cat([state.fine, torch.stack([mean_keys, h[:, ends]], 2)], 1)
        full = fine.shape[1] // self.group
        means = fine[:, : full * self.group].unflatten(1, (full, self.group)).mean(2)
        coarse = torch.cat([state.coarse, means], 1)
        # Everything is counted in chunks since the first token; a summary is seen once its chunk is over.
        own = first + (open_ + torch.arange(q.shape[1], device=q.device))[:, None] // self.chunk
        number = groups * self.group + torch.arange(fine.shape[1], device=q.device)
        same_group = number // self.group == own // self.group
        seen_fine = (number < own) & same_group
        seen_coarse = torch.arange(coarse.shape[1], device=q.device) < own // self.group
        slots = torch.cat([fine, coarse, q.new_zeros(len(q), 1, 2, self.width)], 1)
        seen = torch.cat([seen_fine, seen_coarse, torch.ones_like(own, dtype=torch.bool)], 1)
        m = scaled_dot_product_attention(q, slots[:, :, 0], slots[:, :, 1], attn_mask=seen)
        return m, MemoryState(state.h, keys[:, done * self.chunk :], fine[:, full * self.group :], coarse)
