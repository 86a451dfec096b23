"""The probe of exercise 43: what it says of a product over a chunk, of a loop, and of a graph that is cut."""

import pytest
import torch

from lesson_support.kernels.counted_chunk import answers
from lesson_support.models import recurrent


def product(q, k, v, log_gates, state):
    sums = log_gates.cumsum(0)
    decay = (sums[:, None] - sums).exp().tril()
    o = sums.exp()[:, None] * (q @ state) + ((q @ k.T) * decay) @ v
    return o, sums[-1].exp() * state + (decay[-1][:, None] * k).T @ v


def loop(q, k, v, log_gates, state):
    one = (each[None, :, None] for each in (q, k, v, log_gates))
    o, after = recurrent(*one, state=state[None, None])
    return o[0, :, 0], after[0, 0]


def cut(*inputs):
    o, after = product(*inputs)
    return o.detach(), after.detach()


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 5, 2, dtype=torch.float64).unbind()
    return q, k, v, -torch.rand(5, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)


def test_results_and_the_gradient_of_v_are_those_of_the_answer(inputs):
    found, expected = answers(product, *inputs), answers(loop, *inputs)
    for name in ("o", "state", "gradient of v, o and state summed"):
        torch.testing.assert_close(found[name], expected[name])
    assert not any(each.requires_grad for each in found.values() if isinstance(each, torch.Tensor))


def test_a_loop_takes_more_operations_for_more_steps_and_a_product_does_not(inputs):
    few, many = answers(product, *inputs)["operations"]
    assert few == many
    few, many = answers(loop, *inputs)["operations"]
    assert many > 4 * few


def test_a_graph_that_is_cut_raises(inputs):
    with pytest.raises(RuntimeError, match="does not require grad"):
        answers(cut, *inputs)


def test_the_arguments_stay_as_they_were(inputs):
    before = [each.clone() for each in inputs]
    answers(product, *inputs)
    assert all(torch.equal(a, b) and not a.requires_grad for a, b in zip(inputs, before, strict=True))
