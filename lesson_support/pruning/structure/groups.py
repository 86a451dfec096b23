"""What a group of the dependency graph says: which layers make its channels, and which read them.

A group names one set of channels, those of its root layer, and every layer that loses an index with each of
them. The indices of a layer need not be those of the root: behind a flatten one channel is a run of features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch_pruning.pruner import function

from lesson_support.errors import LessonError

Role = Literal["producer", "consumer", "depthwise", "norm"]

# A depthwise convolution and a norm have one index for input and output, so one handler for both.
_ROLES: dict[Any, Role] = {
    function.prune_conv_out_channels: "producer",
    function.prune_linear_out_channels: "producer",
    function.prune_conv_in_channels: "consumer",
    function.prune_linear_in_channels: "consumer",
    function.prune_depthwise_conv_out_channels: "depthwise",
    function.prune_batchnorm_out_channels: "norm",
    function.prune_layernorm_out_channels: "norm",
    function.prune_groupnorm_out_channels: "norm",
    function.prune_instancenorm_out_channels: "norm",
}


@dataclass(frozen=True)
class Member:
    """A layer of a group: its indices that go with the group's channels, `idxs[i]` with channel `roots[i]`.

    `roots` counts channels from 0 in the order of the group, also where the group holds a part of the root.
    """

    name: str
    module: nn.Module
    role: Role
    idxs: tuple[int, ...]
    roots: tuple[int, ...]


def members(group: Any, names: Mapping[nn.Module, str] | None = None) -> tuple[Member, ...]:
    """Layers of `group` that have weights or statistics by channel, in its order; the root comes first.

    `names` maps modules to names; without it they are those of the graph's model. Additions, reshapes and
    lone parameters are left out, as are items whose channels the graph cannot trace back to the root.
    """
    if names is None:
        names = {module: name for name, module in group._DG.model.named_modules()}
    place = {channel: i for i, channel in enumerate(group[0].idxs)}
    found = []
    for item in group.items:
        role = _ROLES.get(item.dep.handler)
        if role is None or any(root not in place for root in item.root_idxs):
            continue
        module = item.dep.target.module
        if module not in names:
            raise LessonError(
                f"names lacks a {type(module).__name__} of the group: expected all of the graph's modules"
            )
        roots = tuple(place[root] for root in item.root_idxs)
        found.append(Member(names[module], module, role, tuple(item.idxs), roots))
    return tuple(found)


def channels_of(group: Any) -> int:
    """Channels that the group holds: the length of every score of it."""
    return len(group[0].idxs)


def root_name(group: Any) -> str:
    """Name of the layer whose channels the group is about."""
    root = group[0].dep.target.module
    return next(name for name, module in group._DG.model.named_modules() if module is root)


def root_channels(group: Any) -> int:
    """Channels that the root layer has now, also where the group holds a part of them."""
    root = group[0].dep.target.module
    reads = _ROLES.get(group[0].dep.handler) == "consumer"
    return len((by_input if reads else by_output)(root, root.weight))


def to_roots(
    values: Tensor, idxs: Sequence[int], root_idxs: Sequence[int], channels: int, *, total: bool = False
) -> Tensor:
    """Mean of `values[idxs]` by root channel (their sum if `total`), of length `channels`, float64.

    A channel that no index goes with is NaN in the mean and 0 in the sum. Indices outside `values`, lists of
    unequal length and root channels beyond `channels` are errors.
    """
    if len(idxs) != len(root_idxs):
        raise LessonError(
            f"root_idxs has {len(root_idxs)} entries: expected {len(idxs)}, one for each of idxs"
        )
    if values.ndim != 1:
        raise LessonError(
            f"values has shape {tuple(values.shape)}: expected one number for each index of a layer"
        )
    if len(idxs) and (min(idxs) < 0 or max(idxs) >= len(values)):
        raise LessonError(
            f"idxs go from {min(idxs)} to {max(idxs)}: expected indices of {len(values)} values"
        )
    if len(idxs) and (min(root_idxs) < 0 or max(root_idxs) >= channels):
        raise LessonError(
            f"root_idxs go from {min(root_idxs)} to {max(root_idxs)}: expected channels below {channels}"
        )
    roots = torch.as_tensor(root_idxs, dtype=torch.long, device=values.device)
    picked = values.double()[torch.as_tensor(idxs, dtype=torch.long, device=values.device)]
    sums = torch.zeros(channels, dtype=torch.float64, device=values.device).index_add_(0, roots, picked)
    return sums if total else sums / torch.bincount(roots, minlength=channels)


def by_output(module: nn.Module, weight: Tensor) -> Tensor:
    """`weight`, or anything of its shape, as (output channel, the rest)."""
    if getattr(module, "transposed", False):  # (in, out / groups, …)
        return _across(weight, module.groups)
    return weight.reshape(len(weight), -1)  # a norm has one number a channel


def by_input(module: nn.Module, weight: Tensor) -> Tensor:
    """`weight`, or anything of its shape, as (input channel, the rest), also of a convolution in groups."""
    if isinstance(module, nn.Linear):
        return weight.T
    if module.transposed:
        return weight.flatten(1)
    return _across(weight, module.groups)


def _across(weight: Tensor, groups: int) -> Tensor:
    """(groups · a, b, …) as (groups · b, a · …): the second axis of every group of its own to the front."""
    return weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flatten(1)
