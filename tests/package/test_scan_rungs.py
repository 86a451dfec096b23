"""The rungs of one scan: right at every edge, within the rounding bound, and refusing by name."""

import functools
import itertools

import pytest
import torch

from lesson_support import native
from lesson_support.errors import LessonError
from lesson_support.kernels import rungs

needs_compiler = pytest.mark.skipif(not native.available(), reason="no C++ compiler on this machine")
ALONG = {
    **{f"rows {k}": lambda a, b, h, k=k: rungs.rows(a, b, h, k) for k in rungs.TOGETHER},
    **rungs.COMPILED,
    "tree": lambda a, b, h: rungs.tree(a, b, h, room_for(b, each=1)),
    "tree in blocks": lambda a, b, h: rungs.tree(a, b, h, room_for(b, 48, each=1), 48),
    "packed tree": lambda a, b, h: rungs.packed_tree(a, b, h, room_for(b)),
    "packed tree in blocks": lambda a, b, h: rungs.packed_tree(a, b, h, room_for(b, 33), 33),
    "registers, streamed": lambda a, b, h: rungs.registers(a, b, h, streamed=True),
}
ACROSS = {
    "channels": rungs.channels,
    "channels, streamed": lambda a, b, h: rungs.channels(a, b, h, streamed=True),
    "steps": rungs.steps,
    "doubling": lambda a, b, h: rungs.doubling(a, b, h, tuple(torch.full_like(h, torch.nan) for _ in "123")),
    "up and down": lambda a, b, h: rungs.up_and_down(a, b, h, torch.full_like(h, torch.nan)),
}
along = pytest.mark.parametrize("rung", ALONG.values(), ids=ALONG)
across = pytest.mark.parametrize("rung", ACROSS.values(), ids=ACROSS)

# Around registers (4, 8 or 16 steps), chunks (eight, cut to 64·k + 16 steps from 64 on) and groups of rows.
STEPS = (1, 2, 3, 8, 15, 16, 17, 33, 64, 100, 511, 513, 640)
ROWS = (0, 1, 2, 3, 5, 13, 17)
BATCHES, CHANNELS = (0, 1, 3), (1, 3, 16, 17, 32, 48)


def room_for(b, block=None, each=3):
    """Just enough room for a tree, of NaN."""
    return torch.full((each * min(b.shape[1], block or b.shape[1]),), torch.nan)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@functools.cache
def drawn(shape, gates):
    generator = torch.Generator().manual_seed(sum(shape))
    low, high = gates
    a = torch.rand(shape, generator=generator) * (high - low) + low
    return a, torch.randn(shape, generator=generator)


def operands(*shape, gates=(0.0, 1.0)):
    """Gates in this range, inputs, and room of NaN for the states."""
    return *drawn(shape, gates), torch.full(shape, torch.nan)


@functools.cache
def loop_of(shape, gates):
    a, b = drawn(shape, gates)
    return loop(a, b), loop(a.abs(), b.abs())


def loop(a, b):
    """The states in float64, one step after another, along axis 1."""
    state, h = torch.zeros_like(b[:, 0], dtype=torch.float64), torch.empty_like(b, dtype=torch.float64)
    for t in range(b.shape[1]):
        state = a[:, t].double() * state + b[:, t].double()
        h[:, t] = state
    return h


def assert_scan(h, gates=(0.0, 1.0), roundings=24):
    """`h` is the scan of its shape's operands, up to so many roundings of their absolute values."""
    exact, size = loop_of(tuple(h.shape), gates)
    assert bool(((h - exact).abs() <= 2.0**-24 * roundings * size + 1e-30).all()), tuple(h.shape)


@needs_compiler
@along
def test_every_edge_along_rows(rung):
    for rows, steps in itertools.product(ROWS, STEPS):
        a, b, h = operands(rows, steps)
        assert rung(a, b, h) is h
        assert_scan(h)


@needs_compiler
@across
def test_every_edge_across_channels(rung):
    for batch, steps, channels in itertools.product(BATCHES, (1, 2, 3, 4, 5, 8, 9, 31, 64), CHANNELS):
        a, b, h = operands(batch, steps, channels)
        assert rung(a, b, h) is h
        assert_scan(h)


@needs_compiler
@along
def test_a_row_without_steps(rung):
    a, b, h = operands(3, 0)
    assert rung(a, b, h).shape == (3, 0)


@needs_compiler
@along
def test_what_happened_long_ago_is_kept(rung):
    a, b = torch.ones(2, 1000), torch.zeros(2, 1000)
    b[:, 0] = torch.tensor([3.0, -5.0])
    assert torch.equal(rung(a, b, torch.empty(2, 1000)), b[:, :1].expand(2, 1000))


@needs_compiler
@along
def test_negative_and_growing_gates(rung):
    a, b, h = operands(3, 200, gates=(-1.2, 1.2))
    assert_scan(rung(a, b, h), gates=(-1.2, 1.2), roundings=400)


@needs_compiler
@along
def test_nothing_beside_the_output_is_written(rung):
    for offset in (0, 1, 16, 19):  # on a line, and off it
        buffer = torch.full((3 * 100 + 64 + offset,), 7.0)
        h = buffer[offset + 16 : offset + 316].view(3, 100)
        a, b, _ = operands(3, 100)
        rung(a, b, h)
        assert_scan(h)
        assert bool((buffer[: offset + 16] == 7).all() and (buffer[offset + 316 :] == 7).all())


