"""What is special to the backends "cpp" and "rust": walks, streamed stores, threads, borders, builds."""

import ctypes
import subprocess
import sys

import pytest
import torch

from lesson_support import native
from lesson_support.bench import scan as bench
from lesson_support.bench import scan_peers
from lesson_support.errors import LessonError
from lesson_support.kernels import available_backends, linear_scan
from lesson_support.kernels.scans import choosing, compiled, rusted
from lesson_support.kernels.scans.problem import STATE_DTYPES, Problem
from lesson_support.measured.schema import check_results
from lesson_support.native import rust
from tests.package.scans import conforming
from tests.package.scans.building import Inputs

BACKENDS = [name for name in ("cpp", "rust") if name in available_backends()]
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
needs_cpp = pytest.mark.skipif("cpp" not in BACKENDS, reason="no C++ compiler on this machine")
needs_rust = pytest.mark.skipif("rust" not in BACKENDS, reason="no Rust compiler on this machine")


def inputs(shape, dim, dtype=torch.float32, *, log_gates=False, reverse=False, seed=0) -> Inputs:
    generator = torch.Generator().manual_seed(seed)
    gate = torch.rand(shape, generator=generator, dtype=torch.float64) * 0.2 + 0.85
    b, grad = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    rows = [size for axis, size in enumerate(shape) if axis != dim]
    wide = STATE_DTYPES[dtype]
    h0, grad_state = (torch.randn(rows, generator=generator, dtype=torch.float64) for _ in range(2))
    return Inputs(
        (gate.log() if log_gates else gate).to(dtype),
        b.to(dtype),
        h0.to(wide),
        grad.to(dtype),
        grad_state.to(wide),
        dim,
        reverse,
        log_gates,
    )


def check(backend: str, x: Inputs) -> None:
    found = conforming.run(backend, x)
    for name, exact in conforming.expected(x).items():
        conforming.check_values(name, found[name], exact)


# Lengths around a register (8 or 16 steps), a line of halves (32) and what is scanned side by side (64, 128).
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_length_around_registers(backend, reverse, dtype):
    for length in (1, 7, 9, 16, 33, 63, 65, 72, 129, 150):
        for log_gates in (False, True):
            check(backend, inputs((2, length), 1, dtype, reverse=reverse, log_gates=log_gates, seed=length))
            channels = (3, length), 0
            check(backend, inputs(*channels, dtype, reverse=reverse, log_gates=log_gates, seed=length))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_channels_beyond_a_strip(backend, dtype):
    check(backend, inputs((2, 3, 4096 + 21), 1, dtype))


