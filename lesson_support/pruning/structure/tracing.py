"""Running someone's model without leaving a trace: inputs as a call, frozen parameters kept."""

from collections.abc import Mapping
from contextlib import contextmanager

import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.training.modes import in_mode


def check_model(model) -> None:
    """Anything but a module is a LessonError."""
    if not isinstance(model, nn.Module):
        raise LessonError(f"model is a {type(model).__name__}; expected a torch.nn.Module")


def as_call(example_inputs) -> tuple[tuple, dict]:
    """Positional and named arguments of the model for `example_inputs`: a tensor, a tuple or a dict."""
    if isinstance(example_inputs, torch.Tensor):
        args, kwargs = (example_inputs,), {}
    elif isinstance(example_inputs, (tuple, list)):
        args, kwargs = tuple(example_inputs), {}
    elif isinstance(example_inputs, Mapping):
        args, kwargs = (), dict(example_inputs)
    else:
        args, kwargs = (), {}
    tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor)]
    if not tensors:
        kind = type(example_inputs).__name__
        raise LessonError(f"example_inputs is a {kind} without a tensor; expected a tensor, tuple or dict")
    if any(each.numel() == 0 for each in tensors):
        raise LessonError("example_inputs holds an empty tensor; expected at least one example")
    return args, kwargs


def batch_of(args: tuple, kwargs: dict) -> int:
    """The first dimension of the first tensor."""
    first = next(each for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor))
    return first.shape[0] if first.ndim else 1


def run_once(model: nn.Module, args: tuple, kwargs: dict):
    """The outputs; whatever the model raises becomes a LessonError that says which inputs it got."""
    try:
        return model(*args, **kwargs)
    except Exception as error:
        shapes = ", ".join(_shape(each) for each in (*args, *kwargs.values()))
        first = str(error).strip().splitlines()[:1] or [""]
        raise LessonError(
            f"example_inputs of shape {shapes} stop the model with {type(error).__name__}: {first[0]}; "
            "expected inputs that the model takes"
        ) from error


def _shape(value) -> str:
    return str(tuple(value.shape)) if isinstance(value, torch.Tensor) else type(value).__name__


def tensors_in(outputs) -> list[torch.Tensor]:
    """Every tensor inside nested tuples, lists and dicts, in order."""
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    if isinstance(outputs, (tuple, list)):
        return [tensor for each in outputs for tensor in tensors_in(each)]
    return []


@contextmanager
def kept_frozen(model: nn.Module):
    """Every parameter is trainable inside, so that the trace sees all of them; afterwards as before.

    Parameters are matched by name, because a cut replaces them by new ones.
    """
    wanted = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    model.requires_grad_(True)
    try:
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(wanted[name])


def output_shapes(model: nn.Module, example_inputs) -> list[tuple[int, ...]]:
    """Shapes of all tensors that the model gives, in eval mode."""
    args, kwargs = as_call(example_inputs)
    with in_mode(model, False), torch.no_grad():
        return [tuple(each.shape) for each in tensors_in(run_once(model, args, kwargs))]


def check_still_runs(model: nn.Module, example_inputs, shapes: list[tuple[int, ...]]) -> None:
    """A model that a cut has broken, or whose outputs it has narrowed, gets a LessonError."""
    try:
        now, why = output_shapes(model, example_inputs), ""
    except LessonError as error:
        now, why = None, f": {str(error.__cause__).splitlines()[0]}"
    if now != shapes:
        what = "stops" if now is None else f"gives {now} instead of {shapes}"
        raise LessonError(
            f"model {what} after the cut{why}; expected a network whose widths torch-pruning can follow: "
            "give ignore the layers that must keep their outputs"
        )
