"""What the layers of a model read, measured per channel while a few batches pass."""

import itertools
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lesson_support.data.batching import input_of
from lesson_support.errors import LessonError
from lesson_support.pruning.importance.reductions import QUANTITIES, channel_sums
from lesson_support.pruning.structure.naming import matching
from lesson_support.records import did_you_mean
from lesson_support.training.modes import in_mode


@dataclass(frozen=True)
class ChannelStatistics:
    """Running sums over what a layer reads, float64, one entry per input channel (Linear: input feature).

    `count` values of each channel were seen: samples times places. `total`, `absolute` and `square` sum x,
    |x| and x², `active` counts the values above the threshold, `peak` is the largest value. What was not
    among `needs` is None.
    """

    count: int
    total: Tensor | None = None
    absolute: Tensor | None = None
    square: Tensor | None = None
    active: Tensor | None = None
    peak: Tensor | None = None


class ActivationStatistics:
    """Measures, in eval mode and without gradients, what every convolution and Linear of `model` reads.

    A layer's input stands behind BatchNorm, activation, pooling, sum and flatten: it is what the layer
    before hands on. `batches` gives x or (x, y), of which the first `max_batches` are read. Only sums are
    kept, so memory does not grow with the batches. `layers` (names or modules) and `needs` (of total,
    absolute, square, active, peak) restrict the work. Modes are restored and hooks removed at the end, also
    when the model raises; a value that is not finite is reported with the layer that reads it first.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Iterable,
        *,
        max_batches: int | None = None,
        threshold: float = 0.0,
        layers: Sequence[str | nn.Module] | None = None,
        needs: Iterable[str] | None = None,
    ):
        if max_batches is not None and (not isinstance(max_batches, int) or max_batches < 1):
            raise LessonError(f"max_batches = {max_batches!r}: expected a whole number of 1 or more, or None")
        self.needs = _checked_needs(needs)
        self.threshold = threshold
        self.batches = 0
        self._watched = _watched(model, layers)
        self._sums: dict[str, dict[str, Tensor]] = {}
        self._counts: dict[str, int] = {}
        self._seen: dict[int, tuple] = {}
        device = next((each.device for each in model.parameters()), torch.device("cpu"))
        handles = []
        try:
            for module, names in self._watched.items():
                handles.append(module.register_forward_pre_hook(self._hook(names), with_kwargs=True))
            with in_mode(model, False), torch.no_grad():
                for batch in itertools.islice(batches, max_batches):
                    model(input_of(batch).to(device))
                    self.batches += 1
                    self._seen.clear()
                    self._refuse_not_finite()
        finally:
            for handle in handles:
                handle.remove()
        if not self.batches:
            raise LessonError("batches is empty: expected one batch or more")

    @property
    def names(self) -> tuple[str, ...]:
        """The layers that read something, in the order in which they first did."""
        return tuple(self._sums)

    def of(self, name: str) -> ChannelStatistics:
        """The statistics of what the layer of this name reads."""
        if name in self._sums:
            return ChannelStatistics(self._counts[name], **self._sums[name])
        known = [each for names in self._watched.values() for each in names]
        if name in known:
            raise LessonError(
                f"layer {name!r} read nothing: the model did not call it in {self.batches} batches"
            )
        raise LessonError(
            f"layer {name!r} was not measured: expected one of {len(known)} layers{did_you_mean(name, known)}"
        )

    def _hook(self, names: list[str]):
        def record(module: nn.Module, args: tuple, kwargs: dict) -> None:
            x = args[0] if args else kwargs["input"]
            if not x.numel():
                return
            places = 0 if isinstance(module, nn.Linear) else len(module.kernel_size)
            dim = x.ndim - 1 - places
            sums = self._sums_of(x, dim)
            for name in names:
                self._add(name, sums, x.numel() // x.shape[dim])

        return record

    def _sums_of(self, x: Tensor, dim: int) -> dict[str, Tensor]:
        """Of x, once while it is alive and unchanged: q, k and v, or two branches, read the same tensor."""
        known = self._seen.get(id(x))
        if known is not None and known[0]() is x and known[1:3] == (x._version, dim):
            return known[3]
        sums = channel_sums(x, dim, self.needs, self.threshold)
        self._seen[id(x)] = (weakref.ref(x), x._version, dim, sums)
        return sums

    def _add(self, name: str, sums: dict[str, Tensor], count: int) -> None:
        self._counts[name] = self._counts.get(name, 0) + count
        if name not in self._sums:
            self._sums[name] = {quantity: value.clone() for quantity, value in sums.items()}
            return
        for quantity, value in sums.items():
            mine = self._sums[name][quantity]
            torch.maximum(mine, value, out=mine) if quantity == "peak" else mine.add_(value)

    def _refuse_not_finite(self) -> None:
        for name, sums in self._sums.items():
            bad = ~torch.stack([*sums.values()]).isfinite().all(0)
            if bad.any():
                raise LessonError(
                    f"layer {name!r} reads NaN or inf in {int(bad.sum())} of {len(bad)} channels, in batch "
                    f"{self.batches} of batches: expected finite activations"
                )


def _checked_needs(needs: Iterable[str] | None) -> tuple[str, ...]:
    if needs is None:
        return QUANTITIES
    wanted = {needs} if isinstance(needs, str) else set(needs)
    if not wanted or not wanted <= set(QUANTITIES):
        raise LessonError(f"needs = {sorted(wanted)}: expected some of {', '.join(QUANTITIES)}")
    return tuple(each for each in QUANTITIES if each in wanted)


def _watched(model: nn.Module, layers: Sequence[str | nn.Module] | None) -> dict[nn.Module, list[str]]:
    """Module -> its names; a module that stands in two places has both."""
    found: dict[nn.Module, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
            found.setdefault(module, []).append(name)
    if not found:
        raise LessonError(f"model {type(model).__name__} has no convolution and no Linear to measure")
    if layers is None:
        return found
    if isinstance(layers, str | nn.Module):
        layers = [layers]
    chosen = {}
    for layer in [layers] if isinstance(layers, str | nn.Module) else layers:
        meant = (
            [model.get_submodule(name) for name in matching(model, layer, "layers")]
            if isinstance(layer, str)
            else [layer]
        )
        meant = [module for module in meant if module in found]
        if not meant:
            given = repr(layer) if isinstance(layer, str) else f"a {type(layer).__name__}"
            raise LessonError(f"layers holds {given}: expected convolutions or Linear layers of the model")
        chosen |= {module: found[module] for module in meant}
    if not chosen:
        raise LessonError("layers is empty: expected one layer or more, or None for all")
    return chosen
