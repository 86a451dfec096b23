"""The derivatives of the scan's operators, for autograd, torch.func and vmap."""

import torch
from torch import Tensor

from lesson_support.kernels.scans.operators import linear_scan_backward, linear_scan_forward
from lesson_support.kernels.scans.problem import STATE_DTYPES


def differentiable_scan(a: Tensor, b: Tensor, h0: Tensor | None, *options) -> tuple[Tensor, Tensor]:
    """(h, final state) by the operator, in the form that whoever is watching can differentiate."""
    return (_Forward.apply if _in_transform() else linear_scan_forward)(a, b, h0, *options)


def _differentiable_gradients(*arguments) -> tuple[Tensor, Tensor, Tensor]:
    return (_Backward.apply if _in_transform() else linear_scan_backward)(*arguments)


def _in_transform() -> bool:
    return not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active()


def _keep_for_backward(ctx, inputs, output) -> None:
    a, _, h0, *ctx.options = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(a, output[0], h0)


def _backward(ctx, grad: Tensor | None, grad_state: Tensor | None):
    """Gradients of `linear_scan_forward` for a, b and h0."""
    a, h, h0 = ctx.saved_tensors
    if grad is None:  # only the final state was used
        grad = h.new_zeros(()).expand(h.shape)
    needs_a, _, needs_h0, *_ = ctx.needs_input_grad
    da, db, dh0 = _differentiable_gradients(grad, grad_state, a, h, h0, *ctx.options, needs_a, needs_h0)
    return da if needs_a else None, db, dh0 if needs_h0 else None, *[None] * len(ctx.options)


def _keep_for_double_backward(ctx, inputs, output) -> None:
    _, grad_state, a, h, h0, *ctx.options = inputs
    ctx.set_materialize_grads(False)
    ctx.has_state = grad_state is not None
    ctx.save_for_backward(a, h, h0, output[1])


def _double_backward(ctx, to_da: Tensor | None, to_db: Tensor | None, to_dh0: Tensor | None):
    """Gradients of `linear_scan_backward` for grad, grad_state, a, h and h0; `to_da` is what arrives for da.

    The operator computes g, a scan the other way with gates shifted by one, and from it db = g,
    da_t = g_t·h_{t−1} (times gate_t where gates are logarithms) and dh0 = gate_0·g_0. Here all is done in the
    state's dtype, with operations that have derivatives themselves.
    """
    a, h, h0, g = ctx.saved_tensors
    dim, reverse, log_gates, backend, needs_a, needs_h0 = ctx.options
    wide = STATE_DTYPES[h.dtype]
    rest = [None] * len(ctx.options)
    if h.shape[dim] == 0:  # dh0 is grad_state
        return None, to_dh0 if ctx.has_state else None, None, None, None, *rest
    first = -1 if reverse else 0
    gate = a.to(wide).exp() if log_gates else a.to(wide)
    wide_g, wide_h = g.to(wide), h.to(wide)
    zero = torch.zeros_like(wide_h.select(dim, 0))
    before = _shifted(wide_h, zero if h0 is None else h0.to(wide), dim, reverse)

    to_g = torch.zeros_like(wide_g) if to_db is None else to_db.to(wide)
    to_gate, to_h, to_h0 = torch.zeros_like(wide_g), None, None
    if needs_a and to_da is not None:
        scale = to_da.to(wide) * gate if log_gates else to_da.to(wide)
        to_g = to_g + scale * before
        to_gate = to_da.to(wide) * wide_g * before if log_gates else to_gate
        to_h = _unshifted(scale * wide_g, dim, reverse).to(h.dtype)
        to_h0 = None if h0 is None else (scale * wide_g).select(dim, first).to(h0.dtype)
    if not needs_h0 or to_dh0 is None:
        to_dh0 = zero
    # What reaches each g_t: from its own uses, and as gate_t·arrived_{t−1} from g_{t−1}, which was computed
    # from it. dh0 = gate_0·g_0 is such a use too, as if by a step before the first.
    arrived, to_grad_state = differentiable_scan(a.to(wide), to_g, to_dh0, dim, reverse, log_gates, backend)
    to_gate = to_gate + _shifted(arrived, to_dh0, dim, reverse) * wide_g
    to_a = (to_gate * gate if log_gates else to_gate).to(a.dtype)
    return arrived.to(h.dtype), to_grad_state if ctx.has_state else None, to_a, to_h, to_h0, *rest


def _shifted(x: Tensor, start: Tensor, dim: int, reverse: bool) -> Tensor:
    """x_{t−1} at every step t, and `start` at the first."""
    start, length = start.unsqueeze(dim), x.shape[dim] - 1
    if reverse:
        return torch.cat([x.narrow(dim, 1, length), start], dim)
    return torch.cat([start, x.narrow(dim, 0, length)], dim)


def _unshifted(x: Tensor, dim: int, reverse: bool) -> Tensor:
    """x_{t+1} at every step t, and zero at the last: what `_shifted` sends back to x."""
    return _shifted(x, torch.zeros_like(x.select(dim, 0)), dim, not reverse)


def _front(x: Tensor | None, axis: int | None, batch: int) -> Tensor | None:
    """`x` with the mapped axis in front; an x that is not mapped is repeated without a copy."""
    if x is None:
        return None
    return x.expand(batch, *x.shape) if axis is None else x.movedim(axis, 0)


def _map_forward(info, in_dims, a, b, h0, dim, *options):
    a, b, h0 = (_front(x, axis, info.batch_size) for x, axis in zip((a, b, h0), in_dims, strict=False))
    return differentiable_scan(a, b, h0, dim + 1, *options), (0, 0)


def _map_backward(info, in_dims, grad, grad_state, a, h, h0, dim, *options):
    given = (grad, grad_state, a, h, h0)
    tensors = [_front(x, axis, info.batch_size) for x, axis in zip(given, in_dims, strict=False)]
    needs_a, needs_h0 = options[-2:]
    return _differentiable_gradients(*tensors, dim + 1, *options), (
        0 if needs_a else None,
        0,
        0 if needs_h0 else None,
    )


class _Forward(torch.autograd.Function):
    """`linear_scan_forward` for torch.func, which does not see the rules registered on an operator."""

    forward = staticmethod(linear_scan_forward)
    setup_context = staticmethod(_keep_for_backward)
    backward = staticmethod(_backward)
    vmap = staticmethod(_map_forward)


class _Backward(torch.autograd.Function):
    forward = staticmethod(linear_scan_backward)
    setup_context = staticmethod(_keep_for_double_backward)
    backward = staticmethod(_double_backward)
    vmap = staticmethod(_map_backward)


linear_scan_forward.register_autograd(_backward, setup_context=_keep_for_backward)
linear_scan_backward.register_autograd(_double_backward, setup_context=_keep_for_double_backward)
linear_scan_forward.register_vmap(_map_forward)
linear_scan_backward.register_vmap(_map_backward)
