"""A gated product whose derivatives are wrong in ways that no shape shows."""

from __future__ import annotations

import torch

from lesson_support.autograd.gate_probe import NAMES, derivatives
from lesson_support.questions.kinds import Repair
from lesson_support.questions.lesson_07.gate_wrong import WRONG
from lesson_support.questions.lesson_07.values import drawn, typed


def gated(x: torch.Tensor, gate: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """x σ(slope · gate); x has the full shape, gate and slope broadcast against it."""

    class Gated(torch.autograd.Function):
        @staticmethod
        def forward(x, gate, slope):
            return x * torch.sigmoid(slope * gate)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            x, gate, slope = ctx.saved_tensors
            share = torch.sigmoid(slope * gate)
            change = grad * x * share * (1 - share)
            grad_gate = (change * slope).sum_to_size(gate.shape)
            grad_slope = (change * gate).sum_to_size(slope.shape)
            return grad * share, grad_gate, grad_slope

    return Gated.apply(x, gate, slope)


def broken_gated(x: torch.Tensor, gate: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """x σ(slope · gate); x has the full shape, gate and slope broadcast against it."""

    class Gated(torch.autograd.Function):
        @staticmethod
        def forward(x, gate, slope):
            return x * torch.sigmoid(slope * gate)

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, gate, slope = inputs
            ctx.save_for_backward(x, gate, slope, torch.sigmoid(slope * gate))

        @staticmethod
        def backward(ctx, grad):
            x, gate, slope, share = ctx.saved_tensors
            change = x * share * (1 - share)
            grad_gate = (grad * change).sum(0).expand(gate.shape)
            grad_slope = (change * gate).sum().expand(slope.shape)
            return grad * share, grad_gate, grad_slope

    return Gated.apply(x, gate, slope)


def formula(x, gate, slope):
    return x * torch.sigmoid(slope * gate)


def oracle(x, gate, slope, upstream, trained):
    """Autograd on the formula."""
    found = derivatives(formula, x, gate, slope, upstream, trained)
    if len(trained) == 3:
        leaves = [t.clone().requires_grad_() for t in (x, gate, slope)]
        total = formula(*leaves).sum()
        found["a Function of its own"] = True
        found["gradient of gate, upstream of expanded ones"] = torch.autograd.grad(total, leaves)[1]
        found["x overwritten before backward"] = "raises"
    return found


def show(x, gate, slope, upstream, trained):
    turned = ".mT.contiguous().mT" if upstream.ndim >= 2 and min(upstream.shape[-2:]) > 1 else ""
    wanted = ", ".join(trained)
    lines = [
        f"x, gate = {typed(x)}, {typed(gate)}",
        f"slope, upstream = {typed(slope)}, {typed(upstream)}{turned}",
        f"for t in ({wanted}, upstream): t.requires_grad_()",
        f"first = torch.autograd.grad(gated(x, gate, slope), [{wanted}], upstream, create_graph=True)",
        "penalty = sum((each * each).sum() for each in first)  # for the second derivatives",
        f"torch.autograd.grad(penalty, [{wanted}, upstream], allow_unused=True)",
    ]
    if len(trained) == 3:
        lines += [
            "torch.autograd.grad(gated(x, gate, slope).sum(), gate)  # an upstream of expanded ones",
            "written = x.clone(); y = gated(written, gate, slope); written.zero_()",
            "torch.autograd.grad(y, [gate, slope], upstream)  # raises: x was overwritten",
        ]
    return "\n".join(lines)


def cases(rng):
    def case(shape, gate, slope=(), trained=NAMES):
        return (
            *(drawn(rng, *each) for each in (shape, gate, slope, shape)),
            [name for name in NAMES if name in trained],
        )

    small = [torch.tensor(values, dtype=torch.float64) for values in ([[2.0]], [1.0], 2.0, [[3.0]])]
    found = [(*small, list(NAMES))]
    for gate in [(1,), (2,), (1, 1), (1, 2), (3, 1), (3, 2), ()]:
        found.append(case((3, 2), gate))
    found += [case((2, 2), gate) for gate in [(2,), (2, 1), (1, 2), (2, 2)]]
    found += [case((2, 3, 2), gate) for gate in [(2,), (3, 1), (3, 2), (2, 1, 1), (2, 1, 2), (2, 3, 2)]]
    found += [case((3, 2), (2,), (2,)), case((2, 3), (3,), (2, 1)), case((1, 2), (2,)), case((2, 1), (2, 1))]
    found += [case((3, 2), (3, 1), trained=[name]) for name in NAMES]
    found += [case((3, 2), (2,), trained=pair) for pair in (("gate", "slope"), ("x", "slope"))]
    for _ in range(8):
        shape = rng.integers(1, 4, int(rng.integers(1, 4))).tolist()
        gate = [int(rng.choice((1, size))) for size in shape][int(rng.integers(0, len(shape))) :]
        found.append(case(shape, gate))
    return found


QUESTION = Repair(
    name="gated",
    points=3,
    difficulty="medium",
    minutes=18,
    signature="gated(x: torch.Tensor, gate: torch.Tensor, slope: torch.Tensor) -> torch.Tensor",
    symptom="- The result is right. For x of shape (batch, channel) and a gate of shape (channel,), "
    "`gradcheck` passes with slope 1, if slope itself is not trained.\n"
    "- With slope 2 the gradient of gate is half of what it should be.\n"
    "- With a gate of the shape of x every row of its gradient is the same; a gate of shape (batch, 1) "
    "raises.\n"
    "- The gradient of slope does not depend on the loss that follows.\n"
    "- Second derivatives are wrong.",
    example=">>> x, gate = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2)\n"
    ">>> slope = torch.tensor(2.0, requires_grad=True)\n"
    ">>> gated(x, gate, slope).tolist()\n"
    "[[0.5, 1.0]]\n"
    ">>> gate.requires_grad_()\n"
    "tensor([[0., 0.]], requires_grad=True)\n"
    ">>> torch.autograd.grad(gated(x, gate, slope), gate, torch.tensor([[1.0, 10.0]]))[0].tolist()\n"
    "[[0.5, 10.0]]",
    hints=(
        "There is a fault in each symptom. Write the derivative of x σ(slope · gate) in gate and in slope, "
        "and hold it against the two lines factor by factor.",
        "Both derivatives need the upstream gradient. Sum each over the axes along which that input was "
        "broadcast, and over no others. What is saved must be inputs or outputs, or second derivatives are "
        "wrong.",
        "Save the three inputs only, compute share = torch.sigmoid(slope * gate) in backward, let change = "
        "grad * x * share * (1 - share); return grad * share, change * slope summed to gate.shape with "
        "sum_to_size, change * gate summed to slope.shape. (A sum that is only missing the engine adds.)",
    ),
    solution=gated,
    wrong=WRONG,
    cases=cases,
    oracle=oracle,
    through="lesson_support.autograd.gate_probe:answers",
    show=show,
    broken=broken_gated,
)
