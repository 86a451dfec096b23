"""The gradient of softmax, from its output."""

import numpy as np

from lesson_support.questions.kinds import Repair
from lesson_support.questions.lesson_06.arrays import typed


def softmax_backward(y: np.ndarray, g: np.ndarray, axis: int) -> np.ndarray:
    """The gradient of x, given y = softmax(x, axis) and the gradient g of y."""
    return y * (g - (g * y).sum(axis, keepdims=True))


def broken_softmax_backward(y: np.ndarray, g: np.ndarray, axis: int) -> np.ndarray:
    """The gradient of x, given y = softmax(x, axis) and the gradient g of y."""
    return g * y * (1 - y)


def oracle(y, g, axis):
    """Row by row with the whole Jacobian, diag(y) minus the products of all pairs."""
    rows, gradients = np.moveaxis(y, axis, -1), np.moveaxis(g, axis, -1)
    result = np.empty(rows.shape)
    for place in np.ndindex(rows.shape[:-1]):
        p = rows[place]
        jacobian = np.array([[p[i] * ((i == j) - p[j]) for j in range(len(p))] for i in range(len(p))])
        result[place] = gradients[place] @ jacobian
    return np.moveaxis(result, -1, axis)


def show(y, g, axis):
    return f"softmax_backward({typed(y)}, {typed(g)}, {axis})"


def cases(rng):
    found = [
        (np.array([1.0]), np.array([3.0]), 0),
        (np.array([0.5, 0.5]), np.array([1.0, 1.0]), 0),
        (np.array([0.5, 0.5]), np.array([1.0, 0.0]), 0),
        (np.array([1.0, 0.0]), np.array([2.0, 5.0]), -1),
        (np.array([0.25, 0.75]), np.array([1.0, -1.0]), 0),
        (np.array([0.5, 0.25, 0.25]), np.array([0.0, 4.0, 0.0]), 0),
        (np.array([[1.0, 1.0]]), np.array([[2.0, 3.0]]), 0),
        (np.array([[0.5, 0.5]]), np.array([[2.0, 3.0]]), 1),
        (np.array([[0.5], [0.5]]), np.array([[2.0], [3.0]]), 0),
        (np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([[1.0, 0.0], [0.0, 1.0]]), 1),
        (np.array([[0.5, 0.25], [0.5, 0.75]]), np.array([[1.0, 0.0], [0.0, 1.0]]), 0),
        (np.array([[0.5, 0.25], [0.5, 0.75]]), np.array([[1.0, 0.0], [4.0, 1.0]]), -2),
        (np.zeros((0, 2)), np.zeros((0, 2)), 1),
        (np.array([[[0.5, 0.5], [0.25, 0.75]]]), np.array([[[1.0, 0.0], [0.0, 2.0]]]), -1),
        (np.array([[[0.5, 0.25], [0.5, 0.75]]]), np.array([[[1.0, 0.0], [0.0, 2.0]]]), -2),
    ]
    for _ in range(12):
        shape = tuple(rng.integers(1, 4, size=int(rng.integers(1, 4))).tolist())
        axis = int(rng.integers(-len(shape), len(shape)))
        e = np.exp(rng.normal(size=shape))
        found.append((e / e.sum(axis, keepdims=True), np.round(rng.normal(size=shape), 2), axis))
    return found


def _last_axis(y, g, axis):
    return y * (g - (g * y).sum(-1, keepdims=True))


def _sum_of_all(y, g, axis):
    return y * (g - (g * y).sum())


def _sum_of_gradients(y, g, axis):
    return y * (g - g.sum(axis, keepdims=True))


def _mean_of_gradients(y, g, axis):
    return y * (g - g.mean(axis, keepdims=True)) if g.size else g


def _cross_entropy(y, g, axis):
    return y - g


def _no_factor(y, g, axis):
    return g - (g * y).sum(axis, keepdims=True)


def _given_logits(y, g, axis):
    e = np.exp(y)
    return softmax_backward(e / e.sum(axis, keepdims=True), g, axis)


def _off_diagonal_only(y, g, axis):
    return -y * ((g * y).sum(axis, keepdims=True) - g * y)


def _no_axis_kept(y, g, axis):
    return y * (g - (g * y).sum(axis))


QUESTION = Repair(
    name="softmax_backward",
    points=2,
    difficulty="medium",
    minutes=10,
    signature="softmax_backward(y: np.ndarray, g: np.ndarray, axis: int) -> np.ndarray",
    symptom="A layer with a softmax inside trains worse than its twin in torch. Adding a constant to all "
    "logits of a row changes nothing, so the gradients of a row should add up to 0, and they do not.",
    example=">>> softmax_backward(np.array([0.5, 0.5]), np.array([1.0, 0.0]), 0).tolist()\n[0.25, -0.25]",
    hints=(
        "y (1 - y) is how an output reacts to its own logit. Which other outputs react to that logit, and in "
        "which direction?",
        "Output i reacts to logit j with y_i (δ_ij - y_j). Multiply by g_i, sum over i, and look for a "
        "number that is the same for every j of a row.",
        "From each g_j subtract the sum over the row of g_i y_i (keepdims=True, along axis), and multiply "
        "what is left by y_j.",
    ),
    solution=softmax_backward,
    wrong={
        "the axis is the last one": _last_axis,
        "one sum serves all rows": _sum_of_all,
        "the sum of the gradients, without weights": _sum_of_gradients,
        "subtracting the mean makes rows add up to 0": _mean_of_gradients,
        "softmax with cross entropy is y minus the target": _cross_entropy,
        "subtracting is all": _no_factor,
        "y are the logits": _given_logits,
        "the diagonal is somebody else's": _off_diagonal_only,
        "a sum broadcasts back by itself": _no_axis_kept,
    },
    cases=cases,
    oracle=oracle,
    show=show,
    broken=broken_softmax_backward,
)
