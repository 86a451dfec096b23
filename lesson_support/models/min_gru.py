"""The GRU that a scan can compute: its gates read the input, not the state.

After "Were RNNs All We Needed?" (Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lesson_support.kernels import gated_scan
from lesson_support.models.states import check_input, check_sizes, check_state


class MinGRU(nn.Module):
    """h_t = (1 − z_t)⊙h_{t−1} + z_t⊙c_t with z_t = σ(W_z x_t) and candidate c_t = W_c x_t; out = W_o h_t.

    `state` is the number of channels of h, `width` without it.
    """

    def __init__(self, width: int, state: int | None = None):
        super().__init__()
        state = width if state is None else state
        check_sizes(width=width, state=state)
        self.width, self.state = width, state
        self.gate_and_candidate = nn.Linear(width, 2 * state)
        self.project = nn.Linear(state, width, bias=False)

    def forward(
        self, x: Float[Tensor, "batch time width"], state: Float[Tensor, "batch state"] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "batch state"]]:
        """All steps by one scan, and the last h."""
        check_input(x, self.width)
        check_state(state, (len(x), self.state))
        opening, candidate = self.gate_and_candidate(x).chunk(2, -1)
        # 1 − σ(u) = σ(−u): the scan's gate keeps its digits where z is near 1.
        h, last = gated_scan(-opening, opening.sigmoid() * candidate, state, return_state=True)
        return self.project(h), last

    def step(
        self, x_t: Float[Tensor, "batch width"], state: Float[Tensor, "batch state"] | None = None
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch state"]]:
        """One token by the formula."""
        opening, candidate = self.gate_and_candidate(x_t).chunk(2, -1)
        z = opening.sigmoid()
        h = torch.zeros_like(candidate) if state is None else state
        h = (1 - z) * h + z * candidate
        return self.project(h), h
