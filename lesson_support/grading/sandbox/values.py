"""Plain values, arrays and tensors as JSON and blobs, and back.

`None`, `bool`, `int`, `float` and `str` stand for themselves in the JSON; everything else is a list whose
first item says what it is. Arrays travel as `.npy` without pickles. Tensors travel as their storages and the
views of them, so that two views of one storage arrive as two views of one storage.
"""

import builtins
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from lesson_support.grading.sandbox.tensors import TensorReader, TensorWriter
from lesson_support.grading.sandbox.wire import Garbled

__builtins__ = dict(vars(builtins))

DEPTH = 32
ITEMS = 400_000
KEYS = 4096
NPY_HEADER = 2048
PLAIN = "None, bool, int, float, str, list, tuple, dict, an array or a tensor"


class Unsendable(TypeError):
    """This value is not plain, or too deep."""


class Packer:
    """Collects the blobs of one message. `callables`, where given, turns a function into a handle."""

    def __init__(self, callables: Callable[[Any], int] | None = None, known_storages: list | None = None):
        self.blobs: list[bytes] = []
        self.callables = callables
        self.tensors = TensorWriter(self.blobs, known_storages or [])

    def pack(self, value: Any, depth: int = 0) -> Any:
        """The JSON of `value`; Unsendable where it has none."""
        if depth > DEPTH:
            raise Unsendable(f"a value nested deeper than {DEPTH} levels")
        if value is None or value is True or value is False:
            return value
        if isinstance(value, np.ndarray):
            return ["array", self._npy(np.array(value, subok=False))]
        if isinstance(value, np.generic):
            return ["number", self._npy(np.asarray(value))]
        if isinstance(value, int):
            return self._whole(int.__int__(value))
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, complex):
            return ["complex", value.real, value.imag]
        if isinstance(value, list | tuple):
            tag = "list" if isinstance(value, list) else "tuple"
            return [tag, *[self.pack(each, depth + 1) for each in value]]
        if isinstance(value, dict):
            pairs = [[self.pack(key, depth + 1), self.pack(each, depth + 1)] for key, each in value.items()]
            return ["dict", *pairs]
        if value is Ellipsis:
            return ["ellipsis"]
        if isinstance(value, slice):
            return ["slice", *(self.pack(part, depth + 1) for part in (value.start, value.stop, value.step))]
        if (tensor := self.tensors.pack(value)) is not None:
            return tensor
        if self.callables is not None and callable(value):
            return ["function", self.callables(value)]
        raise Unsendable(f"a {type(value).__name__}: expected {PLAIN}")

    def _whole(self, value: int) -> Any:
        if value.bit_length() > 10_000:
            raise Unsendable("an int of more than 3000 digits")
        return value

    def _npy(self, array: np.ndarray) -> int:
        if array.dtype.kind not in "biufc":
            raise Unsendable(f"an array of {array.dtype}: expected numbers")
        file = io.BytesIO()
        np.lib.format.write_array(file, array, allow_pickle=False)
        self.blobs.append(file.getvalue())
        return len(self.blobs) - 1


class Unpacker:
    """Reads the values of one message; everything that does not follow the rules raises Garbled."""

    def __init__(
        self, blobs: list, *, limit: int, callables: Callable[[int], Any] | None = None, known_storages=()
    ) -> None:
        self.blobs, self.callables, self.limit = blobs, callables, limit
        self.tensors = TensorReader(blobs, limit, list(known_storages))
        self.items = self.keys = 0

    def unpack(self, tree: Any, depth: int = 0) -> Any:
        """The value that `tree` stands for."""
        self.items += 1
        if depth > DEPTH or self.items > ITEMS:
            raise Garbled("a value that is too deep or has too many items")
        if type(tree) is not list:
            if type(tree) is dict:
                raise Garbled("a bare JSON object")
            return tree
        if not tree or type(tree[0]) is not str:
            raise Garbled("a value without a kind")
        kind, *rest = tree
        if kind in ("list", "tuple"):
            items = [self.unpack(each, depth + 1) for each in rest]
            return items if kind == "list" else tuple(items)
        if kind == "dict":
            return self._dict(rest, depth)
        if kind == "array" and len(rest) == 1:
            return self._npy(rest[0])
        if kind == "number" and len(rest) == 1:
            array = self._npy(rest[0])
            if array.shape != ():
                raise Garbled("a number that is an array")
            return array[()]
        if kind == "complex" and len(rest) == 2 and all(type(each) is float for each in rest):
            return complex(*rest)
        if kind == "ellipsis" and not rest:
            return Ellipsis
        if kind == "slice" and len(rest) == 3:
            return slice(*(self.unpack(each, depth + 1) for each in rest))
        if kind == "tensor":
            return self.tensors.unpack(rest)
        if kind == "again":
            return self.tensors.again(rest)
        if kind == "function" and self.callables is not None and len(rest) == 1 and type(rest[0]) is int:
            return self.callables(rest[0])
        raise Garbled("a value of an unknown kind")

    def _dict(self, pairs: list, depth: int) -> dict:
        self.keys += len(pairs)
        if self.keys > KEYS or any(type(pair) is not list or len(pair) != 2 for pair in pairs):
            raise Garbled("a dict with too many keys, or without pairs")
        try:
            return {self.unpack(k, depth + 1): self.unpack(v, depth + 1) for k, v in pairs}
        except TypeError:
            raise Garbled("a dict with an impossible key") from None

    def _npy(self, index: Any) -> np.ndarray:
        blob = blob_at(self.blobs, index)
        file = io.BytesIO(blob[:NPY_HEADER])
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = read[version](file, max_header_size=NPY_HEADER)
            if dtype.kind not in "biufc" or dtype.shape or any(type(n) is not int or n < 0 for n in shape):
                raise ValueError
            flat = np.frombuffer(blob[file.tell() :], dtype)
            if dtype.kind == "b" and flat.view(np.uint8).max(initial=0) > 1:
                raise ValueError
            return flat.reshape(shape, order="F" if fortran else "C").copy()
        except (ValueError, KeyError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError):
            raise Garbled("an array that is not in NumPy's format") from None


def blob_at(blobs: list, index: Any):
    """The blob that a value names."""
    if type(index) is not int or not 0 <= index < len(blobs):
        raise Garbled("a value that names no blob")
    return blobs[index]
