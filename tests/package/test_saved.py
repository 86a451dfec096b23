"""Bytes kept for backward: distinct storages, roles, and the same answer from the nodes themselves."""

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.autograd import Function, grad

from lesson_support.autograd.functions import sigmoid
from lesson_support.autograd.functions_saving import ReLUKeepingMask, SigmoidKeepingInput
from lesson_support.autograd.saved import Saved, distinct_bytes, saved_by_node
from lesson_support.errors import LessonError

N = 8 * 16 * 4  # bytes of a float32 tensor of shape (8, 16)


def chain(activation):
    torch.manual_seed(7)
    first, second, x = nn.Linear(16, 16), nn.Linear(16, 16), torch.randn(8, 16)
    parameters = [*first.parameters(), *second.parameters()]
    with Saved(inputs=[x], parameters=parameters) as saved:
        y = second(activation(first(x)))
    return saved, y, x, parameters


@pytest.mark.parametrize(
    "activation, tensors",
    [
        (torch.sigmoid, 1),
        (sigmoid, 1),
        (SigmoidKeepingInput.apply, 2),
        (nn.functional.gelu, 2),
        (nn.functional.relu, 1),
        (lambda x: ReLUKeepingMask.apply(x)[0], 1.25),
        (lambda x: x + 1, 1),
        (lambda x: torch.sigmoid(torch.sigmoid(x)), 2),
    ],
)
def test_activations_of_a_chain(activation, tensors):
    saved, *_ = chain(activation)
    assert saved.activation_bytes == tensors * N
    assert saved.bytes_of("input") == N
    assert saved.bytes_of("parameter") == 16 * 16 * 4  # the second weight; x needs no gradient
    assert saved.bytes_of() == saved.activation_bytes + N + 16 * 16 * 4
    assert saved.bytes_of("input", "activation") == saved.activation_bytes + N


@pytest.mark.parametrize(
    "activation", [torch.sigmoid, sigmoid, SigmoidKeepingInput.apply, nn.functional.gelu]
)
def test_the_nodes_tell_the_same(activation):
    saved, y, x, parameters = chain(activation)
    kept = [tensor for _, tensors in saved_by_node(y) for tensor in tensors]
    assert distinct_bytes(kept) == saved.bytes_of()
    known = {t.untyped_storage().data_ptr() for t in (x, *parameters)}
    waiting = [t for t in kept if t.untyped_storage().data_ptr() not in known]
    assert distinct_bytes(waiting) == saved.activation_bytes


def test_views_of_one_storage_count_once_and_whole():
    x = torch.randn(10, requires_grad=True)
    with Saved() as saved:
        y = x * 1
        (y[:2] * y[2:4]).sum() + (y[:3] * y[5:8]).sum()
    halves = [kept for kept in saved.tensors if kept.role == "activation"]
    assert len(halves) >= 4 and len({kept.storage for kept in halves}) == 1
    assert saved.activation_bytes == 40


def test_storages_that_die_in_between_are_told_apart():
    with Saved() as saved:
        for _ in range(20):
            torch.randn(1000, requires_grad=True).exp()
    assert saved.activation_bytes == 20 * 4000


def test_what_is_saved_is_described():
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    with Saved(inputs=[x]) as saved:
        x.exp().sin()
    assert [(k.shape, k.dtype, k.storage_bytes, k.role) for k in saved.tensors] == [
        ((2, 3), torch.float64, 48, "activation")
    ] * 2
    assert [k.storage for k in saved.tensors] == [0, 0]


def test_a_parameter_seen_through_a_view_is_a_parameter():
    W = torch.randn(3, 3, requires_grad=True)
    with Saved(parameters=[W]) as saved:
        torch.randn(2, 3, requires_grad=True) @ W.T
    assert saved.bytes_of("parameter") == 36


def test_nothing_is_saved_without_a_graph():
    with Saved() as saved, torch.no_grad():
        torch.randn(3, requires_grad=True).exp()
    assert (saved.tensors, saved.bytes_of()) == ([], 0)


def test_gradients_of_both_orders_survive_the_hooks():
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    with Saved():
        y = sigmoid(x).exp().sum()
    plain = sigmoid(x).exp().sum()
    (first,), (expected,) = grad(y, x, create_graph=True), grad(plain, x, create_graph=True)
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(grad(first.sum(), x)[0], grad(expected.sum(), x)[0])


def test_a_graph_is_freed_with_its_output():
    class Payload:
        pass

    class Exp(Function):
        @staticmethod
        def forward(x):
            return x.exp()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.payload = Payload()
            watched.append(weakref.ref(ctx.payload))
            ctx.save_for_backward(output)

    watched = []
    gc.disable()
    try:
        with Saved():
            y = Exp.apply(torch.randn(3, requires_grad=True))
        assert watched[0]() is not None
        del y
        assert watched[0]() is None
    finally:
        gc.enable()


def test_attributes_are_not_seen():
    class Hidden(Function):
        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.x = inputs[0]

    with Saved() as saved:
        Hidden.apply(torch.randn(3, requires_grad=True))
    assert saved.tensors == []


def test_nodes_come_in_the_order_of_the_forward():
    x = torch.randn(3, requires_grad=True)
    y = x.exp()
    names = [name for name, _ in saved_by_node((y * y.sin()).sum())]
    assert names == [
        "torch::autograd::AccumulateGrad",
        "ExpBackward0",
        "SinBackward0",
        "MulBackward0",
        "SumBackward0",
    ]
    joined = torch.cat([x.exp(), x.sin()])
    kinds = ["torch::autograd::AccumulateGrad", "ExpBackward0", "SinBackward0", "CatBackward0"]
    assert [name for name, _ in saved_by_node(joined)] == kinds
    assert len(saved_by_node(x.exp(), x.sin())) == 3


def test_a_deep_graph_needs_no_recursion():
    y = x = torch.ones(1, requires_grad=True)
    for _ in range(3000):
        y = y * x
    assert len(saved_by_node(y)) == 3001


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: Saved(inputs=["x"]), "^Saved got a str as input"),
        (lambda: Saved(parameters=[None]), "^Saved got a NoneType as parameter"),
        (lambda: Saved().bytes_of("weights"), r"^bytes_of got \['weights'\]"),
        (lambda: saved_by_node(torch.ones(2)), r"^saved_by_node got outputs \[\(2,\)\]"),
        (lambda: saved_by_node(), "^saved_by_node got"),
    ],
)
def test_what_is_wrong_is_said_in_words(call, told):
    with pytest.raises(LessonError, match=told):
        call()
