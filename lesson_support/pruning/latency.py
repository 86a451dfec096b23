"""How fast models answer, by batch size: sampled in turn, so that a busy machine hits all of them alike."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from lesson_support import timing
from lesson_support.errors import LessonError
from lesson_support.training.modes import in_mode

CONFIDENCE = 0.98
FEWEST_ROUNDS = 7  # with fewer the extremes hold the median with less than CONFIDENCE


@dataclass(frozen=True)
class LatencyRow:
    """One model at one batch size: its median time, and its speed as a multiple of the first model's.

    The ratio's median lies in [low, high] with 98% probability.
    """

    model: str
    batch: int
    milliseconds: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Latency:
    """Forward passes in eval mode without gradients; `ratio` 1.3 means 1.3 times as fast as `base`."""

    rows: tuple[LatencyRow, ...]
    base: str
    rounds: int
    threads: int
    device: str

    def of(self, model: str, batch: int) -> LatencyRow:
        """One row; a LessonError where it was not measured."""
        for row in self.rows:
            if (row.model, row.batch) == (model, batch):
                return row
        measured = ", ".join(f"{row.model} at {row.batch}" for row in self.rows)
        raise LessonError(f"nothing was measured for {model!r} at batch {batch}: expected one of {measured}")

    @property
    def conditions(self) -> str:
        """What the figures hold for."""
        where = f"{self.threads} thread{'s' * (self.threads > 1)}" if self.device == "cpu" else self.device
        return f"{where}, eval mode, no gradients, median of {self.rounds} interleaved rounds"

    def __str__(self) -> str:
        lines = [f"{'batch':>5}  {'model':<16} {'ms':>10}   × {self.base}'s speed   98% interval"]
        for row in self.rows:
            interval = "" if row.model == self.base else f"{row.low:.2f} to {row.high:.2f}"
            ratio = f"{row.ratio:.2f}".rjust(len(self.base) + 10)
            lines.append(f"{row.batch:>5}  {row.model:<16} {row.milliseconds:>10.3f} {ratio}   {interval}")
        return "\n".join([*(line.rstrip() for line in lines), f"({self.conditions})"])


def measure_latency(
    models: Mapping[str, nn.Module],
    example_inputs: Tensor | Sequence[Tensor],
    batches: Sequence[int] = (1, 8, 64),
    *,
    rounds: int = 11,
) -> Latency:
    """The time of one forward pass of each model, interleaved, at each batch size; the first is the base.

    `example_inputs` is one batch as the models take it (a tuple for several inputs); its first sample is
    repeated. Models run in eval mode and get their modes back. Fewer than two models, a batch below 1 and
    fewer than seven rounds are LessonErrors.
    """
    if len(models) < 2:
        raise LessonError(f"models = {list(models)}: expected two or more by name, the base first")
    if not batches or any(not isinstance(each, int) or each < 1 for each in batches):
        raise LessonError(f"batches = {batches!r}: expected one or more whole numbers of 1 or more")
    if not isinstance(rounds, int) or rounds < FEWEST_ROUNDS:
        raise LessonError(f"rounds = {rounds!r}: expected a whole number of {FEWEST_ROUNDS} or more")
    inputs = (example_inputs,) if isinstance(example_inputs, Tensor) else tuple(example_inputs)
    if not inputs or any(not isinstance(x, Tensor) or x.ndim < 1 or len(x) < 1 for x in inputs):
        raise LessonError(f"example_inputs is {type(example_inputs).__name__}: expected tensors with a batch")
    base, rows = next(iter(models)), []
    with ExitStack() as stack, torch.inference_mode():
        for model in models.values():
            stack.enter_context(in_mode(model, False))
        for batch in batches:
            samples = [x[:1].repeat(batch, *[1] * (x.ndim - 1)) for x in inputs]
            calls = {name: partial(model, *samples) for name, model in models.items()}
            # Pruned models answer otherwise than their original, so there is nothing to compare.
            standings = timing.compare(calls, rounds=rounds, confidence=CONFIDENCE, same=None)
            rows += [
                LatencyRow(name, batch, 1e3 * each.seconds, each.ratio, each.low, each.high)
                for name, each in standings.items()
            ]
    return Latency(tuple(rows), base, rounds, torch.get_num_threads(), inputs[0].device.type)
