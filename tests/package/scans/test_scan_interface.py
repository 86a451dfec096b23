"""`linear_scan` as an operation of torch: arguments, operators, compilation, transforms, derivatives."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from lesson_support import kernels
from lesson_support.errors import LessonError
from lesson_support.kernels import available_backends, gated_scan, linear_scan
from lesson_support.kernels.scans import choosing, reference
from lesson_support.kernels.scans.problem import Problem

A, B, H0 = torch.rand(2, 5, 3), torch.randn(2, 5, 3), torch.randn(2, 3)


def leaves(*tensors: Tensor) -> list[Tensor]:
    return [tensor.clone().requires_grad_() for tensor in tensors]


def doubles(*shapes) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = [torch.rand(shape, dtype=torch.float64, generator=generator) + 0.3 for shape in shapes]
    return [tensor.requires_grad_() for tensor in made]


WRONG = {
    "a is a list": ({"a": [1.0]}, "a is a list"),
    "b is None": ({"b": None}, "b is a NoneType"),
    "b without dimension": ({"a": torch.tensor(1.0), "b": torch.tensor(1.0)}, "b has no dimension"),
    "b of integers": ({"a": A.long(), "b": B.long()}, "b has dtype torch.int64"),
    "b complex": ({"a": A.cfloat(), "b": B.cfloat()}, "b has dtype torch.complex64"),
    "mixed dtypes": ({"a": A.double()}, "a has dtype torch.float64: expected that of b"),
    "sparse": ({"b": B.to_sparse()}, "b has the layout torch.sparse_coo"),
    "dimensions": ({"a": A[0]}, r"a has shape \(5, 3\)"),
    "size": ({"a": A[:, :4]}, r"a has shape \(2, 4, 3\)"),
    "b expands": ({"b": B[:, :1]}, r"a has shape \(2, 5, 3\): expected that of b, \(2, 1, 3\)"),
    "dim too large": ({"dim": 3}, "dim = 3: expected a whole number from -3 to 2"),
    "dim a fraction": ({"dim": 1.0}, "dim = 1.0"),
    "dim a truth": ({"dim": True}, "dim = True"),
    "h0 shape": ({"h0": torch.zeros(2, 5)}, r"h0 has shape \(2, 5\): expected .* \(2, 3\)"),
    "h0 dtype": ({"h0": H0.half()}, "h0 has dtype torch.float16: expected torch.float32$"),
    "h0 a number": ({"h0": 0.0}, "h0 is a float"),
    "reverse": ({"reverse": 1}, "reverse = 1: expected True or False"),
    "log_gates": ({"log_gates": None}, "log_gates = None"),
    "return_state": ({"return_state": "yes"}, "return_state = 'yes'"),
    "device of a": ({"a": A.to("meta")}, "a is on meta: expected the device of b, cpu"),
    "device of h0": ({"h0": H0.to("meta")}, "h0 is on meta"),
    "device of out": ({"out": B.to("meta")}, "out is on meta"),
    "out a list": ({"out": []}, "out is a list"),
    "out shape": ({"out": torch.empty(2, 5)}, r"out has shape \(2, 5\)"),
    "out dtype": ({"out": torch.empty(2, 5, 3, dtype=torch.float64)}, "out has dtype torch.float64"),
    "out with gradients of a": ({"a": A.clone().requires_grad_(), "out": B.clone()}, "a requires gradients"),
    "out requires gradients": ({"out": B.clone().requires_grad_()}, "out is given and out requires"),
    "out repeated": ({"out": torch.empty(2, 1, 3).expand(2, 5, 3)}, "out has the strides"),
    "out is a": ({"out": A}, "out overlaps a in memory"),
    "out is b": ({"out": B}, "out overlaps b in memory"),
    "unknown backend": ({"backend": "fortran"}, "backend = 'fortran': expected 'auto' or one of"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument(name):
    changes, message = WRONG[name]
    with pytest.raises(LessonError, match=message):
        linear_scan(**{"a": A, "b": B, **changes})


def test_out_that_overlaps_in_part_is_refused():
    memory = torch.randn(40)
    h0 = memory[28:34].view(2, 3)
    out = memory[:30].view(2, 5, 3)
    with pytest.raises(LessonError, match="out overlaps h0"):
        linear_scan(A, B, h0, out=out)
    linear_scan(A, B, memory[30:36].view(2, 3), out=out)
    spread = torch.randn(2, 5, 9)
    with pytest.raises(LessonError, match="out overlaps b"):
        linear_scan(A, spread[..., :3], out=spread[..., 6:])
    with pytest.raises(LessonError, match="out overlaps a"):
        linear_scan(spread.view(-1)[75:90].view(1, 5, 3), B, out=spread[..., ::3])


def test_missing_backend_says_why(monkeypatch):
    absent = SimpleNamespace(missing=lambda: "no such hardware", refuses=lambda problem: None)
    monkeypatch.setitem(choosing.BACKENDS, "absent", absent)
    assert "absent" not in available_backends()
    with pytest.raises(LessonError, match="backend = 'absent' cannot be used here: no such hardware"):
        linear_scan(A, B, backend="absent")


def test_a_backend_without_a_module_is_missing(monkeypatch):
    monkeypatch.setitem(choosing.BACKENDS, "later", "not_written")
    with pytest.raises(LessonError, match="this version of the package does not bring it"):
        linear_scan(A, B, backend="later")


def refusing(when) -> SimpleNamespace:
    return SimpleNamespace(
        missing=lambda: None,
        refuses=lambda problem: "not today" if when(problem) else None,
        forward=lambda a, b, h0, out, state, **flags: (out.fill_(7), state.fill_(7)),
        backward=reference.backward,
    )


def test_auto_goes_past_a_refusal(monkeypatch):
    picky = refusing(lambda problem: problem.reverse)
    monkeypatch.setattr(choosing, "BACKENDS", {"picky": picky, **choosing.BACKENDS})
    assert (linear_scan(A, B) == 7).all()
    assert (linear_scan(A, B, reverse=True) != 7).all()
    with pytest.raises(LessonError, match="backend = 'picky' does not take this scan: not today"):
        linear_scan(A, B, reverse=True, backend="picky")


def test_triton_comes_first_on_a_gpu_alone(monkeypatch):
    fakes = {name: refusing(lambda problem: False) for name in choosing.BACKENDS}
    monkeypatch.setattr(choosing, "BACKENDS", fakes)
    for device, best in (("cpu", "cpp"), ("cuda", "triton")):
        chosen = choosing.choose("auto", Problem(device, torch.float32, (2, 3), 1))
        assert chosen is choosing.BACKENDS[best]


def test_refused_gradients_are_refused_at_once(monkeypatch):
    monkeypatch.setitem(choosing.BACKENDS, "picky", refusing(lambda problem: problem.backward))
    assert (linear_scan(A, B, backend="picky") == 7).all()
    with pytest.raises(LessonError, match="not today"):
        linear_scan(*leaves(A, B), backend="picky")


def test_what_a_backend_is_told(monkeypatch):
    seen = []
    spy = refusing(lambda problem: seen.append(problem))
    monkeypatch.setitem(choosing.BACKENDS, "spy", spy)
    linear_scan(A, B, H0, dim=-2, log_gates=True, return_state=True, backend="spy")
    assert seen == [Problem("cpu", torch.float32, (2, 5, 3), 1, False, True, True, True, False)]
    assert (seen[0].length, seen[0].rows, seen[0].state_dtype) == (5, 6, torch.float32)


def test_a_backend_gets_views(monkeypatch):
    got = []
    spy = refusing(lambda problem: False)
    spy.forward = lambda *tensors, **flags: got.extend(tensors)
    monkeypatch.setitem(choosing.BACKENDS, "spy", spy)
    a, b = torch.rand(4, 1, 6)[::2, :, ::2], torch.randn(3, 5, 2).permute(2, 1, 0)
    linear_scan(a, b, H0, backend="spy")
    assert [each.data_ptr() for each in got[:3]] == [a.data_ptr(), b.data_ptr(), H0.data_ptr()]
    assert [tuple(each.shape) for each in got] == [(2, 3, 5), (2, 3, 5), (2, 3), (2, 3, 5), (2, 3)]
    assert [each.stride() for each in got[:2]] == [(12, 2, 0), (1, 10, 2)]


def test_the_short_cut_is_taken_only_by_plain_calls(monkeypatch):
    calls = []

    def direct(a, b, out, dim, reverse, log_gates):
        calls.append((dim, reverse, log_gates))
        if dim == 1:
            out.fill_(7)
        return dim == 1

    entry = refusing(lambda problem: False)
    entry.forward, entry.direct = reference.forward, direct
    monkeypatch.setitem(choosing.BACKENDS, "quick", entry)
    monkeypatch.setattr(choosing, "_direct", {})
    out = torch.empty_like(B)
    assert linear_scan(A, B, out=out, backend="quick") is out
    assert (out == 7).all()
    linear_scan(A, B, out=out, dim=2, reverse=True, backend="quick")
    assert torch.equal(out, linear_scan(A, B, dim=2, reverse=True, backend="reference"))
    assert calls == [(1, False, False), (2, True, False)]
    linear_scan(A, B, backend="quick")
    linear_scan(A, B, H0, out=out, backend="quick")
    linear_scan(A, B, out=out, return_state=True, backend="quick")
    with torch.no_grad():
        linear_scan(*leaves(A), B, out=out, backend="quick")
    with pytest.raises(LessonError, match="requires gradients"):
        linear_scan(*leaves(A), B, out=out, backend="quick")
    assert len(calls) == 3


@pytest.mark.parametrize("backend", available_backends())
def test_out_is_filled_in_any_layout(backend):
    expected, state = linear_scan(A, B, H0, return_state=True, backend="reference")
    for out in (
        torch.empty(2, 5, 3),
        torch.empty(3, 5, 2).permute(2, 1, 0),
        torch.empty(4, 10, 6)[::2, 1::2, ::2],
    ):
        got = linear_scan(A, B, H0, return_state=True, out=out, backend=backend)
        assert got[0] is out
        torch.testing.assert_close(got, (expected, state))


def test_no_step_gives_h0_back():
    h, state = linear_scan(A[:, :0], B[:, :0], H0, return_state=True)
    assert h.shape == (2, 0, 3)
    assert torch.equal(state, H0)
    assert not linear_scan(A[:, :0], B[:, :0], return_state=True)[1].any()


def test_one_dimension_and_four():
    torch.testing.assert_close(linear_scan(A[0, :, 0], B[0, :, 0], dim=0), linear_scan(A, B)[0, :, 0])
    four = linear_scan(A[None], B[None], dim=-2)
    torch.testing.assert_close(four[0], linear_scan(A, B))


def test_states_hand_over_in_full_precision():
    a, b = A.bfloat16(), B.bfloat16()
    whole, end = linear_scan(a, b, return_state=True, backend="reference")
    first, state = linear_scan(a[:, :2], b[:, :2], return_state=True, backend="reference")
    second, last = linear_scan(a[:, 2:], b[:, 2:], state, return_state=True, backend="reference")
    assert (state.dtype, whole.dtype) == (torch.float32, torch.bfloat16)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert torch.equal(last, end)


FLAGS = list(itertools.product((False, True), repeat=4))


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("reverse,log_gates,has_h0,state", FLAGS)
def test_gradients_of_both_orders(reverse, log_gates, has_h0, state, length):
    inputs = doubles((2, length, 1), (2, length, 2), (2, 2))[: 3 if has_h0 else 2]

    def scan(*tensors):
        return linear_scan(*tensors, reverse=reverse, log_gates=log_gates, return_state=state)

    assert torch.autograd.gradcheck(scan, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(scan, inputs, fast_mode=True)


@pytest.mark.parametrize("log_gates", [False, True])
def test_gradients_without_a_step(log_gates):
    a, b, h0 = leaves(A[:, :0], B[:, :0], H0)
    h, state = linear_scan(a, b, h0, log_gates=log_gates, return_state=True)
    weight = torch.randn_like(H0).requires_grad_()
    inputs = (a, b, h0)
    found = torch.autograd.grad((state * weight).sum() + h.sum(), inputs, create_graph=True)
    assert [tuple(each.shape) for each in found] == [(2, 0, 3), (2, 0, 3), (2, 3)]
    assert torch.equal(found[2], weight)
    assert torch.equal(torch.autograd.grad(found[2].sum(), weight)[0], torch.ones(2, 3))


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2)])
def test_second_order_with_some_gradients_wanted(wanted):
    inputs = doubles((1, 3, 2), (2, 3, 2), (2, 2))
    for place, tensor in enumerate(inputs):
        tensor.requires_grad_(place in wanted)
    assert torch.autograd.gradgradcheck(lambda *x: linear_scan(*x, return_state=True), inputs)


def test_third_order():
    def slope(a, b):
        return torch.autograd.grad(linear_scan(a, b).pow(2).sum(), a, create_graph=True)[0]

    assert torch.autograd.gradgradcheck(slope, doubles((1, 3, 1), (1, 3, 1)))


def test_second_order_in_half_precision_is_close():
    a, b = leaves(A, B)
    half = leaves(A.bfloat16(), B.bfloat16())
    second = []
    for x, y in ((a, b), half):
        (slope,) = torch.autograd.grad(linear_scan(x, y).sum(), x, create_graph=True)
        second.append(torch.autograd.grad(slope.pow(2).sum(), y)[0].float())
    assert (second[0] - second[1]).norm() < 0.02 * second[0].norm()


@pytest.mark.parametrize("has_h0", [False, True])
def test_torch_accepts_the_operators(has_h0):
    a, b, grad, grad_state, h0 = leaves(A, B, B, H0, H0)
    h0 = h0 if has_h0 else None
    plain = None if h0 is None else h0.detach()
    options = (1, False, False, "reference")
    operators = torch.ops.lessons
    torch.library.opcheck(operators.linear_scan_forward.default, (a, b, h0, *options))
    torch.library.opcheck(
        operators.linear_scan_into.default, (a.detach(), b.detach(), plain, torch.empty_like(B), *options)
    )
    torch.library.opcheck(
        operators.linear_scan_backward.default, (grad, grad_state, a, b, h0, *options, True, has_h0)
    )


@pytest.mark.parametrize("backend", available_backends())
def test_compiles_whole(backend):
    torch._dynamo.reset()

    def scan(a, b, h0):
        h, state = linear_scan(a * 0.5, b, h0, return_state=True, backend=backend)
        return h.sum() + state.pow(2).sum()

    compiled = torch.compile(scan, fullgraph=True, backend="aot_eager", dynamic=True)
    for length in (5, 4):
        inputs = leaves(A[:1, :length], B[:, :length], H0)
        want, got = scan(*inputs), compiled(*inputs)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(torch.autograd.grad(got, inputs), torch.autograd.grad(want, inputs))


def test_compiles_with_out():
    torch._dynamo.reset()
    out = torch.empty_like(B)
    compiled = torch.compile(
        lambda a, b, out: linear_scan(a, b, out=out) * 2, fullgraph=True, backend="aot_eager"
    )
    torch.testing.assert_close(compiled(A, B, out), 2 * linear_scan(A, B))
    torch.testing.assert_close(out, linear_scan(A, B))


@pytest.mark.parametrize("in_dims", [(0, 0, 0), (2, 0, None), (None, 3, 1), (1, None, None)])
def test_vmap(in_dims):
    def place(x, dim):
        return x if dim is None else torch.stack([x, x * 0.5, x + 1], dim)

    inputs = [place(x, dim) for x, dim in zip((A, B, H0), in_dims, strict=True)]
    mapped = torch.vmap(lambda *x: linear_scan(*x, return_state=True), in_dims)(*inputs)
    for number in range(3):
        one = [x if dim is None else x.select(dim, number) for x, dim in zip(inputs, in_dims, strict=True)]
        expected = linear_scan(*one, return_state=True)
        torch.testing.assert_close((mapped[0][number], mapped[1][number]), expected)


def test_gradients_of_each_example():
    def loss(a, b):
        return linear_scan(a, b, dim=0).pow(2).sum()

    each = torch.vmap(torch.func.grad(loss, (0, 1)), (None, 0))(A[0], B)
    for number in range(2):
        inputs = leaves(A[0], B[number])
        expected = torch.autograd.grad(loss(*inputs), inputs)
        torch.testing.assert_close((each[0][number], each[1][number]), expected)


def test_hessian():
    b, gate = (x.detach()[0, :, 0] for x in doubles((1, 3, 1), (1, 3, 1)))
    hessian = torch.func.jacrev(torch.func.jacrev(lambda x: linear_scan(gate, x, dim=0).pow(2).sum()))(b)
    expected = torch.autograd.functional.hessian(lambda x: linear_scan(gate, x, dim=0).pow(2).sum(), b)
    torch.testing.assert_close(hessian, expected)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_what_no_derivative_is_there_for():
    with pytest.raises(LessonError, match="forward-mode tangent"):
        torch.func.jvp(lambda b: linear_scan(A, b), (B,), (B,))
    forward = torch.autograd.forward_ad
    with forward.dual_level(), pytest.raises(LessonError, match="forward-mode tangent"):
        linear_scan(A, forward.make_dual(B, B))
    with pytest.raises(LessonError, match="out is given inside a transform"):
        torch.vmap(lambda a: linear_scan(a, B[0], out=torch.empty(5, 3)))(A)


def test_subclasses_and_modes_see_the_operator():
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        h, state = linear_scan(torch.empty(2, 9, 3), torch.empty(2, 9, 3), return_state=True)
    assert (h.shape, state.shape) == ((2, 9, 3), (2, 3))
    parameter = torch.nn.Parameter(A)
    linear_scan(parameter, B).sum().backward()
    assert parameter.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gated_scan(dtype):
    x_gate, b = leaves(6 * A.to(dtype), B.to(dtype))
    got, state = gated_scan(x_gate, b, H0, return_state=True, reverse=True)
    wide = leaves(x_gate.detach().double(), b.detach().double())
    want = linear_scan(wide[0].sigmoid(), wide[1], H0.double(), reverse=True)
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 1e-2}[dtype]
    assert (got.double() - want).norm() < tolerance * want.norm()
    got_grads = torch.autograd.grad(got.sum(), (x_gate, b))
    for one, other in zip(got_grads, torch.autograd.grad(want.sum(), wide), strict=True):
        assert (one.double() - other).norm() < 2 * tolerance * other.norm()


def test_gated_scan_keeps_gates_near_one_in_half_precision():
    x_gate = torch.full((1, 400, 1), 7.0)
    b = torch.zeros(1, 400, 1)
    b[:, 0] = 1
    exact = gated_scan(x_gate.double(), b.double())
    half = gated_scan(x_gate.bfloat16(), b.bfloat16()).double()
    rounded = linear_scan(x_gate.bfloat16().sigmoid(), b.bfloat16()).double()
    assert (half - exact).abs().max() < 0.01
    assert (rounded - exact).abs().max() > 0.2


def test_wrong_gates_are_named():
    with pytest.raises(LessonError, match="x_gate is a list: expected a tensor"):
        gated_scan([1.0], B)
    with pytest.raises(LessonError, match="log_gates"):
        gated_scan(A, B, log_gates=True)


def test_names_resolve():
    assert {"linear_scan", "available_backends", "gated_scan", "scan"} <= {*dir(kernels)}
    with pytest.raises(AttributeError, match="it offers"):
        kernels.no_such_kernel  # noqa: B018
