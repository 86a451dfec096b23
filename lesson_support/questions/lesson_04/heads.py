"""Channels split into attention heads, every token with its own channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Raises, Repair
from lesson_support.questions.lesson_04.counting import counted, typed

if TYPE_CHECKING:
    import torch


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(batch, time, channel) to (batch, head, time, channel // heads), neighbouring channels in one head."""
    batch, time, channel = x.shape
    if channel % heads:
        raise ValueError(f"{channel} channels for {heads} heads: expected a multiple")
    return x.reshape(batch, time, heads, channel // heads).transpose(1, 2)


def broken_split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(batch, time, channel) to (batch, head, time, channel // heads), neighbouring channels in one head."""
    batch, time, channel = x.shape
    return x.reshape(batch, heads, time, -1)


def oracle(x, heads):
    """Element by element."""
    import numpy as np

    values = x.numpy()
    batch, time, channel = values.shape
    if channel % heads:
        return Raises("ValueError")
    width = channel // heads
    split = np.empty((batch, heads, time, width), values.dtype)
    for b, h, t, c in np.ndindex(split.shape):
        split[b, h, t, c] = values[b, t, h * width + c]
    return split


def show(x, heads):
    return f"split_heads({typed(x)}, {heads})"


def cases(rng):
    found = [
        (counted((1, 1, 1)), 1),
        (counted((1, 1, 2)), 2),
        (counted((1, 2, 2)), 1),
        (counted((1, 2, 2)), 2),
        (counted((2, 1, 2)), 2),
        (counted((1, 3, 2)), 2),
        (counted((1, 2, 4)), 2),
        (counted((2, 2, 2)), 2),
        (counted((2, 2, 4)), 2),
        (counted((2, 3, 4)), 2),
        (counted((1, 2, 3)), 2),
        (counted((1, 4, 3)), 2),
        (counted((1, 2, 2)), 4),
        (counted((1, 4, 2)), 4),
        (counted((1, 3, 4), order=(0, 2, 1)), 2),
        (counted((2, 3, 4), order=(1, 0, 2)), 2),
        (counted((1, 2, 4), dtype="float64"), 2),
        (counted((2, 3, 6), dtype="float32"), 3),
    ]
    for _ in range(12):
        heads = int(rng.integers(1, 5))
        shape = (int(rng.integers(1, 4)), int(rng.integers(1, 5)), heads * int(rng.integers(1, 4)))
        found.append((counted(shape, order=rng.permutation(3).tolist()), heads))
    return found


def _uneven(x, heads):
    batch, time, channel = x.shape
    width = channel // heads
    return x[:, :, : heads * width].reshape(batch, time, heads, width).transpose(1, 2)


def _unnamed_error(x, heads):
    batch, time, _ = x.shape
    return x.reshape(batch, time, heads, -1).transpose(1, 2)


def _interleaved(x, heads):
    split_heads(x, heads)
    return x.unflatten(2, (-1, heads)).permute(0, 3, 1, 2)


def _only_reshaped(x, heads):
    split_heads(x, heads)
    return broken_split_heads(x, heads)


def _no_transpose(x, heads):
    split_heads(x, heads)
    return x.unflatten(2, (heads, -1))


def _channels_before_tokens(x, heads):
    split = split_heads(x, heads)
    return x.transpose(1, 2).reshape(split.shape)


def _time_first(x, heads):
    batch, heads, time, width = split_heads(x, heads).shape
    return x.reshape(time, batch * heads, width).transpose(0, 1).reshape(batch, heads, time, width)


QUESTION = Repair(
    name="split_heads",
    points=2,
    difficulty="easy",
    minutes=6,
    signature="split_heads(x: torch.Tensor, heads: int) -> torch.Tensor",
    symptom="The model trains, badly. In head h, token t holds channels that belong to another token; with "
    "one head, or one token, all is well. And 6 channels for 4 heads fail with a message about an invalid "
    "shape.",
    example=">>> x = torch.arange(8).reshape(1, 2, 4)\n"
    ">>> split_heads(x, 2).tolist()\n"
    "[[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]]",
    hints=(
        "The result has the right shape, and reshape keeps the order of the elements. Which two axes of the "
        "result stand in another order than in x?",
        "Split one dimension and leave the others alone: (batch, time, channel) to (batch, time, head, "
        "channel of the head). Only then move the head to its place.",
        "Raise ValueError if channel % heads is not 0; else x.reshape(batch, time, heads, channel // heads), "
        "and exchange dimensions 1 and 2 of it.",
    ),
    solution=split_heads,
    wrong={
        "a reshape to the right shape puts everything in its place": _only_reshaped,
        "the head runs faster than the channel": _interleaved,
        "the order of the axes does not matter": _no_transpose,
        "the channels may come before the tokens as long as the shape is right": _channels_before_tokens,
        "a recipe for time-first tensors serves batch-first ones": _time_first,
        "channels that are left over may be dropped": _uneven,
        "whatever torch raises will do": _unnamed_error,
    },
    cases=cases,
    oracle=oracle,
    show=show,
    broken=broken_split_heads,
)
