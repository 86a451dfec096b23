"""What a backend may look at before it takes a scan: everything but the values."""

from dataclasses import dataclass
from math import prod

import torch

# dtype of a and b -> dtype of the carried state, of all arithmetic, and of the state's gradients
STATE_DTYPES = {
    torch.float32: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float16: torch.float32,
    torch.float64: torch.float64,
}


@dataclass(frozen=True)
class Problem:
    """One scan of b's `shape` along `dim` (counted from the front), or with `backward` its gradients.

    `device` is a device's type, such as "cpu" or "cuda". `needs_state` says whether the final state was asked
    for; a backend writes it in any case.
    """

    device: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    dim: int
    reverse: bool = False
    log_gates: bool = False
    has_h0: bool = False
    needs_state: bool = False
    backward: bool = False

    @property
    def length(self) -> int:
        """T, the number of steps."""
        return self.shape[self.dim]

    @property
    def rows(self) -> int:
        """How many recurrences run side by side."""
        return prod(self.shape[: self.dim]) * prod(self.shape[self.dim + 1 :])

    @property
    def state_dtype(self) -> torch.dtype:
        """float32, or float64 for float64."""
        return STATE_DTYPES[self.dtype]
