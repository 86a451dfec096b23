"""The beams of a search, rearranged after each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Function

if TYPE_CHECKING:
    import torch


def reorder_beams(tokens: torch.Tensor, parents: torch.Tensor) -> torch.Tensor:
    """(batch, beam, time) tokens and (batch, kept) parents to (batch, kept, time)."""
    index = parents[:, :, None].expand(-1, -1, tokens.shape[2])
    return tokens.gather(1, index)


def oracle(tokens, parents):
    """Beam by beam."""
    import numpy as np

    batch, _, time = tokens.shape
    kept = np.zeros((batch, parents.shape[1], time), tokens.numpy().dtype)
    for b in range(batch):
        for k, parent in enumerate(parents[b].tolist()):
            for t in range(time):
                kept[b, k, t] = tokens[b, parent, t]
    return kept


def _search(shape, parents, dtype="int64"):
    """Tokens of which each says where it came from: they count down."""
    import torch

    tokens = torch.arange(torch.Size(shape).numel(), dtype=getattr(torch, dtype)).flip(0).reshape(shape)
    return tokens, torch.tensor(parents, dtype=torch.int64).reshape(shape[0], -1)


def cases(rng):
    import torch

    found = [
        _search((1, 1, 1), [[0]]),
        _search((1, 2, 1), [[1, 0]]),
        _search((1, 2, 2), [[1, 1]]),
        _search((1, 2, 2), [[1, 0]]),
        _search((2, 1, 2), [[0], [0]]),
        _search((2, 2, 1), [[1, 0], [0, 0]]),
        _search((2, 2, 2), [[0, 1], [1, 0]]),
        _search((2, 2, 2), [[1, 0], [1, 1]]),
        _search((1, 1, 2), [[0, 0, 0]]),
        _search((1, 3, 2), [[2]]),
        _search((2, 2, 3), [[1, 0], [0, 1]]),
        _search((1, 3, 1), [[1, 2, 0]]),
        _search((1, 3, 2), [[2, 0, 1]]),
        _search((2, 3, 2), [[2, 0], [1, 1]]),
        _search((2, 2, 0), [[1, 0], [0, 0]]),
        _search((2, 2, 2), [[1, 0], [1, 1]], dtype="int32"),
        _search((2, 2, 2), [[1, 0], [1, 1]], dtype="float32"),
    ]
    for _ in range(14):
        batch, beam, time, kept = (int(rng.integers(1, most)) for most in (4, 5, 4, 6))
        parents = torch.from_numpy(rng.integers(0, beam, (batch, kept)))
        found.append((_search((batch, beam, time), [0] * batch)[0], parents))
    return found


def show(tokens, parents):
    dtype = "" if str(tokens.dtype) == "torch.int64" else f", dtype={tokens.dtype}"
    made = f"torch.arange({tokens.numel()}{dtype}).flip(0).reshape{tuple(tokens.shape)}"
    if tokens.numel() == 0:
        made = f"torch.zeros({', '.join(map(str, tokens.shape))}, dtype={tokens.dtype})"
    return f"reorder_beams({made}, torch.tensor({parents.tolist()}))"


def _rows_of_the_batch(tokens, parents):
    return tokens[parents]


def _every_parent_for_all(tokens, parents):
    return tokens[:, parents]


def _first_sentence(tokens, parents):
    return tokens[:, parents[0]]


def _flat_without_offset(tokens, parents):
    return tokens.flatten(0, 1)[parents.flatten()].reshape(*parents.shape, tokens.shape[2])


def _first_step_only(tokens, parents):
    return tokens.gather(1, parents[:, :, None])


def _along_time(tokens, parents):
    return tokens.gather(2, parents[:, :, None].expand(*parents.shape, tokens.shape[2]))


def _scattered(tokens, parents):
    batch, kept = parents.shape
    index = parents[:, :, None].expand(-1, -1, tokens.shape[2])
    source = tokens[:, :1].expand(-1, kept, -1) if kept != tokens.shape[1] else tokens
    return tokens.new_zeros(batch, max(kept, tokens.shape[1]), tokens.shape[2]).scatter(1, index, source)


def _one_after_the_other(tokens, parents):
    moved = tokens.clone()
    for b in range(len(parents)):
        for k, parent in enumerate(parents[b].tolist()):
            if k < moved.shape[1]:
                moved[b, k] = moved[b, parent]
    return moved[:, : parents.shape[1]]


def _sorted_parents(tokens, parents):
    return reorder_beams(tokens, parents.sort(1).values)


def _as_many_as_before(tokens, parents):
    return reorder_beams(tokens, parents[:, : tokens.shape[1]])


QUESTION = Function(
    name="reorder_beams",
    points=2,
    difficulty="medium",
    minutes=10,
    signature="reorder_beams(tokens: torch.Tensor, parents: torch.Tensor) -> torch.Tensor",
    example=">>> tokens = torch.tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])\n"
    ">>> reorder_beams(tokens, torch.tensor([[1, 1], [1, 0]])).tolist()\n"
    "[[[3, 4], [3, 4]], [[7, 8], [5, 6]]]",
    hints=(
        "Write the result element by element first: kept[b, k, t] = tokens[b, parents[b, k], t]. Which axis "
        "is looked up, and which keep their index?",
        "That is the formula of gather along dimension 1, where the index has one entry for every element of "
        "the result. As index tensors of one bracket, batch and parents have to pair up.",
        "Give parents a last axis and repeat it over time with expand, then tokens.gather(1, …); or "
        "tokens[rows, parents] with rows = torch.arange(batch)[:, None].",
    ),
    solution=reorder_beams,
    wrong={
        "the parents index the batch": _rows_of_the_batch,
        "a slice beside the parents pairs them with the batch": _every_parent_for_all,
        "all sentences have the same parents": _first_sentence,
        "flattened beams are counted from 0 in every sentence": _flat_without_offset,
        "gather repeats an index along time": _first_step_only,
        "the parents choose time steps": _along_time,
        "beams are sent to their parents": _scattered,
        "beams can be moved one after the other": _one_after_the_other,
        "the order of the parents does not matter": _sorted_parents,
        "as many beams are kept as there were": _as_many_as_before,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
