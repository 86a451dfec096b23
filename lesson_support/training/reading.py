"""Training on text by the byte, and the measure that compressors share: bits per byte."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lesson_support.data import byte_windows
from lesson_support.errors import LessonError
from lesson_support.models.states import check_sizes


@dataclass(frozen=True)
class TextRun:
    """Loss of every step in bits per byte, and how long training took; `tokens` were read in all."""

    losses: tuple[float, ...]
    tokens: int
    seconds: float


def train_text(
    model: nn.Module,
    text: Tensor,
    *,
    steps: int,
    batch: int = 16,
    length: int = 128,
    lr: float = 4e-3,
    seed: int = 0,
    seconds: float = math.inf,
) -> TextRun:
    """Train a model of 256 tokens on random windows of a row of bytes, in place; the same seed, the same run.

    AdamW; the rate rises over the first tenth of the steps and falls along a half cosine to 0. After
    `seconds` training stops early, and the run says so by its number of losses.
    """
    check_sizes(steps=steps, batch=batch, length=length)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.05, betas=(0.9, 0.98))
    warm = max(1, steps // 10)

    def share(step: int) -> float:
        done = max(0, step - warm) / (steps - warm + 1)
        return min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * done))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    losses: list[float] = []
    started = time.perf_counter()
    while len(losses) < steps and time.perf_counter() - started < seconds:
        x, y = byte_windows(text, batch=batch, length=length, generator=generator)
        loss = cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item() / math.log(2))
    return TextRun(tuple(losses), len(losses) * batch * length, time.perf_counter() - started)


@torch.no_grad()
def bits_per_byte(model: nn.Module, text: Tensor, *, length: int = 512, rows: int = 16) -> float:
    """−log₂ of the probability that the model gives the text, per byte; the first byte costs 8 bits.

    Nothing is left out: the text is cut into stretches of `length` bytes, and a byte is predicted from those
    before it in its stretch, at worst from the one before it.
    """
    if text.dtype != torch.uint8 or text.ndim != 1 or len(text) < 2:
        came = f"{text.dtype} of shape {tuple(text.shape)}"
        raise LessonError(f"text is {came}: expected a row of uint8, two bytes or more")
    check_sizes(length=length, rows=rows)
    total = torch.tensor(8 * math.log(2), dtype=torch.float64)
    whole = (len(text) - 1) // length * length
    rest = text[whole:]
    stretches = text[:whole].unfold(0, length, length) if whole else text.new_zeros(0, length)
    successors = text[1 : whole + 1].unfold(0, length, length) if whole else stretches
    pairs = list(zip(stretches.split(rows), successors.split(rows), strict=True)) if whole else []
    if len(rest) > 1:
        pairs.append((rest[None, :-1], rest[None, 1:]))
    for x, y in pairs:
        total += cross_entropy(model(x.long()).flatten(0, 1), y.long().flatten(), reduction="sum")
    return total.item() / math.log(2) / len(text)
