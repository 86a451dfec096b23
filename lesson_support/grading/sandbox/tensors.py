"""Tensors as storages and views of them. Only dense tensors in main memory travel, and only their values."""

import builtins
import functools
import sys
from typing import Any

from lesson_support.grading.sandbox.wire import Garbled

__builtins__ = dict(vars(builtins))

RANK = 64


@functools.cache
def dtypes() -> dict[str, Any]:
    """The dtypes that may travel, by name."""
    import torch

    names = (
        "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 "
        "float8_e4m3fn float8_e5m2"
    )
    return {name: getattr(torch, name) for name in names.split() if hasattr(torch, name)}


class TensorWriter:
    """Packs tensors into blobs; `known` are storages that came from the other side, in its order."""

    def __init__(self, blobs: list[bytes], known: list) -> None:
        self.blobs = blobs
        self.storages = list(known)  # kept alive, so that no address is used twice
        self.places = {storage._cdata: i for i, storage in enumerate(known)}
        self.written: dict[int, int] = {}
        self.objects: dict[int, int] = {}
        self.alive: list = []

    def pack(self, value: Any) -> list | None:
        """The JSON of a tensor; None for anything else, TypeError for a tensor that cannot travel."""
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(value, torch.Tensor):
            return None
        if id(value) in self.objects:
            return ["again", self.objects[id(value)]]
        self.objects[id(value)] = len(self.alive)
        self.alive.append(value)
        name = str(value.dtype).removeprefix("torch.")
        if value.layout is not torch.strided or value.device.type != "cpu" or name not in dtypes():
            raise TypeError(f"a tensor ({value.layout}, {value.device}, {value.dtype}) that cannot travel")
        value = value.detach().resolve_conj().resolve_neg()
        storage = value.untyped_storage()
        place = self.places.setdefault(storage._cdata, len(self.storages))
        if place == len(self.storages):
            self.storages.append(storage)
        if place not in self.written:
            content = torch.empty(0, dtype=torch.uint8).set_(storage)
            self.blobs.append(content.numpy().tobytes())
            self.written[place] = len(self.blobs) - 1
        layout = [value.storage_offset(), list(value.shape), list(value.stride())]
        return ["tensor", place, self.written[place], name, *layout]


class TensorReader:
    """Unpacks tensors. One whose storage is known to this side is put back into it, if it still fits."""

    def __init__(self, blobs: list, limit: int, known: list) -> None:
        self.blobs, self.limit = blobs, limit
        self.known = known
        self.storages: dict[int, Any] = {}
        self.sources: dict[int, int] = {}
        self.objects: list = []

    def again(self, rest: list) -> Any:
        """The tensor that came before: one object that stands in two places."""
        if len(rest) != 1 or type(rest[0]) is not int or not 0 <= rest[0] < len(self.objects):
            raise Garbled("a tensor that did not come before")
        return self.objects[rest[0]]

    def unpack(self, rest: list) -> Any:
        """The tensor that `rest` describes; Garbled where it reaches beyond its storage."""
        import torch

        if len(rest) != 6:
            raise Garbled("a tensor without a description")
        place, blob, name, offset, shape, stride = rest
        whole = [place, blob, offset, *_numbers(shape), *_numbers(stride)]
        dtype = dtypes().get(name) if type(name) is str else None
        if dtype is None or any(type(n) is not int or not 0 <= n < 2**48 for n in whole):
            raise Garbled("a tensor with an impossible description")
        if len(shape) != len(stride) or self.sources.setdefault(place, blob) != blob:
            raise Garbled("a tensor with an impossible layout")
        if place not in self.storages:
            self.storages[place] = self._storage(place, blob)
        storage = self.storages[place]
        elements, last = 1, offset
        for size, step in zip(shape, stride, strict=True):
            elements *= size
            last += (size - 1) * step
        end = last + 1 if elements else offset
        if end * dtype.itemsize > storage.nbytes() and (elements or offset):
            raise Garbled("a tensor that reaches beyond its storage")
        # A stride of 0 makes a large tensor out of few bytes.
        self.limit -= elements * dtype.itemsize
        if self.limit < 0:
            raise Garbled("tensors that are too large")
        self.objects.append(torch.empty(0, dtype=dtype).set_(storage, offset, shape, stride))
        return self.objects[-1]

    def _storage(self, place: int, blob: int):
        import torch

        if blob >= len(self.blobs):
            raise Garbled("a tensor that names no blob")
        content = bytearray(self.blobs[blob])
        if place < len(self.known) and self.known[place].nbytes() == len(content):
            storage = self.known[place]
        else:
            storage = torch.UntypedStorage(len(content))
        if content:
            target = torch.empty(0, dtype=torch.uint8).set_(storage)
            target.copy_(torch.frombuffer(content, dtype=torch.uint8))
        return storage

    def table(self) -> list:
        """The storages in the order of their places; Garbled where one is left out."""
        if sorted(self.storages) != list(range(len(self.storages))):
            raise Garbled("storages out of order")
        return [self.storages[place] for place in range(len(self.storages))]


def _numbers(value: Any) -> list:
    if type(value) is not list or len(value) > RANK:
        raise Garbled("a tensor without a shape")
    return value
