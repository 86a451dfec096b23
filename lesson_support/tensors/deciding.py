"""For answers that must be decided from shapes and strides: one that asks torch is refused."""

from collections.abc import Callable
from typing import Any


def decided_alone(answer: Callable[..., Any], *case: Any) -> Any:
    """The answer to one case; AssertionError if a torch operator ran on the way, its error caught or not."""
    from torch.utils._python_dispatch import TorchDispatchMode

    asked = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            asked.append(operator.name().removeprefix("aten::"))
            return operator(*args, **(kwargs or {}))

    with Watch():
        result = answer(*case)
    if asked:
        raise AssertionError(f"the answer ran torch's {asked[0]}: expected a decision without any tensor")
    return result
