"""The chunkwise form computes the recurrence, whatever the chunk, up to a bound that is derived."""

import pytest
import torch

from lesson_support.errors import LessonError
from lesson_support.models import (
    GatedLinearAttention,
    MinGRU,
    SequenceModel,
    chunks,
    chunkwise,
    chunkwise_bound,
    recurrent,
)

DECAYS = {"slow": 1e-3, "usual": 0.1, "fast": 5.0, "at once": 60.0}


def problem(time: int, decay: float, *, key: int = 6, value: int = 5, dtype=torch.float32, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(2, time, 3, size, generator=generator) for size in (key, key, value))
    log_gates = -decay * torch.rand(2, time, 3, generator=generator)
    state = torch.randn(2, 3, key, value, generator=generator)
    return tuple(each.to(dtype) for each in (q, k, v, log_gates)), state


def excess(inputs, state, chunk: int) -> float:
    """The largest error of o and of the last state, in bounds."""
    exact = recurrent(*(each.double() for each in inputs), state=state.double())
    got = chunkwise(*inputs, chunk=chunk, state=state)
    bound = chunkwise_bound(*inputs, chunk=chunk, state=state)
    return max(((g - e).abs() / b).max().item() for g, e, b in zip(got, exact, bound, strict=True))


def test_the_recurrence_is_its_formula():
    (q, k, v, log_gates), state = problem(7, 1.0, dtype=torch.float64)
    o, last = recurrent(q, k, v, log_gates, state=state.double())
    for row in range(2):
        for head in range(3):
            S = state[row, head].double()
            for t in range(7):
                S = torch.exp(log_gates[row, t, head]) * S + torch.outer(k[row, t, head], v[row, t, head])
                torch.testing.assert_close(o[row, t, head], q[row, t, head] @ S)
            torch.testing.assert_close(last[row, head], S)


@pytest.mark.parametrize("decay", DECAYS.values(), ids=DECAYS)
@pytest.mark.parametrize("chunk", [1, 2, 7, 16, 64, 100])
@pytest.mark.parametrize("time", [1, 16, 67])
def test_chunks_stay_inside_the_bound(time, chunk, decay):
    assert excess(*problem(time, decay), chunk) <= 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(dtype):
    inputs, state = problem(50, 0.1, dtype=dtype)
    assert excess(inputs, state, 16) <= 1
    o, last = chunkwise(*inputs, chunk=16, state=state)
    assert o.dtype == dtype and last.dtype == torch.float32


@pytest.mark.parametrize("chunk", [1, 4, 9])
def test_a_gate_of_zero_forgets(chunk):
    inputs, state = problem(20, 0.1)
    inputs[3][:, [0, 5, 6, 19]] = -torch.inf
    assert excess(inputs, state, chunk) <= 1
    later = [each[:, 6:] for each in inputs]
    whole, alone = chunkwise(*inputs, chunk=chunk, state=state)[0], chunkwise(*later, chunk=chunk)[0]
    torch.testing.assert_close(whole[:, 6:], alone)
    assert not alone.isnan().any()


def test_gradients_past_a_gate_of_zero_are_finite():
    inputs, state = problem(9, 0.1)
    inputs[3][:, 4] = -torch.inf
    leaves = [each.requires_grad_() for each in (*inputs, state)]
    o, last = chunkwise(*inputs, chunk=4, state=state)
    grads = torch.autograd.grad(o.square().sum() + last.square().sum(), leaves)
    assert all(each.isfinite().all() for each in grads)


@pytest.mark.parametrize("chunk", [1, 3, 4, 50])
def test_gradients(chunk):
    inputs, state = problem(7, 0.5, key=2, value=2, dtype=torch.float64)
    leaves = [each[:1].requires_grad_() for each in (*inputs, state.double())]

    def run(q, k, v, log_gates, state):
        return chunkwise(q, k, v, log_gates, chunk=chunk, state=state)

    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


@pytest.mark.parametrize("cut", [1, 8, 13])
def test_the_state_is_carried(cut):
    inputs, state = problem(20, 0.1, dtype=torch.float64)
    whole, last = chunkwise(*inputs, chunk=8, state=state.double())
    first, between = chunkwise(*(each[:, :cut] for each in inputs), chunk=8, state=state.double())
    second, end = chunkwise(*(each[:, cut:] for each in inputs), chunk=3, state=between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)


