"""The classifier of the Rust crate and its training, beside the same network as a torch module.

Linear layers, BatchNorm and ReLU after each but the last, cross entropy, Adam (0.9, 0.999, eps 1e-8). x is
(samples, features) float32 and y (samples,) int64, both contiguous on the CPU; LessonError names what is not.

From the same weights and batches, losses follow torch's to 1e-6 in small steps or in small networks. The
published sizes at a rate of 1e-3 amplify rounding: torch's own float32 and float64 then part by about 1e-2
within fifty steps, and this implementation from either by as much.
"""

import math
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lesson_support.errors import LessonError
from lesson_support.models import rust_calls as calls

PUBLISHED_SIZES = (20, 768, 1024, 768, 512, 2)
_PARAMETERS, _STATISTICS, _GRADIENTS = 0, 1, 2  # as in native/rust/src/interface/networks.rs


class Epoch(NamedTuple):
    """What an epoch of `fit` ended with."""

    rate: float
    training_loss: float
    validation_loss: float
    validation_accuracy: float


def torch_layers(sizes: Sequence[int] = PUBLISHED_SIZES) -> nn.Sequential:
    """The same network in torch: Linear, BatchNorm1d, ReLU for each hidden size, and a Linear."""
    hidden = [
        layer
        for inputs, outputs in zip(sizes[:-2], sizes[1:-1], strict=True)
        for layer in (nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())
    ]
    return nn.Sequential(*hidden, nn.Linear(sizes[-2], sizes[-1]))


