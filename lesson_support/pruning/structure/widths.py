"""MACs and parameters after a cut, predicted from the widths alone, so that a search need not cut."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from torch import nn

from lesson_support.pruning.structure.counting import Count, widths_of
from lesson_support.pruning.structure.graph import ChannelGroup

# layer -> group -> share of the layer's channels that one unit of the group takes
_Shares = Mapping[str, Mapping[str, float]]


class Widths:
    """What `model`, which counts as `counted`, costs after units of its `groups` have gone.

    A convolution or a Linear layer costs inputs · outputs, a depthwise convolution and the products of an
    attention cost their width. nn.MultiheadAttention counts as its Linear layers do, products included.
    """

    def __init__(self, model: nn.Module, groups: Iterable[ChannelGroup], counted: Count):
        self._counted = counted
        self._parameters = {name: parameter.shape for name, parameter in model.named_parameters()}
        self._inputs, self._outputs = _shares(model, tuple(groups))

    def macs(self, removed: Mapping[str, int]) -> int:
        """MACs of one example after `removed`, {group: units}."""
        return round(sum(layer.macs * self._left(layer.name, removed) for layer in self._counted.layers))

    def parameters(self, removed: Mapping[str, int]) -> int:
        """Number of parameters after `removed`, {group: units}."""
        total = 0.0
        for name, shape in self._parameters.items():
            layer, _, leaf = name.rpartition(".")
            if name in self._outputs:  # a lone parameter with a width of its own
                share = self._kept(self._outputs, name, removed)
            elif leaf.endswith("weight") and len(shape) > 1:
                share = self._left(layer, removed)
            else:
                share = self._kept(self._outputs, layer, removed)
            total += shape.numel() * share
        return round(total)

    def _left(self, layer: str, removed: Mapping[str, int]) -> float:
        return self._kept(self._inputs, layer, removed) * self._kept(self._outputs, layer, removed)

    @staticmethod
    def _kept(shares: _Shares, layer: str, removed: Mapping[str, int]) -> float:
        return 1 - sum(removed.get(group, 0) * share for group, share in shares.get(layer, {}).items())


def _shares(model: nn.Module, groups: tuple[ChannelGroup, ...]) -> tuple[_Shares, _Shares]:
    """What one unit of each group takes of the inputs and of the outputs of each layer."""
    modules = {module: name for name, module in model.named_modules()}
    lone = {id(parameter): name for name, parameter in model.named_parameters()}
    inputs, outputs = defaultdict(dict), defaultdict(dict)
    for group in groups:
        count = len(group.units.members)
        for item in group.items.items:
            module, handler = item.dep.target.module, item.dep.handler.__name__
            if isinstance(module, nn.Parameter):
                outputs[lone[id(module)]][group.name] = 1 / count
            elif module in modules:
                reads = handler == "prune_in_channels"
                share = len(item.idxs) / _width(module, reads) / count
                (inputs if reads else outputs)[modules[module]][group.name] = share
                if isinstance(module, nn.MultiheadAttention):
                    _square(inputs, outputs, modules[module], group.name, share)
        if group.units.owner:
            outputs[group.units.owner][group.name] = 1 / count
    return inputs, outputs


def _square(inputs, outputs, attention: str, group: str, share: float) -> None:
    """The matrices inside nn.MultiheadAttention read and make the same channels."""
    for layer in (attention, f"{attention}.out_proj"):
        inputs[layer][group] = outputs[layer][group] = share


def _width(module: nn.Module, reads: bool) -> int:
    """Channels that a layer reads or makes; a layer that does not name them has a parameter for each."""
    return widths_of(module)[0 if reads else 1] or next(module.parameters()).shape[-1]