def test_no_step_leaves_the_state():
    inputs, state = problem(0, 0.1)
    for computed in (recurrent(*inputs, state=state), chunkwise(*inputs, chunk=4, state=state)):
        assert computed[0].shape == (2, 0, 3, 5) and torch.equal(computed[1], state)


def late_by_one(log_gates):
    """Decays that leave out the gate of the step itself."""
    steps = log_gates.shape[-1]
    ones = torch.ones(steps, steps, dtype=torch.bool)
    later = log_gates[..., None, :].expand(*log_gates.shape, steps).mT.masked_fill(ones.triu(), 0)
    return (
        later.roll(1, -2).masked_fill(ones.triu(), 0).cumsum(-2).masked_fill(ones.triu(1), -torch.inf).exp()
    )


def by_difference(log_gates):
    """Decays as differences of two running sums, which lose digits and know no gate of 0."""
    sums, steps = log_gates.cumsum(-1), log_gates.shape[-1]
    ones = torch.ones(steps, steps, dtype=torch.bool)
    return (sums[..., :, None] - sums[..., None, :]).masked_fill(ones.triu(1), -torch.inf).exp()


def by_quotient(log_gates):
    products = log_gates.cumsum(-1).exp()
    return (products[..., :, None] / products[..., None, :]).tril()


@pytest.mark.parametrize("wrong", [late_by_one, by_quotient])
def test_the_bound_rejects_wrong_decays(monkeypatch, wrong):
    monkeypatch.setattr(chunks, "_decays", wrong)
    assert not excess(*problem(67, DECAYS["fast"]), 64) <= 1


def test_the_bound_rejects_digits_lost_in_a_difference(monkeypatch):
    inputs, state = problem(256, DECAYS["at once"])
    inputs[3][
        :, 200:
    ] = -1e-4  # slow gates after fast ones: the running sums are large, their difference small
    assert excess(inputs, state, 256) <= 1
    monkeypatch.setattr(chunks, "_decays", by_difference)
    assert excess(inputs, state, 256) > 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chunk": 0}, "chunk = 0: expected a whole number of 1 or more"),
        (
            {"q": torch.zeros(2, 4, 3)},
            r"q is \(2, 4, 3\) torch.float32: expected \(batch, time, head, channel\)",
        ),
        ({"k": torch.zeros(2, 4, 3, 7)}, r"k is \(2, 4, 3, 7\): expected \(2, 4, 3, 6\)"),
        ({"v": torch.zeros(2, 5, 3, 5)}, r"v is \(2, 5, 3, 5\): expected \(2, 4, 3, 5\)"),
        ({"log_gates": torch.zeros(2, 4, 1)}, r"log_gates is \(2, 4, 1\): expected \(2, 4, 3\)"),
        ({"state": torch.zeros(2, 3, 5, 6)}, r"state is \(2, 3, 5, 6\): expected \(2, 3, 6, 5\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, words):
    (q, k, v, log_gates), state = problem(4, 0.1)
    arguments = {"q": q, "k": k, "v": v, "log_gates": log_gates, "state": state, "chunk": 2} | change
    with pytest.raises(LessonError, match=words):
        chunkwise(**arguments)


@pytest.fixture(params=[MinGRU, GatedLinearAttention])
def model(request):
    torch.manual_seed(0)
    return SequenceModel(11, 8, 2, request.param).double()


def test_a_model_reads_in_pieces_and_by_the_token(model):
    tokens = torch.randint(11, (2, 9), generator=torch.Generator().manual_seed(0))
    whole = model(tokens)
    first, states = model.proceed(tokens[:, :4])
    second, _ = model.proceed(tokens[:, 4:], states)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    states, steps = None, []
    for token in tokens.unbind(1):
        logits, states = model.step(token, states)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps, 1), whole)


def test_a_model_does_not_see_what_comes_later(model):
    tokens = torch.randint(11, (1, 9), generator=torch.Generator().manual_seed(0))
    other = tokens.clone()
    other[0, 5] = (tokens[0, 5] + 1) % 11
    before, after = model(tokens), model(other)
    torch.testing.assert_close(before[:, :5], after[:, :5], rtol=0, atol=1e-12)
    assert (before[:, 5] - after[:, 5]).abs().max() > 1e-3


def test_a_model_refuses_what_are_no_tokens(model):
    with pytest.raises(LessonError, match="expected whole numbers of shape"):
        model(torch.zeros(2, 3))
    with pytest.raises(LessonError, match="states has 1 entries: expected one for each of 2 layers"):
        model.proceed(torch.zeros(2, 3, dtype=torch.long), [None])