@pytest.mark.parametrize("wanted", ["a", "b"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_walks_agree(backend, reverse, wanted):
    """The same numbers in several layouts: along the steps, across channels, neither, and mixed."""
    x = inputs((3, 40, 37), 1, reverse=reverse)
    layouts = [
        lambda t: t.contiguous(),
        lambda t: t.movedim(1, -1).contiguous().movedim(-1, 1),
        lambda t: torch.stack([t, t * 0 + torch.nan], -1)[..., 0],
        lambda t: t.flip(0).contiguous().flip(0),
    ]
    exact = conforming.expected(x)
    for a in layouts:
        for b in layouts:
            laid = Inputs(a(x.gate), b(x.b), x.h0, a(x.grad), x.grad_state, 1, reverse, False, (wanted,))
            found = conforming.run(backend, laid)
            for name in found:
                conforming.check_values(name, found[name], exact[name])


# What is streamed must be large: rows of 4 MiB and more, on lines and off them.
STREAMED = {
    "along": ((2, (1 << 20) + 5), 1, 0),
    "along, off a line": ((2, 1 << 20), 1, 3),
    "across": ((1 << 11, 1024), 0, 0),
    "across, off a line": ((1 << 11, 1024), 0, 1),
    "across, ragged rows": ((1 << 11, 1027), 0, 0),
}


@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", STREAMED)
@pytest.mark.parametrize("backend", BACKENDS)
def test_streamed_results_are_whole(backend, layout, dtype, reverse):
    shape, dim, off = STREAMED[layout]
    generator = torch.Generator().manual_seed(0)
    count = shape[0] * shape[1]

    def room(fill=None):
        holder = torch.full((count + 64,), -7.0, dtype=dtype)
        inside = holder[off : off + count].view(shape)
        if fill is not None:
            inside.copy_(fill)
        return holder, inside

    a = room(torch.rand(shape, generator=generator) * 0.5 + 0.5)[1]
    b = room(torch.randn(shape, generator=generator))[1]
    grad = room(torch.randn(shape, generator=generator))[1]
    (held, h), (held_da, da), (held_db, db) = room(), room(), room()
    linear_scan(a, b, dim=dim, out=h, reverse=reverse, backend=backend)
    taker = choosing.load(backend)
    last = [x.movedim(dim, -1) for x in (grad, a, h, da, db)]
    taker.backward(last[0], None, *last[1:3], None, *last[3:], None, reverse=reverse, log_gates=False)
    for holder in (held, held_da, held_db):
        assert (torch.cat([holder[:off], holder[off + count :]]) == -7).all()
    exact = linear_scan(a.double(), b.double(), dim=dim, reverse=reverse, backend="torch")
    size = linear_scan(a.double(), b.double().abs(), dim=dim, reverse=reverse, backend="torch")
    unit = {torch.float32: 16 * 2.0**-24, torch.bfloat16: 2.0**-8}[dtype]
    assert ((h - exact).abs() <= unit * size + 1e-30).all()
    # The gradients of the last rows or steps again, of which there are too few to be streamed.
    pieces = [torch.empty_like(x) for x in (da, db)]
    small = [x[:, -8:] if dim == 0 else x[-1:] for x in (grad, a, h, *pieces)]
    last = [x.movedim(dim, -1) for x in small]
    taker.backward(last[0], None, *last[1:3], None, *last[3:], None, reverse=reverse, log_gates=False)
    for whole, part in ((da, small[3]), (db, small[4])):
        got, expected = ((whole[:, -8:] if dim == 0 else whole[-1:]).double(), part.double())
        assert ((got - expected).abs() <= 4 * unit * (1 + expected.abs())).all()


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(5, 3, 1 << 15), (1 << 9, 2100), (3, 700, 260)])
@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_threads_give_the_same_bits(backend, dim, shape, two_threads):
    x = inputs(shape, dim % len(shape))
    together = conforming.run(backend, x)
    torch.set_num_threads(1)
    for name, value in conforming.run(backend, x).items():
        assert torch.equal(value, together[name]), name


