"""The Triton backend beyond conformance: every way to cut the work, what it moves, and where it declines."""

import itertools
import mmap
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

pytest.importorskip("triton")

from lesson_support.kernels import linear_scan, traffic
from lesson_support.kernels.assembly.launches import noted_launches
from lesson_support.kernels.scans import tritonic
from lesson_support.kernels.scans.problem import Problem
from tests.package.scans.building import Inputs, build
from tests.package.scans.conforming import PLAIN, check_case, check_values, run
from tests.package.scans.expecting import expected

CUTS = {
    "one chunk": tritonic.Limits(256, 256, 64, 8, programs=1, segment=10**6),
    "small chunks": tritonic.Limits(4, 8, 2, 1, programs=1, segment=10**6),
    "chunks of one": tritonic.Limits(1, 4, 16, 3, programs=1, segment=10**6),
    "segments": tritonic.Limits(2, 4, 8, 2, programs=20, segment=5),
    "segments of one step": tritonic.Limits(4, 16, 8, 4, programs=10**6, segment=1),
}
LAYOUTS = {"time": ("last", "contiguous"), "channels": ("middle", "contiguous"), "gaps": ("last", "sliced")}


def drawn(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("reverse", "log_gates"), [(False, False), (True, True)])
def test_every_cut_agrees_with_the_loop(monkeypatch, cut, layout, reverse, log_gates):
    monkeypatch.setattr(tritonic, "INTERPRETED", CUTS[cut])
    place, memory = LAYOUTS[layout]
    case = replace(PLAIN, length="17", place=place, layout=memory, batch=1, channels=3)
    assert check_case("triton", replace(case, reverse=reverse, log_gates=log_gates)) <= 1


