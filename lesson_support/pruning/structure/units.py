"""What of a group goes together: one channel, one slice through every group of a layer, or one whole head."""

from dataclasses import dataclass

from torch import nn

Members = tuple[tuple[int, ...], ...]

# what modules call their number of heads
HEADS = ("heads", "num_heads")


@dataclass(frozen=True)
class Units:
    """`members[u]` are the channels of unit u; `kind` names the unit; `owner` keeps the number of heads.

    `problem` says why these channels cannot be cut at all.
    """

    kind: str
    members: Members
    owner: str = ""
    problem: str = ""


def units_of(model: nn.Module, channels: int, layers: dict[str, nn.Module], owner: str) -> Units:
    """Units of a group of that many channels in `layers`; `owner` is the attention they make up, or ""."""
    if owner and channels % heads_of(model, owner) == 0:
        return Units("head", _runs(channels, heads_of(model, owner)), owner)
    parts = {_parts_inside(module) for module in layers.values()}
    most = max(parts, default=1)
    if any(most % each for each in parts) or channels % most:
        return Units("channel", _runs(channels, channels), problem=_disagree(parts - {1}, channels))
    return Units("slice" if most > 1 else "channel", _slices(channels, most))


def head_owner(model: nn.Module, layers: dict[str, nn.Module], makers: set[str]) -> str:
    """Name of the attention module that these layers make up: q, k, v and the layer that reads the result.

    It is the closest common parent, has `heads` or `num_heads`, and its layers produce three channels (of q,
    k and v) for each one that is read; "" for every other group.
    """
    parents = {name.rpartition(".")[0] for name in layers}
    readers = layers.keys() - makers
    if len(parents) != 1 or len(readers) != 1 or not heads_of(model, owner := parents.pop()):
        return ""
    if not all(isinstance(module, nn.Linear) for module in layers.values()):
        return ""
    made = sum(layers[name].out_features for name in makers)
    return owner if made == 3 * layers[readers.pop()].in_features else ""


def heads_of(model: nn.Module, owner: str) -> int:
    """Heads of the module of that name; 0 if it has none."""
    module = model.get_submodule(owner)
    return next((getattr(module, name) for name in HEADS if isinstance(getattr(module, name, None), int)), 0)


def take_heads(model: nn.Module, owner: str, removed: int) -> None:
    """Sets the number of heads anew: cutting the rest by the old number runs, and mixes the heads."""
    module = model.get_submodule(owner)
    for name in HEADS:
        if isinstance(getattr(module, name, None), int):
            setattr(module, name, getattr(module, name) - removed)


def _parts_inside(module: nn.Module) -> int:
    """Equal parts that a layer cuts its channels into; each must lose those at the same places."""
    if isinstance(module, nn.GroupNorm):
        return module.num_groups
    if isinstance(module, nn.MultiheadAttention):
        return module.num_heads
    groups = getattr(module, "groups", 1)
    depthwise = groups == getattr(module, "out_channels", 0) == getattr(module, "in_channels", 0)
    return 1 if depthwise else groups


def _runs(channels: int, parts: int) -> Members:
    width = channels // parts
    return tuple(tuple(range(part * width, (part + 1) * width)) for part in range(parts))


def _slices(channels: int, parts: int) -> Members:
    width = channels // parts
    return tuple(tuple(range(unit, channels, width)) for unit in range(width))


def _disagree(parts: set[int], channels: int) -> str:
    numbers = " and ".join(str(each) for each in sorted(parts))
    return f"its layers cut {channels} channels into {numbers} parts, which no slice goes through"
