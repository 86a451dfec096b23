"""Tests that a backward in tiles passes if nothing is lost between tiles, at the ends, or in the padding."""

from __future__ import annotations

from lesson_support.questions.kinds import Tests

TIME = 32


def backward(dh, dend, a, h, start):
    """(da, db, dstart) of h_t = a_t·h_{t−1} + b_t, in tiles of 32 steps from the end, in float32."""
    return _tiled(dh, dend, a, h, start)


def _tiled(dh, dend, a, h, start, *, padding=1.0, handed_on=None, first=None):
    """As a kernel does it; `padding` is the gate before step 0.

    `handed_on(tile, local, product, carry)` replaces what a tile hands to the next; `first`
    is the place of g from which the start's gradient is taken, in place of the last carry.
    """
    import torch
    from torch.nn.functional import pad

    rows, steps = dh.shape
    behind = torch.cat([a[:, 1:], torch.ones(rows, 1)], 1)
    more = -steps % TIME
    dh, behind = pad(dh, (more, 0)), pad(behind, (more, 0), value=padding)
    g, carry = torch.empty_like(dh), dend
    for last in range(steps + more, 0, -TIME):
        local, product = torch.zeros(rows), torch.ones(rows)
        for t in range(last - 1, last - TIME - 1, -1):
            local, product = dh[:, t] + behind[:, t] * local, product * behind[:, t]
            g[:, t] = local + product * carry
        tile = (steps + more - last) // TIME
        carry = g[:, last - TIME] if handed_on is None else handed_on(tile, local, product, carry)
    if handed_on is not None:
        first = more
    before = torch.cat([start[:, None], h[:, :-1]], 1)
    return g[:, more:] * before, g[:, more:].clone(), a[:, 0] * (carry if first is None else g[:, first])


def _own_part(*case):
    return _tiled(*case, handed_on=lambda tile, local, product, carry: local)


def _every_second(*case):
    """As a kernel with two buffers that mixes them up."""
    return _tiled(
        *case, handed_on=lambda tile, local, product, carry: local + (tile % 2 == 0) * product * carry
    )


def _state_for_one_tile(*case):
    """The first tile is handed dend and hands on what it computed from zero."""
    return _tiled(*case, handed_on=lambda tile, local, product, carry: local + (tile > 0) * product * carry)


def _gate_skipped(dh, dend, a, h, start):
    """What crosses a whole tile misses one of its gates."""
    import torch

    gates = torch.cat([a[:, 1:], torch.ones(len(a), 1)], 1)
    ends = range(dh.shape[1], 0, -TIME)
    missed = [gates[:, max(end - TIME, 0)] for end in ends]

    def handed_on(tile, local, product, carry):
        return local + (product / missed[tile] if tile else product) * carry

    return _tiled(dh, dend, a, h, start, handed_on=handed_on)


def _start_from_padding(*case):
    """g₀ is read one place before step 0, where a full tile has the last step instead."""
    return _tiled(*case, first=-1 if case[0].shape[1] % TIME == 0 else None)


def _same_gate(dh, dend, a, h, start):
    """Only between steps: the last one adds the gradient of the final state as it should."""
    import torch

    return _tiled(dh, dend, torch.cat([a[:, :1], a[:, :-1]], 1), h, start)


def _no_final(dh, dend, a, h, start):
    return backward(dh, 0 * dend, a, h, start)


def _start_is_zero(dh, dend, a, h, start):
    return backward(dh, dend, a, h, 0 * start)


def _last_gate_twice(dh, dend, a, h, start):
    return backward(dh, a[:, -1] * dend, a, h, start)


def _zeros_as_padding(dh, dend, a, h, start):
    return _tiled(dh, dend, a, h, start, padding=0.0)


def test_scan_backward(backward) -> None:
    """Assertions that only the gradients of h_t = a_t·h_{t−1} + b_t pass."""
    import torch

    torch.manual_seed(0)
    for steps in (1, 31, 32, 33, 64, 100, 128):
        for low in (0.0, 0.99):
            a = low + (1 - low) * torch.rand(3, steps)
            b, start = torch.randn(3, steps), torch.randn(3) + 2
            inputs = [x.double().requires_grad_() for x in (a, b, start)]
            h, found = inputs[2], []
            for t in range(steps):
                h = inputs[0][:, t] * h + inputs[1][:, t]
                found.append(h)
            h, dh, dend = torch.stack(found, 1), torch.randn(3, steps), torch.randn(3) + 2
            given = dh.double(), dend.double()
            wanted = torch.autograd.grad((h, h[:, -1]), inputs, given)
            results = backward(dh, dend, a, h.detach().float(), start)
            for name, got, want in zip(("da", "db", "dstart"), results, wanted, strict=True):
                assert got.shape == want.shape, (name, steps)
                error = (got.double() - want).abs().max()
                assert error <= 1e-5 * (1 + want.abs().max()), (name, steps, low)


