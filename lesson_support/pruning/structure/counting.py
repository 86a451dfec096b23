"""Parameters and multiply-accumulates of a model, layer by layer, counted while it runs once."""

import math
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from lesson_support.pruning.structure.tracing import as_call, batch_of, run_once
from lesson_support.training.modes import in_mode


@dataclass(frozen=True)
class LayerCount:
    """One module that holds parameters itself or multiplies; channels are None where it has none."""

    name: str
    kind: str
    channels_in: int | None
    channels_out: int | None
    parameters: int
    macs: int


@dataclass(frozen=True)
class Count:
    """Totals and layers in model order. MACs are those of one example, of convolutions and matrix products;
    what a module multiplies outside its children (attention: q k^T and the weighted sum of v) is its own."""

    parameters: int
    macs: int
    layers: tuple[LayerCount, ...]


def count(model: nn.Module, example_inputs) -> Count:
    """Parameters and MACs of `model` for one example of `example_inputs` (a tensor, a tuple or a dict).

    The model runs once, in eval mode, without gradients; modes are restored. Inputs that it rejects get a
    LessonError. Normalisation, activation and additions are not counted.
    """
    args, kwargs = as_call(example_inputs)
    with in_mode(model, False), torch.no_grad(), _without_fast_attention(), _watched(model) as products:
        run_once(model, args, kwargs)
    batch = batch_of(args, kwargs)
    layers = []
    for name, module in model.named_modules():
        parameters = sum(each.numel() for each in module.parameters(recurse=False))
        macs = products.macs[name] // batch
        if parameters or macs:
            layers.append(LayerCount(name, type(module).__name__, *widths_of(module), parameters, macs))
    total = sum(each.numel() for each in model.parameters())
    return Count(total, sum(layer.macs for layer in layers), tuple(layers))


def widths_of(module: nn.Module) -> tuple[int | None, int | None]:
    """Channels that come in and go out, for the layers that name them."""
    for inner, outer in (
        ("in_channels", "out_channels"),
        ("in_features", "out_features"),
        ("num_features", "num_features"),
        ("num_channels", "num_channels"),
        ("embed_dim", "embed_dim"),
    ):
        if hasattr(module, inner) and hasattr(module, outer):
            return getattr(module, inner), getattr(module, outer)
    if isinstance(module, nn.LayerNorm):
        return module.normalized_shape[-1], module.normalized_shape[-1]
    return None, None


def macs_of(operator: str, args: tuple, out) -> int:
    """MACs of one call of an ATen operator; 0 for all that are neither convolution nor matrix product."""
    if operator == "convolution":
        x, weight, transposed = args[0], args[1], args[6]
        return (x if transposed else out).numel() * math.prod(weight.shape[1:])
    if operator in ("mm", "bmm", "mv"):
        return out.numel() * args[0].shape[-1]
    if operator in ("addmm", "baddbmm", "addmv"):
        return out.numel() * args[1].shape[-1]
    if operator.startswith("_scaled_dot_product"):
        q, k, v = args[:3]
        return q.numel() * k.shape[-2] + q.numel() // q.shape[-1] * k.shape[-2] * v.shape[-1]
    return 0


class _Products(TorchDispatchMode):
    """Adds the MACs of every operator to the innermost module that is running."""

    def __init__(self):
        super().__init__()
        self.running = [""]
        self.macs: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        operator = func._schema.name.removeprefix("aten::")
        # a fused attention returns (output, ...); every other product returns the output alone
        self.macs[self.running[-1]] += macs_of(operator, args, out)
        return out


@contextmanager
def _watched(model: nn.Module):
    products, handles = _Products(), []
    for name, module in model.named_modules():
        enter = module.register_forward_pre_hook(lambda *_, name=name: products.running.append(name))
        leave = module.register_forward_hook(lambda *_: products.running.pop() and None, always_call=True)
        handles += [enter, leave]
    try:
        with products:
            yield products
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _without_fast_attention():
    """nn.MultiheadAttention has a path that runs as one operator, whose products nobody sees."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