@needs_compiler
@pytest.mark.parametrize("channels", (16, 17, 32))
def test_streamed_channels_off_a_line(channels):
    for offset in (0, 3, 16):
        buffer = torch.full((2 * 9 * channels + 64,), 7.0)
        h = buffer[offset : offset + 2 * 9 * channels].view(2, 9, channels)
        a, b, _ = operands(2, 9, channels)
        rungs.channels(a, b, h, streamed=True)
        assert_scan(h)
        assert bool((buffer[:offset] == 7).all() and (buffer[offset + h.numel() :] == 7).all())


def test_the_loop_in_python_is_the_definition():
    assert rungs.python_loop([0.5, 2.0, -1.0], [1.0, 3.0, 0.25]) == [1.0, 5.0, -4.75]
    assert rungs.python_loop([], []) == []
    with pytest.raises(ValueError):
        rungs.python_loop([1.0], [])


@needs_compiler
@pytest.mark.parametrize("call", (rungs.rows, rungs.registers, rungs.three_phases))
def test_wrong_operands_are_named(call):
    a, b, h = operands(2, 9)
    with pytest.raises(LessonError, match="a is a list: expected a float32 CPU tensor"):
        call([1.0], b, h)
    with pytest.raises(LessonError, match="b requires gradients"):
        call(a, b.clone().requires_grad_(), h)
    for name, wrong in {
        "a": (a.double(), b, h),
        "b": (a, b.half(), h),
        "h": (a, b, h.T.contiguous().T),
        r"b has shape \(2, 3, 3\)": [x.new_zeros(2, 3, 3) for x in (a, b, h)],
        "expected memory of its own": (a, b, b),
    }.items():
        with pytest.raises(ValueError, match=name):
            call(*wrong)
    with pytest.raises(ValueError, match="shape"):
        call(a, b, h[:1])


@needs_compiler
@pytest.mark.parametrize(("tree", "each"), ((rungs.tree, 1), (rungs.packed_tree, 3)))
def test_the_room_of_a_tree_is_checked(tree, each):
    a, b, h = operands(2, 9)
    expected = f"room has {9 * each - 1} floats: expected {9 * each}, {each} for each step of a block"
    with pytest.raises(ValueError, match=expected):
        tree(a, b, h, torch.empty(9 * each - 1))
    with pytest.raises(ValueError, match=f"room has {4 * each - 1} floats: expected {4 * each}"):
        tree(a, b, h, torch.empty(4 * each - 1), 4)
    assert_scan(tree(a, b, h, torch.empty(4 * each), 4))
    with pytest.raises(ValueError, match="block = 0: expected 1 or more"):
        tree(a, b, h, torch.empty(27), 0)
    with pytest.raises(ValueError, match="room has dtype Double"):
        tree(a, b, h, torch.empty(27).double())
    with pytest.raises(LessonError, match="room requires gradients"):
        tree(a, b, h, torch.empty(27, requires_grad=True))
    buffer = torch.empty(3 * 18)
    for place in range(3):  # room behind a, b or h, one float too early
        some = [a.clone(), b.clone(), torch.empty(2, 9)]
        some[place] = buffer[:18].view(2, 9).copy_(a)
        with pytest.raises(ValueError, match="room overlaps a, b or h"):
            tree(*some, buffer[17:44])
        tree(*some, buffer[18:45])
        some[place] = buffer[27:45].view(2, 9).copy_(a)
        with pytest.raises(ValueError, match="room overlaps a, b or h"):
            tree(*some, buffer[1:28])
        tree(*some, buffer[:27])


@needs_compiler
def test_channels_take_three_axes_and_rows_a_known_number():
    with pytest.raises(ValueError, match=r"b has shape \(2, 9\): expected \(batch, steps, channels\)"):
        rungs.channels(*operands(2, 9))
    with pytest.raises(ValueError, match="together = 5: expected 1, 2, 3, 4, 6, 8, 12 or 16"):
        rungs.rows(*operands(2, 9), together=5)


@needs_compiler
def test_cycles_grow_with_the_rounds():
    assert rungs.cycles(3) == 6 and rungs.cycles(1 << 10) == 1 << 11


def test_is_scan_sees_an_error_beyond_its_bound():
    a, b, _ = operands(4, 300, gates=(0.9, 1.0))
    exact, size = loop_of((4, 300), (0.9, 1.0))
    slope = loop(a, a * torch.cat([torch.zeros(4, 1), size[:, :-1]], 1))
    allowed = 2.0**-24 * (8 * size + 2 * slope)
    for factor in (0.5, -0.5, 2.0, -2.0):
        for place in (1, 150, 299):
            spoiled = exact.clone()
            spoiled[2, place] += factor * allowed[2, place]
            assert rungs.is_scan(a, b, spoiled, 1) == (abs(factor) < 1)
    assert not rungs.is_scan(a, b, torch.full_like(exact, torch.nan), 1)
    assert not rungs.is_scan(a.roll(1, 1), b, exact, 1)
