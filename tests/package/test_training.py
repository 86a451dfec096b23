"""Training loops: they learn, repeat themselves, and account for every byte, of the text and of memory."""

import math

import pytest
import torch
from torch import nn

from lesson_support import models, training
from lesson_support.data import IGNORED, recall_batch
from lesson_support.errors import LessonError
from lesson_support.models.states import map_state


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def attention(width: int) -> nn.Module:
    return models.CausalAttention(width, 2)


def test_attention_recalls_and_a_small_state_does_not():
    small = {"pairs": 3, "keys": 4, "values": 4, "width": 16, "steps": 150, "batch": 32}
    able = training.train_recall(attention, **small)
    unable = training.train_recall(lambda width: models.MinGRU(width, 1), **small)
    assert able.accuracy > 0.95 > 0.75 > unable.accuracy
    assert able.cells == 2 * 16 * 9 and unable.cells == 1
    assert len(able.losses) == 150 and able.losses[-1] < 0.2 * able.losses[0]
    assert able.parameters == sum(each.numel() for each in able.model.parameters())


def test_accuracy_is_that_of_fresh_sequences():
    run = training.train_recall(attention, pairs=2, keys=4, values=4, width=8, steps=60, batch=16)
    fresh = recall_batch(2, batch=4096, generator=torch.Generator().manual_seed(9), keys=4, values=4)
    with torch.no_grad():
        best = run.model(fresh.tokens).argmax(-1)
    asked = fresh.targets != IGNORED
    assert (best == fresh.targets)[asked].float().mean().item() == pytest.approx(run.accuracy, abs=0.08)


def test_the_loss_is_that_of_the_answers():
    run = training.train_recall(models.MinGRU, pairs=2, keys=4, values=4, width=8, steps=1, batch=16, seed=3)
    torch.manual_seed(3)
    model = models.SequenceModel(8, 8, 1, models.MinGRU)
    task = recall_batch(2, batch=16, generator=torch.Generator().manual_seed(3), keys=4, values=4)
    asked = task.targets != IGNORED
    expected = nn.functional.cross_entropy(model(task.tokens)[asked], task.targets[asked])
    assert run.losses == (pytest.approx(expected.item()),)


def test_a_recall_run_repeats_and_leaves_the_seed_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    runs = [training.train_recall(models.MinGRU, width=8, steps=3, batch=4, seed=s) for s in (1, 1, 2)]
    assert torch.equal(torch.rand(3), expected)
    assert runs[0].losses == runs[1].losses != runs[2].losses


def test_the_width_of_the_mlp_is_the_callers():
    narrow, usual = (
        training.train_recall(models.MinGRU, width=8, steps=1, batch=4, hidden=h) for h in (5, None)
    )
    per_channel = 8 + 1 + 8  # in, bias, out
    assert usual.parameters - narrow.parameters == (4 * 8 - 5) * per_channel


def text_of(pattern: bytes, times: int) -> torch.Tensor:
    return torch.frombuffer(bytearray(pattern * times), dtype=torch.uint8)


def small_model(block=models.MinGRU) -> models.SequenceModel:
    torch.manual_seed(0)
    return models.SequenceModel(256, 16, 1, block)


def test_a_model_learns_a_text():
    text, model = text_of(b"abracadabra ", 40), small_model()
    before = training.bits_per_byte(model, text)
    run = training.train_text(model, text, steps=40, batch=4, length=32, lr=2e-2)
    assert training.bits_per_byte(model, text) < 0.3 * before
    assert run.tokens == 40 * 4 * 32 and len(run.losses) == 40 and run.losses[-1] < 0.3 * run.losses[0]
    again = training.train_text(small_model(), text, steps=40, batch=4, length=32, lr=2e-2)
    assert again.losses == run.losses


def test_training_ends_with_its_time():
    run = training.train_text(small_model(), text_of(b"ab", 50), steps=50, batch=1, length=4, seconds=0.0)
    assert run.losses == () and run.tokens == 0


class Uniform(nn.Module):
    """A quarter for each of four bytes, and nothing for the others."""

    def forward(self, tokens):
        logits = torch.full((*tokens.shape, 256), -torch.inf)
        logits[..., :4] = 0.0
        return logits


