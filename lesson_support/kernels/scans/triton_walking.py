"""Triton kernels of the linear scan for channel-contiguous layouts: lanes are channels, and time is walked.

Arguments are those of the kernels in `triton_kernels`. STEPS steps are loaded before the first of them is
computed: the stores between would otherwise keep each load waiting for the one before it.
"""

import triton
import triton.language as tl

from lesson_support.kernels.rounding import narrowed, widened
from lesson_support.kernels.scans.triton_kernels import load_gates, load_start, position, row_offsets


@triton.jit
def walk_forward(
    a_ptr, a_strides, b_ptr, b_strides, h_ptr, h_strides, start_ptr, start_strides, end_ptr, end_strides,
    middle_size, inner_size, steps, segment_steps, segments,
    LOG: tl.constexpr, ROWS: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """h for ROWS rows of one segment."""
    outer, middle, rows, segment = position(middle_size, inner_size, segments, ROWS)
    in_rows = rows < inner_size
    a_ptr += row_offsets(a_strides, outer, middle, rows)
    b_ptr += row_offsets(b_strides, outer, middle, rows)
    h_ptr += row_offsets(h_strides, outer, middle, rows)
    h = load_start(start_ptr, start_strides, outer, middle, rows, segment, in_rows)
    a_time = tl.cast(a_strides[3], tl.int64)
    b_time = tl.cast(b_strides[3], tl.int64)
    h_time = tl.cast(h_strides[3], tl.int64)
    first = segment * segment_steps
    last = tl.minimum(first + segment_steps, steps)
    for begin in range(first, last, STEPS):
        a, b = (), ()
        for k in tl.static_range(STEPS):
            step = begin + k
            inside = in_rows & (step < last)
            a = a + (load_gates(a_ptr + step * a_time, inside, LOG),)
            b = b + (widened(tl.load(b_ptr + step * b_time, mask=inside, other=0.0)),)
        for k in tl.static_range(STEPS):
            h = a[k] * h + b[k]
            step = begin + k
            inside = in_rows & (step < last)
            tl.store(h_ptr + step * h_time, narrowed(h, h_ptr.dtype.element_ty), mask=inside)
    if end_ptr is not None:
        tl.store(end_ptr + row_offsets(end_strides, outer, middle, rows), h, mask=in_rows)


@triton.jit
def walk_backward(
    grad_ptr, grad_strides, a_ptr, a_strides, h_ptr, h_strides, h0_ptr, h0_strides,
    da_ptr, da_strides, db_ptr, db_strides, start_ptr, start_strides, end_ptr, end_strides,
    middle_size, inner_size, steps, segment_steps, segments,
    LOG: tl.constexpr, ROWS: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """All gradients of ROWS rows of one segment; from step to step travels a·g."""
    outer, middle, rows, segment = position(middle_size, inner_size, segments, ROWS)
    in_rows = rows < inner_size
    grad_ptr += row_offsets(grad_strides, outer, middle, rows)
    a_ptr += row_offsets(a_strides, outer, middle, rows)
    h_ptr += row_offsets(h_strides, outer, middle, rows)
    db_ptr += row_offsets(db_strides, outer, middle, rows)
    h0 = load_start(h0_ptr, h0_strides, outer, middle, rows, 0, in_rows)
    carry = load_start(start_ptr, start_strides, outer, middle, rows, segment, in_rows)
    grad_time = tl.cast(grad_strides[3], tl.int64)
    a_time = tl.cast(a_strides[3], tl.int64)
    h_time = tl.cast(h_strides[3], tl.int64)
    da_time = tl.cast(da_strides[3], tl.int64)
    db_time = tl.cast(db_strides[3], tl.int64)
    first = segment * segment_steps
    last = tl.minimum(first + segment_steps, steps)
    for begin in range(first, last, STEPS):
        grad, a, h = (), (), ()
        for k in tl.static_range(STEPS):
            step = begin + k
            inside = in_rows & (step < last)
            grad = grad + (widened(tl.load(grad_ptr + step * grad_time, mask=inside, other=0.0)),)
            a = a + (load_gates(a_ptr + step * a_time, inside, LOG),)
            if da_ptr is not None:
                at = (step + 1) * h_time
                h = h + (widened(tl.load(h_ptr + at, mask=inside & (step + 1 < steps), other=0.0)),)
        for k in tl.static_range(STEPS):
            step = begin + k
            inside = in_rows & (step < last)
            g = grad[k] + carry
            carry = a[k] * g
            tl.store(db_ptr + step * db_time, narrowed(g, db_ptr.dtype.element_ty), mask=inside)
            if da_ptr is not None:
                before = tl.where(step + 1 < steps, h[k], h0)
                if LOG:
                    da = carry * before
                else:
                    da = g * before
                at = row_offsets(da_strides, outer, middle, rows) + step * da_time
                tl.store(da_ptr + at, narrowed(da, da_ptr.dtype.element_ty), mask=inside)
    if end_ptr is not None:
        tl.store(end_ptr + row_offsets(end_strides, outer, middle, rows), carry, mask=in_rows)


@triton.jit
def walk_aggregate(
    a_ptr, a_strides, x_ptr, x_strides, gates_ptr, inputs_ptr,
    middle_size, inner_size, steps, segment_steps, segments,
    LOG: tl.constexpr, WEIGHED: tl.constexpr, ROWS: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """What one segment does to its start, as (gate, input); WEIGHED scans a·x."""
    outer, middle, rows, segment = position(middle_size, inner_size, segments, ROWS)
    in_rows = rows < inner_size
    a_ptr += row_offsets(a_strides, outer, middle, rows)
    x_ptr += row_offsets(x_strides, outer, middle, rows)
    gate, carry = tl.full((ROWS,), 1.0, tl.float32), tl.zeros((ROWS,), tl.float32)
    a_time = tl.cast(a_strides[3], tl.int64)
    x_time = tl.cast(x_strides[3], tl.int64)
    first = segment * segment_steps
    last = tl.minimum(first + segment_steps, steps)
    for begin in range(first, last, STEPS):
        for k in tl.static_range(STEPS):  # nothing is stored: the loads need no grouping
            step = begin + k
            inside = in_rows & (step < last)
            a = load_gates(a_ptr + step * a_time, inside, LOG)
            x = widened(tl.load(x_ptr + step * x_time, mask=inside, other=0.0))
            if WEIGHED:
                carry = a * (carry + x)
            else:
                carry = a * carry + x
            gate = a * gate
    row = (outer * middle_size + middle) * inner_size + rows
    at = row * segments + segment
    tl.store(gates_ptr + at, gate, mask=in_rows)
    tl.store(inputs_ptr + at, carry, mask=in_rows)
