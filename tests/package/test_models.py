"""Sequence models: each block computes its formula, in whatever pieces it reads the sequence."""

import math

import pytest
import torch
from torch.func import functional_call

from lesson_support import models
from lesson_support.errors import LessonError
from lesson_support.models.states import map_state, state_tensors

WIDTH, TIME = 8, 23
BLOCKS = {
    "minGRU": models.MinGRU,
    "minGRU, wide state": lambda width: models.MinGRU(width, 3 * width),
    "state space, diagonal": lambda width: models.SelectiveStateSpace(width, 3, rank=2),
    "state space, scalar": lambda width: models.SelectiveStateSpace(width, 3, heads=2),
    "state space, chunks": lambda width: models.SelectiveStateSpace(width, 3, heads=2, chunk=5),
    "linear attention": lambda width: models.GatedLinearAttention(width, 2, key=3, chunk=4),
    "memory": lambda width: models.GatedMemoryBlock(width, chunk=3, group=2),
    "nonlinear": models.NonlinearRecurrence,
    "attention": lambda width: models.CausalAttention(width, 2),
}


def made(name: str, width: int = WIDTH, seed: int = 0) -> torch.nn.Module:
    """A block in float64 whose parameters are all drawn at random: no formula hides behind a zero bias."""
    torch.manual_seed(seed)
    block = BLOCKS[name](width).double()
    with torch.no_grad():
        for each in block.parameters():
            each.add_(0.3 * torch.randn_like(each))
    return block


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_same(state, other) -> None:
    torch.testing.assert_close(list(state_tensors(state)), list(state_tensors(other)))


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("cuts", [(1, 22), (9, 14), (4, 1, 18), (3, 3, 17)])
def test_pieces_with_the_state_are_the_whole(name, cuts):
    block, x = made(name), drawn(2, TIME, WIDTH)
    whole, last = block(x)
    outs, state = [], None
    for piece in x.split(cuts, 1):
        out, state = block(piece, state)
        outs.append(out)
    torch.testing.assert_close(torch.cat(outs, 1), whole)
    assert_same(state, last)
    assert not torch.allclose(block(x[:, cuts[0] :])[0], whole[:, cuts[0] :])  # the state matters


@pytest.mark.parametrize("name", BLOCKS)
def test_step_after_step_is_the_whole(name):
    block, x = made(name), drawn(2, TIME, WIDTH)
    whole, last = block(x)
    outs, state = [], None
    for x_t in x.unbind(1):
        out, state = block.step(x_t, state)
        outs.append(out)
    torch.testing.assert_close(torch.stack(outs, 1), whole)
    assert_same(state, last)


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("t", [1, 6, TIME - 1])
def test_no_output_sees_what_comes_later(name, t):
    block, x = made(name), drawn(2, TIME, WIDTH)
    other = x.clone()
    other[:, t] += 1
    before, after = block(x)[0], block(other)[0]
    torch.testing.assert_close(before[:, :t], after[:, :t], rtol=0, atol=1e-12)
    assert (before[:, t] - after[:, t]).abs().max() > 1e-3


@pytest.mark.parametrize("name", BLOCKS)
def test_sequences_of_a_batch_do_not_meet(name):
    block, x = made(name), drawn(3, TIME, WIDTH)
    out, state = block(x)
    for number in range(3):
        alone, kept = block(x[number : number + 1])
        torch.testing.assert_close(alone[0], out[number])
        assert_same(kept, map_state(lambda each, number=number: each[number : number + 1], state))


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_of_input_state_and_parameters(name):
    block = made(name, 4)
    x = drawn(1, 5, 4).requires_grad_()
    state = map_state(lambda each: each.detach().requires_grad_(), block(drawn(1, 3, 4, seed=2))[1])
    names, parameters = zip(*block.named_parameters(), strict=True)
    tensors = list(state_tensors(state))

    def run(x, *rest):
        kept = iter(rest[: len(tensors)])
        before = map_state(lambda each: next(kept), state)
        named = dict(zip(names, rest[len(tensors) :], strict=True))
        out, after = functional_call(block, named, (x, before))
        return out, *(each for each in state_tensors(after) if each.numel())

    assert torch.autograd.gradcheck(run, (x, *tensors, *parameters), fast_mode=True)


@pytest.mark.parametrize("name", BLOCKS)
def test_float32_runs_and_stays_float32(name):
    torch.manual_seed(0)
    block = BLOCKS[name](WIDTH)
    out, state = block(torch.randn(1, TIME, WIDTH))
    assert out.dtype == torch.float32 and {each.dtype for each in state_tensors(state)} == {torch.float32}


