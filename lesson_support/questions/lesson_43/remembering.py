"""A memory of chunk summaries that reads the future, among other things."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lesson_support.questions.kinds import Repair


def read_memory(q: Tensor, k: Tensor, v: Tensor, chunk: int) -> Tensor:
    """What each of q (time, width) reads in the summaries of all chunks that are over before its own."""
    time, width = q.shape
    count = time // chunk
    keys = k[: count * chunk].reshape(count, chunk, width).mean(1)
    values = v[: count * chunk].reshape(count, chunk, width).mean(1)
    own = torch.arange(time) // chunk
    seen = torch.arange(count) < own[:, None]
    scores = (q @ keys.T / width**0.5).masked_fill(~seen, -torch.inf)
    scores = torch.cat([scores, scores.new_zeros(time, 1)], 1)
    return scores.softmax(-1)[:, :count] @ values


def broken_read_memory(q: Tensor, k: Tensor, v: Tensor, chunk: int) -> Tensor:
    """What each of q (time, width) reads in the summaries of all chunks that are over before its own."""
    time, width = q.shape
    keys = k.reshape(-1, chunk, width).mean(1)
    values = v.reshape(-1, chunk, width).mean(1)
    own = torch.arange(time) // chunk
    seen = torch.arange(len(keys)) <= own[:, None]
    scores = (q @ keys.T / width**0.5).masked_fill(~seen, 0.0)
    return scores.softmax(-1) @ values


def oracle(q, k, v, chunk):
    """Token by token, slot by slot, in plain Python."""
    rows = [each.double().tolist() for each in (q, k, v)]
    width = q.shape[1]

    def mean(row, piece):
        part = row[piece * chunk : (piece + 1) * chunk]
        return [sum(each[c] for each in part) / chunk for c in range(width)]

    found = []
    for t, query in enumerate(rows[0]):
        slots = [(mean(rows[1], piece), mean(rows[2], piece)) for piece in range(t // chunk)]
        slots.append(([0.0] * width, [0.0] * width))
        scores = [sum(map(lambda a, b: a * b, query, key)) / math.sqrt(width) for key, _ in slots]
        top = max(scores)
        weights = [math.exp(score - top) for score in scores]
        total = sum(weights)
        found.append(
            [
                sum(weight / total * value[c] for weight, (_, value) in zip(weights, slots, strict=True))
                for c in range(width)
            ]
        )
    return torch.tensor(found, dtype=torch.float64).reshape(len(found), width).to(q.dtype)


def cases(rng):
    def drawn(time, width, dtype=torch.float64):
        return tuple(torch.tensor(rng.standard_normal((time, width))).to(dtype) for _ in range(3))

    one = torch.ones(1, 1, dtype=torch.float64)
    zeros, counted = torch.zeros(4, 1, dtype=torch.float64), torch.arange(4.0).double()[:, None]
    found = [
        (one, one, one, 1),
        (zeros, zeros, 1 + counted, 2),
        (zeros, zeros, 1 + counted, 1),
        (zeros[:3], zeros[:3], 1 + counted[:3], 2),
        (zeros[:1], zeros[:1], one, 4),
        (*drawn(4, 1), 2),
        (*drawn(4, 4), 1),
        (*drawn(5, 2), 2),
        (*drawn(7, 3), 3),
        (*drawn(3, 2), 5),
        (*drawn(6, 4, torch.float32), 2),
        tuple(400 * each for each in drawn(6, 2)) + (2,),
        tuple(each.T.contiguous().T for each in drawn(6, 3)) + (2,),
    ]
    for _ in range(8):
        time, width, chunk = rng.integers(1, (20, 6, 6)).tolist()
        found.append((*drawn(time, width), chunk))
    return found


def _changed(*, own=0, fill=-torch.inf, scale=True, empty=0.0, partial=False):
    """The right memory with one thing as some would have it."""

    def read_memory(q, k, v, chunk):
        time, width = q.shape
        count = -(-time // chunk) if partial else time // chunk
        pieces = [slice(at * chunk, (at + 1) * chunk) for at in range(count)]
        none = k.new_zeros(0, width)
        keys = torch.stack([k[piece].mean(0) for piece in pieces]) if pieces else none
        values = torch.stack([v[piece].mean(0) for piece in pieces]) if pieces else none
        seen = torch.arange(count) < (torch.arange(time) // chunk + own)[:, None]
        scores = q @ keys.T / (width**0.5 if scale else 1)
        scores = scores.masked_fill(~seen, fill)
        if empty is None:
            return scores.softmax(-1).nan_to_num() @ values
        scores = torch.cat([scores, torch.full((time, 1), empty).to(q.dtype)], 1)
        return scores.softmax(-1)[:, :count] @ values

    return read_memory


def _over_so_far(q, k, v, chunk):
    """A chunk is seen from its last token on, which is inside it."""
    time, width = q.shape
    found = read_memory(q, k, v, chunk)
    ahead = torch.cat([q, q[-1:]]), torch.cat([k, k[-1:]]), torch.cat([v, v[-1:]])
    for t in range(chunk - 1, time, chunk):
        seen = [each[: t + 2].clone() for each in ahead]
        seen[0][t + 1] = q[t]
        found[t] = read_memory(*seen, chunk)[t + 1]
    return found


def _first_reads_itself(q, k, v, chunk):
    return read_memory(q, k, v, chunk).where(torch.arange(len(q))[:, None] >= chunk, v)


def _unsafe(q, k, v, chunk):
    time, width = q.shape
    count = time // chunk
    keys = k[: count * chunk].reshape(count, chunk, width).mean(1)
    values = v[: count * chunk].reshape(count, chunk, width).mean(1)
    seen = torch.arange(count) < (torch.arange(time) // chunk)[:, None]
    weights = (q @ keys.T / width**0.5).exp() * seen
    return weights @ values / (1 + weights.sum(1, keepdim=True))


def _multiplied(q, k, v, chunk):
    whole = len(q) // chunk * chunk
    try:
        found = broken_read_memory(q[:whole], k[:whole], v[:whole], chunk)
    except RuntimeError:
        found = q[:0]
    return torch.cat([found, q.new_zeros(len(q) - whole, q.shape[1])])


QUESTION = Repair(
    name="read_memory",
    points=3,
    difficulty="medium",
    minutes=20,
    signature="read_memory(q: Tensor, k: Tensor, v: Tensor, chunk: int) -> Tensor",
    symptom="- In training the loss falls below what the task allows; generated text is poor.\n"
    "- Changing the last token of a chunk changes what the first token of that chunk reads.\n"
    "- With zeros for q and k, the tokens of the first chunk read something else than 0, and those of the "
    "second something else than half the first summary.\n"
    "- A time that `chunk` does not divide raises.",
    example=">>> zeros, v = torch.zeros(4, 1), torch.tensor([[1.0], [3.0], [5.0], [7.0]])\n"
    ">>> read_memory(zeros, zeros, v, chunk=2).flatten().tolist()\n"
    "[0.0, 0.0, 1.0, 1.0]",
    hints=(
        "Write down for four tokens and chunks of two which summaries each token may read, and compare with "
        "`seen`. Then ask what softmax does with a score of 0 that means not seen.",
        "Only chunks before the token's own are over. A slot that is not seen needs the score −inf. The "
        "empty slot is one more column of scores, always 0, whose value is 0; without it the first chunk has "
        "nothing to share its weight out to.",
        "count = time // chunk and cut k and v to count * chunk rows; seen with < in place of <=; fill with "
        "-torch.inf; torch.cat a column of zeros to the scores; softmax; drop that column from the weights "
        "before the product with the values.",
    ),
    solution=read_memory,
    wrong={
        "a chunk may be read once it has begun": _changed(own=1),
        "a score of 0 is no weight": _changed(fill=0.0),
        "what nothing weighs can be set to 0 afterwards": _changed(empty=None),
        "an empty slot weighs nothing": _changed(empty=-1e9),
        "scores need no scale": _changed(scale=False),
        "the unfinished chunk is a chunk": _changed(partial=True, own=1),
        "a chunk is over at its last token": _over_so_far,
        "the first chunk reads itself": _first_reads_itself,
        "an exponential needs no maximum": _unsafe,
        "leave out what does not divide": _multiplied,
    },
    cases=cases,
    oracle=oracle,
    broken=broken_read_memory,
)
