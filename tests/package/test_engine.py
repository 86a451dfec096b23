"""The engine's gradients are torch's, on random expressions; a wrong engine is noticed."""

import gc
import inspect
import random
import re
import types
import weakref
from collections import Counter
from itertools import takewhile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lesson_support.autograd import engine
from lesson_support.autograd.engine import Node, backward, mul, tape, unbroadcast
from lesson_support.autograd.expressions import (
    TORCH,
    Expression,
    engine_gradients,
    operations_of,
    random_expression,
    tolerance,
    torch_gradients,
    traits,
)
from lesson_support.errors import LessonError

RANDOM = st.randoms(use_true_random=False)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
often = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=SLOW, database=None)


def same(first, second) -> bool:
    return all(map(np.array_equal, first, second))


def close(first, second, allowed: float) -> bool:
    return all(np.abs(a - b).max() <= allowed for a, b in zip(first, second, strict=True))


@often
@given(RANDOM)
def test_whole_numbers_give_torchs_gradients_exactly(rng):
    expression = random_expression(rng, whole=True)
    assert same(engine_gradients(expression), torch_gradients(expression))


@often
@given(RANDOM)
def test_real_numbers_give_torchs_gradients_up_to_rounding(rng):
    expression = random_expression(rng, whole=False)
    allowed = tolerance(expression)
    assert allowed < 1e-8
    assert close(engine_gradients(expression), torch_gradients(expression), allowed)


def test_the_random_expressions_have_all_that_makes_an_engine_fail():
    rng, found = random.Random(6), Counter()
    for whole in (True, False):
        for _ in range(200):
            found.update(traits(random_expression(rng, whole)))
    assert set(TORCH) <= set(found)
    assert min(found[name] for name in TORCH) > 40
    assert all(found[name] > 100 for name in ("shared node", "broadcasting", "one operand twice"))
    assert found["tie of amax"] > 30


@pytest.mark.parametrize(
    ("row", "axis", "tied"),
    [([3, 1, 3], 0, True), ([3, 1, 1], 0, False), ([[1, 2], [1, 3]], 0, True), ([[1, 2], [1, 3]], 1, False)],
)
def test_a_tie_is_two_largest_along_the_axis(row, axis, tied):
    expression = Expression([np.array(row, dtype=float)], [("amax", (0,), (axis,))])
    assert ("tie of amax" in traits(expression)) == tied


def branches(expression: Expression) -> tuple[set[float], set[float]]:
    """How far the operands of `relu` are from 0, and what is not the first winner behind it in `amax`."""
    values = expression.run(list(map(Node, expression.leaves)), operations_of(engine))
    corner, behind = {np.inf}, {np.inf}
    for name, (place, *_), constants in expression.steps:
        a = values[place].data
        if name == "relu":
            corner.add(np.abs(a).min())
        if name == "amax":
            rows = a.reshape(1, -1) if constants[0] is None else np.moveaxis(a, constants[0], -1)
            ordered = np.sort(rows, -1)
            behind.update((ordered[..., -1:] - ordered[..., -2:-1]).flat)
    return corner, behind


def test_reals_keep_away_from_branches_and_whole_numbers_do_not():
    rng = random.Random(10)
    for whole in (True, False):
        drawn = [branches(random_expression(rng, whole)) for _ in range(200)]
        corner, behind = (set().union(*each) for each in zip(*drawn, strict=True))
        assert (min(corner) == min(behind) == 0) if whole else min(corner | behind) >= 1e-3
        assert len(corner) > 3 and len(behind) > 3


def test_whole_expressions_are_exact():
    """Every gradient is a multiple of 2**-20 and smaller than 2**30: far inside 53 bits."""
    rng = random.Random(7)
    for _ in range(200):
        for gradient in engine_gradients(random_expression(rng, whole=True)):
            assert np.abs(gradient).max() < 2**30 and np.array_equal(gradient * 2**20 % 1, gradient * 0)