@pytest.mark.parametrize("backend", BACKENDS)
def test_logarithms_far_from_zero(backend):
    logs = torch.tensor(
        [0.0, -1e-8, -0.5, -87.0, -95.0, -104.5, -1e30, -torch.inf, 88.0, 89.5, 1e30, torch.nan]
    )
    for dtype in DTYPES:
        for length in (1, 20):
            a = logs.to(dtype).repeat_interleave(length).view(-1, length)
            ones = torch.ones(len(logs), dtype=STATE_DTYPES[dtype])
            b = torch.zeros_like(a)
            _, state = linear_scan(
                a[:, :1], b[:, :1], ones, log_gates=True, return_state=True, backend=backend
            )
            exact = a[:, 0].double().exp()
            finite = exact < 3e38 if dtype != torch.float64 else exact.isfinite()
            off = (state.double() - exact).abs()[finite]
            assert (off <= 3e-7 * exact[finite] + 2e-45).all(), (dtype, off)
            assert torch.equal(state.isnan(), exact.isnan())
            assert (state[exact > 3.5e38] > 3.4e38).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_half_survives_and_rounds_as_torch_does(backend, dtype):
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype).view(1, -1)
    out = linear_scan(torch.zeros_like(every), every, dim=0, backend=backend)
    torch.testing.assert_close(out, every, rtol=0, atol=0, equal_nan=True)
    # h0 is added in float32 and rounded once, with ties between every two neighbours.
    gap = torch.nextafter(every, torch.full_like(every, torch.inf)).float() - every.float()
    for share in (0.25, 0.5, 0.5 + 2.0**-8, 0.75):
        h0 = (gap * share).nan_to_num(0, 0, 0)[0]
        for layout in (0, 1):
            a, b = torch.ones_like(every), every
            if layout:
                (
                    a,
                    b,
                ) = a.T, b.T
            got = linear_scan(a, b, h0, dim=layout, backend=backend)
            expected = (b.float() + (h0[:, None] if layout else h0)).to(dtype)
            torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_nan_is_rounded_to_a_number(backend, dtype):
    # All bits of the fraction set: one more in the last place and the sign bit would turn.
    h0 = torch.tensor([0x7FFFFFFF, -1], dtype=torch.int32).view(torch.float32)
    for a in (torch.ones(40, 2, dtype=dtype), torch.ones(2, 40, dtype=dtype).T):
        assert linear_scan(a, torch.zeros_like(a), h0, dim=0, backend=backend).isnan().all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_write_into_out_is_known_to_autograd(backend):
    a, b, out = torch.rand(2, 3), torch.rand(2, 3), torch.rand(2, 3)
    leaf = torch.ones(2, 3, requires_grad=True)
    product = (leaf * out).sum()
    linear_scan(a, b, out=out, backend=backend)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()
    with torch.inference_mode():
        inside = torch.empty(2, 3)
        linear_scan(a, b, out=inside, backend=backend)
    assert torch.equal(inside, out)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 1), (4,), (0, 3, 2), (2, 0, 3)])
def test_the_short_cut_is_the_long_way(backend, dtype, shape):
    a, b, out = (torch.rand(shape).to(dtype) for _ in range(3))
    for dim in range(-len(shape), len(shape)):
        for reverse, log_gates in ((False, False), (True, False), (False, True), (True, True)):
            out.fill_(torch.nan)
            assert choosing.load(backend).direct(a, b, out, dim, reverse, log_gates)
            whole = linear_scan(a, b, dim=dim, reverse=reverse, log_gates=log_gates, backend=backend)
            assert torch.equal(out, whole), (dim, reverse, log_gates)