@pytest.mark.parametrize("cut", ["small chunks", "segments"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("layout", ["time", "channels"])
def test_every_cut_agrees_in_half_precision(monkeypatch, cut, dtype, layout):
    monkeypatch.setattr(tritonic, "INTERPRETED", CUTS[cut])
    place, memory = LAYOUTS[layout]
    case = replace(PLAIN, length="17", place=place, layout=memory, batch=1, channels=4, dtype=dtype)
    assert check_case("triton", replace(case, h0="own dtype", reverse=True)) <= 1


def test_carries_pass_whole_segments_of_gates_near_one(monkeypatch):
    """With fast gates a carry that gets lost between chunks or segments would not be seen."""
    monkeypatch.setattr(tritonic, "INTERPRETED", CUTS["segments"])
    for layout, reverse in itertools.product(("time", "channels"), (False, True)):
        case = replace(PLAIN, length="17", place=LAYOUTS[layout][0], batch=1, gates="one", reverse=reverse)
        x = build(case, "triton")
        quiet = Inputs(
            x.gate, torch.zeros_like(x.b), x.h0, torch.zeros_like(x.grad), x.grad_state, x.dim, reverse
        )
        found = run("triton", quiet)
        assert torch.equal(found["h"], x.h0.unsqueeze(x.dim).expand_as(x.b))
        assert torch.equal(found["db"], x.grad_state.unsqueeze(x.dim).expand_as(x.b))
        assert torch.equal(found["dh0"], x.grad_state) and torch.equal(found["state"], x.h0)


@pytest.mark.parametrize("gate_shape", [(2, 1, 3, 1, 2), (1, 4, 1, 2, 1), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("cut", ["one chunk", "segments of one step"])
def test_many_axes_and_gates_that_expand(monkeypatch, cut, gate_shape):
    monkeypatch.setattr(tritonic, "INTERPRETED", CUTS[cut])
    shape, dim = (2, 4, 3, 2, 2), 1
    gate = torch.rand(gate_shape, generator=torch.Generator().manual_seed(3))
    b, grad = drawn(shape), drawn(shape, 1)
    h0, grad_state = drawn((2, 3, 2, 2), 4), drawn((2, 3, 2, 2), 5)
    for order in ((0, 1, 2, 3, 4), (4, 2, 0, 3, 1))[: 1 if cut == "one chunk" else 2]:
        inverse = [order.index(axis) for axis in range(5)]
        laid_out = b.permute(order).contiguous().permute(inverse)
        x = Inputs(gate, laid_out, h0, grad, grad_state, dim)
        exact, found = expected(x), run("triton", x)
        for name, each in exact.items():
            check_values(name, found[name], each)


def test_the_densest_axis_decides_between_walking_and_chunks():
    def kinds(shape, dim, order=None):
        b = drawn(shape)
        b = b if order is None else b.permute(order)
        launches = noted_launches(lambda: linear_scan(b, b, dim=dim, backend="triton"))
        return [launch.kernel.__name__ for launch in launches]

    assert kinds((2, 8, 4), 1) == ["walk_forward"]
    assert kinds((2, 4, 8), 2) == ["chunk_forward"]
    assert kinds((2, 4, 8), 1, (0, 2, 1)) == ["chunk_forward"]
    assert kinds((8,), 0) == ["chunk_forward"]
    assert kinds((1, 256), 1) == ["chunk_aggregate", "carry_starts", "chunk_forward"]
    assert kinds((1, 256, 2), 1) == ["walk_aggregate", "carry_starts", "walk_forward"]
    assert kinds((4, 0, 2), 1) == kinds((0, 4, 2), 1) == []


def test_launch_says_how_products_and_sums_are_fused():
    a, b = drawn((1, 256)), drawn((1, 256), 1).requires_grad_()
    h = linear_scan(a, b, backend="triton")
    launches = noted_launches(lambda: h.sum().backward())
    assert [launch.options["enable_fp_fusion"] for launch in launches] == [True] * 3


@pytest.mark.parametrize("place", ["last", "middle"])
@pytest.mark.parametrize("reverse", [False, True])
def test_forward_moves_three_streams_and_backward_five(place, reverse):
    shape, dim = ((3, 41), 1) if place == "last" else ((41, 3), 0)
    n, rows = 41 * 3, 3
    a, b, grad = torch.rand(shape), drawn(shape), drawn(shape, 1)
    h, da, db = (torch.empty(shape) for _ in range(3))
    h0, state, grad_state, dh0 = (torch.rand(rows) for _ in range(4))
    moved = {"a": a, "b": b, "h": h, "h0": h0, "state": state}
    last = {name: tensor.movedim(dim, -1) if tensor.dim() == 2 else tensor for name, tensor in moved.items()}
    with traffic.count(**moved) as seen:
        tritonic.forward(
            *(last[name] for name in ("a", "b", "h0", "h", "state")), reverse=reverse, log_gates=False
        )
    assert not seen.outside and list(seen) == list(moved)
    assert (seen.ratio, seen.moved) == (1, 4 * (3 * n + 2 * rows))
    moved = {"grad": grad, "a": a, "h": h, "da": da, "db": db, "h0": h0, "grad_state": grad_state, "dh0": dh0}
    last = {name: tensor.movedim(dim, -1) if tensor.dim() == 2 else tensor for name, tensor in moved.items()}
    with traffic.count(**moved) as seen:
        order = ("grad", "grad_state", "a", "h", "h0", "da", "db", "dh0")
        tritonic.backward(*(last[name] for name in order), reverse=reverse, log_gates=False)
    assert not seen.outside and list(seen) == list(moved)
    # Of h the last step is not needed: nothing comes after it.
    assert (seen.ratio, seen.moved) == (1, 4 * (5 * n - rows + 3 * rows))


@pytest.mark.parametrize(("shape", "dim"), [((1, 200), 1), ((200, 2), 0)])
def test_segments_move_five_streams_forward(shape, dim):
    a, b, out = torch.rand(shape), drawn(shape), torch.empty(shape)
    rows = torch.zeros(out.numel() // 200)
    with traffic.count(a=a, b=b, out=out, state=rows) as seen:
        tritonic.forward(
            a.movedim(dim, -1),
            b.movedim(dim, -1),
            None,
            out.movedim(dim, -1),
            rows,
            reverse=True,
            log_gates=False,
        )
    assert not seen.outside
    assert (seen["a"].ratio, seen["b"].ratio, seen["out"].ratio) == (2, 2, 1)
    small = sum(flow.moved for name, flow in seen.items() if name not in ("a", "b", "out"))
    assert small < 0.1 * seen.moved


def test_no_access_leaves_a_tensor_at_any_edge(monkeypatch):
    rows, steps = 3, 11
    for cut, log_gates in itertools.product(("small chunks", "chunks of one", "segments"), (False, True)):
        monkeypatch.setattr(tritonic, "INTERPRETED", CUTS[cut])
        a, b = -torch.rand(rows, steps), drawn((rows, steps))
        for dim, (gate, x) in ((1, (a, b)), (0, (a.t().contiguous(), b.t().contiguous()))):
            gate, x = gate.requires_grad_(), x.requires_grad_()
            with traffic.count() as seen:
                linear_scan(gate, x, dim=dim, log_gates=log_gates, backend="triton").sum().backward()
            assert seen.outside == [] and seen.launches >= 2


@pytest.mark.parametrize("dim", [0, 1])
def test_offsets_do_not_overflow_32_bits(dim):
    """Two places further on is beyond 2³¹ elements, along rows as along time."""
    step = 2**30 + 64
    reserve_nothing = getattr(mmap, "MAP_NORESERVE", 0x4000)  # the name came with Python 3.13
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | reserve_nothing
    wide = torch.frombuffer(mmap.mmap(-1, 6 * step, flags=flags), dtype=torch.bfloat16)
    x, out = (wide.as_strided((3, 2), (step, 1), start) for start in (0, 8))
    x.copy_(torch.tensor([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]]))
    ones = torch.ones(3, 2, dtype=torch.bfloat16)
    state = torch.empty(2 if dim == 0 else 3)
    moved = (each.movedim(dim, -1) for each in (ones, x))
    tritonic.forward(*moved, None, out.movedim(dim, -1), state, reverse=False, log_gates=False)
    assert torch.equal(out.float(), x.float().cumsum(dim)) and torch.equal(state, x.float().sum(dim))
    db = torch.zeros(3, 2, dtype=torch.bfloat16)
    grads = (x.movedim(dim, -1), None, ones.movedim(dim, -1), out.movedim(dim, -1), None)
    tritonic.backward(*grads, None, db.movedim(dim, -1), None, reverse=False, log_gates=False)
    assert torch.equal(db.float(), x.float().flip(dim).cumsum(dim).flip(dim))


def test_exponentials_of_padding_are_one():
    """log_gates: a gate beyond the end is 1, which is not the exponential of what a mask would fill in."""
    a = torch.full((1, 5), -30.0)
    b = torch.zeros(1, 5)
    b[0, 4] = 1
    _, state = linear_scan(a, b, log_gates=True, return_state=True, backend="triton")
    assert state.item() == 1


def test_what_the_backend_refuses():
    problem = Problem("cpu", torch.float32, (2, 3), 1)
    assert tritonic.missing() is None and tritonic.refuses(problem) is None
    assert "float64" in tritonic.refuses(replace(problem, dtype=torch.float64))
    assert "not on mps" in tritonic.refuses(replace(problem, device="mps"))
    assert tritonic.refuses(replace(problem, device="cuda")) is None


@pytest.mark.parametrize(
    ("variable", "answer"), [(None, "no GPU, and Triton's interpreter is off"), ("1", "None")]
)
def test_missing_says_why(variable, answer):
    program = (
        "import sys\nfrom lesson_support.kernels.scans import tritonic\n"
        "assert 'triton' not in sys.modules\nprint(tritonic.missing())\n"
        "import triton, os\nos.environ['TRITON_INTERPRET'] = '1'\nprint(tritonic.missing())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_INTERPRET": variable} if variable else {}
    environment["CUDA_VISIBLE_DEVICES"] = ""
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    lines = asked.stdout.splitlines()  # the variable decides when triton is imported, and no longer after
    assert len(lines) == 2 and all(line.startswith(answer) for line in lines)
