"""Derivatives written by hand: `relu`, `sigmoid`, `gelu`, `linear` as `torch.autograd.Function`s.

Each saves only inputs or outputs and computes its backward with torch operations, so that the backward can
be differentiated in turn; `gradcheck`, `gradgradcheck` and the reverse-mode and vmap transforms of
`torch.func` accept them.
"""

from math import pi, sqrt

import torch
from torch import Tensor
from torch.autograd import Function

from lesson_support.errors import LessonError


class ReLU(Function):
    """max(x, 0), from its output: y > 0 says where x was."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clamp_min(0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * (y > 0)


class Sigmoid(Function):
    """y = 1 / (1 + exp(-x)), from its output: dy/dx = y (1 - y)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.special.expit(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y * (1 - y)


class Gelu(Function):
    """x Φ(x), exactly or with Φ(x) ≈ (1 + tanh u) / 2, u = √(2/π) (x + 0.044715 x³). Not monotone: its output
    does not tell x, so x is saved and Φ computed again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, approximate: str) -> Tensor:
        return x * _share(x, approximate)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.approximate = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * gelu_slope(x, ctx.approximate), None


def gelu_slope(x: Tensor, approximate: str) -> Tensor:
    """Φ(x) + x Φ'(x), the derivative of x Φ(x)."""
    share = _share(x, approximate)
    if approximate == "none":
        return share + x * (x * x * -0.5).exp() / sqrt(2 * pi)
    # Φ = (1 + tanh u) / 2, so Φ' = 2 Φ (1 - Φ) u'
    return share + 2 * sqrt(2 / pi) * x * share * (1 - share) * (1 + 3 * 0.044715 * x * x)


def _share(x: Tensor, approximate: str) -> Tensor:
    """Φ(x), the part of x that GELU lets through."""
    if approximate == "none":
        return (1 + torch.erf(x / sqrt(2))) / 2
    return (1 + torch.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2


class Linear(Function):
    """y = x Wᵀ + b for x (…, n), W (m, n), and any b that broadcasts against (…, m), or None.

    Each input's gradient is summed over the axes along which it was broadcast.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
        product = x @ W.mT
        return product if b is None else product + b

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, W, b = inputs
        ctx.save_for_backward(x, W)
        ctx.bias_shape = None if b is None else b.shape

    @staticmethod
    def backward(ctx, grad):
        x, W = ctx.saved_tensors
        grad_x = grad_W = grad_b = None
        if ctx.needs_input_grad[2]:
            grad_b = grad.sum_to_size(ctx.bias_shape)
        # b may have brought axes, or sizes above 1, that x does not have.
        grad = grad.sum_to_size(*x.shape[:-1], len(W))
        if ctx.needs_input_grad[0]:
            grad_x = grad @ W
        if ctx.needs_input_grad[1]:
            grad_W = grad.reshape(-1, len(W)).mT @ x.reshape(-1, W.shape[1])
        return grad_x, grad_W, grad_b


def relu(x: Tensor) -> Tensor:
    """max(x, 0); its derivative at 0 is 0."""
    return ReLU.apply(_floating("relu", x))


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return Sigmoid.apply(_floating("sigmoid", x))


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x), with Φ the normal distribution function or, for "tanh", its approximation."""
    if approximate not in ("none", "tanh"):
        raise LessonError(f"gelu got approximate={approximate!r}: expected 'none' or 'tanh'")
    return Gelu.apply(_floating("gelu", x), approximate)


def linear(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """x Wᵀ + b for x (…, n) and W (m, n); `b` is anything that broadcasts against (…, m)."""
    if _floating("linear", x).ndim < 1 or W.ndim != 2 or x.shape[-1] != W.shape[1]:
        raise LessonError(
            f"linear got x {tuple(x.shape)} and W {tuple(W.shape)}: expected shapes (…, n) and (m, n)"
        )
    return Linear.apply(x, W, b)


def _floating(name: str, x: Tensor) -> Tensor:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        came = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise LessonError(f"{name} got x of {came}: expected a floating-point tensor")
    return x
