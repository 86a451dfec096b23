"""Tests that tell a linear scan from scans that are right for sums, for one channel or for short lines."""

from __future__ import annotations

from lesson_support.questions.kinds import Tests
from lesson_support.questions.lesson_40.linear_scans import WRONG, linear_scan


def test_linear_scan(linear_scan) -> None:
    """Assertions that only the recurrence passes, in whatever order it is computed."""
    import torch

    def loop(a, b, h):
        states = []
        for gate, new in zip(a, b, strict=True):
            h = gate * h + new
            states.append(h)
        return torch.stack(states)

    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        for time, channel in [(1, 1), (2, 3), (3, 1), (5, 2), (8, 2), (13, 3), (200, 2)]:
            a = torch.randint(-1, 2, (time, channel)).to(dtype)
            if time == 200:
                a = torch.where(torch.rand(time, channel) < 0.5, -1.0, 1.0).to(dtype)
            b = torch.randint(-4000, 4001, (time, channel)).to(dtype) / 1024
            h0 = torch.randint(1, 9, (channel,)).to(dtype)
            kept = [each.clone() for each in (a, b, h0)]
            found = linear_scan(a, b, h0)
            assert found.dtype == dtype and found.shape == b.shape
            assert torch.equal(found, loop(*kept)), (time, channel)
            assert all(map(torch.equal, kept, (a, b, h0))), "an argument was changed"
    for low in (-1.0, 0.99):
        a = low + (1 - low) * torch.rand(200, 2)
        b, h0 = 2 * torch.rand(200, 2) - 1, torch.rand(2)
        found = linear_scan(a, b, h0)
        a, b, h0 = a.double(), b.double(), h0.double()
        size = loop(a.abs(), b.abs(), h0)
        slope = loop(a.abs(), a.abs() * torch.cat([h0[None], size[:-1]]), 0 * h0)
        allowed = 2**-24 * (8 * size + 2 * slope) + 1e-37
        assert ((found - loop(a, b, h0)).abs() <= allowed).all()


def _exact_inputs_only(linear_scan):
    import torch

    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        for time, channel in [(1, 1), (2, 3), (3, 1), (5, 2), (8, 2), (13, 3), (200, 2)]:
            a = torch.randint(-1, 2, (time, channel)).to(dtype)
            if time == 200:
                a = torch.where(torch.rand(time, channel) < 0.5, -1.0, 1.0).to(dtype)
            b = torch.randint(-4000, 4001, (time, channel)).to(dtype) / 1024
            h = h0 = torch.randint(1, 9, (channel,)).to(dtype)
            kept, expected = b.clone(), []
            for gate, new in zip(a, b, strict=True):
                h = gate * h + new
                expected.append(h)
            found = linear_scan(a, b, h0)
            assert found.dtype == dtype and torch.equal(found, torch.stack(expected))
            assert torch.equal(b, kept)


def _exact_inputs_and_close_ones(linear_scan):
    import torch

    _exact_inputs_only(linear_scan)
    torch.manual_seed(1)
    a, b, h0, states = torch.rand(200, 2), torch.rand(200, 2) + 0.1, torch.rand(2), []
    h = h0
    for gate, new in zip(a, b, strict=True):
        h = gate * h + new
        states.append(h)
    torch.testing.assert_close(linear_scan(a, b, h0), torch.stack(states), rtol=1e-4, atol=1e-4)


def _size_without_slope(linear_scan):
    """What rejects correct scans: the allowance knows the sum of absolute values only."""
    import torch

    torch.manual_seed(0)
    a, b, states, sizes = torch.full((200, 2), 0.9995), torch.rand(200, 2), [], []
    h = size = torch.zeros(2, dtype=torch.float64)
    for gate, new in zip(a.double(), b.double(), strict=True):
        h, size = gate * h + new, gate.abs() * size + new.abs()
        states.append(h)
        sizes.append(size)
    found = linear_scan(a, b, torch.zeros(2))
    assert ((found - torch.stack(states)).abs() <= 2**-24 * torch.stack(sizes)).all()


