"""The bound lets correct scans pass that simpler bounds reject, and no scan that is wrong."""

import numpy as np
import pytest
import torch

from lesson_support.kernels.scans.bound import UNIT, exact_and_bound


def loop(a, b, dtype=torch.float32):
    state, h = torch.zeros(len(b), dtype=dtype), []
    for gate, entering in zip(a.to(dtype).unbind(1), b.to(dtype).unbind(1), strict=True):
        state = gate * state + entering
        h.append(state)
    return torch.stack(h, 1)


def drawn(low, steps=512):
    generator = torch.Generator().manual_seed(3)
    a, b = torch.rand(2, 4, steps, generator=generator)
    return low + (1 - low) * a, b - 0.5


def passes(h, a, b):
    exact, bound = exact_and_bound(a, b, dim=1)
    return bool(((h - exact).abs() <= bound).all())


FAMILIES = {
    "fast": drawn(0.0),
    "slow": drawn(0.99),
    "repeated": (torch.full((4, 2048), 0.999), torch.full((4, 2048), 0.1)),
    "an impulse": (drawn(0.0)[0], torch.eye(1, 512).expand(4, -1)),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_loop_passes(family):
    a, b = FAMILIES[family]
    assert passes(loop(a, b), a, b)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_few_bounds_off_is_wrong(family):
    a, b = FAMILIES[family]
    exact, bound = exact_and_bound(a, b, dim=1)
    spoiled = exact.clone()
    spoiled[2, 400] += 1.01 * bound[2, 400]
    assert passes(exact, a, b) and not passes(spoiled, a, b)


def test_the_sizes_alone_reject_a_correct_loop():
    a, b = FAMILIES["repeated"]
    exact, bound = exact_and_bound(a, b, dim=1)
    size = loop(a.abs(), b.abs(), torch.float64)
    assert not bool(((loop(a, b) - exact).abs() <= 8 * UNIT * size).all())


def test_it_is_what_it_says():
    a, b = drawn(0.9, steps=40)
    exact, bound = exact_and_bound(a, b, dim=1)
    values, sizes, slopes = (np.zeros(4, np.longdouble) for _ in range(3))
    for t, (gate, entering) in enumerate(zip(a.double().T.numpy(), b.double().T.numpy(), strict=True)):
        values, slopes = gate * values + entering, gate * (slopes + sizes)
        sizes = gate * sizes + abs(entering)
        np.testing.assert_allclose(exact[:, t].numpy(), values.astype(float), rtol=1e-12)
        np.testing.assert_allclose(
            bound[:, t].numpy(), (UNIT * (8 * sizes + 2 * slopes)).astype(float), rtol=1e-12
        )


def test_reversed_is_flipped():
    a, b = drawn(0.5, steps=33)
    there = exact_and_bound(a.flip(1), b.flip(1), dim=1)
    back = exact_and_bound(a.T, b.T, dim=0, reverse=True)
    for one, other in zip(there, back, strict=True):
        torch.testing.assert_close(one.flip(1), other.T, rtol=0, atol=0)
