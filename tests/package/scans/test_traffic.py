"""`traffic.count` counts every enabled lane, once for each time it moves, and nothing else."""

import os
import subprocess
import sys

import pytest
import torch
import triton
import triton.language as tl

from lesson_support.errors import LessonError
from lesson_support.kernels import traffic


@triton.jit
def copy_kernel(x_ptr, out_ptr, n, repeats, offset, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    for _ in range(repeats):
        total += tl.load(x_ptr + offset + i, mask=i < n, other=0.0).to(tl.float32)
    tl.store(out_ptr + i, (total / repeats).to(out_ptr.dtype.element_ty), mask=i < n)


@triton.jit
def unmasked_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i))


@triton.jit
def strided_kernel(x_ptr, out_ptr, step, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i * step))


@triton.jit
def histogram_kernel(x_ptr, counts_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.atomic_add(counts_ptr + tl.load(x_ptr + i, mask=i < n, other=0), 1, mask=i < n)


@triton.jit
def lock_kernel(lock_ptr):
    tl.atomic_cas(lock_ptr, 0, 7)


@triton.jit
def scratch_kernel(x_ptr, scratch_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(scratch_ptr + i, tl.load(x_ptr + i))
    tl.store(out_ptr + i, tl.load(scratch_ptr + i))


@triton.jit
def pointer_walk_kernel(x_ptr, out_ptr, steps, BLOCK: tl.constexpr):
    at = x_ptr + tl.arange(0, BLOCK)[:, None] * 4 + tl.arange(0, 4)[None, :]
    total = tl.zeros((BLOCK, 4), tl.float32)
    for _ in range(steps):
        total += tl.load(at)
        at += BLOCK * 4
    tl.store(out_ptr + tl.arange(0, BLOCK)[:, None] * 4 + tl.arange(0, 4)[None, :], total)


@triton.jit
def tuple_kernel(pair, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(pair[1] + i, tl.load(pair[0] + i))


@triton.jit
def descriptor_kernel(source, target):
    target.store([4, 0], source.load([4, 0]))


def counted(n, repeats=1, block=16, dtype=torch.float32, offset=0, size=None):
    x = torch.arange(size or n, dtype=dtype)
    out = torch.empty(n, dtype=dtype)
    with traffic.count(x=x, out=out) as seen:
        copy_kernel[(triton.cdiv(n, block),)](x, out, n, repeats, offset, BLOCK=block)
    return x, out, seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
@pytest.mark.parametrize("n", [1, 16, 37])
def test_masked_lanes_do_not_count(n, dtype):
    x, out, seen = counted(n, dtype=dtype)
    assert torch.equal(x, out)
    item = x.element_size()
    assert (seen["x"].read, seen["x"].written) == (n * item, 0)
    assert (seen["out"].read, seen["out"].written) == (0, n * item)
    assert seen.ratio == 1 and not seen.outside
    assert (seen.launches, seen.programs) == (1, triton.cdiv(n, 16))
    assert (seen.moved, seen.minimum) == (2 * n * item, 2 * n * item)


def test_repeated_reads_count_each_time():
    _, _, seen = counted(37, repeats=3)
    assert (seen["x"].read, seen["x"].read_once, seen["x"].minimum) == (3 * 148, 148, 148)
    assert (seen["x"].ratio, seen["out"].ratio, seen.ratio) == (3, 1, 2)


def test_parts_that_nobody_reads_are_in_no_minimum():
    _, _, seen = counted(16, offset=8, size=40)
    assert (seen["x"].size, seen["x"].read_once, seen["x"].ratio) == (160, 64, 1)


def test_sectors_show_what_strides_waste():
    x, out = torch.zeros(1024), torch.zeros(32)
    with traffic.count(x=x, out=out) as seen:
        strided_kernel[(1,)](x, out, 32, BLOCK=32)
    assert (seen["x"].read, seen["x"].sectors_read, seen["out"].sectors_written) == (128, 32, 4)
    assert (seen["x"].sector_ratio, seen["out"].sector_ratio) == (8, 1)


def test_an_access_outside_is_named_and_kept_from_memory():
    whole = torch.arange(64.0)
    x, out = whole[:20], torch.full((64,), -1.0)
    with traffic.count(x=x, out=out[:20]) as seen:
        unmasked_kernel[(2,)](x, out[:20], BLOCK=16)
    assert [(s.kernel, s.argument, s.kind, s.offset, s.lanes, s.program) for s in seen.outside] == [
        ("unmasked_kernel", "x_ptr", "read", 20, 12, (1, 0, 0)),
        ("unmasked_kernel", "out_ptr", "write", 20, 12, (1, 0, 0)),
    ]
    assert "12 lane(s) of program (1, 0, 0) read outside every tensor, the first at x_ptr + 20" in str(seen)
    assert torch.equal(out[:20], x) and (out[20:] == -1).all()
    assert seen["x"].read == 80


def test_an_access_before_the_tensor_has_a_negative_offset():
    x, out = torch.arange(40.0), torch.empty(16)
    with traffic.count(x=x[8:], out=out) as seen:
        copy_kernel[(1,)](x[8:], out, 16, 1, -3, BLOCK=16)
    assert [(stray.offset, stray.lanes) for stray in seen.outside] == [(-3, 3)]


def test_gaps_of_a_strided_tensor_lie_outside():
    x, out = torch.zeros(32), torch.zeros(16)
    with traffic.count(x=x[::2], out=out) as seen:
        strided_kernel[(1,)](x[::2], out, 1, BLOCK=16)
    assert [(s.offset, s.lanes) for s in seen.outside] == [(1, 8)]
    with traffic.count(x=x[::2], out=out) as seen:
        strided_kernel[(1,)](x[::2], out, 2, BLOCK=16)
    assert not seen.outside and seen["x"].read == seen["x"].size == 64


def test_the_argument_is_known_through_pointer_arithmetic():
    x, out = torch.zeros(3, 8, 4), torch.zeros(8, 4)
    with traffic.count(x=x, out=out) as seen:
        pointer_walk_kernel[(1,)](x, out, 4, BLOCK=8)
    assert [(s.argument, s.offset, s.lanes) for s in seen.outside] == [("x_ptr", 96, 32)]


def test_a_tensor_that_is_not_named_costs_and_is_no_minimum():
    x, out, scratch = torch.rand(16), torch.empty(16), torch.empty(16)
    with traffic.count(x=x, out=out) as seen:
        for _ in range(2):
            scratch_kernel[(1,)](x, scratch, out, BLOCK=16)
    other = seen["scratch_kernel.scratch_ptr"]
    assert (other.read, other.written, other.ratio) == (128, 128, 1)
    assert (seen.moved, seen.minimum, seen.ratio) == (512, 128, 4)
    assert list(seen) == ["x", "out", "scratch_kernel.scratch_ptr"] and len(seen) == 3


def test_atomics_read_and_write():
    x = torch.tensor([0, 3, 3, 1], dtype=torch.int32)
    counts = torch.zeros(4, dtype=torch.int32)
    with traffic.count(x=x, counts=counts) as seen:
        histogram_kernel[(1,)](x, counts, 4, BLOCK=8)
    assert counts.tolist() == [1, 1, 0, 2]
    flow = seen["counts"]
    assert (flow.atomics, flow.read, flow.written, flow.read_once) == (4, 16, 16, 12)
    lock = torch.zeros(1, dtype=torch.int32)
    with traffic.count(lock=lock) as seen:
        lock_kernel[(1,)](lock)
    assert lock.item() == 7 and (seen["lock"].atomics, seen["lock"].moved) == (1, 8)


def test_an_atomic_outside_is_reported():
    x, counts = torch.tensor([9, 1], dtype=torch.int32), torch.zeros(4, dtype=torch.int32)
    with traffic.count(x=x, counts=counts) as seen:
        histogram_kernel[(1,)](x, counts, 2, BLOCK=2)
    assert counts.tolist() == [0, 1, 0, 0]
    assert [(s.argument, s.kind, s.offset) for s in seen.outside] == [("counts_ptr", "read and write", 9)]


def test_tuples_and_descriptors_are_counted():
    x, out = torch.rand(8, 16), torch.zeros(8, 16)
    with traffic.count(x=x, out=out) as seen:
        tuple_kernel[(1,)]((x, out), 16, BLOCK=16)
    assert torch.equal(x[0], out[0]) and seen["x"].read == seen["out"].written == 64
    from triton.tools.tensor_descriptor import TensorDescriptor

    out.zero_()
    with traffic.count(x=x, out=out) as seen:
        descriptor_kernel[(1,)](
            TensorDescriptor.from_tensor(x, [8, 8]), TensorDescriptor.from_tensor(out, [8, 8])
        )
    assert torch.equal(x[4:, :8], out[4:, :8])  # what lies below the eighth row is not moved
    assert seen["x"].read == seen["out"].written == 4 * 8 * 4 and not seen.outside


def test_nothing_is_counted_outside_the_block_or_after_a_failure():
    x, out, seen = counted(16)
    copy_kernel[(1,)](x, out, 16, 1, 0, BLOCK=16)
    assert seen.launches == 1
    with pytest.raises(ZeroDivisionError), traffic.count(x=x):
        raise ZeroDivisionError
    assert counted(16)[2].ratio == 1


def test_errors_name_what_came():
    x = torch.rand(8)
    with pytest.raises(LessonError, match="x and y share elements"), traffic.count(x=x, y=x[4:]):
        pass
    with traffic.count(x=x[::2], y=x[1::2]):
        pass
    with pytest.raises(LessonError, match="x is a list: expected a tensor"), traffic.count(x=[1.0]):
        pass
    with pytest.raises(LessonError, match="x is torch.strided on meta"), traffic.count(x=x.to("meta")):
        pass
    with traffic.count(x=x) as seen:
        with pytest.raises(LessonError, match="not to be nested"), traffic.count(x=x):
            pass
        with pytest.raises(LessonError, match="no tensor 'z' was counted: expected one of x"):
            seen["z"]
    assert seen["x"].moved == 0 and seen["x"].ratio != seen["x"].ratio and seen.ratio != seen.ratio


def test_an_empty_tensor_is_counted():
    with traffic.count(x=torch.empty(0)) as seen:
        pass
    assert seen["x"].size == 0


def test_without_the_interpreter_it_says_so():
    program = (
        "import torch\n"
        "from lesson_support.kernels import traffic\n"
        "from lesson_support.errors import LessonError\n"
        "try:\n"
        "    with traffic.count(x=torch.rand(4)): pass\n"
        "except LessonError as error: print(error)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert "interpreter, which is off: expected TRITON_INTERPRET=1" in asked.stdout


def test_a_kernel_typed_in_a_cell_is_counted():
    import linecache

    cell = (
        "import triton\nimport triton.language as tl\n\n@triton.jit\n"
        "def double_kernel(x_ptr, B: tl.constexpr):\n"
        "    i = tl.arange(0, B)\n    tl.store(x_ptr + i, 2 * tl.load(x_ptr + i))\n"
    )
    name = "<ipython-input-3-traffic>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
    scope = {"__name__": "__main__"}
    exec(compile(cell, name, "exec"), scope)
    x = torch.ones(16)
    with traffic.count(x=x) as seen:
        scope["double_kernel"][(1,)](x, B=16)
    assert (x == 2).all() and (seen["x"].read, seen["x"].written, seen.ratio) == (64, 64, 1)