def _sums(linear_scan):
    import torch

    for time in (1, 2, 7, 64):
        b = torch.randint(-9, 10, (time, 3)).double()
        assert torch.equal(linear_scan(torch.ones_like(b), b, torch.zeros(3).double()), b.cumsum(0))


def _short_lines(linear_scan):
    import torch

    a, b = torch.tensor([[0.5], [0.5]]), torch.tensor([[1.0], [1.0]])
    assert linear_scan(a, b, torch.tensor([2.0])).tolist() == [[2.0], [2.0]]


def _shapes_only(linear_scan):
    import torch

    b = torch.randn(6, 2)
    assert linear_scan(torch.rand(6, 2), b, torch.zeros(2)).shape == b.shape


def _exact_on_random_floats(linear_scan):
    import torch

    torch.manual_seed(0)
    a, b, h, states = torch.rand(50, 2), torch.randn(50, 2), torch.zeros(2), []
    for gate, new in zip(a, b, strict=True):
        h = gate * h + new
        states.append(h)
    assert torch.equal(linear_scan(a, b, torch.zeros(2)), torch.stack(states))


def _uniform_gates(linear_scan):
    import torch

    torch.manual_seed(0)
    a, b, h, states = torch.rand(32, 2), torch.randn(32, 2), torch.ones(2), []
    for gate, new in zip(a, b, strict=True):
        h = gate * h + new
        states.append(h)
    assert torch.allclose(linear_scan(a, b, torch.ones(2)), torch.stack(states), atol=1e-2)


def _no_assertion(linear_scan):
    import torch

    torch.allclose(linear_scan(torch.ones(2, 1), torch.ones(2, 1), torch.zeros(1)), torch.ones(2, 1))


QUESTION = Tests(
    name="test_linear_scan",
    points=3,
    difficulty="hard",
    minutes=25,
    signature="test_linear_scan(linear_scan) -> None",
    example=">>> a, b = torch.tensor([[0.5], [0.5]]), torch.tensor([[1.0], [1.0]])\n"
    ">>> linear_scan(a, b, torch.tensor([4.0])).tolist()\n"
    "[[3.0], [2.5]]\n"
    ">>> test_linear_scan(linear_scan)",
    hints=(
        "Compare with a loop, but the right scan rounds in another order. For which gates and inputs does no "
        "order round at all? And for all the others: how far off may a correct scan be?",
        "Gates of -1, 0, 1 and inputs that are multiples of 1/1024 are exact in any order; vary what else "
        "can vary. Two wrong scans are right on all of these: for them take other gates, and the allowance "
        "of the lesson's last section (with inputs of one sign it needs W as well as S).",
        "Exactly: for float32 and float64, for time in 1, 2, 3, 5, 13, 200 and 1 to 3 channels, gates from "
        "-1, 0, 1 (200 steps: from -1, 1), b = randint(-4000, 4001) / 1024, h0 not 0; assert dtype, shape, "
        "torch.equal with the loop, and that a, b, h0 are unchanged. Then 200 gates uniform in (-1, 1) and "
        "in (0.99, 1): within 2**-24 * (8 * S + 2 * W) of the loop in float64.",
    ),
    seconds=20.0,
    solution=test_linear_scan,
    wrong={
        "a scan that sums is a scan": _sums,
        "two steps show the formula": _short_lines,
        "the right shape is enough": _shapes_only,
        "a right scan equals the loop to the last bit": _exact_on_random_floats,
        "uniform gates and a generous tolerance find everything": _uniform_gates,
        "comparing is asserting": _no_assertion,
        "gates of -1, 0 and 1 stand for all": _exact_inputs_only,
        "a relative tolerance of 1e-4 is strict enough": _exact_inputs_and_close_ones,
        "a correct scan is one unit of the absolute sum off at most": _size_without_slope,
    },
    right=linear_scan,
    mutants=WRONG,
)