def _drawn(steps, low, high=1.0, dend=1.0, start=1.0):
    import torch

    torch.manual_seed(0)
    a = low + (high - low) * torch.rand(3, steps)
    return torch.randn(3, steps), dend * torch.randn(3), a, torch.randn(3, steps), start * torch.randn(3)


def _near(backward_of, case, names=("da", "db", "dstart")):
    """Compares with the right one, as autograd would."""
    import torch

    for got, want, name in zip(backward_of(*case), backward(*case), ("da", "db", "dstart"), strict=True):
        if name in names:
            assert torch.allclose(got, want, rtol=1e-4, atol=1e-4), name


def _uniform_gates(backward):
    for steps in (64, 100, 256):
        _near(backward, _drawn(steps, 0.0))


def _equal_gates(backward):
    for steps in (64, 100, 256):
        _near(backward, _drawn(steps, 0.99, 0.99))


def _one_tile(backward):
    for steps in (5, 31, 32):
        _near(backward, _drawn(steps, 0.99))


def _whole_tiles(backward):
    for steps in (32, 96, 128):
        _near(backward, _drawn(steps, 0.99))


def _one_length(backward):
    for low in (0.0, 0.99):
        _near(backward, _drawn(100, low))


def _outputs_only(backward):
    for steps in (64, 100):
        _near(backward, _drawn(steps, 0.99, dend=0.0))


def _from_zero(backward):
    for steps in (64, 100):
        _near(backward, _drawn(steps, 0.99, start=0.0))


def _inputs_only(backward):
    for steps in (64, 100):
        _near(backward, _drawn(steps, 0.99), ("db",))


def _to_the_bit(backward):
    import torch

    dh, dend, a, h, start = _drawn(100, 0.99)
    g, wanted = dend.double(), []
    for t in range(99, -1, -1):
        g = dh[:, t].double() + (a[:, t + 1].double() * g if t < 99 else g)
        wanted.insert(0, g)
    assert torch.equal(backward(dh, dend, a, h, start)[1], torch.stack(wanted, 1).float())


def _shapes_only(backward):
    case = _drawn(100, 0.99)
    for got, shape in zip(backward(*case), ((3, 100), (3, 100), (3,)), strict=True):
        assert got.shape == shape


QUESTION = Tests(
    name="test_scan_backward",
    points=3,
    difficulty="medium",
    minutes=20,
    seconds=30.0,  # enough for long sequences, step by step, on a machine that does other things too
    signature="test_scan_backward(backward) -> None",
    example=">>> one = torch.ones(1, 1)\n"
    ">>> [each.tolist() for each in backward(2 * one, one[0], one / 2, 3 * one, 4 * one[0])]\n"
    "[[[12.0]], [[3.0]], [1.5]]\n"
    ">>> test_scan_backward(backward)",
    hints=(
        "Compute the right gradients with autograd through a loop in float64, and compare all three results "
        "for several lengths. Which lengths and which gates would let a mistake through?",
        "A tile has 32 steps. What is lost between tiles shows with gates near 1 and three tiles or more; "
        "what is wrong in the padding shows at lengths that 32 does not divide, or only where it does; "
        "a wrong gate hides where all gates are equal; and each input that you leave at zero hides the "
        "mistakes in its use.",
        "For steps in (1, 32, 100, 128) and gates from U(0, 1) and from U(0.99, 1): random dh, dend, b and "
        "start, none of them zero. h by the loop, then torch.autograd.grad((h, h[:, -1]), (a, b, start), "
        "(dh, dend)). Over a few hundred steps a bound of 1e-5 · (1 + the largest |gradient|) for each error "
        "is enough; the lesson's sizes are for bounds that must hold at each step.",
    ),
    solution=test_scan_backward,
    right=backward,
    mutants={
        "uses the gate of the same step": _same_gate,
        "leaves out the gradient of the final state": _no_final,
        "takes the start for zero": _start_is_zero,
        "multiplies dend by the last gate": _last_gate_twice,
        "fills the last tile up with zeros": _zeros_as_padding,
        "hands on only what a tile computed by itself": _own_part,
        "hands on only its own part after every second tile": _every_second,
        "lets dend reach one tile and no further": _state_for_one_tile,
        "skips one gate where a gradient crosses a whole tile": _gate_skipped,
        "reads the start's gradient from the padding, which a full tile does not have": _start_from_padding,
    },
    wrong={
        "gates are drawn from U(0, 1)": _uniform_gates,
        "one gate for all steps is enough": _equal_gates,
        "a short sequence is enough": _one_tile,
        "a power of two is any length": _whole_tiles,
        "one long row that fills no tile is enough": _one_length,
        "a loss depends on the outputs": _outputs_only,
        "the start is zero at the beginning": _from_zero,
        "if the inputs' gradients are right, all are": _inputs_only,
        "a right result is right to the bit": _to_the_bit,
        "gradients have the shape of their inputs": _shapes_only,
    },
)