@needs_cpp
def test_the_short_cut_in_cpp_takes_any_strides():
    a, b, out = torch.rand(2, 5, 3), torch.rand(2, 5, 3), torch.full((2, 5, 3), torch.nan)
    turned = [x.transpose(0, 2).contiguous().transpose(0, 2) for x in (a, b)]
    assert compiled.direct(*turned, out, -2, True, False)
    assert torch.equal(out, linear_scan(*turned, reverse=True, backend="cpp"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_short_cut_takes_nothing_that_is_out_of_order(backend):
    a, b, out = torch.rand(2, 5, 3), torch.rand(2, 5, 3), torch.full((2, 5, 3), torch.nan)
    both = torch.rand(60)
    refused = [
        (a[:1], b, out, 1),
        (a, b.double(), out, 1),
        (a.double(), b.double(), out, 1),
        (a.double(), b, out, 1),
        (a, b, out.double(), 1),
        (a, b, out, 3),
        (a, b, out, -4),
        (a, b, out, "1"),
        (a, b, out.mT.contiguous().mT, 1),
        (a, b, out.clone().requires_grad_(), 1),
        (both[:30].view(2, 5, 3), b, both[20:50].view(2, 5, 3), 1),
        (a.int(), b.int(), out.int(), 1),
        (a.to("meta"), b.to("meta"), out.to("meta"), 1),
        (a.to_sparse(), b, out, 1),
        (a[0, 0, 0], b[0, 0, 0], out[0, 0, 0].clone(), 0),
    ]
    for x, y, result, dim in refused:
        before = result.clone() if result.device.type == "cpu" else None
        assert not choosing.load(backend).direct(x, y, result, dim, False, False), (x.shape, dim)
        assert before is None or torch.equal(before.nan_to_num(), result.nan_to_num())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("flag", [1, "yes", None])
def test_the_short_cut_leaves_strange_flags_to_the_checks(backend, flag):
    a, b, out = (torch.rand(2, 3) for _ in range(3))
    with pytest.raises(LessonError, match="reverse = "):
        linear_scan(a, b, out=out, reverse=flag, backend=backend)


@needs_cpp
def test_operators_refuse_what_a_kernel_would_read_beyond():
    forward = native.operators("scan").forward
    a, b, out = (torch.zeros(2, 5) for _ in range(3))
    state = torch.zeros(2)
    for wrong in (
        (a[:, :4], b, None, out, state),
        (a, b, torch.zeros(3), out, state),
        (a, b, None, out.double(), state),
        (a, b, None, out, state.double()),
        (a, b, None, out, torch.zeros(2, 1)),
        (a.double(), b, None, out, state),
    ):
        with pytest.raises(ValueError, match="does not fit a scan of shape"):
            forward(*wrong, False, False)
    with pytest.raises(ValueError, match="b has dtype Int"):
        forward(a.int(), b.int(), None, out.int(), state, False, False)


@needs_rust
def test_the_rust_border_checks_and_its_panics_come_back():
    x = torch.zeros(2, 5)
    flags = {"reverse": False, "log_gates": False}
    with pytest.raises(LessonError, match=r"^out is torch.float32 of shape \(2, 4\) .* expected .*\(2, 5\)"):
        rusted.forward(x, x, None, x[:, :4].clone(), torch.zeros(2), **flags)
    with pytest.raises(LessonError, match=r"^state is torch.float64"):
        rusted.forward(x, x, None, x.clone(), torch.zeros(2, dtype=torch.float64), **flags)
    request = rusted._Request(1, (ctypes.c_int64 * 1)(5), 9, 1, False, False, False)
    operands = (rusted._Operand * 5)()
    message = ctypes.create_string_buffer(64)
    call = rust.library().scan_forward
    assert call(ctypes.byref(request), operands, message, ctypes.c_size_t(64)) == 1
    assert message.value == b"dtype 9 is none of 0 to 3"
    request.dtype, request.sizes = 0, (ctypes.c_int64 * 1)(-5)
    assert call(ctypes.byref(request), operands, message, ctypes.c_size_t(64)) == 1
    assert message.value == b"a size is -5"
    assert call(ctypes.byref(request), operands, message, ctypes.c_size_t(4)) == 1
    assert message.raw[:4] == b"a si"


@needs_rust
def test_a_panic_is_an_error_that_names_the_backend(monkeypatch):
    monkeypatch.setitem(rusted._CODES, torch.float32, 9)
    with pytest.raises(
        LessonError, match="backend = 'rust' failed in scan_forward: dtype 9 is none of 0 to 3"
    ):
        linear_scan(torch.zeros(2, 5), torch.zeros(2, 5), backend="rust")


def test_without_compilers_both_are_missing(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("RUSTC", "no-such-compiler")
    assert "no-such-compiler" in compiled.missing()
    assert rusted.missing().startswith("no Rust compiler: looked for no-such-compiler; install")


@pytest.mark.parametrize("backend", [compiled, rusted], ids=["cpp", "rust"])
def test_gpus_are_refused(backend):
    assert "cuda" in backend.refuses(Problem("cuda", torch.float32, (2, 3), 1))
    assert backend.refuses(Problem("cpu", torch.float32, (2, 3), 1)) is None


@needs_rust
def test_rust_is_built_once_for_each_source_and_compiler(tmp_path, monkeypatch):
    tiny = tmp_path / "tiny.rs"
    tiny.write_text('#[no_mangle]\npub extern "C" fn number() -> i32 {\n    41\n}\n')
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(rust, "_loaded", {})
    assert rust.library(tiny).number() == 41
    assert rust.library(tiny) is rust.library(tiny)
    files = set((tmp_path / "cache").rglob("tiny-*.so"))
    tiny.write_text('#[no_mangle]\npub extern "C" fn number() -> i32 {\n    43\n}\n')
    rust._loaded.clear()
    assert rust.library(tiny).number() == 43
    assert len(set((tmp_path / "cache").rglob("tiny-*.so")) - files) == 1
    tiny.write_text("fn nonsense(\n")
    rust._loaded.clear()
    with pytest.raises(LessonError, match=r"^tiny.rs does not compile with \S+: error"):
        rust.library(tiny)
    monkeypatch.setenv("RUSTC", "true")
    with pytest.raises(LessonError, match="^true does not answer as a Rust compiler"):
        rust.library(tiny)


@needs_rust
def test_loading_rust_leaves_denormals_and_nan_alone():
    script = (
        "import torch\n"
        "from lesson_support.native import rust\n"
        "def arithmetic():\n"
        "    x = torch.full((64,), 1e-40)\n"
        "    nan = torch.full((64,), float('nan'))\n"
        "    return (x * 1.0).tolist() == x.tolist() and bool((x * 1.0 > 0).all()), bool(nan.isnan().all())\n"
        "print(arithmetic())\n"
        "rust.library()\n"
        "print(arithmetic())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "(True, True)\n(True, True)\n"


@pytest.mark.parametrize("backend", BACKENDS)
def test_denormal_states_are_kept(backend):
    for dim in (0, 1):
        b = torch.full((48, 48), 1e-40)
        h = linear_scan(torch.full_like(b, 0.5), b, dim=dim, backend=backend)
        assert (h >= b).all() and h.select(dim, 47).max() > 1.9e-40


@needs_cpp
def test_the_benchmark_holds_every_peer(monkeypatch):
    shrink(monkeypatch)
    results = check_results(bench.measure(), "a run")
    assert {name.split("/")[1] for name in results} == {
        *("64-mib", "256-kib", "4-mib", "constant-gate", "backward", "dispatch"),
    }
    table = results["scan/64-mib/channel-last/one-thread"]
    names = [row.labels[0] for row in table.rows]
    assert names[:2] == ["non-temporal triad", "torch.mul(a, b, out=h)"] and table.rows[0].median == 1
    for part in (*BACKENDS, "torch", "loop"):
        assert any(part in name for name in names), part
    absent = scan_peers.not_here()
    assert ("numba" in names) == ("numba" not in absent) == ("numba is not installed" not in table.shape)
    backward = results["scan/backward/time-last"]
    assert [row.labels[0] for row in backward.rows][:3] == [
        "non-temporal triad",
        "cpp forward",
        "cpp backward",
    ]


@needs_cpp
def test_the_benchmark_times_nothing_wrong(monkeypatch):
    shrink(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(scan_peers, "loop", lambda a, b, h, dim: lambda: torch.cumsum(b, dim, out=h))
        with pytest.raises(AssertionError, match="^torch loop, preallocated does not compute the scan"):
            bench.measure()
    back = compiled.backward

    def unshifted(grad, grad_state, a, h, h0, da, db, dh0, **flags):
        back(grad, grad_state, a.roll(1, -1), h, h0, da, db, dh0, **flags)

    monkeypatch.setattr(compiled, "backward", unshifted)
    with pytest.raises(AssertionError, match="does not compute the gradients"):
        bench.measure()


def shrink(monkeypatch) -> None:
    small = {"channel last": ((2, 32, 48), 1), "time last": ((2, 48, 32), 2), "one row": ((1, 512), 1)}
    monkeypatch.setattr(bench, "LAYOUTS", small)
    monkeypatch.setattr(bench, "SMALLER", {"256-kib": (8, 2), "4-mib": (16, 2)})
    monkeypatch.setattr(bench, "STEPS", 16)
    monkeypatch.setattr(bench, "ROUNDS", 7)
    monkeypatch.setattr(scan_peers, "compiled", lambda *arguments: None)
