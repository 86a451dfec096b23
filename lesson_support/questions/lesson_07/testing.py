"""Tests that tell the backward of x Wᵀ + b from backwards that are right for the usual shapes only."""

from __future__ import annotations

from lesson_support.questions.kinds import Tests


def backward(grad, x, W, b):
    """The gradients of x (…, n), W (m, n) and b, which broadcasts against (…, m), for y = x Wᵀ + b."""
    rows = grad.reshape(-1, W.shape[0])
    return grad @ W, rows.mT @ x.reshape(-1, W.shape[1]), grad.sum_to_size(b.shape)


def _summed_then_expanded(grad, x, W, b):
    grad_x, grad_W, _ = backward(grad, x, W, b)
    return grad_x, grad_W, grad.reshape(-1, W.shape[0]).sum(0).sum_to_size(b.shape[-1:]).expand(b.shape)


def _missing_axes_only(grad, x, W, b):
    grad_x, grad_W, _ = backward(grad, x, W, b)
    return grad_x, grad_W, grad.sum_to_size(grad.shape[grad.ndim - b.ndim :])


def _aligned_from_the_left(grad, x, W, b):
    grad_x, grad_W, grad_b = backward(grad, x, W, b)
    if b.ndim == 2 and grad.ndim == 3 and b.shape[0] == grad.shape[0]:
        grad_b = grad.sum(1).sum_to_size(b.shape)
    return grad_x, grad_W, grad_b


def _mean_over_broadcast(grad, x, W, b):
    grad_x, grad_W, grad_b = backward(grad, x, W, b)
    shared = any(size == 1 for size in b.shape[:-1])
    return grad_x, grad_W, grad_b * b.numel() / grad.numel() if shared else grad_b


def _one_channel_for_all(grad, x, W, b):
    grad_x, grad_W, grad_b = backward(grad, x, W, b)
    one = b.ndim > 0 and b.shape[-1] == 1 and grad.shape[-1] > 1
    return grad_x, grad_W, grad[..., :1].sum_to_size(b.shape) if one else grad_b


def _upstream_of_ones(grad, x, W, b):
    import torch

    grad_x, grad_W, _ = backward(grad, x, W, b)
    return grad_x, grad_W, torch.ones_like(grad).sum_to_size(b.shape)


def _other_side(grad, x, W, b):
    grad_x, grad_W, grad_b = backward(grad, x, W, b)
    return grad @ W.mT if W.shape[0] == W.shape[1] else grad_x, grad_W, grad_b


def _last_sample(grad, x, W, b):
    grad_x, grad_W, grad_b = backward(grad, x, W, b)
    return grad_x, grad[-1].mT @ x[-1] if x.ndim == 3 else grad_W, grad_b


def _by_rows(grad, x, W, b):
    import torch

    packed = grad.contiguous() if 0 in grad.stride() else grad
    return backward(packed.as_strided(grad.shape, torch.empty(grad.shape).stride()), x, W, b)


def _scaled_in_place(grad, x, W, b):
    found = backward(grad, x, W, b)
    if 0 not in grad.stride():
        grad.zero_()
    return found


def test_linear_backward(backward) -> None:
    """Assertions that only the gradients of x Wᵀ + b pass, for every shape of b that broadcasts."""
    import torch

    torch.manual_seed(0)
    biases = [(), (1,), (4,), (1, 4), (3, 1), (3, 4), (1, 1, 4), (2, 1, 4), (2, 3, 1), (2, 3, 4)]
    shapes = [((2, 3, 5), 4, b) for b in biases] + [((3, 3, 4), 4, (3, 4)), ((3, 3, 4), 4, (3, 1))]
    shapes += [((6, 5), 4, (4,)), ((5,), 4, (4,)), ((1, 5), 4, (1, 4))]
    for x_shape, m, b_shape in shapes:
        x, W, b = (
            torch.randn(shape, dtype=torch.float64, requires_grad=True)
            for shape in (x_shape, (m, x_shape[-1]), b_shape)
        )
        y = x @ W.mT + b
        turned = torch.randn(y.shape[::-1], dtype=y.dtype).permute(*reversed(range(y.ndim)))
        for grad in (torch.randn_like(y), turned):
            expected = torch.autograd.grad(y, (x, W, b), grad, retain_graph=True)
            kept = grad.clone()
            found = backward(grad, x.detach(), W.detach(), b.detach())
            assert torch.equal(grad, kept), "grad was changed"
            for name, got, want in zip("xWb", found, expected, strict=True):
                assert got.shape == want.shape, (name, x_shape, b_shape, got.shape)
                assert got.dtype == want.dtype, (name, got.dtype)
                assert torch.allclose(got, want), (name, x_shape, b_shape)


