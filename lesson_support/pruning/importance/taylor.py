"""Taylor: how far the loss would move, to first order, if a channel's weights went to zero."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.scoring import Importance, Needs
from lesson_support.pruning.structure.groups import (
    Member,
    by_input,
    by_output,
    channels_of,
    members,
    to_roots,
)
from lesson_support.records import is_whole
from lesson_support.training.modes import in_mode

# (parameter's name in the module) -> w · ∂L/∂w, of the parameter's shape
_Terms = dict[str, Tensor]


class Taylor(Importance):
    """Σ |w · ∂L/∂w| over the weights of a channel: producers with bias, norms with γ and β, consumers.

    L is the mean loss over all labelled examples of `prepare`, in eval mode (the network that will run), so
    the batch size does not matter. `signed` takes |Σ w · ∂L/∂w| layer by layer instead: the change of the
    loss to first order when the layer alone loses the channel. `loss(outputs, y)` is a mean over examples.
    """

    needs: Needs = "labels"

    def __init__(
        self,
        *,
        signed: bool = False,
        loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
        max_batches: int | None = None,
        adaptive: bool = False,
        normalise: bool = True,
    ):
        super().__init__(adaptive=adaptive, normalise=normalise)
        if max_batches is not None and (not is_whole(max_batches) or max_batches < 1):
            raise LessonError(
                f"max_batches is {max_batches!r}: expected a whole number of 1 or more, or None"
            )
        self.signed, self.loss, self.max_batches = signed, loss, max_batches
        self._terms: dict[str, _Terms] = {}

    def _measure(self, model: nn.Module, data: Iterable | None) -> None:
        self._terms = first_order_terms(model, islice(data, self.max_batches), self.loss)

    def _scores(self, group: Any) -> Tensor | None:
        if not self._terms:
            raise LessonError(f"{self} has measured nothing: expected a call of prepare(model, data) first")
        channels = channels_of(group)
        total, found = torch.zeros(channels, dtype=torch.float64), False
        for member in members(group):
            terms = self._of(member)
            if terms is None:
                continue
            part = to_roots(terms.cpu(), member.idxs, member.roots, channels, total=True)
            total, found = total + (part.abs() if self.signed else part), True
        return total if found else None

    def _of(self, member: Member) -> Tensor | None:
        """Terms of a layer summed for each of its indices; None for a layer without parameters."""
        terms = self._terms.get(member.name, {})
        if not terms:
            return None
        for own, term in terms.items():
            now = tuple(getattr(member.module, own).shape)
            if now != tuple(term.shape):
                raise LessonError(
                    f"gradients of {member.name} are for a {own} {tuple(term.shape)}: expected {now} as it is"
                )
        rows = by_input if member.role == "consumer" else by_output
        parts = [rows(member.module, terms["weight"])]
        if "bias" in terms and member.role != "consumer":  # a layer that reads the channel keeps its bias
            parts.append(terms["bias"][:, None])
        return sum((part.double() if self.signed else part.double().abs()).sum(1) for part in parts)

    def __str__(self) -> str:
        return f"Taylor{' (signed)' if self.signed else ''}"


def first_order_terms(
    model: nn.Module, data: Iterable, loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
) -> dict[str, _Terms]:
    """w · ∂L/∂w of every parameter, by module and parameter name, L the mean loss over all examples.

    In eval mode, frozen parameters too; modes, `requires_grad` and `.grad` are left as they were.
    """
    frozen = [weight for weight in model.parameters() if not weight.requires_grad]
    weights = list(model.parameters())
    device = next((weight.device for weight in weights), torch.device("cpu"))
    sums: list[Tensor | None] = [None] * len(weights)
    count = 0
    try:
        for weight in frozen:
            weight.requires_grad_(True)
        with in_mode(model, False), torch.enable_grad():
            for x, y in _labelled(data):
                value = loss(model(x.to(device)), y.to(device)) * len(x)
                if value.ndim:
                    raise LessonError(
                        f"loss gives shape {tuple(value.shape)}: expected a mean over the examples"
                    )
                slopes = torch.autograd.grad(value, weights, allow_unused=True)
                sums = [_plus(before, slope) for before, slope in zip(sums, slopes, strict=True)]
                count += len(x)
    finally:
        for weight in frozen:
            weight.requires_grad_(False)
    if not count:
        raise LessonError("data has no batches: expected labelled batches (x, y)")
    by_weight = {
        weight: weight.detach() * slope / count
        for weight, slope in zip(weights, sums, strict=True)
        if slope is not None
    }
    named = {
        name: {
            own: by_weight[weight]
            for own, weight in module.named_parameters(recurse=False)
            if weight in by_weight
        }
        for name, module in model.named_modules()
    }
    return {name: terms for name, terms in named.items() if terms}


def _plus(before: Tensor | None, slope: Tensor | None) -> Tensor | None:
    if before is None or slope is None:
        return slope if before is None else before
    return before + slope


def _labelled(data: Iterable) -> Iterable[tuple[Tensor, Tensor]]:
    for batch in data:
        if not isinstance(batch, list | tuple) or len(batch) != 2:
            came = f"{len(batch)} parts" if isinstance(batch, list | tuple) else f"a {type(batch).__name__}"
            raise LessonError(f"data has a batch of {came}: Taylor needs labels, expected (x, y)")
        yield batch[0], batch[1]
