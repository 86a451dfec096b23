"""What the pruning benchmarks share: networks by seed, the stages after a cut, and figures over the seeds."""

import copy
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import nn

from lesson_support.bench import four_digits
from lesson_support.data import DigitsSplit, batches, digits_split
from lesson_support.data.batching import Batches
from lesson_support.models import SmallCNN, resnet18
from lesson_support.pruning import prune
from lesson_support.pruning.report import Report
from lesson_support.pruning.scenarios.methods import method
from lesson_support.training import accuracy, reestimate_batchnorm, train_classifier

SEEDS = (0, 1, 2, 3, 4)
CALIBRATION_BATCH = 64
RIGHT = "% of 540 test images right"
STAGES = ("pruned", "re-estimated", "fine-tuned")


@dataclass(frozen=True)
class Network:
    """How one network is built, trained and fine-tuned, alike for every method.

    The rate was chosen from 0.0005, 0.001, 0.002, 0.005 and 0.01 on the validation images, for fine-tuning
    after random pruning and after Wanda, seeds 0 and 1: the test images have no say.
    """

    name: str
    build: Callable[[], nn.Module]
    epochs: int
    tuning: int
    batch: int
    lr: float = 5e-3


CNN = Network("cnn", SmallCNN, epochs=12, tuning=4, batch=64)
RESNET = Network("resnet", lambda: resnet18(10, 1, 8, "small"), epochs=12, tuning=4, batch=32)


@dataclass(frozen=True)
class Trained:
    """One network after training, with its images; `model` is never changed."""

    network: Network
    seed: int
    model: nn.Module
    split: DigitsSplit
    known: dict = field(default_factory=dict, compare=False, repr=False)

    @property
    def calibration(self) -> Batches:
        return batches(*self.split.calibration, CALIBRATION_BATCH)

    def score(self, model: nn.Module) -> float:
        return accuracy(model, *self.split.test)

    def train(self, model: nn.Module, epochs: int) -> None:
        network = self.network
        train_classifier(
            model, *self.split.train, epochs=epochs, batch=network.batch, lr=network.lr, seed=self.seed
        )

    def stages(self, model: nn.Module, tuning: int | None = None) -> dict[str, float]:
        """Accuracy of a model that has just been cut, then with new BatchNorm statistics, then fine-tuned."""
        found = {"pruned": self.score(model)}
        reestimate_batchnorm(model, self.calibration)
        found["re-estimated"] = self.score(model)
        epochs = self.network.tuning if tuning is None else tuning
        if epochs:
            self.train(model, epochs)
            found["fine-tuned"] = self.score(model)
        return found

    def stages_of(self, report: Report, tuning: int | None = None) -> dict[str, float]:
        """As `stages`; models that lost the same channels, with nothing trained between, are run once."""
        key = (tuning, tuple((group.name, group.removed) for group in report.groups))
        if key not in self.known:
            self.known[key] = self.stages(report.model, tuning)
        return self.known[key]

    def anew(self, model: nn.Module, epochs: int) -> float:
        """Accuracy of a model of these widths that is trained from new weights; once for each widths."""
        key = (epochs, *(tuple(each.shape) for each in model.parameters()))
        if key not in self.known:
            model = copy.deepcopy(model)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                for module in model.modules():
                    if hasattr(module, "reset_parameters"):
                        module.reset_parameters()
            self.train(model, epochs)
            self.known[key] = self.score(model)
        return self.known[key]

    def pruned(self, name: str, **options) -> Report:
        """`prune` by the method of that name, on the calibration images."""
        importance = method(name, seed=self.seed, adaptive=options.pop("adaptive", False))
        options.setdefault("data", self.calibration)
        return prune(self.model, self.split.test[0][:1], importance, **options)


@cache
def trained(network: Network, seed: int) -> Trained:
    """The network of that seed: its split of the images, its weights and its order of batches."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network.build()
    ready = Trained(network, seed, model, digits_split(seed))
    ready.train(model, network.epochs)
    return ready


@dataclass
class Figures:
    """Values by label, one for each seed; a table has their median, lowest and highest."""

    columns: tuple[str, ...]
    values: dict[tuple, list[float]] = field(default_factory=dict)

    def add(self, *labels: str | int | float, value: float) -> None:
        self.values.setdefault(labels, []).append(value)

    def table(self, unit: str, shape: str, order: Mapping[str, Iterable] | None = None) -> dict:
        """Rows in the order of the values of `order`'s columns, else as they came."""
        labels = list(self.values)
        for column, wanted in reversed((order or {}).items()):
            place, wanted = self.columns.index(column), list(wanted)
            labels.sort(key=lambda each, place=place, wanted=wanted: wanted.index(each[place]))
        rows = [dict(zip(self.columns, each, strict=True)) | figure(self.values[each]) for each in labels]
        return {"unit": unit, "shape": shape, "columns": list(self.columns), "rows": rows}


def figure(values: list[float]) -> dict:
    low, middle, high = (four_digits(each) for each in (min(values), statistics.median(values), max(values)))
    return {"median": middle, "spread": [low, high], "n": len(values)}
