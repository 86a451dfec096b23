"""What the two backends in native code have in common: where they run, and what autograd must be told."""

from torch import Tensor
from torch.autograd.graph import increment_version

from lesson_support.kernels.scans.problem import Problem


def refuses(problem: Problem) -> str | None:
    """They take every scan on a CPU."""
    return None if problem.device == "cpu" else f"it runs on the CPU, and the tensors are on {problem.device}"


def tell_autograd(out: Tensor) -> None:
    """Counts a write that torch does not see, so that a backward pass that needs the old values refuses."""
    try:
        increment_version(out)
    except RuntimeError:  # a tensor of inference mode has no version
        if not out.is_inference():
            raise
