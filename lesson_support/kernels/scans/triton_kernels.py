"""Triton kernels of the linear scan for time-contiguous layouts, and what all of its kernels share.

Every tensor arrives as a pointer with the strides of (outer, middle, inner, time) and the offset of its first
step: a scan from the end begins at the last place and has a negative stride, so that no scan runs in reverse.
A tensor of rows has the stride of segments in place of time. What lies beyond the last step or row is the
identity (1, 0), put there after the exponential. A segment is a part of the steps with a start of its own.
"""

import triton
import triton.language as tl

from lesson_support.kernels.rounding import narrowed, widened


@triton.jit
def combine(a_left, b_left, a_right, b_right):
    """First h → a_left·h + b_left, then h → a_right·h + b_right."""
    return a_left * a_right, a_right * b_left + b_right


@triton.jit
def position(middle_size, inner_size, segments, ROWS: tl.constexpr):
    """This program's outer and middle index, its ROWS places on the inner axis, and its segment."""
    program = tl.program_id(0).to(tl.int64)
    segment = program % segments
    program = program // segments
    blocks = tl.cdiv(inner_size, ROWS)
    rows = (program % blocks) * ROWS + tl.arange(0, ROWS)
    program = program // blocks
    return program // middle_size, program % middle_size, rows, segment


@triton.jit
def row_offsets(strides, outer, middle, rows):
    """Where the first step of each row is."""
    return outer * strides[0] + middle * strides[1] + rows * strides[2] + strides[4]


@triton.jit
def load_gates(pointers, inside, LOG: tl.constexpr):
    """Gates in float32, 1 outside."""
    a = widened(tl.load(pointers, mask=inside, other=0.0))
    if LOG:
        a = tl.exp(a)
    return tl.where(inside, a, 1.0)


@triton.jit
def load_start(ptr, strides, outer, middle, rows, segment, inside):
    """The value that a segment starts from; zeros where there is no tensor."""
    if ptr is not None:
        at = row_offsets(strides, outer, middle, rows) + segment * strides[3]
        start = widened(tl.load(ptr + at, mask=inside, other=0.0))
    else:
        start = tl.zeros(rows.shape, tl.float32)
    return start


@triton.jit
def chunk_forward(
    a_ptr, a_strides, b_ptr, b_strides, h_ptr, h_strides, start_ptr, start_strides, end_ptr, end_strides,
    middle_size, inner_size, steps, segment_steps, segments,
    LOG: tl.constexpr, ROWS: tl.constexpr, TIME: tl.constexpr,
):  # fmt: skip
    """h for ROWS rows of one segment, TIME steps at a time by an associative scan."""
    outer, middle, rows, segment = position(middle_size, inner_size, segments, ROWS)
    in_rows = rows < inner_size
    a_ptr += row_offsets(a_strides, outer, middle, rows)[:, None]
    b_ptr += row_offsets(b_strides, outer, middle, rows)[:, None]
    h_ptr += row_offsets(h_strides, outer, middle, rows)[:, None]
    h = load_start(start_ptr, start_strides, outer, middle, rows, segment, in_rows)
    column = tl.arange(0, TIME).to(tl.int64)[None, :]
    first = segment * segment_steps
    last = tl.minimum(first + segment_steps, steps)
    for chunk in range(first, last, TIME):
        step = chunk + column
        inside = in_rows[:, None] & (step < last)
        a = load_gates(a_ptr + step * a_strides[3], inside, LOG)
        b = widened(tl.load(b_ptr + step * b_strides[3], mask=inside, other=0.0))
        b = tl.where(column == 0, a * h[:, None] + b, b)
        _, scanned = tl.associative_scan((a, b), 1, combine)
        tl.store(h_ptr + step * h_strides[3], narrowed(scanned, h_ptr.dtype.element_ty), mask=inside)
        h = tl.sum(tl.where(column == TIME - 1, scanned, 0.0), axis=1)
    if end_ptr is not None:
        tl.store(end_ptr + row_offsets(end_strides, outer, middle, rows), h, mask=in_rows)


