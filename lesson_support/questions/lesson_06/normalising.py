"""The gradient of log Σ exp, for logits of any size."""

import numpy as np

from lesson_support.questions.kinds import Function
from lesson_support.questions.lesson_06.arrays import typed


def logsumexp_backward(x: np.ndarray, g: np.ndarray, axis: int) -> np.ndarray:
    """The gradient of x, given the gradient g of logsumexp(x, axis), which has lost that axis."""
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.expand_dims(g, axis) * e / e.sum(axis, keepdims=True)


def oracle(x, g, axis):
    """torch's gradient of torch's logsumexp, which is most exact near 0; a shift of a row leaves it alone."""
    import torch

    t = torch.tensor(x - x.max(axis, keepdims=True), requires_grad=True)
    torch.logsumexp(t, axis).backward(torch.tensor(g))
    return t.grad.numpy()


def show(x, g, axis):
    return f"logsumexp_backward({typed(x)}, {typed(g)}, {axis})"


def cases(rng):
    found = [
        (np.array([0.0]), np.array(1.0), 0),
        (np.array([0.0]), np.array(3.0), 0),
        (np.array([0.0, 0.0]), np.array(1.0), 0),
        (np.array([0.0, 1.0]), np.array(2.0), -1),
        (np.array([1.0, 3.0]), np.array(-1.0), 0),
        (np.array([1000.0, 1000.0]), np.array(1.0), 0),
        (np.array([0.0, 1000.0]), np.array(1.0), 0),
        (np.array([1000.0, 1001.0]), np.array(1.0), 0),
        (np.array([-1000.0, -1001.0]), np.array(1.0), 0),
        (np.array([-1000.0, 1000.0]), np.array(1.0), 0),
        (np.array([0.0, -np.inf]), np.array(2.0), 0),
        (np.array([[0.0, 1.0]]), np.array([2.0]), 1),
        (np.array([[0.0, 1.0]]), np.array([2.0, 3.0]), 0),
        (np.array([[0.0], [1.0]]), np.array([2.0]), 0),
        (np.array([[0.0, 1.0], [2.0, 4.0]]), np.array([1.0, 10.0]), 1),
        (np.array([[0.0, 1.0], [2.0, 4.0]]), np.array([1.0, 10.0]), 0),
        (np.array([[0.0, 1000.0], [-1000.0, 4.0]]), np.array([1.0, 2.0]), -2),
        (np.zeros((0, 2)), np.zeros(0), 1),
        (np.array([[[0.0, 1.0], [2.0, 4.0]]]), np.array([[1.0, 10.0]]), -1),
        (np.array([[[0.0, 1.0], [2.0, 4.0]]]), np.array([[1.0, 10.0]]), -2),
    ]
    for _ in range(12):
        shape = tuple(rng.integers(1, 4, size=int(rng.integers(1, 4))).tolist())
        axis = int(rng.integers(-len(shape), len(shape)))
        x = np.round(rng.normal(size=shape) * rng.choice((1.0, 30.0)), 2)
        g = np.round(rng.normal(size=np.delete(shape, axis)), 2)
        found.append((x, np.asarray(g), axis))
    return found


def _overflowing(x, g, axis):
    with np.errstate(all="ignore"):
        e = np.exp(x)
        return np.expand_dims(g, axis) * e / e.sum(axis, keepdims=True)


def _shifted(by):
    """Softmax times g, from the logits that `by(x, axis)` gives."""

    def answer(x, g, axis):
        with np.errstate(all="ignore"):
            e = np.exp(by(x, axis))
            return np.expand_dims(g, axis) * e / e.sum(axis, keepdims=True)

    return answer


def _from_the_first(x, axis):
    return x - np.take(x, [0], axis)


def _from_the_mean(x, axis):
    finite = np.isfinite(x)
    return x - np.where(finite, x, 0).sum(axis, keepdims=True) / finite.sum(axis, keepdims=True)


def _largest_of_all(x, g, axis):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(initial=-np.inf))
        return np.expand_dims(g, axis) * e / e.sum(axis, keepdims=True)


def _softmax_alone(x, g, axis):
    return logsumexp_backward(x, np.ones_like(g), axis)


def _last_axis(x, g, axis):
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.expand_dims(g, axis) * e / e.sum(-1, keepdims=True)


def _largest_only(x, g, axis):
    return np.expand_dims(g, axis) * (x == x.max(axis, keepdims=True))


def _log_softmax(x, g, axis):
    shifted = x - x.max(axis, keepdims=True)
    with np.errstate(all="ignore"):
        return np.expand_dims(g, axis) * (shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)))


def _broadcast(x, g, axis):
    return g * logsumexp_backward(x, np.ones_like(g), axis)


def _of_softmax(x, g, axis):
    y = logsumexp_backward(x, np.ones_like(g), axis)
    return np.expand_dims(g, axis) * y * (1 - y)


def _everything(x, g, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.expand_dims(g, axis) * e / e.sum()


QUESTION = Function(
    name="logsumexp_backward",
    points=2,
    difficulty="easy",
    minutes=8,
    signature="logsumexp_backward(x: np.ndarray, g: np.ndarray, axis: int) -> np.ndarray",
    example=">>> logsumexp_backward(np.array([0.0, 0.0]), np.array(3.0), 0).tolist()\n[1.5, 1.5]",
    hints=(
        "Differentiate log of a sum: one over the sum, times the derivative of the sum. What has that shape, "
        "and what do its elements add up to?",
        "Each element gets its share exp(x) / Σ exp(x) of the gradient. The exponentials must not overflow: "
        "what can you subtract from a row without changing the share? And g has one axis less than x.",
        "e = np.exp(x - x.max(axis, keepdims=True)); return np.expand_dims(g, axis) times e divided by "
        "e.sum(axis, keepdims=True).",
    ),
    solution=logsumexp_backward,
    wrong={
        "logits are small": _overflowing,
        "a row may be shifted by any of its elements": _shifted(_from_the_first),
        "a row may be shifted by its mean": _shifted(_from_the_mean),
        "clipping prevents the overflow": _shifted(lambda x, axis: np.minimum(x, 700)),
        "one maximum serves all rows": _largest_of_all,
        "the gradient is the softmax, whatever arrives": _softmax_alone,
        "the axis is the last one": _last_axis,
        "it is a maximum, so the largest gets everything": _largest_only,
        "the derivative is the log-softmax": _log_softmax,
        "g lines up by itself": _broadcast,
        "it is the gradient of softmax": _of_softmax,
        "the shares of all elements add up to one": _everything,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
