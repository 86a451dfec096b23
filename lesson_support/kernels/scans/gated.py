"""The scan whose gates come out of a sigmoid, as in most recurrent layers."""

import torch
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels.scans.interface import linear_scan
from lesson_support.kernels.scans.problem import STATE_DTYPES


def gated_scan(
    x_gate: Tensor, b: Tensor, h0: Tensor | None = None, **options
) -> Tensor | tuple[Tensor, Tensor]:
    """linear_scan(sigmoid(x_gate), b, h0, **options), with every option of it but `log_gates`.

    In half precision the logarithm of the gate is rounded in place of the gate: bfloat16 has no number
    between 0.9961 and 1, where slow gates lie.
    """
    if not isinstance(x_gate, Tensor):
        raise LessonError(f"x_gate is a {type(x_gate).__name__}: expected a tensor")
    if "log_gates" in options:
        raise LessonError("log_gates is given: expected no such option, a sigmoid makes the gates")
    if STATE_DTYPES.get(x_gate.dtype, x_gate.dtype) == x_gate.dtype:
        return linear_scan(torch.sigmoid(x_gate), b, h0, **options)
    return linear_scan(torch.nn.functional.logsigmoid(x_gate), b, h0, log_gates=True, **options)