class RustClassifier:
    """A network in Rust with its optimiser: memory is taken here, for batches of up to `batch` samples.

    `threads` is torch's number unless given. Not to be used by two Python threads at once: the second waits.
    """

    def __init__(
        self,
        sizes: Sequence[int] = PUBLISHED_SIZES,
        *,
        batch: int = 128,
        threads: int | None = None,
        seed: int = 0,
    ):
        self.sizes = tuple(calls.whole("each of sizes", size, 1) for size in sizes)
        if len(self.sizes) < 2:
            raise LessonError(f"sizes = {self.sizes}: expected two or more")
        threads = torch.get_num_threads() if threads is None else threads
        self.batch, self.threads = calls.whole("batch", batch, 2), calls.whole("threads", threads, 1)
        self._handle = calls.create(self.sizes, self.batch, self.threads, calls.whole("seed", seed, 0))
        self._free = weakref.finalize(self, calls.free, self._handle)
        pairs = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        self.parameter_count = sum(inputs * outputs + outputs for inputs, outputs in pairs)
        self.parameter_count += 2 * sum(self.sizes[1:-1])

    def load(self, module: nn.Sequential) -> None:
        """Takes weights and running statistics from torch's layers; Adam starts anew."""
        parameters, statistics = self._flat(module)
        calls.write(self._handle, _PARAMETERS, torch.cat([x.detach().flatten() for x in parameters]))
        if statistics:
            calls.write(self._handle, _STATISTICS, torch.cat(statistics))

    def copy_to(self, module: nn.Sequential) -> None:
        """Gives weights and running statistics to torch's layers."""
        for kind, tensors in zip((_PARAMETERS, _STATISTICS), self._flat(module), strict=True):
            values = calls.read(self._handle, kind, sum(x.numel() for x in tensors))
            with torch.no_grad():
                for x, part in zip(tensors, values.split([x.numel() for x in tensors]), strict=True):
                    x.copy_(part.view_as(x))

    def differentiate(self, x: Tensor, y: Tensor) -> tuple[float, Tensor]:
        """The loss of one batch in training and its gradients, flat, in the order of torch's parameters."""
        samples = self._samples(x, y)
        loss = calls.differentiate(self._handle, samples, calls.order_of(None, len(x)))
        return loss, calls.read(self._handle, _GRADIENTS, self.parameter_count)

    def epoch(
        self, x: Tensor, y: Tensor, *, rate: float, batch: int | None = None, order: Tensor | None = None
    ) -> Tensor:
        """Steps of Adam through x in `order` (all samples as they come unless given); each step's loss."""
        batch = self.batch if batch is None else calls.whole("batch", batch, 2)
        order = calls.order_of(order, len(x))
        losses = torch.empty(math.ceil(len(order) / batch), dtype=torch.float64)
        calls.epoch(self._handle, self._samples(x, y), order, batch, calls.rate("rate", rate), losses)
        return losses

    def fit(
        self,
        training: tuple[Tensor, Tensor],
        validation: tuple[Tensor, Tensor],
        *,
        epochs: int = 50,
        batch: int | None = None,
        rates: tuple[float, float] = (1e-3, 1e-5),
        patience: int = 10,
        min_delta: float = 1e-3,
        seed: int = 0,
    ) -> list[Epoch]:
        """A whole run: shuffled by `seed`, a cosine from the first rate towards the last, stopped early after
        `patience` epochs in a row that lowered the least validation loss by no more than `min_delta`."""
        plan = calls.Plan(
            calls.whole("epochs", epochs, 0),
            self.batch if batch is None else calls.whole("batch", batch, 2),
            *(calls.rate("each of rates", each) for each in rates),
            calls.whole("patience", patience, 1),
            calls.rate("min_delta", min_delta),
            calls.whole("seed", seed, 0),
        )
        rows = calls.fit(self._handle, self._samples(*training), self._samples(*validation), plan)
        return [Epoch(*row) for row in rows]

    def logits(self, x: Tensor) -> Tensor:
        """(samples, classes), by the running statistics."""
        self._require_x(x)
        out = torch.empty(len(x), self.sizes[-1])
        calls.infer("lessons_mlp_logits", self._handle, x, out)
        return out

    def single(self, x: Tensor, *, folded: bool = False) -> Tensor:
        """The logits of one sample, (features,), at the least latency: no batch, no packing, no allocation in
        Rust. `folded` multiplies BatchNorm into the weights, at the first call after a change of them."""
        calls.require("x", x, torch.float32, (self.sizes[0],))
        out = torch.empty(self.sizes[-1])
        calls.infer("lessons_mlp_single_folded" if folded else "lessons_mlp_single", self._handle, x, out)
        return out

    def _require_x(self, x: Tensor) -> None:
        count = len(x) if isinstance(x, Tensor) and x.ndim else 0
        calls.require("x", x, torch.float32, (count, self.sizes[0]))

    def _samples(self, x: Tensor, y: Tensor) -> calls.Samples:
        self._require_x(x)
        calls.require("y", y, torch.int64, (len(x),))
        return calls.Samples(x.data_ptr(), x.numel(), y.data_ptr(), y.numel())

    def _flat(self, module: nn.Sequential) -> tuple[list[Tensor], list[Tensor]]:
        """What is learned and what runs along, in Rust's order; LessonError for another network."""
        with torch.device("meta"):
            expected = torch_layers(self.sizes)
        came, wanted = ([type(x).__name__ for x in network.modules()] for network in (module, expected))
        shapes = [[x.shape for x in network.state_dict().values()] for network in (module, expected)]
        if came != wanted or shapes[0] != shapes[1]:
            raise LessonError(f"module is not torch_layers({self.sizes}): expected the same layers and sizes")
        for name, x in module.state_dict().items():
            if x.is_floating_point() and (x.dtype != torch.float32 or x.device.type != "cpu"):
                raise LessonError(f"{name} is {x.dtype} on {x.device}: expected torch.float32 on the CPU")
        norms = [layer for layer in module if isinstance(layer, nn.BatchNorm1d)]
        if any((layer.eps, layer.momentum) != (1e-5, 0.1) for layer in norms):
            raise LessonError(
                "module has a BatchNorm1d of other settings: expected eps 1e-5 and momentum 0.1"
            )
        return list(module.parameters()), [x for n in norms for x in (n.running_mean, n.running_var)]
