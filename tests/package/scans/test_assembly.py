"""Kernels are compiled without a GPU, wherever they were typed, and the assembler's report is read right."""

import json
import linecache
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

pytest.importorskip("triton")

import triton
import triton.language as tl

from lesson_support.errors import LessonError
from lesson_support.kernels import assembly, elementwise, softmax, transposing
from lesson_support.kernels.assembly import assembling, gathering
from lesson_support.kernels.assembly.gathering import fingerprint, source_of
from lesson_support.kernels.assembly.launches import Launch, noted_launches
from lesson_support.kernels.scans import tritonic

TARGETS = ["sm_80", "sm_90"]
SCALE = tl.constexpr(3)


@triton.jit
def scaled(x, FACTOR: tl.constexpr):
    return x * FACTOR * SCALE


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    total = tl.load(x_ptr + i, mask=i < n) + scaled(tl.load(y_ptr + i, mask=i < n), 2)
    tl.store(out_ptr + i, total, mask=i < n)


@triton.jit
def wrong_kernel(x_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(x_ptr + i, tl.dot(i, i))


@triton.jit
def heavy_kernel(x_ptr, out_ptr, n, ROWS: tl.constexpr):
    i = tl.arange(0, ROWS)[:, None] * n + tl.arange(0, 64)[None, :]
    x = tl.load(x_ptr + i)
    total = tl.zeros((ROWS, 64), tl.float32)
    for _ in range(n):
        total += tl.sum(x * total, axis=0)[None, :] * tl.sum(total, axis=1)[:, None] + x
    tl.store(out_ptr + i, total)


SIGNATURE = {"x_ptr": "*fp32:16", "y_ptr": "*fp32:16", "out_ptr": "*fp32:16", "n": "i32"}


def typed_in_a_cell(text: str, name: str):
    """The kernel as IPython defines it: in __main__, its source in linecache alone."""
    file = f"<ipython-input-1-{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    scope = {"__name__": "__main__"}
    exec(compile(text, file, "exec"), scope)
    return scope[name]


def elementwise_launches():
    x, half = torch.zeros(64, 2048), torch.zeros(64, 2048, dtype=torch.bfloat16)
    return [
        *noted_launches(elementwise.vector_add, x, x),
        *noted_launches(elementwise.bias_gelu, x, x[0].clone()),
        *noted_launches(elementwise.bias_gelu, half, half[0].clone(), "tanh"),
        *noted_launches(softmax.softmax_three_passes, x),
        *noted_launches(softmax.softmax_online, x),
        *noted_launches(softmax.softmax_fused, half),
        *noted_launches(transposing.transpose, x),
        *noted_launches(transposing.transpose, half),
    ]


def scan_launches():
    """Both layouts, cut into segments and not, both directions, as a GPU would see them."""
    launches = []
    for dtype, (shape, dim), reverse, log_gates in [
        (torch.float32, ((1, 4096, 1024), 1), False, False),
        (torch.float16, ((512, 2048), 1), False, False),
        (torch.bfloat16, ((2, 16_384), 1), True, True),
    ]:
        made = [torch.zeros(shape, dtype=dtype)] * 3
        a, b, out = (each.movedim(dim, -1) for each in made)
        rows = torch.zeros(1).expand(a.shape[:-1])

        flags = {"reverse": reverse, "log_gates": log_gates}
        launches += noted_launches(tritonic.forward, a, b, rows, out, rows, **flags)
        launches += noted_launches(tritonic.backward, b, rows, a, out, rows, out, out, rows, **flags)
    return launches


@pytest.fixture(scope="module")
def compiled(shared_cache):
    """Every kernel of the course for both targets: {target: [Assembly]}, in the order of the launches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESSONS_CACHE", str(shared_cache))
        patch.setattr(tritonic, "INTERPRETED", tritonic.COMPILED)
        launches = elementwise_launches() + scan_launches()
        with ThreadPoolExecutor() as pool:  # the work is done by one process for each target
            made = pool.map(lambda target: assembly.compile_launches(target, launches), TARGETS)
            return launches, dict(zip(TARGETS, made, strict=True))


def test_every_kernel_of_the_course_compiles(compiled):
    launches, made = compiled
    names = {launch.kernel.__name__ for launch in launches}
    assert names >= {"vector_add_kernel", "bias_gelu_kernel", "transpose_kernel"}
    assert names >= {"three_pass_kernel", "online_kernel", "fused_kernel", "carry_starts"}
    kinds = ("forward", "backward", "aggregate")
    assert names >= {f"{walk}_{kind}" for walk in ("walk", "chunk") for kind in kinds}
    for target in TARGETS:
        assert [each.name for each in made[target]] == [launch.kernel.__name__ for launch in launches]
        assert {each.target for each in made[target]} == {target}
        assert all(f".target {target}" in each.ptx for each in made[target])


@pytest.mark.parametrize("target", TARGETS)
def test_no_kernel_of_the_course_spills(compiled, target):
    for each in compiled[1][target]:
        assert (each.spilled_bytes, each.reloaded_bytes, each.stack_bytes) == (0, 0, 0), each
        assert 8 <= each.registers <= 168, each
        assert each.shared_bytes <= 16 * 1024, each


@pytest.mark.parametrize("target", TARGETS)
def test_kernels_move_16_bytes_at_once_and_transpose_on_the_chip(compiled, target):
    for launch, each in zip(compiled[0], compiled[1][target], strict=True):
        if each.name in ("vector_add_kernel", "fused_kernel", "bias_gelu_kernel"):
            assert "ld.global.v4.b32" in each.ptx and "st.global.v4.b32" in each.ptx, each
        if each.name == "transpose_kernel":
            item = 4 if launch.signature["x_ptr"].startswith("*fp32") else 2
            assert each.shared_bytes == 32 * 32 * item


@pytest.mark.parametrize("target", TARGETS)
def test_a_walk_loads_its_steps_before_it_stores_the_first(compiled, target):
    for launch, each in zip(compiled[0], compiled[1][target], strict=True):
        if each.name == "walk_forward":
            body = each.ptx[: each.ptx.index("st.global")]
            assert body.count("ld.global") >= 2 * launch.constants["STEPS"], each


def test_interpreted_conversions_do_not_reach_the_gpu(compiled):
    (fused,) = (each for each in compiled[1]["sm_90"] if each.name == "fused_kernel")
    assert "cvt.rn.bf16" in fused.ptx


def test_one_kernel_by_hand():
    jobs = [
        Launch(add_kernel, SIGNATURE, {"BLOCK": 1024}, {"num_warps": 4, "enable_fp_fusion": fused})
        for fused in (True, False)
    ]
    made, unfused = assembly.compile_launches("sm_90", jobs)
    assert ".entry add_kernel" in made.ptx and "#ttg.blocked" in made.ttgir
    assert 8 <= made.registers <= 64 and made.shared_bytes == 0 and made.cubin_bytes > 1000
    assert repr(made) == (
        f"add_kernel for sm_90: {made.registers} registers, 0 bytes spilled, 0 bytes of shared memory"
    )
    assert "fma.rn.f32" in made.ptx and "fma.rn.f32" not in unfused.ptx


def test_spills_and_shared_memory_are_found():
    signature = {"x_ptr": "*fp32:16", "out_ptr": "*fp32:16", "n": "i32"}
    made = assembly.compile_for("sm_80", heavy_kernel, signature, {"ROWS": 128}, num_warps=2)
    assert made.spilled_bytes > 0 and made.reloaded_bytes > 0 and made.stack_bytes > 0
    assert made.registers == 255 and made.shared_bytes > 0


def test_a_kernel_typed_in_a_cell_brings_its_helpers():
    kernel = typed_in_a_cell(
        "import triton\nimport triton.language as tl\nfrom lesson_support.kernels.rounding import widened\n"
        "FACTOR = tl.constexpr(0.3)\nx, y = [1.0], object()\n\n"
        "@triton.jit\ndef faded(x):\n    return x * FACTOR\n\n"
        "@triton.jit\ndef cell_kernel(x_ptr, out_ptr, B: tl.constexpr, T: tl.constexpr):\n"
        "    i = tl.arange(0, B)\n    y = faded(widened(tl.load(x_ptr + i)))\n"
        "    tl.store(out_ptr + i, y.to(T))\n",
        "cell_kernel",
    )
    source = source_of(kernel)
    assert "from lesson_support.kernels.rounding import widened" in source and "tl.constexpr(0.3)" in source
    made = assembly.compile_for(
        "sm_80", kernel, {"x_ptr": "*bf16", "out_ptr": "*fp16"}, {"B": 128, "T": tl.float16}
    )
    assert ".entry cell_kernel" in made.ptx and "0f3E99999A" in made.ptx  # 0.3


def test_a_helper_that_changes_is_compiled_anew():
    cell = (
        "import triton\nimport triton.language as tl\n\n@triton.jit\ndef inner(x):\n    return x * {}\n\n"
        "@triton.jit\ndef outer(x_ptr):\n    tl.store(x_ptr, inner(tl.load(x_ptr)))\n"
    )
    one, two = (fingerprint(typed_in_a_cell(cell.format(number), "outer")) for number in (2.0, 3.0))
    assert one != two
    assert "EMULATED" in fingerprint(elementwise.vector_add_kernel)


def test_answers_come_from_the_cache(monkeypatch):
    first = assembly.compile_for("sm_80", add_kernel, SIGNATURE, {"BLOCK": 256})

    def fail(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", fail)
    assert assembly.compile_for("sm_80", add_kernel, SIGNATURE, {"BLOCK": 256}) == first
    with pytest.raises(AssertionError, match="a process was started"):
        assembly.compile_for("sm_80", add_kernel, SIGNATURE, {"BLOCK": 512})


def test_a_kernel_that_does_not_compile_is_one_sentence():
    with pytest.raises(LessonError) as caught:
        assembly.compile_for("sm_90", wrong_kernel, {"x_ptr": "*fp32"}, {"BLOCK": 16})
    message = str(caught.value)
    assert message.startswith("wrong_kernel does not compile for sm_90: ") and "\n" not in message
    assert "at `tl.store(x_ptr + i, tl.dot(i, i))`" in message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: assembly.compile_for("hopper", add_kernel, SIGNATURE),
            "target is 'hopper': expected the name",
        ),
        (
            lambda: assembly.compile_for("sm_90", add_kernel, SIGNATURE),
            "constants does not give BLOCK of add_kernel",
        ),
        (
            lambda: assembly.compile_for("sm_90", add_kernel, {"x_ptr": "*fp32"}),
            "signature does not give y_ptr",
        ),
        (lambda: assembly.compile_for("sm_90", add_kernel, {"z": "i32"}), "add_kernel has no parameter z"),
        (
            lambda: assembly.compile_for("sm_90", add_kernel, SIGNATURE, {"n": 1}),
            "signature and constants both give n",
        ),
        (
            lambda: assembly.compile_for("sm_90", add_kernel, SIGNATURE, {"BLOCK": 8}, warps=4),
            "no parameter warps",
        ),
        (
            lambda: assembly.compile_for("sm_90", add_kernel, SIGNATURE | {"n": "int"}, {"BLOCK": 8}),
            r"signature\['n'\] is 'int': expected a type",
        ),
        (
            lambda: assembly.compile_for("sm_90", add_kernel, SIGNATURE, {"BLOCK": [8]}),
            r"constants\['BLOCK'\] is a list",
        ),
        (lambda: assembly.compile_for("sm_90", len, {}), "kernel is a builtin_function_or_method: expected"),
        (lambda: assembly.compile_for("sm_90", noted_launches, {}), "noted_launches is a plain function"),
    ],
)
def test_errors_name_what_came(call, message):
    with pytest.raises(LessonError, match=message):
        call()


def test_a_launch_is_noted_as_triton_specialises_it():
    x = torch.zeros(48)
    strange = x[1:33]  # four bytes on: not divisible by 16
    (launch,) = noted_launches(lambda: add_kernel[(1,)](x, strange, x, 1, BLOCK=16, num_warps=2))
    assert launch == Launch(
        add_kernel,
        {"x_ptr": "*fp32:16", "y_ptr": "*fp32", "out_ptr": "*fp32:16"},
        {"n": 1, "BLOCK": 16},
        {"num_warps": 2},
    )
    (launch,) = noted_launches(lambda: add_kernel[(1,)](x, x, None, 2**31, BLOCK=16))
    assert (launch.signature["n"], launch.constants["out_ptr"]) == ("i64:16", None)
    assert (x == 0).all()


@triton.jit(do_not_specialize=["n"], do_not_specialize_on_alignment=[0, "m"])
def left_alone(x_ptr, n, m, k, BLOCK: tl.constexpr):
    pass


def test_what_is_not_to_be_specialised_is_not():
    def noted(n, m, k):
        (launch,) = noted_launches(lambda: left_alone[(1,)](torch.zeros(16), n, m, k, BLOCK=16))
        return launch.signature | launch.constants

    assert noted(16, 16, 16) == {"x_ptr": "*fp32", "n": "i32", "m": "i32", "k": "i32:16", "BLOCK": 16}
    assert noted(1, 1, 1) == {"x_ptr": "*fp32", "n": "i32", "m": 1, "k": 1, "BLOCK": 16}


def test_the_report_of_the_assembler():
    report = (
        "ptxas info    : Compiling entry function 'k' for 'sm_90a'\n"
        "    24 bytes stack frame, 40 bytes spill stores, 56 bytes spill loads\n"
        "ptxas info    : Used 96 registers, used 1 barriers, 24 bytes cumulative stack size\n"
    )
    assert assembling.measured(report) == {
        "registers": 96,
        "stack_bytes": 24,
        "spilled_bytes": 40,
        "reloaded_bytes": 56,
    }
    with pytest.raises(RuntimeError, match="ptxas reported no registers: nothing"):
        assembling.measured("nothing")


def test_it_works_in_a_process_that_does_not_interpret(shared_cache):
    program = (
        "import json, sys\nfrom lesson_support.kernels import assembly, softmax\n"
        "kind = {'x_ptr': '*fp32:16', 'out_ptr': '*fp32:16', 'n': 'i32', 'x_row': 'i32'}\n"
        "made = assembly.compile_for('sm_80', softmax.fused_kernel, kind, {'BLOCK': 512, 'x_column': 1})\n"
        "print(json.dumps([made.name, made.registers]))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    name, registers = json.loads(asked.stdout)
    assert name == "fused_kernel" and registers >= 8


def test_two_threads_never_parse_at_once(monkeypatch):
    """CPython 3.11 answers that, now and then, with a SystemError."""
    inside, most, parse = [], [], gathering.ast.parse

    def slow(text):
        inside.append(text)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return parse(text)

    with monkeypatch.context() as patch, ThreadPoolExecutor(4) as pool:
        patch.setattr(gathering.ast, "parse", slow)
        found = list(pool.map(gathering._definition, [left_alone.fn] * 8))
    assert len(most) == 8 and max(most) == 1
    assert len(set(found)) == 1 and found[0].startswith("def left_alone(")
