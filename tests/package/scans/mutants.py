"""Backends with one mistake each, of kinds that real scan kernels have had."""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch.nn.functional import pad

from lesson_support.kernels.scans import reference
from lesson_support.kernels.scans.problem import STATE_DTYPES

CHUNK = 8
_right = reference.forward
_right_back = reference.backward

# name -> (forward, backward)
MUTANTS: dict[str, tuple[Callable, Callable]] = {}


def backend(name: str) -> SimpleNamespace:
    forward, backward = MUTANTS[name]
    return SimpleNamespace(
        NAME=name,
        missing=lambda: None,
        refuses=lambda problem: None,
        forward=forward,
        backward=backward,
    )


def forward_mutant(name: str):
    return lambda function: MUTANTS.update({name: (function, _right_back)})


def backward_mutant(name: str):
    return lambda function: MUTANTS.update({name: (_right, function)})


MUTANTS["nothing wrong"] = (_right, _right_back)


def _chunks(length: int, reverse: bool) -> list[slice]:
    """The chunks in the order of the scan."""
    starts = range(0, length, CHUNK)
    if reverse:
        return [slice(max(length - start - CHUNK, 0), length - start) for start in starts]
    return [slice(start, start + CHUNK) for start in starts]


def _doubling(combine, a, b, h0, out, state, reverse, log_gates):
    """A tree over all steps."""
    a = a.to(state.dtype).exp() if log_gates else a.to(state.dtype)
    pair = [x.flip(-1) if reverse else x for x in (a, b.to(state.dtype))]
    if h0 is not None:
        pair = [pad(pair[0], (1, 0), value=1), torch.cat([h0.to(state.dtype)[..., None], pair[1]], -1)]
    step, length = 1, pair[0].shape[-1]
    while step < length:
        joined = combine([x[..., :-step] for x in pair], [x[..., step:] for x in pair])
        pair = [torch.cat([x[..., :step], y], -1) for x, y in zip(pair, joined, strict=True)]
        step *= 2
    if length:
        state.copy_(pair[1][..., -1])
    else:
        state.zero_()
    h = pair[1][..., 1:] if h0 is not None else pair[1]
    out.copy_(h.flip(-1) if reverse else h)


def _combine(left, right):
    return [left[0] * right[0], right[0] * left[1] + right[1]]


@forward_mutant("nothing wrong in a tree")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _doubling(_combine, a, b, h0, out, state, reverse, log_gates)


@forward_mutant("combine in the wrong order")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _doubling(lambda left, right: _combine(right, left), a, b, h0, out, state, reverse, log_gates)


@forward_mutant("carry dropped between chunks")
def _(a, b, h0, out, state, *, reverse, log_gates):
    state.copy_(h0) if h0 is not None else state.zero_()
    for number, part in enumerate(_chunks(b.shape[-1], reverse)):
        start = h0 if number == 0 else None
        _right(a[..., part], b[..., part], start, out[..., part], state, reverse=reverse, log_gates=log_gates)


@backward_mutant("carry dropped between chunks in the backward")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    _right_back(grad, grad_state, a, h, h0, da, db, dh0, reverse=reverse, log_gates=log_gates)
    chunks = _chunks(h.shape[-1], reverse)
    for number, part in enumerate(chunks[:-1]):
        inner = da[..., part] if da is not None else None
        before = h0
        if number:
            neighbour = chunks[number - 1]
            before = h[..., neighbour.start if reverse else neighbour.stop - 1]
        _right_back(
            *(grad[..., part], None, a[..., part], h[..., part], before, inner, db[..., part]),
            dh0 if number == 0 else None,
            reverse=reverse,
            log_gates=log_gates,
        )


def _padded(value_of):
    """Fills up the last chunk with gates of `value_of(log_gates)` and zeros, as if they were steps."""

    def forward(a, b, h0, out, state, *, reverse, log_gates):
        more = -b.shape[-1] % CHUNK
        sides = (more, 0) if reverse else (0, more)
        a, b = pad(a, sides, value=value_of(log_gates)), pad(b, sides)
        whole = torch.empty_like(b)
        _right(a, b, h0, whole, state, reverse=reverse, log_gates=log_gates)
        out.copy_(whole[..., more:] if reverse else whole[..., : out.shape[-1]])

    return forward


forward_mutant("nothing wrong with padding")(_padded(lambda log_gates: 0.0 if log_gates else 1.0))
forward_mutant("zero as identity")(_padded(lambda log_gates: 0.0))
forward_mutant("identity before the exponential")(_padded(lambda log_gates: 1.0))


@backward_mutant("gate not shifted")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    if h.shape[-1] == 0:
        return _right_back(grad, grad_state, a, h, h0, da, db, dh0, reverse=reverse, log_gates=log_gates)
    first, gates = (-1, a.roll(-1, -1)) if reverse else (0, a.roll(1, -1))
    _right_back(grad, grad_state, gates, h, h0, da, db, dh0, reverse=reverse, log_gates=log_gates)
    if dh0 is not None:
        gate = a[..., first].to(dh0.dtype)
        dh0.copy_((gate.exp() if log_gates else gate) * db[..., first])
    return None


