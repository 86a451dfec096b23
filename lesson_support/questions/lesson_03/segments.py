"""Rows summed by the segment that each belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Function

if TYPE_CHECKING:
    import torch


def segment_sum(values: torch.Tensor, segments: torch.Tensor, count: int) -> torch.Tensor:
    """(rows, channel) values to (count, channel) sums; segment s gets the rows i with segments[i] == s."""
    return values.new_zeros(count, values.shape[1]).index_add_(0, segments, values)


def oracle(values, segments, count):
    """Row by row."""
    import numpy as np

    sums = np.zeros((count, values.shape[1]), values.numpy().dtype)
    for row, segment in zip(values.numpy(), segments.tolist(), strict=True):
        for column, value in enumerate(row):
            sums[segment, column] += value
    return sums


def _rows(rows, segments, dtype="int64"):
    """Values 1, 2, 4, … so that a sum says which rows are in it."""
    import torch

    values = 2 ** torch.arange(len(segments) * rows).reshape(len(segments), rows)
    return values.to(getattr(torch, dtype)), torch.tensor(segments, dtype=torch.int64)


def cases(rng):
    import torch

    found = [
        (*_rows(1, [0]), 1),
        (*_rows(1, [0, 0]), 1),
        (*_rows(1, [0, 1]), 2),
        (*_rows(1, [1, 0]), 2),
        (*_rows(1, [1]), 2),
        (*_rows(1, [0]), 2),
        (*_rows(1, []), 2),
        (*_rows(2, []), 1),
        (*_rows(2, [0, 0, 0]), 1),
        (*_rows(2, [1, 0, 1]), 2),
        (*_rows(1, [2, 0, 2, 0]), 4),
        (*_rows(2, [0, 0, 1], dtype="float32"), 2),
        (*_rows(2, [1, 1, 0], dtype="float64"), 3),
        (torch.tensor([[2**24], [1]]), torch.tensor([0, 0]), 1),
        (torch.tensor([[2**53, 5], [1, 5]]), torch.tensor([1, 1]), 2),
        (torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 1]), 3),
    ]
    for _ in range(14):
        rows, channel, count = (int(rng.integers(1, most)) for most in (9, 4, 5))
        values = torch.from_numpy(rng.integers(-9, 10, (rows, channel)))
        segments = torch.from_numpy(rng.integers(0, count, rows))
        found.append((values, segments, count))
    return found


def show(values, segments, count):
    dtype = "" if str(values.dtype) == "torch.int64" else f", dtype={values.dtype}"
    made = f"torch.tensor({values.tolist()}{dtype})"
    if values.numel() == 0:
        made = f"torch.zeros({', '.join(map(str, values.shape))}, dtype={values.dtype})"
    chosen = f"torch.tensor({segments.tolist()})" if len(segments) else "torch.zeros(0, dtype=torch.int64)"
    return f"segment_sum({made}, {chosen}, {count})"


def _incremented(values, segments, count):
    sums = values.new_zeros(count, values.shape[1])
    sums[segments] += values
    return sums


def _assigned(values, segments, count):
    sums = values.new_zeros(count, values.shape[1])
    sums[segments] = values
    return sums


def _counted_by_largest(values, segments, count):
    return segment_sum(values, segments, int(segments.max()) + 1 if len(segments) else 0)


def _sorted_runs(values, segments, count):
    import torch

    sums = values.new_zeros(count, values.shape[1])
    if len(segments):
        kinds, lengths = torch.unique_consecutive(segments, return_counts=True)
        for segment, rows in zip(kinds.tolist(), values.split(lengths.tolist()), strict=True):
            sums[segment] = rows.sum(0)
    return sums


def _mean(values, segments, count):
    sums = segment_sum(values, segments, count)
    return sums // segments.bincount(minlength=count).clamp(min=1)[:, None].to(sums.dtype)


def _one_hot_in_float(values, segments, count):
    import torch

    member = torch.nn.functional.one_hot(segments, count)
    return (member.T.float() @ values.float()).to(values.dtype)


def _one_hot_in_double(values, segments, count):
    import torch

    member = torch.nn.functional.one_hot(segments, count)
    return (member.T.double() @ values.double()).to(values.dtype)


def _float_sums(values, segments, count):
    import torch

    return torch.zeros(count, values.shape[1]).index_add_(0, segments, values.float())


def _gathered(values, segments, count):
    return segment_sum(values[segments.clamp(max=max(len(values) - 1, 0))], segments, count)


def _first_column(values, segments, count):
    sums = values.new_zeros(count, values.shape[1])
    return sums.scatter_add_(0, segments[:, None], values)


QUESTION = Function(
    name="segment_sum",
    points=2,
    difficulty="easy",
    minutes=8,
    signature="segment_sum(values: torch.Tensor, segments: torch.Tensor, count: int) -> torch.Tensor",
    example=">>> values = torch.tensor([[1, 10], [2, 20], [4, 40]])\n"
    ">>> segment_sum(values, torch.tensor([2, 0, 2]), 3).tolist()\n"
    "[[2, 20], [0, 0], [5, 50]]",
    hints=(
        "Start from zeros of the right shape and dtype. Every row of values has to arrive in one of their "
        "rows, and several may arrive in the same.",
        "A write that keeps one of several values will not do, and += through an index is such a write. "
        "Which operation adds whole rows at given positions?",
        "values.new_zeros(count, values.shape[1]) has the dtype; index_add_ along dimension 0 with segments "
        "and values adds every row where it belongs.",
    ),
    solution=segment_sum,
    wrong={
        "+= through an index adds as often as the index says": _incremented,
        "an assignment through an index adds": _assigned,
        "the largest segment says how many there are": _counted_by_largest,
        "rows of one segment are neighbours": _sorted_runs,
        "a segment holds the mean of its rows": _mean,
        "a one-hot product in float32 is exact": _one_hot_in_float,
        "a one-hot product in float64 is exact": _one_hot_in_double,
        "a sum may change the dtype": _float_sums,
        "the rows are read through the index and written through it": _gathered,
        "scatter_add_ repeats an index of one column": _first_column,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
