"""The library's own importances in its own pruner, brought to a share of the MACs by searching its ratio."""

import copy
from collections.abc import Callable
from importlib.metadata import version

import torch
import torch_pruning as tp
from torch import nn
from torch.nn.functional import cross_entropy

from lesson_support.bench.pruning_runs import Trained
from lesson_support.pruning import count
from lesson_support.training.modes import in_mode

NAME = f"torch-pruning {version('torch-pruning')}"
HALVINGS = 11  # of the interval of ratios: finer than one channel of the widest layer

IMPORTANCES: dict[str, Callable[[], Callable]] = {
    "library magnitude": tp.importance.GroupMagnitudeImportance,
    "library LAMP": tp.importance.LAMPImportance,
    "library FPGM": tp.importance.FPGMImportance,
    "library BN scale": tp.importance.BNScaleImportance,
    "library Taylor": tp.importance.GroupTaylorImportance,
    "library activation": tp.importance.ActivationImportance,
}


def library_pruned(name: str, ready: Trained, share: float, scope: str) -> nn.Module | None:
    """The model with the most MACs that are no more than `share` of the original's; None where there is none.

    The search halves the interval of ratios, so it relies on more ratio meaning fewer MACs.
    """
    example = (ready.split.test[0][:1],)
    most = share * count(ready.model, example).macs
    source = _measured(name, ready)
    low, high, best = 0.0, 1.0, None
    for _ in range(HALVINGS):
        ratio = (low + high) / 2
        model = _cut(name, source, example, ratio, scope)
        if count(model, example).macs <= most:
            best, high = model, ratio
        else:
            low = ratio
    return best


def _measured(name: str, ready: Trained) -> nn.Module:
    """A copy with what the importance reads on it: gradients for Taylor, `_importance` for activations."""
    model = copy.deepcopy(ready.model)
    if name == "library Taylor":
        x, y = ready.split.calibration
        with in_mode(model, False):
            cross_entropy(model(x), y).backward()
    if name == "library activation":
        with in_mode(model, False), torch.no_grad(), IMPORTANCES[name]().compute_importance(model):
            model(ready.split.calibration[0])
    return model


def _cut(name: str, source: nn.Module, example: tuple, ratio: float, scope: str) -> nn.Module:
    model = copy.deepcopy(source)
    for mine, theirs in zip(model.parameters(), source.parameters(), strict=True):
        mine.grad = None if theirs.grad is None else theirs.grad.clone()  # a copy comes without gradients
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    tp.pruner.BasePruner(
        model,
        example,
        IMPORTANCES[name](),
        global_pruning=scope == "global",
        pruning_ratio=ratio,
        ignored_layers=[last],
    ).step()
    return model
