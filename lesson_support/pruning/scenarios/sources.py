"""The data and the network of a scenario: digits that come with it, or images from the reader's own disk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lesson_support.data import batches, cifar_binary, digits_split, image_folder
from lesson_support.errors import LessonError
from lesson_support.models import SmallCNN, resnet18, resnet50
from lesson_support.pruning.scenarios.scenario import SOURCES, Plan, Scenario
from lesson_support.training import accuracy
from lesson_support.training.modes import in_mode


@dataclass(frozen=True)
class Source:
    """What a scenario runs on: `calibration` labelled batches that can be walked twice, `evaluate` the score.

    `train` is what `train_classifier` takes after the model: (x, y), or batches of images read from disk.
    """

    kind: str
    described: str
    example: Tensor
    classes: int
    train: tuple
    calibration: Iterable
    evaluate: Callable[[nn.Module], float]


def open_source(data: str, plan: Callable[[str], Plan], *, seed: int = 0) -> Source:
    """The source that `data` names, "digits", "cifar:FOLDER" or "imagenet:FOLDER"; another is an error."""
    kind, colon, folder = data.partition(":")
    if kind not in SOURCES or bool(folder) == (kind == "digits") or (colon and not folder):
        raise LessonError(f"data is {data!r}: expected digits, cifar:FOLDER or imagenet:FOLDER")
    openers = {"digits": _digits, "cifar": _cifar, "imagenet": _imagenet}
    return openers[kind](folder, plan(kind), seed)


def _digits(folder: str, plan: Plan, seed: int) -> Source:
    split = digits_split(seed)
    described = f"scikit-learn's digits, {len(split.train[0]):,} to train, {len(split.test[0])} to test"
    return _in_memory("digits", described, split.train, split.calibration, split.test, plan)


def _cifar(folder: str, plan: Plan, seed: int) -> Source:
    x, y = cifar_binary(folder, "train")
    test = cifar_binary(folder, "test")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[: plan.calibration]
    described = f"CIFAR-10, {len(x):,} to train, {len(test[0]):,} to test"
    return _in_memory("cifar", described, (x, y), (x[order], y[order]), test, plan)


def _in_memory(kind: str, described: str, train, calibration, test, plan: Plan) -> Source:
    x, y = (each[: plan.calibration] for each in calibration)
    return Source(
        kind,
        described,
        example=test[0][:1],
        classes=10,
        train=train,
        calibration=batches(x, y, plan.batch),
        evaluate=lambda model: accuracy(model, *test),
    )


def _imagenet(folder: str, plan: Plan, seed: int) -> Source:
    train, test = image_folder(folder, "train"), image_folder(folder, "val")
    if train.classes != test.classes:
        raise LessonError(
            f"{folder} has {len(train.classes)} classes in train and {len(test.classes)} in val: "
            "expected the same"
        )
    few = max(1, plan.calibration // plan.batch)
    # A generator of its own for every walk, so that each walk sees the same images.
    calibration = list(train.batches(plan.batch, limit=few, generator=torch.Generator().manual_seed(seed)))
    return Source(
        "imagenet",
        f"image folders, {len(train):,} to train, {len(test):,} to test",
        example=calibration[0][0][:1],
        classes=len(train.classes),
        train=(train.batches(plan.batch, generator=torch.Generator().manual_seed(seed)),),
        calibration=calibration,
        evaluate=lambda model: _accuracy(model, test.batches(plan.batch)),
    )


@torch.no_grad()
def _accuracy(model: nn.Module, pairs: Iterable) -> float:
    right = seen = 0
    with in_mode(model, False):
        for x, y in pairs:
            right, seen = right + (model(x).argmax(-1) == y).sum().item(), seen + len(y)
    return right / seen


def build_model(scenario: Scenario, source: Source, *, seed: int = 0) -> nn.Module:
    """The scenario's network for that source, with the random weights of `seed`."""
    plan, channels = scenario.plan(source.kind), source.example.shape[1]
    stem = "imagenet" if source.kind == "imagenet" else "small"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if scenario.model == "small_cnn":
            return SmallCNN(channels, source.classes, plan.width, source.example.shape[-1])
        build = {"resnet18": resnet18, "resnet50": resnet50}[scenario.model]
        return build(source.classes, channels, plan.width, stem)


def load_weights(model: nn.Module, file: Path | str) -> None:
    """Put a saved `state_dict` into the model; nothing in the file is executed, a misfit is named."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise LessonError(f"cannot read {file} ({error.strerror}): expected a saved state_dict") from None
    except Exception as error:  # whatever unpickling a foreign file runs into
        raise LessonError(
            f"{file} holds no plain state_dict ({type(error).__name__}): expected one"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(each, Tensor) for each in state.values()):
        raise LessonError(f"{file} holds {type(state).__name__}: expected a state_dict, tensors by name")
    own = model.state_dict()
    wrong = [f"no {name}" for name in own if name not in state]
    wrong += [f"unknown {name}" for name in state if name not in own]
    wrong += [
        f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if wrong:
        raise LessonError(
            f"{file} does not fit the scenario's network: {'; '.join(wrong[:3])} ({len(wrong)} in all)"
        )
    model.load_state_dict(state)
