"""The same derivatives from other evidence: what else a backward could save, to be measured against
`functions`."""

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from lesson_support.autograd import functions


class SigmoidKeepingInput(functions.Sigmoid):
    """y (1 - y), with the input saved as well."""

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output, *inputs)

    @staticmethod
    def backward(ctx, grad):
        y, _ = ctx.saved_tensors
        return grad * y * (1 - y)


class SigmoidFromInput(functions.Sigmoid):
    """σ(x) computed again from the input, nothing else saved."""

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad):
        y = torch.special.expit(ctx.saved_tensors[0])
        return grad * y * (1 - y)


class SigmoidInPlace(Function):
    """Writes y over x; whoever saved x finds out from its version counter."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.sigmoid_()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_dirty(*inputs)
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y * (1 - y)


class ReLUKeepingMask(Function):
    """max(x, 0) with x > 0 saved: one byte an element. The mask does not depend on x smoothly, so a second
    derivative of zero is right."""

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        return x.clamp_min(0), x > 0

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, mask = output
        ctx.mark_non_differentiable(mask)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(mask)

    @staticmethod
    def backward(ctx, grad, _grad_mask):
        return None if grad is None else grad * ctx.saved_tensors[0]


class GeluKeepingSlope(Function):
    """x Φ(x) with its whole derivative computed in forward: the fastest backward, and an intermediate that
    autograd does not know."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(functions.gelu_slope(x, "none"))
        return functions.Gelu.forward(x, "none")

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0]
