"""Training and measuring classifiers of images, with what pruning asks of both."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lesson_support.data import batches as in_batches
from lesson_support.data.batching import input_of
from lesson_support.errors import LessonError
from lesson_support.models.states import check_sizes
from lesson_support.training.modes import in_mode


def train_classifier(
    model: nn.Module,
    x: Tensor | Iterable,
    y: Tensor | None = None,
    *,
    epochs: int,
    batch: int = 64,
    lr: float = 5e-3,
    seed: int = 0,
    optimizer: torch.optim.Optimizer | None = None,
    progress: Callable[[int, int, float], object] | None = None,
) -> tuple[float, ...]:
    """Train in place and return the mean cross entropy of every epoch; the same seed, the same batches.

    x and y are tensors; or x is what gives pairs (x, y), has a length and can be walked through again, as
    `batches` does, and then `batch` and `seed` are not used.
    AdamW, whose rate rises to `lr` over the first tenth of the steps and falls along a half cosine to 0. An
    `optimizer` of one's own keeps its own rates, and `lr` is not used; one that does not hold the model's
    trainable parameters is refused. `progress(epoch, epochs, loss)` is called after every epoch, from 1.
    The modules' modes are as before at the end.
    """
    check_sizes(epochs=epochs, batch=batch)
    pairs = x if y is None else in_batches(x, y, batch, torch.Generator().manual_seed(seed))
    if isinstance(pairs, Tensor) or not hasattr(pairs, "__len__") or not len(pairs):
        raise LessonError("x has no samples or no y: expected tensors x and y, or batches of pairs (x, y)")
    leave_one = y is not None and batch > 1 and len(pairs) > 1
    trainable = [each for each in model.parameters() if each.requires_grad]
    schedule = None
    if optimizer is None:
        if not trainable:
            raise LessonError("model has no trainable parameters: expected some that require gradients")
        optimizer = torch.optim.AdamW(trainable, lr=lr)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rising_and_falling(epochs * len(pairs)))
    refuse_stale(optimizer, model)
    device = _device(model)
    losses = []
    with in_mode(model, True):
        for epoch in range(1, epochs + 1):
            total, seen = 0.0, 0
            for inputs, targets in pairs:
                # BatchNorm may refuse a single sample; a rest of one waits for another epoch's order.
                if len(inputs) > 1 or not leave_one:
                    loss = cross_entropy(model(inputs.to(device)), targets.to(device))
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    total, seen = total + loss.item() * len(inputs), seen + len(inputs)
                if schedule is not None:
                    schedule.step()
            losses.append(total / seen)
            if progress is not None:
                progress(epoch, epochs, losses[-1])
    return tuple(losses)


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor, *, batch: int = 256) -> float:
    """The share of the samples whose largest logit is y, in eval mode; the modes are as before at the end."""
    if not len(x):
        raise LessonError("x has no samples: expected 1 or more")
    device, right = _device(model), 0
    with in_mode(model, False):
        for inputs, targets in in_batches(x, y, batch):
            right += (model(inputs.to(device)).argmax(-1) == targets.to(device)).sum().item()
    return right / len(x)


@torch.no_grad()
def reestimate_batchnorm(model: nn.Module, batches: Iterable) -> int:
    """Measure the running mean and variance of every BatchNorm anew; returns how many layers that were.

    `batches` gives x or (x, y); labels are not read. The statistics are means over the batches, each batch
    counting alike, so batches should have one size. Dropout stays off, weights, modes and momentum stay as
    they are; when a batch raises, so do the old statistics. 0 for a model without BatchNorm.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None
    ]
    if not norms:
        return 0
    before = [({name: each.clone() for name, each in norm.named_buffers()}, norm.momentum) for norm in norms]
    device, seen = _device(model), 0
    try:
        with in_mode(model, False):
            for norm in norms:
                norm.reset_running_stats()
                norm.train()
                norm.momentum = None  # torch then averages over all batches alike
            for batch in batches:
                model(input_of(batch).to(device))
                seen += 1
        if not seen:
            raise LessonError("batches is empty: expected one batch or more")
    except BaseException:
        for norm, (buffers, _) in zip(norms, before, strict=True):
            for name, each in norm.named_buffers():
                each.copy_(buffers[name])
        raise
    finally:
        for norm, (_, momentum) in zip(norms, before, strict=True):
            norm.momentum = momentum
    return len(norms)


def refuse_stale(optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    """LessonError unless the optimizer holds exactly the model's trainable parameters.

    Pruning replaces parameters by smaller ones: an optimizer made before goes on stepping the old ones, and
    the model does not learn, without an error.
    """
    held = {id(each) for group in optimizer.param_groups for each in group["params"]}
    own = {id(each) for each in model.parameters() if each.requires_grad}
    if held == own:
        return
    strange, missing = len(held - own), len(own - held)
    raise LessonError(
        f"optimizer holds {strange} tensors that are no trainable parameters of the model and lacks "
        f"{missing} that are: expected one made from model.parameters() after the last change of the model"
    )


def _rising_and_falling(steps: int) -> Callable[[int], float]:
    warm = max(1, steps // 10)

    def share(step: int) -> float:
        done = max(0, step - warm) / (steps - warm + 1)
        return min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * done))

    return share


def _device(model: nn.Module) -> torch.device:
    return next((each.device for each in model.parameters()), torch.device("cpu"))
