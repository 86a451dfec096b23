"""A call across the C border, judged by prototype, ctypes declaration and the tensors that are passed."""

from __future__ import annotations

from itertools import product

BYTES = {"bfloat16": 2, "float32": 4, "int32": 4, "float64": 8, "int64": 8}
POINTS_TO = {"float": "float32", "double": "float64"}
DECLARED = {"int32_t": "c_int32", "int64_t": "c_int64", "float": "c_float", "double": "c_double"}


def border_fault(prototype: list[str], argtypes: list[str], passed: list) -> str:
    """The first fault of the table, or "none"."""
    if not len(prototype) == len(argtypes) == len(passed):
        return "count"
    scalars = {"int32_t": "c_int32", "int64_t": "c_int64", "float": "c_float", "double": "c_double"}
    if any(scalars.get(c, "c_void_p") != declared for c, declared in zip(prototype, argtypes, strict=True)):
        return "declaration"
    n = passed[-1]
    pointers = [(c, x) for c, x in zip(prototype, passed, strict=True) if c.endswith("*")]
    pointed = {"float": "float32", "double": "float64"}
    if any(x["dtype"] != pointed[c.removeprefix("const ")[:-1]] for c, x in pointers):
        return "dtype"
    for _, x in pointers:
        step = 1
        for size, stride in zip(reversed(x["shape"]), reversed(x["stride"]), strict=True):
            if size != 1 and stride != step and 0 not in x["shape"]:
                return "layout"
            step *= size
    if n < 0:
        return "bounds"
    for _, x in pointers:
        cells = 1
        for size in x["shape"]:
            cells *= size
        if n > cells:
            return "bounds"
    for i, (c, x) in enumerate(pointers):
        for j, (_, y) in enumerate(pointers):
            ends = (each["at"] + n * (4 if each["dtype"] == "float32" else 8) for each in (x, y))
            first, second = ends
            if i != j and not c.startswith("const") and n and x["at"] < second and y["at"] < first:
                return "overlap"
    return "none"


def oracle(prototype, argtypes, passed):
    """Element by element and byte by byte."""
    if len({len(prototype), len(argtypes), len(passed)}) > 1:
        return "count"
    for c, declared in zip(prototype, argtypes, strict=True):
        if declared != ("c_void_p" if "*" in c else DECLARED[c]):
            return "declaration"
    n, tensors = passed[-1], []
    for c, x in zip(prototype, passed, strict=True):
        if "*" in c:
            tensors.append((c.split()[0] == "const", POINTS_TO[c.rstrip("*").split()[-1]], x))
    if not all(x["dtype"] == wanted for _, wanted, x in tensors):
        return "dtype"
    places = [
        [sum(i * s for i, s in zip(at, x["stride"], strict=True)) for at in product(*map(range, x["shape"]))]
        for _, _, x in tensors
    ]
    if any(found != list(range(len(found))) for found in places):
        return "layout"
    if n < 0 or any(n > len(found) for found in places):
        return "bounds"
    touched = [(const, set(range(x["at"], x["at"] + n * BYTES[x["dtype"]]))) for const, _, x in tensors]
    for i, (one_const, one) in enumerate(touched):
        for other_const, other in touched[:i]:
            if not (one_const and other_const) and one & other:
                return "overlap"
    return "none"


def tensor(at=0, shape=(8,), stride=None, dtype="float32"):
    if stride is None:
        stride, step = [], 1
        for size in reversed(shape):
            stride.insert(0, step)
            step *= max(size, 1)
    return {"dtype": dtype, "shape": tuple(shape), "stride": tuple(stride), "at": at}


def cells(x):
    cells = 1
    for size in x["shape"]:
        cells *= size
    return cells
