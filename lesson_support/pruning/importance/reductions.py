"""Sums over one activation, per channel: few passes over memory, no copy of the activation."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

QUANTITIES = ("total", "absolute", "square", "active", "peak")
# Elements that are reduced at a time on a CPU: 1 MB of float32, so that every pass but the first reads from
# the cache, and large enough that the cost of a call does not count.
_PART = 1 << 18
# By place a part gives a row of results, so parts of few rows would give as much as they read.
_LEAST_ROWS = 64


def channel_sums(x: Tensor, dim: int, needs: Iterable[str], threshold: float) -> dict[str, Tensor]:
    """The quantities of `needs` per index of x's dimension `dim` (from 0), in float64.

    total, absolute, square: the sums of x, |x| and x²; active: how many values lie above the threshold;
    peak: the largest value. Inside a part of the activation float32 is added in float32.
    """
    wanted = frozenset(needs)
    channels = x.shape[dim]
    last = x.movedim(dim, -1)
    # Either every row holds all channels of one place, or the places of one channel of one sample.
    by_place = last.is_contiguous() or dim == x.ndim - 1
    rows = last.reshape(-1, channels) if by_place else x.reshape(math.prod(x.shape[: dim + 1]), -1)
    size = max(_LEAST_ROWS if by_place else 1, _PART // rows.shape[1])
    size = size if x.device.type == "cpu" else len(rows)
    found: dict[str, list[Tensor]] = {name: [] for name in QUANTITIES if name in wanted}
    scratch = None
    for part in rows.split(size):
        if part.dtype not in (torch.float32, torch.float64):
            part = part.float()
        if scratch is None or scratch.shape != part.shape:
            scratch = torch.empty_like(part) if scratch is None else scratch[: len(part)]
        _reduce(part, 0 if by_place else 1, wanted, threshold, scratch, found)
    joined = {}
    for name, values in found.items():
        # By place each part has a value for every channel, else one for each of its rows.
        value = torch.stack(values) if by_place else torch.cat(values).reshape(-1, channels)
        value = value.amax(0) if name == "peak" else value.double()
        if name == "square" and not by_place:
            value = value.square()
        joined[name] = value.double() if name == "peak" else value.sum(0)
    return joined


def _reduce(
    part: Tensor, over: int, wanted: frozenset[str], threshold: float, scratch: Tensor, found: dict
) -> None:
    """Append what is wanted of one part, reduced over its dimension `over`; `scratch` is overwritten."""
    if "total" in wanted:
        found["total"].append(part.sum(over))
    if "square" in wanted:
        # The root of the sum; it reads once and writes nothing, but only the last dimension goes fast.
        root = torch.linalg.vector_norm(part, 2, 1) if over else None
        found["square"].append(torch.mul(part, part, out=scratch).sum(0) if root is None else root)
    if "peak" in wanted:
        found["peak"].append(part.amax(over))
    if "active" in wanted:
        # 0.0 and 1.0 in float: adding booleans is many times slower.
        found["active"].append(torch.gt(part, threshold, out=scratch).sum(over))
    if "absolute" in wanted:
        # After ReLU the two sums are one. A NaN fails the comparison and takes the long way.
        if "total" in wanted and part.device.type == "cpu" and part.amin().item() >= 0:
            found["absolute"].append(found["total"][-1])
        else:
            found["absolute"].append(torch.abs(part, out=scratch).sum(over))