MUTANTS = {
    "a gradient replaces the one that was there": (
        "arrived[parent] + share if parent in arrived else share",
        "share",
    ),
    "the tape runs forward": ("reverse=True", "reverse=False"),
    "the tape is a depth-first walk": (
        "return sorted(found, key=lambda node: node.place, reverse=True)",
        "return depth_first(end)",
    ),
    "nothing is summed where an operand was repeated": (
        "share = unbroadcast(share, parent.data.shape)",
        "share = np.resize(share, parent.data.shape)",
    ),
    "only missing axes are summed": ("if n == 1)", "if n == 0)"),
    "only axes of size 1 are summed": (
        "g.sum(axis=tuple(range(g.ndim - len(shape))))",
        "g.reshape((-1,) + g.shape[g.ndim - len(shape):])[0]",
    ),
    "a leaf forgets its first gradient": ("if node.grad is None else node.grad + g", "if True else g"),
    "add takes half": ("lambda g: (g, g))", "lambda g: (g, g / 2))"),
    "sub has no sign": ("lambda g: (g, -g))", "lambda g: (g, g))"),
    "mul multiplies by itself": ("(g * b.data, g * a.data)", "(g * a.data, g * b.data)"),
    "div forgets a square": ("-share * a.data / b.data", "-share * a.data"),
    "power keeps its exponent": ("a.data ** (n - 1)", "a.data**n"),
    "exp is its input": ("lambda g: (g * y.data,))\n    return y.keep(y)  # y exists", None),
    "log multiplies": ("lambda g: (g / a.data,)", "lambda g: (g * a.data,)"),
    "tanh has sigmoid's slope": ("(1 - y.data**2)", "y.data * (1 - y.data)"),
    "relu has a slope at 0": ("y.data > 0", "y.data >= 0"),
    "mean is a sum": ("np.broadcast_to(g / count,", "np.broadcast_to(g,"),
    "every winner gets all": ("winners * (g / winners.sum(axis, keepdims=True))", "winners * g"),
    "transpose undoes nothing": ("g.transpose(np.argsort(axes))", "g.transpose(axes)"),
    "an index read twice counts once": ("np.add.at(everywhere, key, g)", "everywhere[key] = g"),
    "matmul forgets a transpose": ("a.data.swapaxes(-1, -2) @ g", "a.data @ g"),
    "matmul transposes the wrong operand": ("g @ b.data.swapaxes(-1, -2)", "(b.data @ g.swapaxes(-1, -2))"),
}


def depth_first(end):
    """Preorder: a node comes as soon as one of its readers has."""
    seen, order, waiting = set(), [], [end]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            waiting += node.parents
    return order


def mutated(old: str, new: str | None) -> types.ModuleType:
    """The engine with one piece of its source replaced."""
    source = inspect.getsource(engine)
    assert source.count(old) == 1, f"{source.count(old)} times: {old}"
    module = types.ModuleType("mutant")
    module.depth_first = depth_first
    new = old.replace("y.data", "a.data") if new is None else new
    exec(compile(source.replace(old, new), "mutant", "exec"), module.__dict__)
    return module


def fails_within(module, count: int) -> bool:
    """Does a random expression expose it?"""
    rng = random.Random(8)
    for k in range(count):
        expression = random_expression(rng, whole=k % 2 == 0)
        try:
            found = engine_gradients(expression, module)
        except Exception:
            return True
        if not close(found, torch_gradients(expression), 1e-6):
            return True
    return False


@pytest.mark.parametrize("label", [label for label in MUTANTS if "forgets its first" not in label])
def test_a_wrong_engine_is_noticed(label):
    with np.errstate(all="ignore"):
        assert fails_within(mutated(*MUTANTS[label]), 120)


def test_the_engine_itself_passes_where_mutants_fail():
    assert not fails_within(mutated("itertools.count()", "itertools.count(1)"), 120)