@pytest.mark.parametrize("name", BLOCKS)
def test_mixed_precision_is_close_and_trains(name):
    block, x = made(name).float(), drawn(2, TIME, WIDTH).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = block(x)[0]
    expected = block(x)[0]
    assert (got - expected).norm() < 0.05 * expected.norm()
    got.float().square().sum().backward()
    assert all(each.grad.isfinite().all() for each in block.parameters())


def test_min_gru_is_its_formula():
    block, x = made("minGRU, wide state"), drawn(1, TIME, WIDTH)
    opening, candidate = block.gate_and_candidate(x[0]).chunk(2, -1)
    h, outs = torch.zeros(3 * WIDTH, dtype=torch.float64), []
    for t in range(TIME):
        z = 1 / (1 + torch.exp(-opening[t]))
        h = (1 - z) * h + z * candidate[t]
        outs.append(block.project.weight @ h)
    torch.testing.assert_close(block(x)[0][0], torch.stack(outs))


@pytest.mark.parametrize("name", ["state space, diagonal", "state space, scalar", "state space, chunks"])
def test_state_space_is_its_formula(name):
    block, x = made(name), drawn(1, TIME, WIDTH)[0]
    silu = torch.nn.functional.silu
    h = torch.zeros(WIDTH, 3, dtype=torch.float64)
    outs = []
    for x_t in x:
        u, side = block.enter.weight[:WIDTH] @ x_t, block.enter.weight[WIDTH:] @ x_t
        u = silu(u)
        chosen = block.select.weight @ u
        narrow, b, c = chosen[: block.rank], chosen[block.rank : -3], chosen[-3:]
        step = torch.log1p(torch.exp(block.widen_step.weight @ narrow + block.widen_step.bias))
        y = torch.empty_like(u)
        for channel in range(WIDTH):
            owner = channel * len(step) // WIDTH  # the head that the channel lies in, or itself
            for n in range(3):
                rate = block.log_rate[owner, n if name.endswith("diagonal") else 0].exp()
                h[channel, n] = (
                    torch.exp(-step[owner] * rate) * h[channel, n] + step[owner] * b[n] * u[channel]
                )
            y[channel] = c @ h[channel] + block.skip[channel] * u[channel]
        outs.append(block.project.weight @ (y * silu(side)))
    torch.testing.assert_close(block(x[None])[0][0], torch.stack(outs))


@pytest.mark.parametrize("chunk", [1, 4, TIME, 100])
def test_chunks_of_a_state_space_are_its_scan(chunk):
    scan = made("state space, scalar")
    chunks = models.SelectiveStateSpace(WIDTH, 3, heads=2, chunk=chunk).double()
    chunks.load_state_dict(scan.state_dict())
    x, state = drawn(2, TIME, WIDTH), drawn(2, WIDTH, 3, seed=3)
    for got, expected in zip(chunks(x, state), scan(x, state), strict=True):
        torch.testing.assert_close(got, expected)


def test_linear_attention_is_its_formula():
    block, x = made("linear attention"), drawn(1, TIME, WIDTH)[0]
    S = [torch.zeros(3, 4, dtype=torch.float64) for _ in range(2)]
    for x_t, got in zip(x, block(x[None])[0][0], strict=True):
        q, k, v, side, gate = (block.enter.weight @ x_t + block.enter.bias).split([6, 6, 8, 8, 2])
        o = []
        for head in range(2):
            own = slice(3 * head, 3 * head + 3)
            S[head] = torch.sigmoid(gate[head]) * S[head] + torch.outer(
                k[own] / k[own].norm(), v[4 * head : 4 * head + 4]
            )
            read = q[own] / q[own].norm() @ S[head]
            o.append(read / (read.square().mean() + torch.finfo(torch.float64).eps).sqrt())
        expected = block.project.weight @ (torch.cat(o) * side * torch.sigmoid(side))
        torch.testing.assert_close(got, expected)


def test_memory_is_its_formula():
    block, x = made("memory"), drawn(1, 3 * TIME, WIDTH)[0]
    h, keys, summaries = torch.zeros(WIDTH, dtype=torch.float64), [], []
    for x_t, got in zip(x, block(x[None])[0][0], strict=True):
        q, k, v, z = (block.qkvz.weight @ x_t + block.qkvz.bias).split(WIDTH)
        h = torch.sigmoid(z) * h + (1 - torch.sigmoid(z)) * v
        whole = len(summaries) // block.group * block.group
        slots = [(torch.zeros_like(h), torch.zeros_like(h)), *summaries[whole:]]
        for start in range(0, whole, block.group):
            members = summaries[start : start + block.group]
            slots.append(tuple(sum(part) / block.group for part in zip(*members, strict=True)))
        weights = torch.softmax(torch.stack([q @ key for key, _ in slots]) / math.sqrt(WIDTH), 0)
        m = sum(weight * value for weight, (_, value) in zip(weights, slots, strict=True))
        g = torch.sigmoid(block.integrate.weight @ torch.cat([h, m]) + block.integrate.bias)
        torch.testing.assert_close(got, block.project.weight @ (g * h + (1 - g) * m))
        keys.append(k)
        if len(keys) == block.chunk:
            summaries.append((sum(keys) / block.chunk, h))
            keys = []
    slots = block.group + len(x) // (block.chunk * block.group) + 1
    assert len(summaries) % block.group + len(summaries) // block.group + 1 <= slots


