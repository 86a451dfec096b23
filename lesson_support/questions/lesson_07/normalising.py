"""The backward of BatchNorm in training mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Function
from lesson_support.questions.lesson_07.values import drawn, typed

if TYPE_CHECKING:
    import torch


def batch_norm_backward(
    grad: torch.Tensor, x: torch.Tensor, gamma: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The gradients of x (batch, channel, …), gamma (channel,) and beta (channel,)."""
    axes = [axis for axis in range(x.ndim) if axis != 1]
    column = (-1,) + (1,) * (x.ndim - 2)
    deviation = x - x.mean(axes, keepdim=True)
    scale = (deviation.square().mean(axes, keepdim=True) + eps).rsqrt()
    normal = deviation * scale
    grad_x = grad - grad.mean(axes, keepdim=True) - normal * (grad * normal).mean(axes, keepdim=True)
    return gamma.reshape(column) * scale * grad_x, (grad * normal).sum(axes), grad.sum(axes)


def oracle(grad, x, gamma, eps):
    """Autograd through the forward, written one channel at a time."""
    import torch

    x, gamma = x.clone().requires_grad_(), gamma.clone().requires_grad_()
    beta = torch.zeros_like(gamma, requires_grad=True)
    channels = []
    for c in range(x.shape[1]):
        values = x[:, c]
        mean = values.sum() / values.numel()
        variance = ((values - mean) ** 2).sum() / values.numel()
        channels.append(gamma[c] * (values - mean) / (variance + eps) ** 0.5 + beta[c])
    return torch.autograd.grad(torch.stack(channels, 1), (x, gamma, beta), grad)


def show(grad, x, gamma, eps):
    return f"batch_norm_backward({typed(grad)}, {typed(x)}, {typed(gamma)}, {eps})"


def cases(rng):
    import torch

    def case(*shape, eps=1e-3):
        return drawn(rng, *shape), drawn(rng, *shape), drawn(rng, shape[1]), eps

    found = [case(1, 1), case(2, 1), case(2, 1, eps=1.0), case(3, 1), case(3, 1, eps=2.0), case(2, 2)]
    found += [case(3, 2), case(3, 2, eps=0.5), case(2, 1, 2), case(2, 2, 3), case(2, 3, 1), case(1, 2, 3)]
    found += [case(2, 2, 2, 2), case(2, 2, 1, 3), case(2, 3, 2, 2, eps=1.0), case(2, 1, 2, 2, 2)]
    grad, x, gamma, _ = case(4, 2)
    found.append((torch.ones_like(grad), x, gamma, 1e-3))
    found.append((grad, torch.full_like(x, 3.0), gamma, 0.25))
    found.append((grad, x + 100, gamma, 1e-3))
    found.append((grad, x, torch.zeros_like(gamma), 1e-3))
    found.append((grad, x, -torch.ones_like(gamma), 1e-5))
    found.append((grad.mT.contiguous().mT, x.mT.contiguous().mT, gamma, 1e-3))
    found.append((grad[:1].expand(4, 2), x, gamma, 1e-3))
    for _ in range(8):
        shape = rng.integers(1, 4, int(rng.integers(2, 5))).tolist()
        found.append(case(*shape, eps=float(rng.choice((1e-3, 0.1, 1.0)))))
    return found


def _pieces(grad, x, gamma, eps, correction=0, axes=None):
    import torch

    axes = axes or [axis for axis in range(x.ndim) if axis != 1]
    variance, mean = torch.var_mean(x, axes, correction=correction, keepdim=True)
    scale = (variance + eps).rsqrt()
    return axes, gamma.reshape(-1, *(1,) * (x.ndim - 2)), scale, (x - mean) * scale


def _compact(grad, gamma, scale, normal, axes):
    mean = grad.mean(axes, keepdim=True)
    along = (grad * normal).mean(axes, keepdim=True)
    return gamma * scale * (grad - mean - normal * along)


def _constant_statistics(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps)
    return gamma * scale * grad, (grad * normal).sum(axes), grad.sum(axes)


def _constant_variance(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps)
    return gamma * scale * (grad - grad.mean(axes, keepdim=True)), (grad * normal).sum(axes), grad.sum(axes)


def _constant_mean(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps)
    along = (grad * normal).mean(axes, keepdim=True)
    return gamma * scale * (grad - normal * along), (grad * normal).sum(axes), grad.sum(axes)


