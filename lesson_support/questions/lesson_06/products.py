"""The gradients of a matrix product, of stacks that broadcast and of vectors."""

import numpy as np

from lesson_support.questions.kinds import Function
from lesson_support.questions.lesson_06.arrays import typed


def matmul_backward(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of a and b, given the gradient g of a @ b."""
    A, B = np.atleast_2d(a), b[:, None] if b.ndim == 1 else b
    G = g[..., None] if b.ndim == 1 else g
    G = G[..., None, :] if a.ndim == 1 else G

    def folded(gradient, shape):
        gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
        repeated = tuple(k for k in range(len(shape) - 2) if shape[k] == 1)
        return gradient.sum(axis=repeated, keepdims=True)

    ga = folded(G @ B.swapaxes(-1, -2), A.shape)
    gb = folded(A.swapaxes(-1, -2) @ G, B.shape)
    return ga.reshape(a.shape), gb.reshape(b.shape)


def oracle(a, b, g):
    """torch's gradients."""
    import torch

    s, t = (torch.tensor(each, requires_grad=True) for each in (a, b))
    torch.matmul(s, t).backward(torch.tensor(g))
    return s.grad.numpy(), t.grad.numpy()


def show(a, b, g):
    return f"matmul_backward({typed(a)}, {typed(b)}, {typed(g)})"


SHAPES = [
    ((1, 1), (1, 1)),
    ((1, 2), (2, 1)),
    ((2, 1), (1, 2)),
    ((2, 2), (2, 2)),
    ((1, 2), (2, 3)),
    ((2, 3), (3, 1)),
    ((2, 1, 2), (2, 2, 1)),
    ((2, 1, 2), (2, 1)),
    ((1, 2), (2, 2, 1)),
    ((1, 1, 2), (2, 2, 1)),
    ((2, 1, 2), (1, 2, 1)),
    ((2, 1, 1, 2), (3, 2, 1)),
    ((2, 1, 1, 1), (1, 3, 1, 1)),
    ((1, 1), (2, 1, 1)),
    ((2, 3, 1, 2), (2, 1)),
    ((1, 2), (2, 2, 2, 1)),
    ((1, 0), (0, 2)),
    ((0, 1), (1, 2)),
    ((2, 0, 1), (1, 2)),
    # Vectors are a few elements long: the smallest case comes first, and matrices and stacks before them.
    ((6,), (6,)),
    ((1,), (1, 7)),
    ((7, 1), (1,)),
    ((3,), (3, 4)),
    ((4, 3), (3,)),
    ((3,), (2, 3, 2)),
    ((2,), (2, 3, 2, 1)),
    ((2, 2, 3), (3,)),
    ((2, 1, 3, 2), (2,)),
]


def cases(rng):
    found = []
    for left, right in SHAPES:
        found.append(_filled(rng, left, right))
    for _ in range(12):
        n, k, m = rng.integers(1, 4, size=3).tolist()
        batch = rng.integers(1, 3, size=int(rng.integers(0, 3))).tolist()
        cut = [each if rng.random() < 0.6 else 1 for each in batch[int(rng.integers(0, 2)) :]]
        left, right = (*batch, n, k), (*cut, k, m)
        if rng.random() < 0.5:
            left, right = (*cut, n, k), (*batch, k, m)
        found.append(_filled(rng, left, right))
    return found


def _filled(rng, left, right):
    a, b = (rng.integers(-3, 4, size=shape).astype(np.float64) for shape in (left, right))
    g = rng.integers(-3, 4, size=(a @ b).shape).astype(np.float64)
    return a, b, g


def _matrices_only(a, b, g):
    return g @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ g


def _transposed(a, b, g):
    return g @ b.T, a.T @ g


def _new_axes_only(a, b, g):
    ga, gb = _matrices_only(a, b, g)
    return ga.sum(tuple(range(ga.ndim - a.ndim))), gb.sum(tuple(range(gb.ndim - b.ndim)))


def _first_of_the_stack(a, b, g):
    ga, gb = _matrices_only(a, b, g)
    while ga.ndim > a.ndim:
        ga = ga[0]
    while gb.ndim > b.ndim:
        gb = gb[0]
    return ga, gb


def _averaged(a, b, g):
    ga, gb = matmul_backward(a, b, g)
    stacks = max(1, int(np.prod(g.shape[:-2])))
    return ga / max(1, stacks // max(1, int(np.prod(a.shape[:-2])))), gb


def _exchanged(a, b, g):
    ga, gb = matmul_backward(a, b, g)
    return gb, ga


def _order_forgotten(a, b, g):
    return b.swapaxes(-1, -2) @ g, g @ a.swapaxes(-1, -2)


def _every_one_summed(a, b, g):
    def folded(gradient, shape):
        gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
        ones = tuple(k for k, size in enumerate(shape) if size == 1)
        return gradient.sum(axis=ones)

    ga, gb = _matrices_only(np.atleast_2d(a), np.atleast_2d(b), np.atleast_2d(g))
    return folded(ga, a.shape), folded(gb, b.shape)


def _vectors_are_rows(a, b, g):
    A, B = np.atleast_2d(a), np.atleast_2d(b)
    if a.ndim > 1 and b.ndim > 1:
        return matmul_backward(a, b, g)
    ga, gb = matmul_backward(A, B, g.reshape((A @ B).shape))
    return ga.reshape(a.shape), gb.reshape(b.shape)


def _one_stack_axis(a, b, g):
    if a.ndim > 1 or b.ndim < 3:
        return matmul_backward(a, b, g)
    rows = (g[..., None, :] @ b.swapaxes(-1, -2))[..., 0, :]
    return rows.sum(0), matmul_backward(a, b, g)[1]


def _elementwise(a, b, g):
    return g * b, g * a


QUESTION = Function(
    name="matmul_backward",
    points=3,
    difficulty="hard",
    minutes=25,
    signature="matmul_backward(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]",
    example=">>> a, b = np.ones((2, 1, 3)), np.ones((3, 4))\n"
    ">>> ga, gb = matmul_backward(a, b, np.ones((2, 1, 4)))\n"
    ">>> ga.shape, gb.shape, gb[0, 0].item()\n"
    "((2, 1, 3), (3, 4), 2.0)",
    hints=(
        "Start with two matrices, (n, k) and (k, m), and g of shape (n, m). Which product of g with the "
        "transposed other operand has the shape (n, k), and which (k, m)?",
        "A stack that was repeated has received a gradient for each repetition: sum over the axes in front "
        "that it does not have, and over those of its leading axes that have size 1.",
        "Make a vector a matrix A or B first, a row on the left, a column on the right, and give g the axis "
        "that the product dropped: g[..., None] for a vector b, then [..., None, :] for a vector a. Then "
        "G @ B.swapaxes(-1, -2) is for a and A.swapaxes(-1, -2) @ G for b. Sum over missing axes and leading "
        "axes of size 1 (keepdims=True), and reshape to a.shape and b.shape.",
    ),
    solution=matmul_backward,
    wrong={
        "the rule of two matrices serves stacks": _matrices_only,
        ".T exchanges the last two axes": _transposed,
        "only missing axes were repeated": _new_axes_only,
        "the first of a stack stands for all": _first_of_the_stack,
        "a repeated operand gets the mean": _averaged,
        "the gradient of a comes from a": _exchanged,
        "a product of matrices may be exchanged": _order_forgotten,
        "every axis of size 1 is summed away": _every_one_summed,
        "a vector is a row on either side": _vectors_are_rows,
        "a stack has one leading axis": _one_stack_axis,
        "the rule of multiplication": _elementwise,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
