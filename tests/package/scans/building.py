"""The tensors of one case: every value random, every stride as the case says."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tests.package.scans.covering import Case

# The steps after which a backend begins something new, and the most elements it can take in a test.
CHUNKS = {"reference": 8, "torch": 32, "triton": 32, "cpp": 32, "rust": 32}
LIMITS = {"triton": 800}  # interpreted, an element takes some 45 µs
_CHUNK = 64

PLACES = {"first": 0, "middle": 1, "last": 2}


@dataclass(frozen=True)
class Inputs:
    """What `linear_scan` is called with, and the gradients that come back to it.

    `gate` has size 1 where it expands. All are seen in b's shape, `dim` is the scan's axis; `grad_state` is
    None where the final state is not asked for.
    """

    gate: Tensor
    b: Tensor
    h0: Tensor | None
    grad: Tensor
    grad_state: Tensor | None
    dim: int
    reverse: bool = False
    log_gates: bool = False
    wanted: tuple[str, ...] = ("a", "b", "h0")

    @property
    def options(self) -> dict[str, object]:
        return {"dim": self.dim, "reverse": self.reverse, "log_gates": self.log_gates}


def length_of(case: Case, backend: str) -> int:
    """T, where a case says it in chunks of the backend."""
    chunk = CHUNKS.get(backend, _CHUNK)
    in_chunks = {"chunk-1": chunk - 1, "chunk": chunk, "chunk+1": chunk + 1, "4 chunks": 4 * chunk + 5}
    return in_chunks[case.length] if case.length in in_chunks else int(case.length)


def build(case: Case, backend: str) -> Inputs:
    """The tensors of `case` for one backend, the same ones every time."""
    random = np.random.default_rng(case.seed)
    length, batch, channels = length_of(case, backend), case.batch, case.channels
    if (limit := LIMITS.get(backend)) and length * batch * channels > limit:
        channels = max(1, limit // (length * batch))
    dim = PLACES[case.place]
    shape = [batch, channels]
    shape.insert(dim, length)
    gate_shape = [*shape]
    if case.layout == "expanded gate":
        for axis in random.choice(3, size=random.integers(1, 4), replace=False):
            gate_shape[axis] = 1
    values = _gates(case.gates, gate_shape, dim, random)
    if case.log_gates:
        with np.errstate(divide="ignore"):
            values = np.log(np.abs(values))
    inputs = random.standard_normal(shape)
    poisoned, value = (inputs, np.inf) if case.poison == "inf in b" else (values, np.nan)
    # Without h0 the first gate multiplies nothing, and a backend need not look at it.
    if case.poison != "none" and inputs.size and (poisoned.shape[dim] > 1 or case.h0 != "none"):
        at = [0, 0, 0]
        at[dim] = poisoned.shape[dim] * (1 if case.reverse else 2) // 3
        poisoned[tuple(at)] = value
    rows = [size for axis, size in enumerate(shape) if axis != dim]
    dtype = case.torch_dtype
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    h0 = None
    if case.h0 != "none":
        h0 = _laid_out(random.standard_normal(rows), dtype if case.h0 == "own dtype" else wide, case, random)
    grad = _laid_out(random.standard_normal(shape), dtype, case, random)
    if case.layout == "expanded gate":  # as from a sum
        grad = torch.tensor(1.25, dtype=dtype).expand(shape)
    return Inputs(
        gate=_laid_out(values, dtype, case, random),
        b=_laid_out(inputs, dtype, case, random),
        h0=h0,
        grad=grad,
        grad_state=torch.tensor(random.standard_normal(rows), dtype=wide) if case.state else None,
        dim=dim,
        reverse=case.reverse,
        log_gates=case.log_gates,
        wanted=("a", "b", "h0") if case.wanted == "all" else (case.wanted,),
    )


def _gates(family: str, shape: list[int], dim: int, random: np.random.Generator) -> np.ndarray:
    low, high = {
        "zero": (0, 0),
        "one": (1, 1),
        "minus one": (-1, -1),
        "wide": (-1, 1),
        "slow": (0.99, 1),
        "around one": (0.9, 1.1),
        "growing": (1, 1.5),
        "one zero inside": (0.99, 1),
    }[family]
    values = random.uniform(low, high, shape)
    if family == "growing":
        values *= random.choice([-1, 1], shape)
    if family == "one zero inside":
        at = [slice(None)] * 3
        at[dim] = slice(shape[dim] // 2, shape[dim] // 2 + 1)
        values[tuple(at)] = 0
    return values


def _laid_out(values: np.ndarray, dtype: torch.dtype, case: Case, random: np.random.Generator) -> Tensor:
    """`values` as the case's layout puts them in memory; what lies between them is NaN."""
    tensor = torch.tensor(values, dtype=dtype)
    if case.layout == "transposed":
        order = list(random.permutation(tensor.ndim))
        return tensor.permute(order).contiguous().permute(list(np.argsort(order)))
    if case.layout == "sliced":
        holder = torch.full([2 * size + 3 for size in tensor.shape], torch.nan, dtype=dtype)
        inside = holder[tuple(slice(1, 2 * size + 1, 2) for size in tensor.shape)]
        inside.copy_(tensor)
        return inside
    return tensor
