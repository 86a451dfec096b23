"""The recurrence that MM-Rec publishes, step by step: its gate reads the state, so no scan computes it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lesson_support.models.states import check_input, check_sizes, check_state


class NonlinearRecurrence(nn.Module):
    """h_t = z_t⊙σ(W_g h_{t−1}) + γ⊙h_{t−1}, with z_t the input and γ = σ(`decay`) one number per channel."""

    def __init__(self, width: int):
        super().__init__()
        check_sizes(width=width)
        self.width = width
        self.gate = nn.Linear(width, width, bias=False)
        self.decay = nn.Parameter(torch.linspace(0.0, 4.0, width))

    def forward(
        self, z: Float[Tensor, "batch time width"], state: Float[Tensor, "batch width"] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "batch width"]]:
        """A loop over time: each step needs the state that the step before it made."""
        check_input(z, self.width)
        check_state(state, (len(z), self.width))
        h = torch.zeros_like(z[:, 0]) if state is None else state
        states = []
        for z_t in z.unbind(1):
            _, h = self.step(z_t, h)
            states.append(h)
        return torch.stack(states, 1), h

    def step(
        self, z_t: Float[Tensor, "batch width"], state: Float[Tensor, "batch width"] | None = None
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch width"]]:
        """One token; what goes out is the state itself."""
        state = torch.zeros_like(z_t) if state is None else state
        h = z_t * self.gate(state).sigmoid() + self.decay.sigmoid() * state
        return h, h