def test_nonlinear_recurrence_is_its_formula():
    block, z = made("nonlinear"), drawn(1, TIME, WIDTH)[0]
    h = drawn(WIDTH, seed=4)
    for z_t, got in zip(z, block(z[None], h[None])[0][0], strict=True):
        h = z_t * torch.sigmoid(block.gate.weight @ h) + torch.sigmoid(block.decay) * h
        torch.testing.assert_close(got, h)


def test_attention_is_its_formula():
    block, x = made("attention"), drawn(1, TIME, WIDTH)[0]
    q, k, v = (x @ block.enter.weight.T).split(WIDTH, -1)
    rates = 10_000.0 ** (-torch.arange(2) / 2)
    outs = torch.zeros(TIME, WIDTH, dtype=torch.float64)
    for head in range(2):
        own = slice(4 * head, 4 * head + 4)
        turned = []
        for each in (q[:, own], k[:, own]):
            angles = torch.arange(TIME)[:, None] * rates
            turned.append(
                torch.complex(each[:, :2], each[:, 2:]) * torch.polar(torch.ones_like(angles), angles)
            )
        for t in range(TIME):
            products = (turned[0][t] * turned[1][: t + 1].conj()).real.sum(-1)  # of the turned pairs
            outs[t, own] = torch.softmax(products / 2, 0) @ v[: t + 1, own]
    torch.testing.assert_close(block(x[None])[0][0], outs @ block.project.weight.T, rtol=1e-5, atol=1e-6)


def middle_is_kept(name: str) -> float:
    """By how much the state after three tokens fails to be affine in the state before them."""
    block, x = made(name), drawn(1, 3, WIDTH)
    one, two = (map_state(lambda each, s=s: drawn(*each.shape, seed=s), block(x)[1]) for s in (5, 6))
    ends = [block(x, start)[1] for start in (one, two, (one + two) / 2)]
    return ((ends[0] + ends[1]) / 2 - ends[2]).abs().max().item()


@pytest.mark.parametrize(
    "name", ["minGRU", "state space, diagonal", "state space, chunks", "linear attention"]
)
def test_what_a_scan_computes_is_affine_in_the_state(name):
    assert middle_is_kept(name) < 1e-12


def test_the_published_recurrence_is_not():
    assert middle_is_kept("nonlinear") > 1e-2


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("minGRU, wide state", (24, 24)),
        ("state space, diagonal", (24, 24)),
        ("linear attention", (24, 24)),
        ("nonlinear", (8, 8)),
        ("attention", (2 * 8 * 6, 2 * 8 * 12)),
        ("memory", (8 + 2 * 8 * 1, 8 + 2 * 8 * 2)),
    ],
)
def test_state_cells_after_six_and_twelve_tokens(name, cells):
    block = made(name)
    assert tuple(models.state_cells(block(drawn(3, time, WIDTH))[1]) for time in (6, 12)) == cells


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("x", [torch.zeros(2, 5), torch.zeros(2, 5, WIDTH + 1), [[0.0]]])
def test_another_shape_is_refused(name, x):
    with pytest.raises(LessonError, match=r"^x is .*: expected \(batch, time, 8\)$"):
        BLOCKS[name](WIDTH)(x)


@pytest.mark.parametrize("name", BLOCKS)
def test_another_state_is_refused(name):
    with pytest.raises(LessonError, match=r"^state is .*: expected "):
        BLOCKS[name](WIDTH)(torch.zeros(2, 5, WIDTH), torch.zeros(3, WIDTH))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.MinGRU(0), "width = 0: expected a whole number of 1 or more"),
        (lambda: models.CausalAttention(8, 3), "heads = 3: expected the width 8"),
        (lambda: models.GatedLinearAttention(8, 3), "heads = 3: expected a divisor of the width 8"),
        (lambda: models.SelectiveStateSpace(8, heads=3), "heads = 3: expected a divisor of the 8"),
        (lambda: models.SelectiveStateSpace(8, chunk=3), "chunk = 3 without heads"),
        (lambda: models.GatedMemoryBlock(8, chunk=2.5), "chunk = 2.5: expected a whole number"),
    ],
)
def test_sizes_without_meaning_are_refused(make, words):
    with pytest.raises(LessonError, match=words):
        make()
