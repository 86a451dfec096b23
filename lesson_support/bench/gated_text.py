"""Language models of equal size on equal text, by what they carry through it, beside three compressors."""

import bz2
import gzip
import lzma
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lesson_support import models, timing
from lesson_support.bench import four_digits, shares
from lesson_support.data import ReferenceText, byte_windows, reference_text
from lesson_support.training import bits_per_byte, train_text

WIDTH, LAYERS, PARAMETERS = 64, 2, 130_000
STEPS, BATCH, LENGTH = 400, 16, 256
# Each best of .004, .008, … .032, and on to .128 while the largest is the best, after 300 steps on nine
# tenths of the training text, by the last tenth of it: the held-out text has no say.
RATE = 0.016
OTHER_RATES = {"gated linear attention": 0.032, "nonlinear recurrence": 0.128}
WINDOW = {"gzip": "32 KiB"}  # a compressor's, where it is less than the training text
LONGER = 2048  # bytes of context at test time, eight times those of training
ROUNDS = 11

BLOCKS: dict[str, Callable[[int], nn.Module]] = {
    "attention": models.CausalAttention,
    "gated linear attention": lambda width: models.GatedLinearAttention(width, 2),
    "state space, scalar gates": lambda width: models.SelectiveStateSpace(width, 16, heads=4, chunk=32),
    "state space, diagonal gates": lambda width: models.SelectiveStateSpace(width, 8),
    "gated memory block": models.GatedMemoryBlock,
    "minGRU": lambda width: models.MinGRU(width, 2 * width),
    "nonlinear recurrence": models.NonlinearRecurrence,
}
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda text: gzip.compress(text, 9),
    "bz2": lambda text: bz2.compress(text, 9),
    "lzma": lambda text: lzma.compress(text, preset=9 | lzma.PRESET_EXTREME),
}


def read() -> dict:
    """Bits per byte of the held-out text, and what each model carries to predict it."""
    text = reference_text()
    bits, cells = [], []
    for name, block in BLOCKS.items():
        model = sized(block)
        rate = OTHER_RATES.get(name, RATE)
        train_text(model, text.train, steps=STEPS, batch=BATCH, length=LENGTH, lr=rate)
        for context in (LENGTH, LONGER):
            figure = bits_per_byte(model, text.validation, length=context)
            bits.append(_counted({"predicted by": name, "context": context}, figure))
            cells.append(_counted({"model": name, "bytes": context}, _carried(model, text, context)))
    bits += [
        _counted({"predicted by": name, "context": WINDOW.get(name, "all")}, each)
        for name, each in compressed(text).items()
    ]
    trained = (
        f"{PARAMETERS:,} parameters, {STEPS * BATCH * LENGTH:,} bytes read in windows of {LENGTH}, "
        "each at the best learning rate of four or more, chosen on a tenth of the training text, one seed"
    )
    held_out = f"held-out bytes of {text.provenance}; compressors after the training text"
    return {
        "gated/text": {
            "unit": "bits per byte",
            "shape": f"{trained}; {held_out}",
            "columns": ["predicted by", "context"],
            "rows": bits,
        },
        "gated/text-state": {
            "unit": "numbers carried per sequence",
            "shape": f"{LAYERS} layers of width {WIDTH}, after so many bytes",
            "columns": ["model", "bytes"],
            "rows": cells,
        },
    }


def speeds() -> dict:
    """Training steps on equally many bytes in windows of two lengths, as shares of the attention's speed."""
    text, tables = reference_text(), {}
    for length in (LENGTH, LONGER):
        batch = max(1, BATCH * LENGTH // length)
        x, y = byte_windows(
            text.train, batch=batch, length=length, generator=torch.Generator().manual_seed(0)
        )
        steps = {name: _step(sized(block), x, y) for name, block in BLOCKS.items()}
        standings = timing.compare(steps, rounds=ROUNDS, same=None)  # seven models compute seven things
        shape = f"forward and backward, {batch}×{length} bytes, {PARAMETERS:,} parameters, one thread"
        tables[f"gated/text-speed/{length}"] = shares(standings, "model", "of the attention's speed", shape)
    return tables


def _step(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    def run() -> None:
        model.zero_grad()
        cross_entropy(model(x).flatten(0, 1), y.flatten()).backward()

    return run


def sized(block: Callable[[int], nn.Module], parameters: int | None = None) -> models.SequenceModel:
    """A model whose MLPs are as wide as brings it closest to PARAMETERS; the same seed for each."""
    parameters = PARAMETERS if parameters is None else parameters

    def build(hidden: int) -> models.SequenceModel:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return models.SequenceModel(256, WIDTH, LAYERS, block, hidden=hidden)

    one, two = (sum(each.numel() for each in build(hidden).parameters()) for hidden in (1, 2))
    hidden = 1 + round((parameters - one) / (two - one))
    if hidden < 1:
        raise AssertionError(f"the block alone has {one} parameters: expected fewer than {parameters}")
    return build(hidden)


def compressed(text: ReferenceText) -> dict[str, float]:
    """Bits that a held-out byte adds to the compressed training text before it."""
    train, validation = (bytes(each.numpy()) for each in (text.train, text.validation))
    return {
        name: 8 * (len(squeeze(train + validation)) - len(squeeze(train))) / len(validation)
        for name, squeeze in COMPRESSORS.items()
    }


@torch.no_grad()
def _carried(model: models.SequenceModel, text: ReferenceText, tokens: int) -> int:
    _, states = model.proceed(text.train[None, :tokens].long())
    return models.state_cells(states)


def _counted(labels: dict, figure: float) -> dict:
    """A figure that another run on this machine finds again."""
    figure = four_digits(figure) if isinstance(figure, float) else figure
    return {**labels, "median": figure, "spread": [figure, figure], "n": 1}
