"""Samples in batches that can be walked through again."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lesson_support.errors import LessonError


class Batches:
    """What `batches` returns: an iterable with a length, fresh on every walk."""

    def __init__(self, x: Tensor, y: Tensor | None, size: int, generator: torch.Generator | None):
        self.x, self.y, self.size, self.generator = x, y, size, generator

    def __len__(self) -> int:
        return -(-len(self.x) // self.size)

    def __iter__(self) -> Iterator[Tensor | tuple[Tensor, Tensor]]:
        if self.generator is None:
            cuts = [slice(start, start + self.size) for start in range(0, len(self.x), self.size)]
        else:
            cuts = torch.randperm(len(self.x), generator=self.generator).split(self.size)
        for cut in cuts:
            yield self.x[cut] if self.y is None else (self.x[cut], self.y[cut])


def batches(x: Tensor, y: Tensor | None, size: int, generator: torch.Generator | None = None) -> Batches:
    """Pairs (x, y) of `size` samples, the last pair with the rest; without y, x alone.

    In the order given, or with a generator in a new random order on every walk. Every walk starts anew, so
    the same object serves statistics that are taken twice.
    """
    if not isinstance(size, int) or size < 1:
        raise LessonError(f"size = {size!r}: expected a whole number of 1 or more")
    if y is not None and len(x) != len(y):
        raise LessonError(f"x has {len(x)} samples and y {len(y)}: expected as many")
    return Batches(x, y, size, generator)


def input_of(batch: object) -> Tensor:
    """x of a batch that is x alone or a tuple or list (x, y, …); anything else is refused."""
    x = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
    if not isinstance(x, Tensor):
        raise LessonError(f"batches gave {type(batch).__name__}: expected a tensor x or a pair (x, y)")
    return x
