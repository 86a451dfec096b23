"""Associative recall: pairs of a key and a value, then keys alone, each to be answered with its value.

A model can only answer from what its state kept of the pairs, so the task measures what a state holds.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lesson_support.errors import LessonError

IGNORED = -100  # the target of a token that asks nothing, as torch's cross entropy has it


class RecallBatch(NamedTuple):
    """`tokens` (batch, 3·pairs): key value key value …, then every key once more, shuffled.

    `targets`, of the same shape, hold a value where a key asks for it and IGNORED elsewhere.
    """

    tokens: Tensor
    targets: Tensor


def recall_batch(
    pairs: int, *, batch: int, generator: torch.Generator, keys: int = 16, values: int = 16
) -> RecallBatch:
    """Sequences of `pairs` pairs; tokens 0 … keys−1 are keys, keys … keys+values−1 are values.

    A sequence's keys differ from each other, its values may repeat: guessing is right once in `values`, and
    one of the values shown is right more often. The same generator state gives the same batch.
    """
    for name, count, least in (("batch", batch, 1), ("keys", keys, 1), ("values", values, 2)):
        if not isinstance(count, int) or count < least:
            raise LessonError(f"{name} = {count!r}: expected a whole number of {least} or more")
    if not isinstance(pairs, int) or not 1 <= pairs <= keys:
        raise LessonError(f"pairs = {pairs!r}: expected 1 to {keys}, for the keys of a sequence differ")
    order = torch.rand(batch, keys, generator=generator).argsort(1)
    chosen = order[:, :pairs]
    answers = torch.randint(keys, keys + values, (batch, pairs), generator=generator)
    asked = torch.rand(batch, pairs, generator=generator).argsort(1)
    shown = torch.stack([chosen, answers], 2).flatten(1)
    tokens = torch.cat([shown, chosen.gather(1, asked)], 1)
    targets = torch.cat([torch.full_like(shown, IGNORED), answers.gather(1, asked)], 1)
    return RecallBatch(tokens, targets)
