"""Which recurrences a scan computes: does the family of their steps close?"""

from __future__ import annotations

from lesson_support.questions.kinds import Diagnose


def closes() -> dict[str, bool]:
    """For each recurrence whether a fixed number of real numbers describes any number of its steps."""
    return {
        "a": True,
        "b": False,
        "c": True,
        "d": True,
        "e": False,
        "f": True,
        "g": True,
        "h": False,
        "i": True,
    }


def expected() -> dict[str, bool]:
    """By the rank of the derivative in all numbers of the steps: the same after six steps as after three."""
    import torch

    def second_order(h, x, y):
        return torch.stack([x * h[0] + y * h[1] + x * y, h[0]])

    one = torch.linspace(-1.7, 1.9, 41, dtype=torch.float64)
    two = torch.randn(2, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    steps = {
        "a": (lambda h, x, y: torch.maximum(h, x), one),
        "b": (lambda h, x, y: torch.tanh(h + x), one),
        "c": (lambda h, x, y: x * h * h, one),
        "d": (lambda h, x, y: h / (1 + x / 9 * h), one),
        "e": (lambda h, x, y: (h - x).abs(), one),
        "f": (second_order, two),
        "g": (lambda h, x, y: (h + x) % 7, one),
        "h": (lambda h, x, y: (1 - torch.sigmoid(h)) * h + x, one),
        "i": (lambda h, x, y: x * (h - y) + y, one),
    }
    generator = torch.Generator().manual_seed(3)
    numbers = 0.2 + torch.rand(6, 2, dtype=torch.float64, generator=generator)
    return {name: _rank(*each, numbers) == _rank(*each, numbers[:3]) for name, each in steps.items()}


def _rank(step, start, numbers) -> int:
    import torch

    def composed(numbers):
        h = start
        for row in numbers:
            h = step(h, *row)
        return h

    slopes = torch.func.jacrev(composed)(numbers).reshape(-1, numbers.numel())
    return int(torch.linalg.matrix_rank(slopes, rtol=1e-9))


_RIGHT = closes()

QUESTION = Diagnose(
    name="closes",
    points=2,
    difficulty="easy",
    minutes=10,
    signature="closes() -> dict[str, bool]",
    example=">>> sorted(closes())\n['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']",
    hints=(
        "Compose two steps by hand and ask whether the result can be written like one step, or like one step "
        "of a slightly larger family. Whether it is linear in h is not the question.",
        "Powers multiply, a fraction turned upside down may be a sum, two earlier states are one state of "
        "two numbers. Count corners: where each step adds some, nothing closes.",
        "Write out two steps of each. Nothing closes where a further sum ends up inside a curved function of "
        "h, or where each step folds the line once more.",
    ),
    solution=closes,
    wrong={
        "a scan computes what is linear in h": {**dict.fromkeys(_RIGHT, False), "f": True, "i": True},
        "every composition is associative, so all of them": dict.fromkeys(_RIGHT, True),
        "an absolute value is as simple as a maximum": {**_RIGHT, "e": True},
        "powers of h grow, so a square cannot close": {**_RIGHT, "c": False},
        "a state that reaches back two steps is no scan": {**_RIGHT, "f": False},
        "a gate that multiplies h is a gate": {**_RIGHT, "h": True},
        "a tanh can be undone, so it passes through": {**_RIGHT, "b": True},
    },
    expected=expected,
)
