"""BatchNorm in training mode with its backward by hand.

It saves the statistics of the batch, which are outputs marked as non-differentiable: differentiating the
backward again would treat them as constants, so it is declared differentiable once.
"""

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from lesson_support.errors import LessonError


class BatchNorm(Function):
    """y = γ x̂ + β with x̂ = (x - μ) s, s = 1 / √(v + eps), over all axes of x (batch, channel, …) but the
    channel. Returns y, and μ and v for the running statistics, which carry no gradient."""

    @staticmethod
    def forward(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        axes = _all_but_channel(x)
        variance, mean = torch.var_mean(x, axes, correction=0)
        scale = torch.rsqrt(variance + eps)
        y = _along(gamma * scale, x) * (x - _along(mean, x)) + _along(beta, x)
        return y, mean, variance

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, gamma, _, ctx.eps = inputs
        _, mean, variance = output
        ctx.mark_non_differentiable(mean, variance)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gamma, mean, variance)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, _grad_mean, _grad_variance):
        if grad is None:
            return None, None, None, None
        x, gamma, mean, variance = ctx.saved_tensors
        axes = _all_but_channel(x)
        scale = torch.rsqrt(variance + ctx.eps)
        normal = (x - _along(mean, x)) * _along(scale, x)
        grad_beta = grad.sum(axes)
        grad_gamma = (grad * normal).sum(axes)
        count = x.numel() // x.shape[1]
        centred = grad - _along(grad_beta / count, x) - normal * _along(grad_gamma / count, x)
        return _along(gamma * scale, x) * centred, grad_gamma, grad_beta, None


def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> Tensor:
    """x (batch, channel, …) normalised over all axes but the channel, then γ x̂ + β."""
    return batch_norm_with_statistics(x, gamma, beta, eps)[0]


def batch_norm_with_statistics(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """`batch_norm` with the mean and the variance (divided by the count) of the batch."""
    if not x.is_floating_point() or x.ndim < 2 or x.numel() <= x.shape[1]:
        raise LessonError(
            f"batch_norm got x of {x.dtype} and shape {tuple(x.shape)}: expected floating-point "
            "(batch, channel, …) with more than one value for each channel"
        )
    channels = (x.shape[1],)
    if tuple(gamma.shape) != channels or tuple(beta.shape) != channels:
        raise LessonError(
            f"batch_norm got gamma {tuple(gamma.shape)}, beta {tuple(beta.shape)}: expected {channels} twice"
        )
    return BatchNorm.apply(x, gamma, beta, eps)


def _all_but_channel(x: Tensor) -> list[int]:
    return [axis for axis in range(x.ndim) if axis != 1]


def _along(channel_values: Tensor, x: Tensor) -> Tensor:
    """One value for each channel, in a shape that broadcasts against x."""
    return channel_values.reshape(-1, *(1 for _ in range(x.ndim - 2)))
