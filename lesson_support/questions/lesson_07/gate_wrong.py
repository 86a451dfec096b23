"""What people write for the gate, each right for some shapes, some inputs or the first derivative."""

import torch


def _with(backward, keep=lambda ctx, x, gate, slope: ctx.save_for_backward(x, gate, slope), once=False):
    """The gate with another backward."""

    def gated(x, gate, slope):
        class Gated(torch.autograd.Function):
            @staticmethod
            def forward(x, gate, slope):
                return x * torch.sigmoid(slope * gate)

            @staticmethod
            def setup_context(ctx, inputs, output):
                keep(ctx, *inputs)

        made = torch.autograd.function.once_differentiable(backward) if once else backward
        Gated.backward = staticmethod(made)
        return Gated.apply(x, gate, slope)

    return gated


def _parts(ctx, grad):
    x, gate, slope = ctx.saved_tensors if ctx.saved_tensors else ctx.kept
    share = torch.sigmoid(slope * gate)
    return x, gate, slope, share, grad * x * share * (1 - share)


def _right(ctx, grad):
    _, gate, slope, share, change = _parts(ctx, grad)
    return grad * share, (change * slope).sum_to_size(gate.shape), (change * gate).sum_to_size(slope.shape)


def _batch_only(ctx, grad):
    _, gate, slope, share, change = _parts(ctx, grad)
    return grad * share, (change * slope).sum(0).expand(gate.shape), (change * gate).sum_to_size(slope.shape)


def _everything_summed(ctx, grad):
    _, gate, slope, share, change = _parts(ctx, grad)
    return grad * share, (change * slope).sum().expand(gate.shape), (change * gate).sum_to_size(slope.shape)


def _no_slope(ctx, grad):
    _, gate, slope, share, change = _parts(ctx, grad)
    return grad * share, change.sum_to_size(gate.shape), (change * gate).sum_to_size(slope.shape)


def _no_upstream(ctx, grad):
    _, gate, slope, share, change = _parts(ctx, grad)
    _, _, _, _, bare = _parts(ctx, torch.ones_like(grad))
    return grad * share, (change * slope).sum_to_size(gate.shape), (bare * gate).sum_to_size(slope.shape)


def _slope_frozen(ctx, grad):
    return *_right(ctx, grad)[:2], None


def _needs_mixed(ctx, grad):
    found = _right(ctx, grad)
    return found if ctx.needs_input_grad[0] else (None, None, found[2])


def _detached(ctx, grad):
    return tuple(each.detach() for each in _right(ctx, grad))


def _intermediate(ctx, grad):
    x, gate, slope, share = ctx.saved_tensors
    change = grad * x * share * (1 - share)
    return grad * share, (change * slope).sum_to_size(gate.shape), (change * gate).sum_to_size(slope.shape)


def _keep_share(ctx, x, gate, slope):
    ctx.save_for_backward(x, gate, slope, torch.sigmoid(slope * gate))


def _keep_attributes(ctx, x, gate, slope):
    ctx.kept = (x, gate, slope)


def _by_rows(ctx, grad):
    packed = torch.empty(grad.shape).stride()
    return _right(ctx, grad.contiguous() if 0 in grad.stride() else grad.as_strided(grad.shape, packed))


def _formula(x, gate, slope):
    return x * torch.sigmoid(slope * gate)


WRONG = {
    "the upstream gradient is contiguous": _with(_by_rows),
    "a formula that autograd differentiates is a Function": _formula,
    "an error about a shape is repaired by changing the shape": _with(_batch_only),
    "the sum over everything is a sum over the batch": _with(_everything_summed),
    "the inner derivative of a product may be left out": _with(_no_slope),
    "the upstream gradient belongs to the first input": _with(_no_upstream),
    "None stops the complaint about an input": _with(_slope_frozen),
    "one test of needs_input_grad serves all inputs": _with(_needs_mixed),
    "detaching what is returned is safe": _with(_detached),
    "an intermediate may be saved if it is saved properly": _with(_intermediate, _keep_share),
    "once_differentiable makes the second derivative right": _with(_right, once=True),
    "an attribute of ctx is as good as save_for_backward": _with(_right, _keep_attributes),
}
