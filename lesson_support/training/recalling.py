"""Training on associative recall: what can this block's state hold?"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lesson_support.data import IGNORED, recall_batch
from lesson_support.models import SequenceModel, state_cells
from lesson_support.models.states import check_sizes

_TESTED = 256  # sequences that the accuracy is measured on


@dataclass(frozen=True)
class RecallRun:
    """`losses` of every step; `accuracy`, the share of answers right in fresh sequences; the trained model.

    `cells` is what the block of one layer carries from token to token, in numbers per sequence.
    """

    losses: tuple[float, ...]
    accuracy: float
    cells: int
    parameters: int
    seconds: float
    model: SequenceModel


def train_recall(
    block: Callable[[int], nn.Module],
    *,
    pairs: int = 8,
    keys: int = 16,
    values: int = 16,
    width: int = 32,
    layers: int = 1,
    hidden: int | None = None,
    steps: int = 500,
    batch: int = 64,
    lr: float = 2e-2,
    seed: int = 0,
) -> RecallRun:
    """A SequenceModel around block(width), trained with AdamW on fresh batches; the same seed, the same run.

    The learning rate rises over the first tenth of the steps and falls linearly to 0 after it.
    """
    check_sizes(steps=steps, batch=batch)
    started = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SequenceModel(keys + values, width, layers, block, hidden=hidden)
    generator = torch.Generator().manual_seed(seed)
    task = {"generator": generator, "keys": keys, "values": values}
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm + 1))
    )
    losses = []
    for _ in range(steps):
        tokens, targets = recall_batch(pairs, batch=batch, **task)
        loss = cross_entropy(model(tokens).flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    with torch.no_grad():
        tokens, targets = recall_batch(pairs, batch=_TESTED, **task)
        logits, states = model.proceed(tokens)
    asked = targets != IGNORED
    right = logits.argmax(-1)[asked] == targets[asked]
    _, inner = states[0]
    parameters = sum(each.numel() for each in model.parameters())
    seconds = time.perf_counter() - started
    return RecallRun(
        tuple(losses), right.float().mean().item(), state_cells(inner), parameters, seconds, model
    )