@backward_mutant("mask missing at the last step")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    """The gate behind the last step is read where there is none: the last one serves."""
    if grad_state is not None and h.shape[-1]:
        gate = a[..., 0 if reverse else -1].to(grad_state.dtype)
        grad_state = grad_state * (gate.exp() if log_gates else gate)
    _right_back(grad, grad_state, a, h, h0, da, db, dh0, reverse=reverse, log_gates=log_gates)


@forward_mutant("mask missing in the store")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)
    room = out.untyped_storage().nbytes() // out.element_size()
    reach = sum((size - 1) * stride for size, stride in zip(out.shape, out.stride(), strict=True))
    if out.numel() and out.storage_offset() + reach + abs(out.stride(-1)) < room:
        out.as_strided((1,), (1,), out.storage_offset() + reach + out.stride(-1)).zero_()


@forward_mutant("state carried in half precision")
def _(a, b, h0, out, state, *, reverse, log_gates):
    h = torch.zeros(b.shape[:-1], dtype=b.dtype) if h0 is None else h0.to(b.dtype)
    for t in range(b.shape[-1] - 1, -1, -1) if reverse else range(b.shape[-1]):
        h = (a[..., t].exp() if log_gates else a[..., t]) * h + b[..., t]
        out[..., t] = h
    state.copy_(h)


@forward_mutant("state rounded to the result's dtype")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)
    state.copy_(state.to(b.dtype))


@forward_mutant("strides ignored")
def _(a, b, h0, out, state, *, reverse, log_gates):
    strides = [1]
    for size in reversed(b.shape[1:]):
        strides.insert(0, strides[0] * size)
    if b.untyped_storage().nbytes() // b.element_size() >= b.numel() + b.storage_offset():
        b = b.as_strided(b.shape, strides, b.storage_offset())
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)


@forward_mutant("offsets in 32 bits")
def _(a, b, h0, out, state, *, reverse, log_gates):
    rows = []
    for row in range(b.shape[0]):
        offset = b.storage_offset() + row * b.stride(0)
        rows.append(b.as_strided(b.shape[1:], b.stride()[1:], offset % 2**31))
    _right(a, torch.stack(rows), h0, out, state, reverse=reverse, log_gates=log_gates)


@forward_mutant("last chunk left out unless it is full")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)
    rest = b.shape[-1] % CHUNK
    if rest and b.shape[-1] > CHUNK:
        out[..., :rest] = 0 if reverse else out[..., :rest]
        if not reverse:
            out[..., -rest:] = 0


@forward_mutant("reverse ignored")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a, b, h0, out, state, reverse=False, log_gates=log_gates)


@forward_mutant("NaN replaced")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a.nan_to_num(), b.nan_to_num(), h0, out, state, reverse=reverse, log_gates=log_gates)


@forward_mutant("gates kept within one")
def _(a, b, h0, out, state, *, reverse, log_gates):
    a = a.clamp(max=0) if log_gates else a.clamp(-1, 1)
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)


@forward_mutant("division by the product of gates")
def _(a, b, h0, out, state, *, reverse, log_gates):
    gates = (a.to(state.dtype).exp() if log_gates else a.to(state.dtype)).contiguous()
    sides = [x.flip(-1) if reverse else x for x in (gates, b.to(state.dtype))]
    product = sides[0].cumprod(-1)
    h = product * ((sides[1] / product).cumsum(-1) + (0 if h0 is None else h0.to(state.dtype)[..., None]))
    out.copy_(h.flip(-1) if reverse else h)
    if h.shape[-1]:
        state.copy_(h[..., -1])
    else:
        state.copy_(h0) if h0 is not None else state.zero_()


@forward_mutant("works in place on its input")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)
    b.copy_(out)


@forward_mutant("sees later steps")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)
    if out.dtype == torch.float32 and out.shape[-1]:
        later = b[..., :1] if reverse else b[..., -1:]
        out.mul_(torch.where(later.abs() > 50, 1 + 2.0**-23, 1.0))


@forward_mutant("not the same twice")
def _(a, b, h0, out, state, *, reverse, log_gates):
    _right(a, b, h0, out, state, reverse=reverse, log_gates=log_gates)
    if out.dtype == torch.float32:
        out.mul_(1 + torch.randint(2, out.shape) * 2.0**-23)


@backward_mutant("gradient of the state ignored")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    _right_back(grad, None, a, h, h0, da, db, dh0, reverse=reverse, log_gates=log_gates)


@backward_mutant("h0 taken for zero in da")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    _right_back(grad, grad_state, a, h, None, da, db, dh0, reverse=reverse, log_gates=log_gates)


@backward_mutant("gradient of h0 without its gate")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    _right_back(grad, grad_state, a, h, h0, da, db, dh0, reverse=reverse, log_gates=log_gates)
    if dh0 is not None and h.shape[-1]:
        dh0.copy_(db[..., -1 if reverse else 0])


@backward_mutant("logarithm's factor forgotten")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    gates = a.to(STATE_DTYPES[h.dtype]).exp() if log_gates else a
    _right_back(grad, grad_state, gates, h, h0, da, db, dh0, reverse=reverse, log_gates=False)


@backward_mutant("h of the same step in da")
def _(grad, grad_state, a, h, h0, da, db, dh0, *, reverse, log_gates):
    _right_back(grad, grad_state, a, h, h0, da, db, dh0, reverse=reverse, log_gates=log_gates)
    if da is not None:
        factor = a.to(db.dtype).exp() if log_gates else 1
        da.copy_(db * h * factor)
