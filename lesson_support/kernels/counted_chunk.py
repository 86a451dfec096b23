"""One chunk of a gated recurrence with its operations counted: a product over the chunk, or a loop?"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

SHORT, LONG = 8, 64


class _Operations(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        self.count += 1
        return operator(*args, **(kwargs or {}))


def answers(answer, q, k, v, log_gates, state):
    """o and the state that the answer gives, the gradient that reaches v, and how its operations grow."""
    leaf = v.clone().requires_grad_()
    o, after = answer(q, k, leaf, log_gates, state)
    (grad,) = torch.autograd.grad(o.sum() + after.sum(), leaf)
    return {
        "o": o.detach(),
        "state": after.detach(),
        "gradient of v, o and state summed": grad,
        "operations": [_operations(answer, steps) for steps in (SHORT, LONG)],
    }


def _operations(answer, steps: int) -> int:
    generator = torch.Generator().manual_seed(steps)
    q, k, v = (torch.randn(steps, 3, generator=generator) for _ in range(3))
    log_gates = -torch.rand(steps, generator=generator)
    with torch.no_grad(), _Operations() as operations:
        answer(q, k, v, log_gates, torch.randn(3, 3, generator=generator))
    return operations.count
