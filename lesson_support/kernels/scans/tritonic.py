"""Backend "triton": compiled for CUDA tensors, interpreted for CPU tensors where Triton interprets.

Rows are laid out as (outer, middle, inner), sorted so that the inner axis is the densest one. Where it is
denser than time, lanes are channels and every program walks through time; elsewhere a program scans chunks of
time. Few rows of many steps are cut into segments: one launch finds what each segment does to its start, a
second carries the starts along, a third scans all segments at once. This moves 5 streams where one launch
moves 3.
"""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from lesson_support.kernels import running
from lesson_support.kernels.running import interpreting, launching_on, power_of_two
from lesson_support.kernels.scans.problem import Problem

NAME = "triton"
_NOWHERE = (0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Limits:
    """How work is cut: elements of a tile along time and in all, rows and steps of a walk, and segments."""

    tile_time: int
    tile: int
    walk_rows: int
    walk_steps: int
    programs: int  # fewer than these leave a GPU idle
    segment: int  # the fewest steps worth a program of their own


COMPILED = Limits(tile_time=1024, tile=1024, walk_rows=64, walk_steps=8, programs=512, segment=2048)
# The interpreter sees small tensors: cut early, so that carries, edges and all three launches occur in them.
INTERPRETED = Limits(tile_time=32, tile=64, walk_rows=64, walk_steps=4, programs=8, segment=64)


def missing() -> str | None:
    """Why no Triton kernel runs in this process, None if one does."""
    return running.missing()


def refuses(problem: Problem) -> str | None:
    """Why this backend does not take `problem`, None if it does."""
    if problem.dtype == torch.float64:
        return "its state is float32, and float64 was asked for"
    if problem.device == "cpu" and not interpreting():
        return "tensors on the CPU need Triton's interpreter, which is off"
    if problem.device not in ("cpu", "cuda"):
        return f"it runs on CUDA devices, not on {problem.device}"
    return None


def forward(
    a: Tensor, b: Tensor, h0: Tensor | None, out: Tensor, state: Tensor, *, reverse: bool, log_gates: bool
) -> None:
    """Fill `out` and `state`; see `choosing` for the arguments."""
    if not out.shape[-1]:
        state.copy_(h0) if h0 is not None else state.zero_()
        return
    for tensors in _layouts((out, a, b), (h0, state)):
        _Launch(tensors[0], reverse, log_gates).forward(*tensors)


def backward(
    grad: Tensor,
    grad_state: Tensor | None,
    a: Tensor,
    h: Tensor,
    h0: Tensor | None,
    da: Tensor | None,
    db: Tensor,
    dh0: Tensor | None,
    *,
    reverse: bool,
    log_gates: bool,
) -> None:
    """Fill `da`, `db` and `dh0`; see `choosing` for the arguments."""
    if not h.shape[-1]:
        if dh0 is not None:
            dh0.copy_(grad_state) if grad_state is not None else dh0.zero_()
        return
    for tensors in _layouts((db, grad, a, h, da), (h0, grad_state, dh0)):
        _Launch(tensors[0], not reverse, log_gates).backward(*tensors)


class _Launch:
    """One arrangement of rows, and how it is cut into programs; `back` scans from the last place on."""

    def __init__(self, lead: Tensor, back: bool, log_gates: bool) -> None:
        limits = INTERPRETED if interpreting() else COMPILED
        *self.sizes, self.steps = lead.shape
        inner, steps = self.sizes[2], self.steps
        self.walking = steps == 1 or (inner > 1 and lead.stride(2) < lead.stride(3))
        self.back = back
        self.flags = {"LOG": log_gates, "enable_fp_fusion": True}
        if self.walking:
            rows = min(power_of_two(inner), limits.walk_rows)
            self.flags |= {"ROWS": rows, "STEPS": min(limits.walk_steps, power_of_two(steps)), "num_warps": 1}
        else:
            time = min(power_of_two(steps), limits.tile_time)
            rows = min(power_of_two(inner), max(limits.tile // time, 1))
            self.flags |= {"ROWS": rows, "TIME": time, "num_warps": 4 if rows * time >= 512 else 1}
        self.programs = self.sizes[0] * self.sizes[1] * -(-inner // rows)
        wanted = min(-(-limits.programs // self.programs), steps // limits.segment)
        self.segment_steps = -(-steps // max(wanted, 1))
        self.segments = -(-steps // self.segment_steps)
        self.lead = lead

    def forward(self, out: Tensor, a: Tensor, b: Tensor, h0: Tensor | None, state: Tensor) -> None:
        start, end = self._ends(a, b, h0, state, weighed=False)
        self._run("forward", *_described((a, b, out), self.back), *start, *end)

    def backward(self, db, grad, a, h, da, h0, grad_state, dh0) -> None:
        start, end = self._ends(a, grad, grad_state, dh0, weighed=True)
        timed = _described((grad, a, h), self.back) + _described((h0,)) + _described((da, db), self.back)
        self._run("backward", *timed, *start, *end)

    def _ends(self, a: Tensor, x: Tensor, start: Tensor | None, end: Tensor | None, *, weighed: bool):
        """Where programs find their start and put their end: `start` and `end`, or the starts of segments."""
        if self.segments == 1:
            return _described((start,)), _described((end,))
        from lesson_support.kernels.scans.triton_kernels import carry_starts

        rows = self.sizes[0] * self.sizes[1] * self.sizes[2]
        gates, inputs, starts = torch.empty(
            (3, *self.sizes, self.segments), dtype=torch.float32, device=self.lead.device
        )
        self._run("aggregate", *_described((a, x), self.back), gates, inputs, WEIGHED=weighed)
        block = min(power_of_two(rows), 128)
        with launching_on(self.lead):
            carry_starts[(-(-rows // block),)](
                *(gates, inputs, starts, *_described((start, end))),
                *(self.sizes[1], self.sizes[2], rows, self.segments),
                ROWS=block,
                num_warps=1,
                enable_fp_fusion=True,
            )
        return _described((starts,)), _described((None,))

    def _run(self, name: str, *arguments, **flags) -> None:
        from lesson_support.kernels.scans import triton_kernels, triton_walking

        kernels, kind = (triton_walking, "walk") if self.walking else (triton_kernels, "chunk")
        sizes = (self.sizes[1], self.sizes[2], self.steps, self.segment_steps, self.segments)
        kernel = getattr(kernels, f"{kind}_{name}")
        with launching_on(self.lead):
            kernel[(self.programs * self.segments,)](*arguments, *sizes, **self.flags, **flags)


def _described(tensors, back: bool = False) -> list:
    """Each tensor followed by the strides and the offset that the kernels take; None where there is none."""
    listed = []
    for tensor in tensors:
        strides = _NOWHERE if tensor is None else (*tensor.stride(), 0, 0)[:5]
        if tensor is not None and back:
            strides = (*strides[:3], -strides[3], (tensor.shape[3] - 1) * strides[3])
        listed += [tensor, strides]
    return listed


def _layouts(timed: tuple[Tensor | None, ...], rowed: tuple[Tensor | None, ...]):
    """The same tensors as (outer, middle, inner, T) and (outer, middle, inner), in parts if rows need more.

    The first tensor decides the order of the axes: the one with the smallest stride becomes the inner axis.
    """
    lead = timed[0]
    if not lead.numel():
        return
    tensors = [*timed, *rowed]
    axes = [axis for axis in range(lead.dim() - 1) if lead.shape[axis] > 1]
    axes.sort(key=lambda axis: -lead.stride(axis))
    merged: list[tuple[int, list[int]]] = []  # size, and the stride of each tensor
    for axis in axes:
        size, strides = lead.shape[axis], [0 if x is None else x.stride(axis) for x in tensors]
        if merged and merged[-1][1] == [stride * size for stride in strides]:
            merged[-1] = (merged[-1][0] * size, strides)
        else:
            merged.append((size, strides))
    merged = [(1, [0] * len(tensors))] * (3 - len(merged)) + merged
    spread, kept = merged[:-3], merged[-3:]
    for index in itertools.product(*(range(size) for size, _ in spread)):
        views = []
        for place, x in enumerate(tensors):
            if x is None:
                views.append(None)
                continue
            offset = sum(i * strides[place] for i, (_, strides) in zip(index, spread, strict=True))
            last = [(lead.shape[-1], x.stride(-1))] if place < len(timed) else []
            sizes, strides = zip(*[(size, strides[place]) for size, strides in kept] + last, strict=True)
            views.append(x.as_strided(sizes, strides, x.storage_offset() + offset))
        yield tuple(views)
