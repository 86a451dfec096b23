"""Random expressions as plain data, which the course's engine and torch both evaluate.

An expression is a list of leaves and a list of steps `(operation, places of its operands, constants)`; a
place counts leaves and steps alike. Its loss is the sum of everything that no step reads.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from lesson_support.autograd import engine
from lesson_support.errors import LessonError

# How each operation is written in torch; the engine has a function of the same name.
TORCH = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "matmul": lambda a, b: a @ b,
    "power": lambda a, n: a**n,
    "exp": lambda a: a.exp(),
    "log": lambda a: a.log(),
    "tanh": lambda a: a.tanh(),
    "relu": lambda a: a.relu(),
    "total": lambda a, axis: a.sum(_dims(a, axis), keepdim=True),
    "mean": lambda a, axis: a.mean(_dims(a, axis), keepdim=True),
    "amax": lambda a, axis: a.amax(_dims(a, axis), keepdim=True),
    "reshape": lambda a, *shape: a.reshape(shape),
    "transpose": lambda a, *axes: a.permute(axes),
    "index": lambda a, key: a[key],
}
SMOOTH = ("exp", "log", "tanh")
MARGIN = 1e-3  # between branches, for reals: far above any rounding, single precision included
KEYS = ([0, 0, 1, 0], slice(None, None, 2), 0, -1, (..., [1, 1]), ([0, 1], 1), (None, ..., 0))
SHAPES = ((2, 4), (4, 4), (2, 4, 4), (4, 1), (1, 4), (4,), (2, 1, 4), ())


def _dims(a, axis):
    return tuple(range(a.ndim)) if axis is None else axis


@dataclass
class Expression:
    """Leaves and steps."""

    leaves: list[np.ndarray]
    steps: list[tuple[str, tuple[int, ...], tuple]] = field(default_factory=list)

    def readers(self) -> Counter:
        """How often each place is read."""
        return Counter(place for _, places, _ in self.steps for place in places)

    def run(self, leaves: list, operations: dict) -> list:
        """Every value, leaves first; `operations` maps a name to a function."""
        values = list(leaves)
        for name, places, constants in self.steps:
            values.append(operations[name](*(values[place] for place in places), *constants))
        return values

    def loss(self, values: list, operations: dict):
        """The number to differentiate, of shape (1,)."""
        readers = self.readers()
        unread = [value for place, value in enumerate(values) if not readers[place]]
        parts = [operations["reshape"](operations["total"](value, None), 1) for value in unread]
        return reduce(operations["add"], parts)


def operations_of(module) -> dict:
    """The operations of an engine by name."""
    return {name: getattr(module, name) for name in TORCH}


def engine_gradients(expression: Expression, module=engine, backward=None) -> list[np.ndarray]:
    """The gradient of each leaf by the course's engine, or by another module with its names."""
    leaves = [module.Node(leaf.copy()) for leaf in expression.leaves]
    operations = operations_of(module)
    loss = expression.loss(expression.run(leaves, operations), operations)
    (backward or module.backward)(loss)
    return [leaf.grad for leaf in leaves]


def torch_gradients(expression: Expression, dtype=None) -> list[np.ndarray]:
    """The gradient of each leaf by torch, in double precision unless `dtype` says otherwise."""
    import torch

    leaves = [torch.tensor(leaf, dtype=dtype).requires_grad_() for leaf in expression.leaves]
    expression.loss(expression.run(leaves, TORCH), TORCH).sum().backward()
    return [leaf.grad.numpy() for leaf in leaves]


def tolerance(expression: Expression) -> float:
    """How far two double-precision gradients of this expression may lie apart.

    Rounding errors are proportional to the unit roundoff, 2**29 times smaller than in single precision. So
    torch's own error in single precision says how strongly the expression amplifies them; 256 allows for
    another order of summation, and the last term for a lucky draw.
    """
    import torch

    double, single = torch_gradients(expression), torch_gradients(expression, torch.float32)
    error = max(np.abs(a - b).max() for a, b in zip(double, single, strict=True))
    return 256 * 2.0**-29 * error + 2.0**-50 * max(np.abs(a).max() for a in double)


