"""Derivatives by hand: against torch's own, twice where they claim it, under broadcasting and under vmap."""

import pytest
import torch
from torch import nn
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.autograd.function import Function
from torch.func import grad as gradient_of
from torch.func import vmap

from lesson_support.autograd import functions, functions_norm, functions_saving
from lesson_support.errors import LessonError

F = nn.functional


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(7)


def doubles(*shape):
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def away_from_zero(*shape):
    values = torch.randn(shape, dtype=torch.float64)
    return (values + 0.2 * values.sign()).requires_grad_()


def same_as_torch(f, reference, inputs):
    """Equal results, and equal gradients under a random upstream that is not contiguous."""
    y, expected = f(*inputs), reference(*inputs)
    torch.testing.assert_close(y, expected)
    upstream = torch.randn(y.shape[::-1], dtype=y.dtype).permute(tuple(reversed(range(y.ndim))))
    for got, want in zip(grad(y, inputs, upstream), grad(expected, inputs, upstream), strict=True):
        torch.testing.assert_close(got, want)


ELEMENTWISE = {
    "relu": (functions.relu, F.relu),
    "sigmoid": (functions.sigmoid, torch.sigmoid),
    "gelu": (functions.gelu, F.gelu),
    "gelu-tanh": (lambda x: functions.gelu(x, "tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "relu-mask": (lambda x: functions_saving.ReLUKeepingMask.apply(x)[0], F.relu),
    "sigmoid-both": (functions_saving.SigmoidKeepingInput.apply, torch.sigmoid),
    "sigmoid-input": (functions_saving.SigmoidFromInput.apply, torch.sigmoid),
    "sigmoid-in-place": (lambda x: functions_saving.SigmoidInPlace.apply(x.clone()), torch.sigmoid),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (0,), (3, 4), (2, 0, 3), (2, 3, 4)])
def test_elementwise_functions_are_those_of_torch(name, shape):
    same_as_torch(*ELEMENTWISE[name], (away_from_zero(*shape),))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions_are_differentiable_twice(name):
    f, _ = ELEMENTWISE[name]
    assert gradcheck(f, away_from_zero(3, 4))
    assert gradgradcheck(f, away_from_zero(3, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "gelu", "gelu-tanh"])
def test_dtypes_stay(name, dtype):
    x = torch.randn(6, dtype=dtype, requires_grad=True)
    y = ELEMENTWISE[name][0](x)
    assert (y.dtype, grad(y.sum(), x)[0].dtype) == (dtype, dtype)


def test_extremes():
    x = torch.tensor([-torch.inf, -800.0, 0.0, 800.0, torch.inf], dtype=torch.float64, requires_grad=True)
    assert functions.sigmoid(x).tolist() == [0, 0, 0.5, 1, 1]
    assert grad(functions.sigmoid(x).sum(), x)[0].tolist() == [0, 0, 0.25, 0, 0]
    assert grad(functions.relu(x).sum(), x)[0].tolist() == [0, 0, 0, 1, 1]
    assert functions.relu(torch.tensor([torch.nan])).isnan().all()


BIASES = [(), (1,), (4,), (1, 4), (3, 1), (3, 4), (1, 1, 4), (2, 1, 1), (2, 1, 4), (2, 3, 1), (2, 3, 4)]


@pytest.mark.parametrize("b", [*BIASES, (6, 1, 1, 4), (5, 2, 3, 4)])
def test_linear_sums_over_what_was_broadcast(b):
    inputs = doubles(2, 3, 5), doubles(4, 5), doubles(*b)
    same_as_torch(functions.linear, lambda x, W, b: x @ W.mT + b, inputs)
    assert gradcheck(functions.linear, inputs)


@pytest.mark.parametrize(
    "x, b", [((1, 5), (3, 4)), ((5,), (3, 4)), ((2, 1, 5), (3, 4)), ((5,), (4,)), ((6, 5), (4,))]
)
def test_linear_sums_where_the_bias_is_larger(x, b):
    inputs = doubles(*x), doubles(4, 5), doubles(*b)
    same_as_torch(functions.linear, lambda x, W, b: x @ W.mT + b, inputs)
    assert gradgradcheck(functions.linear, inputs)


def test_linear_without_a_bias_and_without_rows():
    same_as_torch(functions.linear, F.linear, (doubles(2, 3, 5), doubles(4, 5)))
    same_as_torch(functions.linear, F.linear, (doubles(0, 5), doubles(4, 5), doubles(4)))


@pytest.mark.parametrize("trained", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_linear_gives_each_input_its_gradient_whatever_else_is_frozen(trained):
    inputs = [t.requires_grad_(k in trained) for k, t in enumerate(torch.randn(3, 4, 4).double())]
    wanted = [inputs[k] for k in trained]
    y = functions.linear(*inputs)
    expected = grad(inputs[0] @ inputs[1].mT + inputs[2], wanted, torch.ones_like(y))
    for got, want in zip(grad(y, wanted, torch.ones_like(y)), expected, strict=True):
        torch.testing.assert_close(got, want)


def test_what_nobody_needs_is_not_computed():
    class Product(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            seen.append(operator.name())
            return operator(*args, **(kwargs or {}))

    seen = []
    x, W, b = torch.randn(3, 5), torch.randn(4, 5), torch.randn(4, requires_grad=True)
    y = functions.linear(x, W, b).sum()
    with Product():
        y.backward()
    assert not [name for name in seen if "mm" in name]


@pytest.mark.parametrize("shape", [(4, 3), (1, 3, 2), (2, 3, 1, 2), (2, 1, 2, 2), (2, 3, 2, 1, 2)])
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_batch_norm_is_that_of_torch(shape, eps):
    inputs = doubles(*shape), doubles(shape[1]), doubles(shape[1])

    def reference(x, gamma, beta):
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)

    same_as_torch(lambda *a: functions_norm.batch_norm(*a, eps=eps), reference, inputs)
    assert gradcheck(lambda *a: functions_norm.batch_norm(*a, eps=eps), inputs)


def test_batch_norm_shows_its_statistics_without_a_gradient():
    x, gamma, beta = doubles(6, 3, 2), doubles(3), doubles(3)
    y, mean, variance = functions_norm.batch_norm_with_statistics(x, gamma, beta)
    torch.testing.assert_close(mean, x.detach().mean((0, 2)))
    torch.testing.assert_close(variance, x.detach().var((0, 2), correction=0))
    assert y.requires_grad and not mean.requires_grad and not variance.requires_grad


@pytest.mark.parametrize(
    "f", [functions_saving.GeluKeepingSlope.apply, lambda x: functions_norm.batch_norm(x, *ONES)]
)
def test_what_saves_intermediates_may_not_be_differentiated_twice(f):
    x = doubles(4, 2)
    assert gradcheck(f, x)
    (first,) = grad(f(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.square().sum().backward()


ONES = torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)


def test_in_place_is_seen_by_whoever_saved_the_input():
    x = torch.randn(4, requires_grad=True)
    y = functions_saving.SigmoidInPlace.apply(x.exp()).sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_overwriting_a_saved_tensor_is_seen():
    x, W, b = doubles(3, 5), doubles(4, 5), doubles(4)
    changed = x.clone()
    y = functions.linear(changed, W, b).sum()
    changed.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_gradient_for_every_sample():
    W, b, samples = torch.randn(3, 4).double(), torch.randn(3).double(), torch.randn(5, 4).double()

    def loss(linear, gelu, W, x):
        return gelu(linear(x, W, b)).square().sum()

    each = vmap(gradient_of(lambda W, x: loss(functions.linear, functions.gelu, W, x)), (None, 0))(W, samples)
    expected = [gradient_of(lambda W, x: loss(F.linear, F.gelu, W, x))(W, x) for x in samples]
    torch.testing.assert_close(each, torch.stack(expected))


def test_every_function_is_a_node_of_its_own():
    made = [getattr(functions, name) for name in ("ReLU", "Sigmoid", "Gelu", "Linear")]
    assert all(issubclass(each, Function) and each.generate_vmap_rule for each in made)
    assert functions.relu(doubles(2)).grad_fn.name() == "ReLUBackward"


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: functions.relu(torch.arange(3)), "^relu got x of torch.int64: expected a floating"),
        (lambda: functions.sigmoid(2.0), "^sigmoid got x of float"),
        (lambda: functions.gelu(torch.ones(2), "erf"), "^gelu got approximate='erf'"),
        (
            lambda: functions.linear(torch.ones(3, 4), torch.ones(4, 3)),
            r"^linear got x \(3, 4\) and W \(4, 3\)",
        ),
        (lambda: functions.linear(torch.ones(()), torch.ones(4, 3)), "expected shapes"),
        (lambda: functions.linear(torch.ones(3), torch.ones(3)), "expected shapes"),
        (lambda: functions_norm.batch_norm(torch.ones(1, 3), *[torch.ones(3)] * 2), "more than one value"),
        (lambda: functions_norm.batch_norm(torch.ones(3), *[torch.ones(3)] * 2), "more than one value"),
        (
            lambda: functions_norm.batch_norm(torch.ones(4, 3), torch.ones(3), torch.ones(1)),
            r"expected \(3,\) twice",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(call, told):
    with pytest.raises(LessonError, match=told):
        call()