def _without_gamma(grad, x, gamma, eps):
    axes, _, scale, normal = _pieces(grad, x, gamma, eps)
    return _compact(grad, 1, scale, normal, axes), (grad * normal).sum(axes), grad.sum(axes)


def _unbiased(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps, correction=1)
    return _compact(grad, gamma, scale, normal, axes), (grad * normal).sum(axes), grad.sum(axes)


def _projected(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps)
    length = normal.square().sum(axes, keepdim=True).clamp_min(1e-30)
    along = (grad * normal).sum(axes, keepdim=True) / length
    centred = grad - grad.mean(axes, keepdim=True) - normal * along
    return gamma * scale * centred, (grad * normal).sum(axes), grad.sum(axes)


def _eps_outside(grad, x, gamma, eps):
    import torch

    axes = [axis for axis in range(x.ndim) if axis != 1]
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    scale = 1 / (variance.sqrt() + eps)
    normal = (x - mean) * scale
    column = gamma.reshape(-1, *(1,) * (x.ndim - 2))
    return _compact(grad, column, scale, normal, axes), (grad * normal).sum(axes), grad.sum(axes)


def _divided_by_batch(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps)
    grad_gamma, grad_beta = (grad * normal).sum(axes, keepdim=True), grad.sum(axes, keepdim=True)
    grad_x = gamma * scale * (grad - grad_beta / len(x) - normal * grad_gamma / len(x))
    return grad_x, (grad * normal).sum(axes), grad.sum(axes)


def _batch_axis_only(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps, axes=[0])
    while grad.ndim > 2:
        grad, x = grad.mean(-1), x.mean(-1)
    _, _, _, flat = _pieces(grad, x, gamma.flatten(), eps)
    grad_x = _compact(grad.reshape(normal.shape[:2] + (1,) * (normal.ndim - 2)), gamma, scale, normal, [0])
    return grad_x, (grad * flat).sum(0), grad.sum(0)


def _beta_over_channels(grad, x, gamma, eps):
    axes, gamma, scale, normal = _pieces(grad, x, gamma, eps)
    return _compact(grad, gamma, scale, normal, axes), (grad * normal).sum(axes), grad.mean(axes)


def _order(grad, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = batch_norm_backward(grad, x, gamma, eps)
    return grad_x, grad_beta, grad_gamma


QUESTION = Function(
    name="batch_norm_backward",
    points=3,
    difficulty="medium",
    minutes=15,
    signature="batch_norm_backward(grad: torch.Tensor, x: torch.Tensor, gamma: torch.Tensor, eps: float) -> "
    "tuple[torch.Tensor, torch.Tensor, torch.Tensor]",
    example=">>> x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)\n"
    ">>> grad = torch.tensor([[1.0], [0.0]], dtype=torch.float64)\n"
    ">>> gamma = torch.tensor([2.0], dtype=torch.float64)\n"
    ">>> [each.tolist() for each in batch_norm_backward(grad, x, gamma, 3.0)]\n"
    "[[[0.375], [-0.375]], [-0.5], [1.0]]",
    hints=(
        "Compute the mean, the scale 1/√(variance + eps) and the normalised values again, over all axes but "
        "the channel. Two of the three gradients are sums over the same axes.",
        "The gradient of x takes two means away from grad: that of grad, and that of grad times the "
        "normalised values, the latter times the normalised values. Then multiply by gamma and the scale. "
        "keepdim=True keeps the shapes in step.",
        "axes = [0, 2, 3, …]; deviation = x - x.mean(axes, keepdim=True); scale = 1 / (mean of its square + "
        "eps) ** 0.5; normal = deviation * scale; grad_x = gamma, reshaped to (channel, 1, …), * scale * "
        "(grad - mean(grad) - normal * mean(grad * normal)); then the sums of grad * normal and of grad.",
    ),
    solution=batch_norm_backward,
    wrong={
        "the statistics are constants": _constant_statistics,
        "only the mean depends on x": _constant_variance,
        "only the variance depends on x": _constant_mean,
        "gamma has its own gradient, so it drops out of that of x": _without_gamma,
        "the variance is divided by N - 1": _unbiased,
        "the gradient is orthogonal to the normalised values whatever eps is": _projected,
        "eps is added to the standard deviation": _eps_outside,
        "N is the batch size": _divided_by_batch,
        "only the batch axis is normalised": _batch_axis_only,
        "the gradient of beta is a mean": _beta_over_channels,
        "beta comes before gamma": _order,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
