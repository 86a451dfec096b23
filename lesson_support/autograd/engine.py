"""Reverse-mode differentiation of NumPy code: each operation notes how a gradient flows back through it."""

import itertools

import numpy as np

from lesson_support.errors import LessonError


class Node:
    """An array in double precision, the nodes it was computed from, and the rule that leads back to them.

    The rule takes the gradient of this array and returns one gradient for each parent.
    """

    __array_ufunc__ = None  # an array on the left of an operator leaves it to the node
    places = itertools.count()

    def __init__(self, data, parents=(), rule=None):
        self.data = np.asanyarray(data, dtype=np.float64)
        self.parents, self.rule, self.grad = parents, rule, None
        self.place = next(Node.places)  # on the tape: parents always stand before
        shared = [p.version for p in parents if np.may_share_memory(p.data, self.data)]
        self.version = shared[0] if shared else [0]  # a list: views can share it
        self.saved = []

    def keep(self, *nodes):
        """Note the versions of the arrays that the rule is going to read."""
        self.saved = [(node, node.version[0]) for node in nodes]
        return self

    def write_(self, data):
        """Overwrite the array in place, outside the tape."""
        self.data[...] = data
        self.version[0] += 1


def nodes(*values):
    """Each value as a node; numbers and arrays become leaves."""
    return [v if isinstance(v, Node) else Node(v) for v in values]


def tape(end):
    """`end` and every node that it was computed from, the last one made first."""
    found, waiting = {end}, [end]
    while waiting:
        fresh = set(waiting.pop().parents) - found
        found |= fresh
        waiting += fresh
    return sorted(found, key=lambda node: node.place, reverse=True)


def unbroadcast(g, shape):
    """Sum a gradient over the axes along which an array of `shape` was repeated."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))  # axis=() sums over nothing
    return g.sum(axis=tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True)


def backward(end, g=None):
    """Set `.grad` along the tape of `end`; that of a leaf adds to what is there.

    `g` is the gradient of `end`; only a single number can do without. A rule whose saved array was
    overwritten since is refused.
    """
    if g is None and end.data.size != 1:
        raise LessonError(f"backward got shape {end.data.shape}: expected one number")
    start = np.ones(end.data.shape) if g is None else np.asanyarray(g, np.float64)
    arrived = {end: np.broadcast_to(start, end.data.shape, subok=True)}
    for node in tape(end):
        g = arrived.pop(node)
        if node.rule is None:
            node.grad = g if node.grad is None else node.grad + g
            continue
        node.grad = g
        if any(kept.version[0] != then for kept, then in node.saved):
            name = node.rule.__qualname__.split(".")[0]
            raise LessonError(f"expected an array as {name} kept it, got new values")
        for parent, share in zip(node.parents, node.rule(g), strict=True):
            share = unbroadcast(share, parent.data.shape)
            arrived[parent] = arrived[parent] + share if parent in arrived else share


def add(a, b):
    a, b = nodes(a, b)
    return Node(a.data + b.data, (a, b), lambda g: (g, g))


def sub(a, b):
    a, b = nodes(a, b)
    return Node(a.data - b.data, (a, b), lambda g: (g, -g))


def mul(a, b):
    a, b = nodes(a, b)
    return Node(a.data * b.data, (a, b), lambda g: (g * b.data, g * a.data)).keep(a, b)


def div(a, b):
    a, b = nodes(a, b)

    def rule(g):
        share = g / b.data
        return share, -share * a.data / b.data

    return Node(a.data / b.data, (a, b), rule).keep(a, b)


def power(a, n):
    """a to a constant n other than 0."""
    return Node(a.data**n, (a,), lambda g: (g * n * a.data ** (n - 1),)).keep(a)


def exp(a):
    y = Node(np.exp(a.data), (a,), lambda g: (g * y.data,))
    return y.keep(y)  # y exists by the time the rule runs


def log(a):
    return Node(np.log(a.data), (a,), lambda g: (g / a.data,)).keep(a)


def tanh(a):
    y = Node(np.tanh(a.data), (a,), lambda g: (g * (1 - y.data**2),))
    return y.keep(y)


def relu(a):
    """max(a, 0), with slope 0 at 0."""
    y = Node(np.maximum(a.data, 0), (a,), lambda g: (g * (y.data > 0),))
    return y.keep(y)


def total(a, axis=None):
    """The sum over `axis` (all without one), which stays with size 1."""
    y = a.data.sum(axis, keepdims=True)
    return Node(y, (a,), lambda g: (np.broadcast_to(g, a.data.shape, subok=True),))


def mean(a, axis=None):
    """The mean over `axis` (all without one), which stays with size 1."""
    y = a.data.mean(axis, keepdims=True)
    count = a.data.size / y.size
    return Node(y, (a,), lambda g: (np.broadcast_to(g / count, a.data.shape, subok=True),))


def amax(a, axis=None):
    """The largest over `axis`, which stays with size 1; equal winners share the gradient."""
    y = Node(a.data.max(axis, keepdims=True), (a,))

    def rule(g):
        winners = a.data == y.data
        return (winners * (g / winners.sum(axis, keepdims=True)),)

    y.rule = rule
    return y.keep(a, y)


def reshape(a, *shape):
    return Node(a.data.reshape(shape), (a,), lambda g: (g.reshape(a.data.shape),))


def transpose(a, *axes):
    """The axes in another order, as torch's permute."""
    return Node(a.data.transpose(axes), (a,), lambda g: (g.transpose(np.argsort(axes)),))


def index(a, key):
    """a[key]; what an index reads twice receives twice."""

    def rule(g):
        everywhere = np.zeros(a.data.shape)
        np.add.at(everywhere, key, g)
        return (everywhere,)

    return Node(a.data[key], (a,), rule)


def matmul(a, b):
    """The matrix product over the last two axes; those before broadcast."""
    a, b = nodes(a, b)
    if min(a.data.ndim, b.data.ndim) < 2:
        raise LessonError(f"matmul got {a.data.ndim} and {b.data.ndim} dimensions: expected two or more")

    def rule(g):
        return g @ b.data.swapaxes(-1, -2), a.data.swapaxes(-1, -2) @ g

    return Node(a.data @ b.data, (a, b), rule).keep(a, b)


Node.backward = backward
Node.__add__ = Node.__radd__ = add
Node.__mul__ = Node.__rmul__ = mul
Node.__sub__, Node.__rsub__ = sub, lambda a, b: sub(b, a)
Node.__truediv__, Node.__rtruediv__ = div, lambda a, b: div(b, a)
Node.__neg__, Node.__pow__ = lambda a: a * -1.0, power
Node.__matmul__, Node.__getitem__ = matmul, index
