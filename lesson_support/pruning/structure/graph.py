"""Which layers of a network must lose channels together, found by torch-pruning's dependency graph."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning
from torch import nn
from torch.nn.utils.parametrize import is_parametrized
from torch_pruning import ops

from lesson_support.errors import LessonError
from lesson_support.pruning.structure.naming import ignored_names
from lesson_support.pruning.structure.probing import misread
from lesson_support.pruning.structure.tracing import as_call, check_model, kept_frozen, run_once, tensors_in
from lesson_support.pruning.structure.units import Units, head_owner, take_heads, units_of
from lesson_support.training.modes import in_mode

ROOTS = (nn.modules.conv._ConvNd, nn.Linear)
# a layer that uses the weights of its children without calling them
FUSED = nn.MultiheadAttention


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that go together, named by the first of the layers that make them, `makers`.

    `items` is torch-pruning's group with all indices, what an importance is called with, and `root` the layer
    that it starts from. `skipped_because` is empty where the group can lose channels.
    """

    name: str
    layers: tuple[str, ...]
    makers: tuple[str, ...]
    channels: int
    units: Units
    items: Any
    root: str
    skipped_because: str = ""


class ChannelGraph:
    """The groups of `model`, and the only place that cuts them.

    The model itself is cut, in place, by `cut`; building the graph leaves its modes and its frozen parameters
    as they are. `example_inputs` is a tensor, a tuple or a dict that the model takes; `ignore` holds names,
    globs, modules or types of layers whose outputs stay. A model that autograd cannot follow from its inputs
    to its outputs is a LessonError.
    """

    def __init__(self, model: nn.Module, example_inputs, ignore: Iterable = ()):
        check_model(model)
        self.model = model
        self.ignored = ignored_names(model, ignore)
        args, kwargs = as_call(example_inputs)
        with in_mode(model, False), torch.enable_grad(), kept_frozen(model):
            outputs = tensors_in(run_once(model, args, kwargs))
            if not outputs or any(each.grad_fn is None for each in outputs):
                raise LessonError(
                    "model gives an output without a gradient, so its layers cannot be followed; "
                    "expected outputs that autograd reaches (no detach, no NumPy, no torch.no_grad inside)"
                )
            self._graph = _build(model, kwargs or args)
        names = {module: name for name, module in model.named_modules()}
        self._names = {m: n for m, n in names.items() if m in self._graph.module2node}
        self._misread: dict[str, str] = {}
        with in_mode(model, False), torch.no_grad():
            self._misread = misread(model, args, kwargs, self.groups())

    @property
    def untraced(self) -> tuple[str, ...]:
        """Convolutions and Linear layers that autograd does not reach from the outputs."""
        inside = {child for module in self._names if isinstance(module, FUSED) for child in module.modules()}
        layers = ((name, module) for name, module in self.model.named_modules() if isinstance(module, ROOTS))
        return tuple(name for name, module in layers if module not in self._names and module not in inside)

    def groups(self) -> tuple[ChannelGroup, ...]:
        """All groups with their channels of now, in the order of the model."""
        found, seen = [], set()
        for name, module in self.model.named_modules():
            if isinstance(module, ROOTS) and module in self._names and name not in seen:
                items = self._all_of(module)
                seen.update(self._makers(items))
                found.append(self._describe(name, items))
        return tuple(found)

    def cut(self, channels: Mapping[str, Sequence[int]]) -> None:
        """Remove channels, in the numbering of now, from all layers of their groups: {group name: channels}.

        A name that is no group, a group that must stay, a channel that does not exist, a part of a unit and
        all channels of a group are errors; nothing is cut then.
        """
        groups = {group.name: group for group in self.groups()}
        units = {name: _whole_units(groups, name, cut) for name, cut in channels.items() if len(cut)}
        with kept_frozen(self.model):
            for name in units:
                root = groups[name].items[0].dep
                items = self._graph.get_pruning_group(root.layer, root.handler, sorted(channels[name]))
                items.prune(record_history=False)
        for name, removed in units.items():
            if groups[name].units.owner:
                take_heads(self.model, groups[name].units.owner, removed)

    def _all_of(self, layer: nn.Module, *, reads: bool = False):
        """torch-pruning's group of all channels that a layer makes, or `reads`."""
        pruner = self._graph.get_pruner_of_module(layer)
        handler = pruner.prune_in_channels if reads else pruner.prune_out_channels
        width = pruner.get_in_channels(layer) if reads else pruner.get_out_channels(layer)
        return self._graph.get_pruning_group(layer, handler, list(range(width)))

    def _makers(self, items) -> tuple[str, ...]:
        made = (item.dep for item in items.items if self._graph.is_out_channel_pruning_fn(item.dep.handler))
        return tuple(self._names[dep.target.module] for dep in made if isinstance(dep.target.module, ROOTS))

    def _describe(self, name: str, items) -> ChannelGroup:
        modules = (item.dep.target.module for item in items.items)
        layers = {self._names[module]: module for module in modules if module in self._names}
        makers, root = self._makers(items), name
        owner = head_owner(self.model, layers, set(makers))
        if owner and len(makers) == 1:  # q, k and v in one layer: who reads them counts each channel once
            root = next(layer for layer in layers if layer not in makers)
            items = self._all_of(layers[root], reads=True)
        units = units_of(self.model, len(items[0].idxs), layers, owner)
        reason = self._output(items) or self._ignored_in(makers) or self._bound(layers) or units.problem
        if not owner:
            reason = reason or _split(items)
        if name in self._misread:
            reason = reason or f"{self._misread[name]} reads other channels of it than torch-pruning says"
        return ChannelGroup(name, tuple(layers), makers, len(items[0].idxs), units, items, root, reason)

    def _output(self, items) -> str:
        """A group whose channels leave the model keeps them all."""
        for item in items.items:
            node = item.dep.target
            if not node.outputs and self._graph.is_out_channel_pruning_fn(item.dep.handler):
                return "its channels are the outputs of the model"
        return ""

    def _bound(self, layers: Mapping[str, nn.Module]) -> str:
        """Weights that torch-pruning cannot cut, or that would come apart."""
        users = Counter(id(each) for _, each in self.model.named_parameters(remove_duplicate=False))
        for name, module in layers.items():
            if getattr(module, "transposed", False) and 1 < module.groups < module.out_channels:
                return f"{name} is a transposed convolution in groups, which torch-pruning cuts wrongly"
            if is_parametrized(module):
                return f"the weights of {name} are parametrized"
            if any(users[id(each)] > 1 for each in module.parameters(recurse=False)):
                return f"{name} shares a weight with another layer"
        return ""

    def _ignored_in(self, makers: Sequence[str]) -> str:
        found = [name for name in makers if name in self.ignored]
        return f"{found[0]} is ignored" if found else ""