def twice(module) -> float:
    x = module.Node(3.0)
    for _ in range(2):
        module.backward(x * x)
    return float(x.grad)


def test_leaves_add_up_over_two_calls_of_backward():
    t = torch.tensor(3.0, requires_grad=True)
    for _ in range(2):
        (t * t).backward()
    assert twice(engine) == t.grad.item() == 12
    assert twice(mutated(*MUTANTS["a leaf forgets its first gradient"])) == 6


# writes in place


def outcome_of_a_write(expression: Expression, at: int, place: int, drawn: float) -> tuple:
    """Overwrite a value after step `at`, in the engine and in torch: gradients, or None where refused."""
    ours = [Node(leaf.copy()) for leaf in expression.leaves]
    theirs = [torch.tensor(leaf).requires_grad_() for leaf in expression.leaves]
    leaves = list(zip(ours, theirs, strict=True))
    for values, operations, write in (
        (ours, operations_of(engine), lambda v: v.write_(v.data * 0 + drawn)),
        (theirs, TORCH, lambda v: v.fill_(drawn)),
    ):
        for step, (name, places, constants) in enumerate(expression.steps):
            values.append(operations[name](*(values[p] for p in places), *constants))
            if step == at:
                with torch.no_grad():
                    write(values[place])
    mine = its = None
    try:
        backward(expression.loss(ours, operations_of(engine)))
        mine = [leaf.grad for leaf, _ in leaves]
    except LessonError:
        pass
    try:
        expression.loss(theirs, TORCH).sum().backward()
        its = [leaf.grad.numpy() for _, leaf in leaves]
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
    return mine, its


@settings(often, max_examples=250)
@given(RANDOM)
def test_a_write_is_refused_exactly_where_torch_refuses_it(rng):
    drawn = random_expression(rng, whole=True)
    # torch multiplies broadcast stacks, and reshapes some layouts, by way of copies that no write reaches;
    # NumPy copies where an index leaves a single number.
    unlike = ("matmul", "reshape", "transpose")
    steps = list(takewhile(lambda step: step[0] not in unlike and step[2] not in ((0,), (-1,)), drawn.steps))
    if not steps:
        return
    expression = Expression(drawn.leaves, steps)
    at = rng.randrange(len(steps))
    place = rng.randrange(len(drawn.leaves) + at + 1)
    mine, its = outcome_of_a_write(expression, at, place, 2.0)
    assert (mine is None) == (its is None)
    assert mine is None or same(mine, its)


@settings(often, max_examples=250)
@given(RANDOM)
def test_a_write_never_spoils_a_gradient_in_silence(rng):
    """With every operation: where both engines answer, they answer the same."""
    drawn = random_expression(rng, whole=True)
    # NumPy copies where an index leaves a single number: a write to the array does not reach it.
    steps = takewhile(lambda step: step[0] != "index" or step[2] not in ((0,), (-1,)), drawn.steps)
    expression = Expression(drawn.leaves, list(steps))
    if expression.steps:
        at = rng.randrange(len(expression.steps))
        place = rng.randrange(len(expression.leaves) + at + 1)
        mine, its = outcome_of_a_write(expression, at, place, 2.0)
        assert mine is None or its is None or same(mine, its)


def refused_writes(module) -> list[bool]:
    found = []
    for operation, place in [("exp", 1), ("exp", 0), ("log", 0), ("log", 1), ("tanh", 1), ("relu", 1)]:
        values = [module.Node([1.0, 2.0])]
        values.append(getattr(module, operation)(values[0]))
        values[place].write_(5.0)
        try:
            module.backward(module.total(values[1]))
            found.append(False)
        except LessonError:
            found.append(True)
    return found


