"""Does a reader's input depend on the channels that the graph says? Asked of the network itself.

The graph follows channels through the operations it knows. It does not see that `flip(1)` or a permutation
turns them round: the cut network then runs and computes something else.
"""

from collections.abc import Iterable
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)
ROUNDS = 2  # of a fresh quarter of the units each
RATIO = 0.5  # what the others may change, in parts of what the shifted ones change


def misread(model: nn.Module, args: tuple, kwargs: dict, groups: Iterable) -> dict[str, str]:
    """{group: a layer that reads other channels of it than the graph says}; empty where all is well.

    In each round some channels of every group are shifted where they are made, all other outputs are held at
    what they were. What a layer reads of the shifted channels must change by more than the rest of the group.
    """
    groups = list(groups)
    with _without_norms(model):
        changes = _changes(model, args, kwargs, groups)
    names = {module: name for name, module in model.named_modules()}
    return {name: names[wrong[0]] for name, found in changes.items() if (wrong := _wrong(found))}


def _changes(model: nn.Module, args: tuple, kwargs: dict, groups: list) -> dict[str, dict]:
    """{group: {layer that reads it: (what the shifted channels changed by, what the others)}}."""
    made = {module: [] for group in groups for module, _, _, reads in _items(group) if not reads}
    read = {module: [] for group in groups for module, _, _, reads in _items(group) if reads}
    with _recorded(made, read):
        model(*args, **kwargs)
    changes = {group.name: {} for group in groups}
    for seed in range(ROUNDS):
        shifted = {group.name: _some(group, seed) for group in groups}
        now = {module: [] for module in read}
        with _held(_targets(made, groups, shifted)), _recorded({}, now):
            model(*args, **kwargs)
        for group in groups:
            _compare(group, shifted[group.name], read, now, changes[group.name])
    return changes


def _items(group):
    """(module, indices, their root channels, does it read them) of the convolutions and Linear layers."""
    for item in group.items.items:
        module = item.dep.target.module
        if isinstance(module, (nn.modules.conv._ConvNd, nn.Linear)):
            reads = item.dep.handler.__name__ == "prune_in_channels"
            yield module, item.idxs, item.root_idxs, reads


def _some(group, seed: int) -> set[int]:
    units = group.units.members
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(units), generator=generator).tolist()
    return {channel for unit in order[: max(1, len(units) // 4)] for channel in units[unit]}


def _targets(made: dict, groups: list, shifted: dict[str, set[int]]) -> dict[nn.Module, list[Tensor]]:
    """What each layer shall give: what it gave, the shifted channels up by the mean size of its outputs."""
    targets = {module: [output.clone() for output in outputs] for module, outputs in made.items()}
    for group in groups:
        for module, idxs, roots, reads in _items(group):
            chosen = [i for i, root in zip(idxs, roots, strict=True) if root in shifted[group.name]]
            for output in [] if reads else targets[module]:
                output.movedim(_channels(module, output), 0)[chosen] += output.abs().mean() + 1e-3
    return targets


def _compare(group, shifted: set[int], before: dict, now: dict, changes: dict) -> None:
    """Add what the inputs of this group changed by to `changes`, {module: (the shifted, the others)}."""
    for module, idxs, roots, reads in _items(group):
        if not reads:
            continue
        pairs = zip(now[module], before[module], strict=False)
        moved = sum(_by_channel(module, new - old) for new, old in pairs)
        if max(idxs) >= len(moved):  # the graph does not even know how many there are
            changes[module] = (0.0, 1.0)
            continue
        is_shifted = torch.tensor([root in shifted for root in roots])
        mine, others = changes.get(module, (0.0, 0.0))
        mine += float(moved[list(idxs)][is_shifted].sum()) / max(1, int(is_shifted.sum()))
        others += float(moved[list(idxs)][~is_shifted].sum()) / max(1, int((~is_shifted).sum()))
        changes[module] = (mine, others)


def _wrong(changes: dict[nn.Module, tuple[float, float]]) -> list[nn.Module]:
    return [module for module, (mine, others) in changes.items() if others > RATIO * mine]


def _by_channel(module: nn.Module, change: Tensor) -> Tensor:
    return change.abs().movedim(_channels(module, change), 0).flatten(1).mean(1).cpu()


def _channels(module: nn.Module, x: Tensor) -> int:
    """The axis of the channels: the last for a Linear layer, before those of the kernel for a convolution."""
    return x.ndim - 1 - len(getattr(module, "kernel_size", ()))


@contextmanager
def _without_norms(model: nn.Module):
    """A norm makes each channel depend on its neighbours, rightly: here it hands on what it gets."""
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    handles = [norm.register_forward_hook(lambda _, x, y: x[0] if x else y) for norm in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _recorded(made: dict[nn.Module, list], read: dict[nn.Module, list]):
    """Appends outputs and inputs of each call."""
    handles = [m.register_forward_hook(lambda m, _, y: made[m].append(y.clone())) for m in made]
    handles += [m.register_forward_pre_hook(partial(_keep, read), with_kwargs=True) for m in read]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _keep(read: dict[nn.Module, list], module: nn.Module, args: tuple, kwargs: dict) -> None:
    read[module].append((*args, *kwargs.values())[0].clone())


@contextmanager
def _held(targets: dict[nn.Module, list[Tensor]]):
    """Each call of a layer gives its next target instead of what it computes."""
    calls = {module: iter(outputs) for module, outputs in targets.items()}
    handles = [m.register_forward_hook(lambda m, _, y: next(calls[m], y)) for m in targets]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