@pytest.mark.parametrize("size", [2, 5, 8, 9, 10, 17, 33])
def test_bits_of_every_byte_are_counted(size):
    text = torch.randint(4, (size,), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    for length in (1, 4, 8, 100):
        got = training.bits_per_byte(Uniform(), text, length=length, rows=2)
        assert got == pytest.approx((8 + 2 * (size - 1)) / size)


def test_bits_are_those_of_the_stretch_before():
    text = text_of(b"a text that is not long, and no other", 1)
    model, total = small_model(), 8.0
    with torch.no_grad():
        for at in range(1, len(text)):
            start = (at - 1) // 8 * 8
            logits = model(text[None, start:at].long())[0, -1]
            total -= logits.log_softmax(0)[text[at].long()].item() / math.log(2)
    got = training.bits_per_byte(model, text, length=8, rows=3)
    assert got == pytest.approx(total / len(text), rel=1e-5)


@pytest.mark.parametrize("text", [torch.zeros(3), torch.zeros(1, dtype=torch.uint8)])
def test_bits_of_what_is_no_text_are_refused(text):
    with pytest.raises(LessonError, match="expected a row of uint8"):
        training.bits_per_byte(Uniform(), text)


BLOCKS = {
    "minGRU": models.MinGRU,
    "memory": lambda width: models.GatedMemoryBlock(width, chunk=3, group=2),
    "linear attention": lambda width: models.GatedLinearAttention(width, chunk=4),
    "attention": attention,
}


def gradients(block, *, chunk: int, carry: str) -> tuple[float, torch.Tensor]:
    torch.manual_seed(0)
    model = models.SequenceModel(7, 8, 2, block).double()
    tokens = torch.randint(7, (2, 21), generator=torch.Generator().manual_seed(1))
    targets = tokens.roll(-1, 1)
    targets[0, 4:9] = IGNORED
    loss = training.chunked_backward(model, tokens, targets, chunk=chunk, carry=carry)
    return loss, torch.cat([each.grad.flatten() for each in model.parameters()])


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("chunk", [1, 5, 20])
def test_exact_ways_give_the_whole_gradient_and_truncation_does_not(block, chunk):
    loss, whole = gradients(block, chunk=21, carry="graph")
    for carry in ("graph", "recompute"):
        same, gradient = gradients(block, chunk=chunk, carry=carry)
        assert same == pytest.approx(loss, rel=1e-12)
        torch.testing.assert_close(gradient, whole)
    same, gradient = gradients(block, chunk=chunk, carry="detach")
    assert same == pytest.approx(loss, rel=1e-12)  # only the gradient is cut
    # One token alone, chunk = 20, still reads what came before it, and its gradient ends there.
    assert (gradient - whole).norm() > 1e-6 * whole.norm()


def test_the_whole_sequence_is_plain_backward():
    loss, whole = gradients(models.MinGRU, chunk=21, carry="graph")
    torch.manual_seed(0)
    model = models.SequenceModel(7, 8, 2, models.MinGRU).double()
    tokens = torch.randint(7, (2, 21), generator=torch.Generator().manual_seed(1))
    targets = tokens.roll(-1, 1)
    targets[0, 4:9] = IGNORED
    expected = nn.functional.cross_entropy(
        model(tokens).flatten(0, 1), targets.flatten(), ignore_index=IGNORED
    )
    expected.backward()
    assert loss == pytest.approx(expected.item())
    torch.testing.assert_close(torch.cat([each.grad.flatten() for each in model.parameters()]), whole)


def test_chunks_without_meaning_are_refused():
    with pytest.raises(LessonError, match="chunk = 0: expected a whole number"):
        gradients(models.MinGRU, chunk=0, carry="graph")
    with pytest.raises(LessonError, match="carry = 'both': expected one of graph, detach, recompute"):
        gradients(models.MinGRU, chunk=1, carry="both")


def test_saved_bytes_are_those_alive_at_one_time():
    x = torch.randn(250, requires_grad=True)  # 1,000 bytes, and as many for each exponential

    def chain(times: int) -> None:
        y = x
        for _ in range(times):
            y = y.exp()
        y.sum().backward()

    assert training.peak_saved(lambda: chain(1)) == 1000
    assert training.peak_saved(lambda: chain(3)) == 3000
    assert training.peak_saved(lambda: [chain(2), chain(2), chain(1)]) == 2000  # freed before the next


def test_a_storage_counts_once_and_parameters_never():
    w = torch.randn(10, 25, requires_grad=True)
    x = torch.randn(25, 30)
    assert training.peak_saved(lambda: (w @ x).sum().backward()) == 4 * 25 * 30
    assert training.peak_saved(lambda: (w @ x + w @ x[:, :30]).sum().backward()) == 4 * 25 * 30

    def shared_then_alone() -> None:
        (w @ x + w @ x[:, :30]).sum().backward()
        torch.randn(1000, requires_grad=True).exp().sum().backward()

    assert training.peak_saved(shared_then_alone) == 4000  # what was shared is given back once
    x.requires_grad_()
    assert training.peak_saved(lambda: (w @ x).sum().backward()) == 4 * 25 * 30 + 4 * 250
    assert training.peak_saved(lambda: (w @ x).sum().backward(), beside=[w]) == 4 * 25 * 30


def test_chunks_keep_less_only_if_the_history_is_let_go():
    torch.manual_seed(0)
    model = models.SequenceModel(7, 8, 2, models.MinGRU)
    tokens = torch.randint(7, (1, 256))

    def kept(chunk: int, carry: str) -> int:
        def run() -> None:
            training.chunked_backward(model, tokens, tokens, chunk=chunk, carry=carry)

        return training.peak_saved(run, beside=model.parameters())

    whole = kept(256, "graph")
    assert kept(32, "graph") > 0.98 * whole
    for carry in ("detach", "recompute"):
        assert 7 < whole / kept(32, carry) <= 8.2


def test_a_state_is_mapped_in_its_own_form():
    state = models.GatedMemoryBlock(4)(torch.zeros(1, 3, 4))[1]
    mapped = map_state(lambda each: each + 1, [(None, state), state.h])
    (nothing, inner), last = mapped
    assert nothing is None and type(inner) is type(state) and torch.equal(last, state.h + 1)