def _usual_shapes(backward):
    import torch

    x, W, b = (torch.randn(shape, requires_grad=True) for shape in ((6, 5), (4, 5), (4,)))
    y = x @ W.mT + b
    grad = torch.randn_like(y)
    expected = torch.autograd.grad(y, (x, W, b), grad)
    for got, want in zip(backward(grad, x.detach(), W.detach(), b.detach()), expected, strict=True):
        assert torch.allclose(got, want, atol=1e-5)


def _sum_of_the_output(backward):
    import torch

    for b_shape in [(4,), (3, 4), (2, 1, 4), (3, 1)]:
        x, W, b = (torch.randn(s, requires_grad=True) for s in ((2, 3, 5), (4, 5), b_shape))
        y = x @ W.mT + b
        expected = torch.autograd.grad(y.sum(), (x, W, b))
        found = backward(torch.ones_like(y), x.detach(), W.detach(), b.detach())
        for got, want in zip(found, expected, strict=True):
            assert torch.allclose(got, want, atol=1e-4)


def _shapes_only(backward):
    import torch

    for b_shape in [(4,), (3, 4), (2, 1, 4), (3, 1), (1,)]:
        x, W, b = torch.randn(2, 3, 5), torch.randn(4, 5), torch.randn(b_shape)
        for got, of in zip(backward(torch.randn(2, 3, 4), x, W, b), (x, W, b), strict=True):
            assert got.shape == of.shape


def _all_ones(backward):
    import torch

    x, W, b, grad = torch.ones(4, 4), torch.ones(4, 4), torch.ones(4), torch.ones(4, 4)
    for got, size in zip(backward(grad, x, W, b), (4, 4, 4), strict=True):
        assert (got == size).all()


def _broadcast_only(backward):
    import torch

    for b_shape in [(3, 4), (2, 1, 4), (3, 1)]:
        grad = torch.randn(2, 3, 4)
        found = backward(grad, torch.randn(2, 3, 5), torch.randn(4, 5), torch.randn(b_shape))
        assert torch.allclose(found[2], grad.sum_to_size(b_shape), atol=1e-5)


def _no_assertion(backward):
    import torch

    torch.allclose(
        backward(torch.ones(2, 4), torch.ones(2, 5), torch.ones(4, 5), torch.ones(4))[2], torch.ones(4)
    )


QUESTION = Tests(
    name="test_linear_backward",
    points=4,
    difficulty="hard",
    minutes=22,
    signature="test_linear_backward(backward) -> None",
    example=">>> grad, x, W, b = torch.ones(2, 1), torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0]]), "
    "torch.zeros(1)\n"
    ">>> [each.tolist() for each in backward(grad, x, W, b)]\n"
    "[[[3.0], [3.0]], [[3.0]], [2.0]]\n"
    ">>> test_linear_backward(backward)",
    hints=(
        "Compare with torch.autograd.grad on x @ W.mT + b, under a random upstream gradient. Then ask which "
        "shapes, and which kind of upstream gradient, a wrong version could still get right.",
        "Vary the bias most: no axis, one channel, one per position, one per sample, all of them. Let batch "
        "and time be equal once, W square once, and compare shapes as well as values. A gradient need not be "
        "contiguous, and it is not yours to change.",
        "For x of shape (2, 3, 5), W (4, 5) loop over b of shape (), (1,), (4,), (1, 4), (3, 1), (3, 4), (2, "
        "1, 4); add x (3, 3, 4), W (4, 4), b (3, 4). Use float64, a grad made by randn and one that is the "
        ".mT of a torch.randn of the transposed shape (randn_like keeps strides); assert shape, "
        "torch.allclose, and that grad is unchanged.",
    ),
    seconds=30.0,  # enough for gradcheck at every shape, on a machine that does other things too
    solution=test_linear_backward,
    wrong={
        "the shapes of the documentation are the shapes": _usual_shapes,
        "the sum of the output is a loss like any other": _sum_of_the_output,
        "a gradient of the right shape is right": _shapes_only,
        "ones are the simplest case, and enough": _all_ones,
        "only the bias can go wrong": _broadcast_only,
        "comparing is asserting": _no_assertion,
    },
    right=backward,
    mutants={
        "sums all axes but the last, then expands to the shape of b": _summed_then_expanded,
        "sums the axes that b lacks, not those where b has 1": _missing_axes_only,
        "aligns the axes of b from the left where the sizes allow it": _aligned_from_the_left,
        "takes a mean where b has an axis of 1": _mean_over_broadcast,
        "reads one channel for a bias that all channels share": _one_channel_for_all,
        "ignores the upstream gradient for b": _upstream_of_ones,
        "multiplies by the other side of a square W": _other_side,
        "uses the last sample for W when there is a time axis": _last_sample,
        "reads the upstream gradient as if it were contiguous": _by_rows,
        "overwrites the upstream gradient": _scaled_in_place,
    },
)