def _split(items) -> str:
    """torch-pruning numbers the parts as it meets their readers, from the output backwards."""
    parts = any(item.dep.target.type in (ops.OPTYPE.SPLIT, ops.OPTYPE.UNBIND) for item in items.items)
    return "its channels are split into parts, whose order torch-pruning does not know" if parts else ""


def _build(model: nn.Module, inputs):
    """torch-pruning's graph of `inputs`, a tuple or a dict: a tensor of batch 1 it would unpack."""
    graph = torch_pruning.DependencyGraph()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph.build_dependency(model, example_inputs=inputs, verbose=False)
    except Exception as error:
        raise LessonError(
            f"model cannot be traced: torch-pruning stops with {type(error).__name__}: {error}; "
            "expected layers that it knows"
        ) from error
    return graph


def _whole_units(groups: Mapping[str, ChannelGroup], name: str, channels: Sequence[int]) -> int:
    """How many units these channels of the group of that name are."""
    if name not in groups:
        raise LessonError(f"channels names the group {name!r}; expected one of {', '.join(groups)}")
    group, wanted = groups[name], set(channels)
    if group.skipped_because:
        raise LessonError(f"channels names the group {name!r}, which must stay: {group.skipped_because}")
    units = [unit for unit in group.units.members if wanted & set(unit)]
    if len(wanted) != len(channels) or set().union(*units) != wanted:
        raise LessonError(
            f"channels {sorted(channels)[:8]} of {name} do not fit {group.channels} channels; "
            f"expected each {group.units.kind} once and whole"
        )
    if len(units) == len(group.units.members):
        raise LessonError(f"channels holds all {group.channels} of {name}; expected at least one to stay")
    return len(units)