def traits(expression: Expression) -> set[str]:
    """What makes an expression hard for an engine, and the operations in it."""
    values = expression.run(list(map(engine.Node, expression.leaves)), operations_of(engine))
    shapes, readers = [value.data.shape for value in values], expression.readers()
    found = {name for name, _, _ in expression.steps}
    if any(readers[place] > 1 for place in range(len(expression.leaves), len(values))):
        found.add("shared node")
    for name, places, constants in expression.steps:
        sizes = {shapes[place][:-2] if name == "matmul" else shapes[place] for place in places}
        if len(sizes) > 1:
            found.add("broadcasting")
        if len(set(places)) < len(places):
            found.add("one operand twice")
        if name == "amax":
            a = values[places[0]].data
            if np.any((a == a.max(*constants, keepdims=True)).sum(*constants) > 1):
                found.add("tie of amax")
    return found


def random_expression(rng, whole: bool, steps: int = 8) -> Expression:
    """An expression of up to so many steps; `rng` has the methods of `random.Random`.

    `whole` keeps to small integers, and to operations whose results and gradients double precision holds
    exactly: sizes are powers of two, and so is all that is divided by. Otherwise leaves are reals around 1;
    `amax` has one winner and `relu` keeps away from its corner, where a rounding could change the branch.
    """
    leaves = [_leaf(rng, whole) for _ in range(rng.randint(2, 4))]
    divisor = len(leaves)
    leaves.append(np.array([rng.choice((-2.0, -1.0, 1.0, 2.0)) for _ in range(4)]))
    made, values = Expression(leaves), list(leaves)
    for _ in range(4 * steps):
        step = _step(rng, values, divisor, whole)
        result = _result(step, values, whole)
        if result is not None and np.abs(result).max() < (2**12 if whole else 8):
            made.steps.append(step)
            values.append(result)
        if len(made.steps) == steps:
            break
    return made


def _leaf(rng, whole: bool) -> np.ndarray:
    shape = rng.choice(SHAPES)
    drawn = [rng.randint(-3, 3) if whole else rng.uniform(0.3, 1.5) for _ in range(int(np.prod(shape)))]
    return np.array(drawn, dtype=np.float64).reshape(shape)


def _step(rng, values, divisor: int, whole: bool):
    """An operation, its operands among the values, often the last one, and its constants."""
    names = [name for name in TORCH if not (whole and name in SMOOTH)]
    name = rng.choice((*names, "matmul", "matmul"))  # few shapes fit a product
    a = len(values) - 1 if rng.random() < 0.3 else rng.randrange(len(values))
    if name in ("add", "sub", "mul", "div", "matmul"):
        b = divisor if whole and name == "div" else rng.randrange(len(values))
        return name, (a, b), ()
    shape = values[a].shape
    if name in ("total", "mean", "amax"):
        return name, (a,), (rng.choice((None, *range(len(shape)))),)
    constants = {
        "power": (rng.choice((2, 3)),),
        "reshape": rng.choice((shape[::-1], (-1, 2))),
        "transpose": tuple(rng.sample(range(len(shape)), len(shape))),
        "index": (rng.choice(KEYS),),
    }
    return name, (a,), constants.get(name, ())


def _result(step, values, whole: bool):
    """What a step gives, or None where it is impossible or near a place without a derivative."""
    name, places, constants = step
    operands = [values[place] for place in places]
    if name == "log" and operands[0].min() < 0.1 or name == "div" and np.abs(operands[1]).min() < 0.1:
        return None
    if name == "relu" and not whole and np.abs(operands[0]).min() < MARGIN:
        return None
    if name == "amax":
        behind = operands[0].max(*constants, keepdims=True) - operands[0]
        count = (behind <= (0 if whole else MARGIN)).sum(*constants)
        if np.any(count & (count - 1) if whole else count > 1):  # one third of a gradient is no double
            return None
    try:
        result = operations_of(engine)[name](*map(engine.Node, operands), *constants).data
    except (ValueError, IndexError, LessonError):
        return None
    return result if 0 < result.size <= 256 else None
