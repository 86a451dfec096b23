"""Gated recurrences: models on text, four projections against one, and what chunks save."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lesson_support import models, timing
from lesson_support.autograd.saved import distinct_bytes
from lesson_support.bench import four_digits, gated_text
from lesson_support.bench.threads import with_threads
from lesson_support.models.states import state_tensors
from lesson_support.training import chunked_backward, peak_saved

ROUNDS, LONGEST = 15, 6.0  # pairs of samples, and the seconds after which a comparison ends without them
# tokens and width of the projections: one token, a small and a large batch of them
PROJECTIONS = ((1, 256), (1, 1024), (64, 256), (64, 1024), (1024, 256), (1024, 1024))
HEADS, KEY, VALUE, STEPS = 4, 32, 32, 1024  # of the recurrence with a matrix for a state
CHUNKS = (8, 16, 32, 64, 128, 256, 1024)
LONG = 4096  # bytes read by a model whose saved bytes are counted
PIECES = (4096, 2048, 1024, 512, 256, 64)


def measure() -> dict:
    """Tables by name; AssertionError where two ways to compute one thing disagree."""
    with with_threads(1):
        results = gated_text.read() | gated_text.speeds()
        results |= {"gated/chunk-length": _chunk_lengths(), "gated/chunk-memory": _chunk_memory()}
    for threads in (1, 2):
        count = "one-thread" if threads == 1 else f"{threads}-threads"
        with with_threads(threads):
            results[f"gated/qkvz/{count}"] = _projections(threads)
    return results


def _projections(threads: int) -> dict:
    """Four products with a shared operand against one, into memory that exists, and with autograd around."""
    rows = []
    for tokens, width in PROJECTIONS:
        for name, (four, one) in _pairs(tokens, width).items():
            ratio = timing.ratio(four, one, pairs=ROUNDS, time_limit=LONGEST)
            rows.append(
                {
                    "pass": name,
                    "tokens": tokens,
                    "width": width,
                    "median": four_digits(ratio.median),
                    "spread": [four_digits(ratio.low), four_digits(ratio.high)],
                    "n": ratio.pairs,
                }
            )
    return {
        "unit": "× the speed of four projections",
        "shape": f"q, k, v and z from float32 tokens, {threads} thread{'s' * (threads > 1)}",
        "columns": ["pass", "tokens", "width"],
        "rows": rows,
    }


def _pairs(tokens: int, width: int) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """For each pass, four Linear layers and one with the same weights; both return the same results."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(tokens, width, generator=generator)
    grad = torch.randn(tokens, 4 * width, generator=generator)
    whole = nn.Linear(width, 4 * width)
    parts = [nn.Linear(width, width) for _ in range(4)]
    with torch.no_grad():
        for part, weight, bias in zip(parts, whole.weight.chunk(4), whole.bias.chunk(4), strict=True):
            part.weight.copy_(weight), part.bias.copy_(bias)
    outs, out, grads = (
        [torch.empty(tokens, width) for _ in parts],
        torch.empty(tokens, 4 * width),
        grad.chunk(4, 1),
    )
    grads = [each.contiguous() for each in grads]

    @torch.no_grad()
    def four() -> list[Tensor]:
        for part, into in zip(parts, outs, strict=True):
            torch.addmm(part.bias, x, part.weight.T, out=into)
        return outs

    @torch.no_grad()
    def one() -> tuple[Tensor, ...]:
        torch.addmm(whole.bias, x, whole.weight.T, out=out)
        return out.chunk(4, 1)

    leaf = x.clone().requires_grad_()
    inputs = [leaf, *(each for part in parts for each in (part.weight, part.bias))]

    def four_and_back() -> list[Tensor]:
        dx, *rest = torch.autograd.grad([part(leaf) for part in parts], inputs, grads)
        return [dx, *rest[::2], *rest[1::2]]

    def one_and_back() -> list[Tensor]:
        found = torch.autograd.grad(whole(leaf).chunk(4, 1), [leaf, whole.weight, whole.bias], grads)
        return [found[0], *found[1].chunk(4), *found[2].chunk(4)]

    return {"forward": (four, one), "forward and backward": (four_and_back, one_and_back)}


def _chunk_lengths() -> dict:
    """The loop over the steps against matrix products over chunks, forward, one sequence."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, STEPS, HEADS, size, generator=generator) for size in (KEY, KEY, VALUE))
    log_gates = -0.1 * torch.rand(1, STEPS, HEADS, generator=generator)
    inputs = (q / KEY, k, v, log_gates)
    exact, _ = models.recurrent(*(each.double() for each in inputs))
    ways = {"the loop": lambda: models.recurrent(*inputs)}
    for chunk in CHUNKS:
        bound, _ = models.chunkwise_bound(*inputs, chunk=chunk)
        o, _ = models.chunkwise(*inputs, chunk=chunk)
        if not bool(((o - exact).abs() <= bound).all()):
            raise AssertionError(f"chunks of {chunk} do not compute the recurrence")
        ways[f"chunks of {chunk}"] = lambda chunk=chunk: models.chunkwise(*inputs, chunk=chunk)
    standings = timing.compare(
        ways, rounds=ROUNDS, same=None
    )  # compared above, against what they must compute
    rows = [
        {
            "by": name,
            "median": four_digits(each.ratio),
            "spread": [four_digits(each.low), four_digits(each.high)],
            "n": each.rounds,
        }
        for name, each in standings.items()
    ]
    shape = f"{STEPS} steps, {HEADS} heads of {KEY}×{VALUE} numbers, float32 forward, one thread"
    return {"unit": "× the loop's speed", "shape": shape, "columns": ["by"], "rows": rows}


def _chunk_memory() -> dict:
    """Bytes kept for backward by chunk and by what is handed on, counted: the same in every run."""
    model = gated_text.sized(models.MinGRU)
    text = torch.randint(256, (1, LONG + 1), generator=torch.Generator().manual_seed(0))
    tokens, targets = text[:, :-1], text[:, 1:]
    exact, rows, whole = None, [], None
    for carry in ("graph", "detach", "recompute"):
        for chunk in PIECES:
            model.zero_grad()
            kept = peak_saved(
                lambda chunk=chunk, carry=carry: chunked_backward(
                    model, tokens, targets, chunk=chunk, carry=carry
                ),
                beside=model.parameters(),
            )
            kept += _between(model, tokens, chunk) if carry == "recompute" else 0
            gradient = torch.cat([each.grad.flatten() for each in model.parameters()])
            exact, whole = (gradient, kept) if exact is None else (exact, whole)
            off = ((gradient - exact).norm() / exact.norm()).item()
            if carry != "detach" and off > 1e-4:
                raise AssertionError(f"carry = {carry}, chunk = {chunk}: the gradient is {off:.1g} off")
            factor = four_digits(whole / kept)
            rows.append(
                {"carry": carry, "chunk": chunk, "median": factor, "spread": [factor, factor], "n": 1}
            )
    shape = f"a minGRU model, {LONG} bytes, {whole:,} bytes kept without chunks; counted, not timed"
    return {"unit": "× fewer bytes kept", "shape": shape, "columns": ["carry", "chunk"], "rows": rows}


@torch.no_grad()
def _between(model: nn.Module, tokens: Tensor, chunk: int) -> int:
    """Bytes of the states between chunks, which recomputation starts from."""
    states, tensors = None, []
    for x in tokens.split(chunk, 1)[:-1]:
        _, states = model.proceed(x, states)
        tensors += [each.clone() for each in state_tensors(states)]
    return distinct_bytes(tensors)
