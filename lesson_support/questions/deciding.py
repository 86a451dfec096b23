"""For questions whose answer must be decided from shapes and strides: what would ask torch is refused."""

from typing import Any

from lesson_support.questions.kinds import Answer


def decided_alone(answer: Answer, *case: Any) -> Any:
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
