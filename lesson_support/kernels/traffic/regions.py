"""The memory of one tensor: which addresses are its elements, and which of them were touched."""

import numpy
import torch
from torch import Tensor

from lesson_support.errors import LessonError


class Region:
    """Addresses `start` to `end` with the bytes among them that belong to the tensor (None: all)."""

    def __init__(self, name: str, start: int, length: int, owned: numpy.ndarray | None, size: int) -> None:
        self.name, self.start, self.end, self.owned, self.size = name, start, start + length, owned, size
        self._touched: dict[str, numpy.ndarray] = {}

    @classmethod
    def of(cls, name: str, tensor: Tensor) -> "Region":
        """The region of a dense CPU tensor; LessonError for anything else."""
        if not isinstance(tensor, Tensor):
            raise LessonError(f"{name} is a {type(tensor).__name__}: expected a tensor to count")
        if tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise LessonError(
                f"{name} is {tensor.layout} on {tensor.device}: expected a dense CPU tensor to count"
            )
        item = tensor.element_size()
        if not tensor.numel():
            return cls(name, tensor.data_ptr(), 0, None, 0)
        places = numpy.zeros((), dtype=numpy.int64)
        for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
            steps = numpy.arange(size if stride else 1, dtype=numpy.int64) * stride
            places = (places[..., None] + steps).reshape(-1)
        length = int(places.max()) + 1
        owned = numpy.zeros(length, dtype=bool)
        owned[places] = True
        count = int(owned.sum())
        dense = None if count == length else owned.repeat(item)
        return cls(name, tensor.data_ptr(), length * item, dense, count * item)

    def holds(self, addresses: numpy.ndarray, size: int) -> numpy.ndarray:
        """For each address: do all of the `size` bytes from there belong to the tensor?"""
        inside = (addresses >= self.start) & (addresses + size <= self.end)
        if self.owned is not None:
            places = addresses[inside] - self.start
            inside[inside] = numpy.all([self.owned[places + byte] for byte in range(size)], axis=0)
        return inside

    def overlaps(self, other: "Region") -> bool:
        """Is there a byte that belongs to both?"""
        start, end = max(self.start, other.start), min(self.end, other.end)
        if start >= end:
            return False
        mine, yours = (
            True if each.owned is None else each.owned[start - each.start : end - each.start]
            for each in (self, other)
        )
        return bool(numpy.any(numpy.logical_and(mine, yours)))

    def touch(self, kind: str, addresses: numpy.ndarray, size: int) -> None:
        """Note that `size` bytes from each address were read or written."""
        if kind not in self._touched:
            self._touched[kind] = numpy.zeros(self.end - self.start, dtype=bool)
        for byte in range(size):
            self._touched[kind][addresses - self.start + byte] = True

    def touched(self, kind: str) -> int:
        """How many bytes were read or written at least once."""
        return int(self._touched[kind].sum()) if kind in self._touched else 0