@triton.jit
def chunk_backward(
    grad_ptr, grad_strides, a_ptr, a_strides, h_ptr, h_strides, h0_ptr, h0_strides,
    da_ptr, da_strides, db_ptr, db_strides, start_ptr, start_strides, end_ptr, end_strides,
    middle_size, inner_size, steps, segment_steps, segments,
    LOG: tl.constexpr, ROWS: tl.constexpr, TIME: tl.constexpr,
):  # fmt: skip
    """All gradients of ROWS rows of one segment, each stream once.

    Steps count in the direction of the gradients, from the last to the first. Between chunks travels a·g,
    which the next step adds to its gradient: it starts as the gradient of the final state and ends as h0's.
    """
    outer, middle, rows, segment = position(middle_size, inner_size, segments, ROWS)
    in_rows = rows < inner_size
    grad_ptr += row_offsets(grad_strides, outer, middle, rows)[:, None]
    a_ptr += row_offsets(a_strides, outer, middle, rows)[:, None]
    h_ptr += row_offsets(h_strides, outer, middle, rows)[:, None]
    db_ptr += row_offsets(db_strides, outer, middle, rows)[:, None]
    h0 = load_start(h0_ptr, h0_strides, outer, middle, rows, 0, in_rows)
    carry = load_start(start_ptr, start_strides, outer, middle, rows, segment, in_rows)
    column = tl.arange(0, TIME).to(tl.int64)[None, :]
    first = segment * segment_steps
    last = tl.minimum(first + segment_steps, steps)
    for chunk in range(first, last, TIME):
        step = chunk + column
        inside = in_rows[:, None] & (step < last)
        # A step multiplies by the gate of the step before it; the first one's is in the carry.
        behind = inside & (column > 0)
        a = load_gates(a_ptr + (step - 1) * a_strides[3], behind, LOG)
        x = widened(tl.load(grad_ptr + step * grad_strides[3], mask=inside, other=0.0))
        x = tl.where(column == 0, x + carry[:, None], x)
        _, g = tl.associative_scan((a, x), 1, combine)
        tl.store(db_ptr + step * db_strides[3], narrowed(g, db_ptr.dtype.element_ty), mask=inside)
        if da_ptr is not None:
            ahead = inside & (step + 1 < steps)
            h = widened(tl.load(h_ptr + (step + 1) * h_strides[3], mask=ahead, other=0.0))
            da = g * tl.where(step + 1 < steps, h, h0[:, None])
            if LOG:
                da *= load_gates(a_ptr + step * a_strides[3], inside, LOG)
            at = row_offsets(da_strides, outer, middle, rows)[:, None] + step * da_strides[3]
            tl.store(da_ptr + at, narrowed(da, da_ptr.dtype.element_ty), mask=inside)
        final = tl.minimum(chunk + TIME, last) - 1
        gate = load_gates(a_ptr + final * a_strides[3], in_rows[:, None], LOG)
        carry = tl.sum(tl.where(step == final, gate * g, 0.0), axis=1)
    if end_ptr is not None:
        tl.store(end_ptr + row_offsets(end_strides, outer, middle, rows), carry, mask=in_rows)


@triton.jit
def chunk_aggregate(
    a_ptr, a_strides, x_ptr, x_strides, gates_ptr, inputs_ptr,
    middle_size, inner_size, steps, segment_steps, segments,
    LOG: tl.constexpr, WEIGHED: tl.constexpr, ROWS: tl.constexpr, TIME: tl.constexpr,
):  # fmt: skip
    """What one segment does to its start, as (gate, input); WEIGHED scans a·x, as gradients travel."""
    outer, middle, rows, segment = position(middle_size, inner_size, segments, ROWS)
    in_rows = rows < inner_size
    a_ptr += row_offsets(a_strides, outer, middle, rows)[:, None]
    x_ptr += row_offsets(x_strides, outer, middle, rows)[:, None]
    gate, carry = tl.full((ROWS,), 1.0, tl.float32), tl.zeros((ROWS,), tl.float32)
    column = tl.arange(0, TIME).to(tl.int64)[None, :]
    first = segment * segment_steps
    last = tl.minimum(first + segment_steps, steps)
    for chunk in range(first, last, TIME):
        step = chunk + column
        inside = in_rows[:, None] & (step < last)
        a = load_gates(a_ptr + step * a_strides[3], inside, LOG)
        x = widened(tl.load(x_ptr + step * x_strides[3], mask=inside, other=0.0))
        if WEIGHED:
            x = a * x
        products, scanned = tl.associative_scan((a, x), 1, combine)
        end = column == TIME - 1
        a_all = tl.sum(tl.where(end, products, 0.0), axis=1)
        carry = a_all * carry + tl.sum(tl.where(end, scanned, 0.0), axis=1)
        gate = a_all * gate
    row = (outer * middle_size + middle) * inner_size + rows
    at = row * segments + segment
    tl.store(gates_ptr + at, gate, mask=in_rows)
    tl.store(inputs_ptr + at, carry, mask=in_rows)


@triton.jit
def carry_starts(
    gates_ptr, inputs_ptr, starts_ptr, start_ptr, start_strides, end_ptr, end_strides,
    middle_size, inner_size, all_rows, segments, ROWS: tl.constexpr,
):  # fmt: skip
    """The start of every segment of ROWS rows, one segment after the other, and the end of the last."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    inside = row < all_rows
    outer, middle, inner = row // inner_size // middle_size, row // inner_size % middle_size, row % inner_size
    carry = load_start(start_ptr, start_strides, outer, middle, inner, 0, inside)
    for segment in range(segments):
        at = row * segments + segment
        tl.store(starts_ptr + at, carry, mask=inside)
        gate = tl.load(gates_ptr + at, mask=inside, other=1.0)
        carry = gate * carry + tl.load(inputs_ptr + at, mask=inside, other=0.0)
    if end_ptr is not None:
        tl.store(end_ptr + row_offsets(end_strides, outer, middle, inner), carry, mask=inside)