def test_the_random_writes_are_of_both_kinds():
    rng, refused = random.Random(9), Counter()
    for _ in range(200):
        expression = random_expression(rng, whole=True)
        at = rng.randrange(len(expression.steps))
        place = rng.randrange(len(expression.leaves) + at + 1)
        mine, its = outcome_of_a_write(expression, at, place, 2.0)
        refused[mine is None, its is None] += 1
    assert refused[True, True] > 40 and refused[False, False] > 40
    assert refused[False, True] < 5 and refused[True, False] < 10


def test_what_an_operation_saved_decides():
    assert refused_writes(engine) == [True, False, True, False, True, True]
    never = mutated("kept.version[0] != then", "False")
    assert refused_writes(never) == [False] * 6
    uncounted = mutated("self.version[0] += 1", "pass")
    assert refused_writes(uncounted) == [False] * 6


def test_a_write_through_a_view_counts():
    for view in (lambda m, x: m.reshape(x, 4), lambda m, x: m.transpose(x, 1, 0), lambda m, x: m.index(x, 0)):
        for module, refused in ((engine, True), (mutated("p.version for p", "[0] for p"), False)):
            x = module.Node(np.ones((2, 2)))
            loss = module.total(module.mul(x, x))
            view(module, x).write_(0.0)
            try:
                module.backward(loss)
                assert not refused
            except LessonError as error:
                assert refused and "mul" in str(error)


# the smaller pieces


def test_the_tape_is_in_the_order_of_making_and_leaves_strangers_out():
    x = Node(2.0)
    stranger = x * 5.0
    y = x * x
    z = y + x
    assert tape(z) == [z, y, x]
    assert stranger not in tape(z)
    assert all(tape(z).index(p) > tape(z).index(node) for node in tape(z) for p in node.parents)


def test_a_long_chain_needs_no_recursion():
    x = y = Node(1.0)
    for _ in range(20_000):
        y = y + 0.0
    backward(y)
    assert x.grad == 1


@pytest.mark.parametrize(
    "shape, repeated",
    [((), (2, 3)), ((3,), (2, 3)), ((1, 3), (2, 3)), ((2, 1), (2, 3)), ((1,), (4, 2, 1)), ((2, 3), (2, 3))],
)
def test_unbroadcast_sums_what_broadcasting_repeats(shape, repeated):
    g = np.arange(np.prod(repeated), dtype=float).reshape(repeated)
    t = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (t.expand(repeated) * torch.tensor(g)).sum().backward()
    assert unbroadcast(g, shape).shape == shape
    assert np.array_equal(unbroadcast(g, shape), t.grad.numpy())


def test_a_given_gradient_makes_a_vector_jacobian_product():
    x = Node([1.0, 2.0, 3.0])
    backward(x * x, np.array([1.0, 10.0, 100.0]))
    assert x.grad.tolist() == [2, 40, 600]


def test_operators_take_numbers_and_arrays_on_either_side():
    x = Node([1.0, 2.0])
    row = np.array([3.0, 4.0])
    for made, expected in [
        (2 - x, [1, 0]),
        (2 / x, [2, 1]),
        (row * x, [3, 8]),
        (row - x, [2, 2]),
        (-x, [-1, -2]),
        (x**2, [1, 4]),
        (x[1:], [2]),
    ]:
        assert isinstance(made, Node) and made.data.tolist() == expected


def test_what_cannot_be_done_is_said_in_a_sentence():
    with pytest.raises(LessonError, match=re.escape("backward got shape (2,): expected one number")):
        backward(Node([1.0, 2.0]))
    with pytest.raises(LessonError, match="matmul got 1 and 2 dimensions"):
        engine.matmul(Node([1.0]), Node([[1.0]]))
    x = Node(2.0)
    y = mul(x, x)
    x.write_(3.0)
    with pytest.raises(LessonError, match="expected an array as mul kept it, got new values"):
        backward(y)


def test_a_finished_graph_can_be_collected():
    x = Node(2.0)
    ghost = weakref.ref(engine.exp(x))
    gc.collect()
    assert ghost() is None
