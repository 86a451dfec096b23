"""Images cut into the patches that a vision transformer reads as tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Function
from lesson_support.questions.lesson_04.counting import counted, typed

if TYPE_CHECKING:
    import torch


def patchify(images: torch.Tensor, patch: int) -> torch.Tensor:
    """(batch, channel, height, width) to (batch, patches, patch * patch * channel)."""
    batch, channel, height, width = images.shape
    rows, columns = height // patch, width // patch
    tiles = images.reshape(batch, channel, rows, patch, columns, patch)
    return tiles.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, patch * patch * channel)


def oracle(images, patch):
    """Pixel by pixel, in the stated order."""
    import numpy as np

    values = images.numpy()
    batch, channel, height, width = values.shape
    patches = [
        values[b, :, top : top + patch, left : left + patch]
        for b in range(batch)
        for top in range(0, height, patch)
        for left in range(0, width, patch)
    ]
    tokens = [
        [cut[c, row, column] for row in range(patch) for column in range(patch) for c in range(channel)]
        for cut in patches
    ]
    count = (height // patch) * (width // patch)
    return np.array(tokens, values.dtype).reshape(batch, count, patch * patch * channel)


def show(images, patch):
    return f"patchify({typed(images)}, {patch})"


def cases(rng):
    found = [
        (counted((1, 1, 1, 1)), 1),
        (counted((1, 2, 1, 1)), 1),
        (counted((2, 1, 1, 1)), 1),
        (counted((0, 1, 2, 2)), 1),
        (counted((0, 1, 2, 2)), 2),
        (counted((1, 1, 2, 2)), 1),
        (counted((1, 1, 2, 2)), 2),
        (counted((1, 2, 1, 2)), 1),
        (counted((1, 1, 2, 4)), 2),
        (counted((1, 1, 4, 2)), 2),
        (counted((1, 2, 2, 2)), 2),
        (counted((1, 1, 4, 4)), 2),
        (counted((1, 2, 4, 2)), 2),
        (counted((2, 2, 2, 4)), 2),
        (counted((2, 1, 4, 4)), 2),
        (counted((1, 1, 6, 3)), 3),
        (counted((1, 1, 2, 4), order=(0, 1, 3, 2)), 2),
        (counted((1, 3, 2, 4), order=(0, 2, 3, 1)), 2),
        (counted((1, 3, 4, 2), dtype="float32"), 2),
        (counted((1, 2, 4, 2), dtype="uint8"), 2),
    ]
    for _ in range(12):
        patch = int(rng.integers(1, 4))
        height, width = (patch * int(rng.integers(1, 4)) for _ in range(2))
        shape = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), height, width)
        found.append((counted(shape, order=rng.permutation(4).tolist()), patch))
    return found


def _cut(images, patch, order):
    """Patches whose axes come in another order: batch channel rows patch columns patch are 0 to 5."""
    batch, channel, height, width = images.shape
    tiles = images.reshape(batch, channel, height // patch, patch, width // patch, patch)
    count = (height // patch) * (width // patch)
    return tiles.permute(order).reshape(batch, count, patch * patch * channel)


def _only_reshaped(images, patch):
    return images.reshape(patchify(images, patch).shape)


def _channel_first(images, patch):
    return _cut(images, patch, (0, 2, 4, 1, 3, 5))


def _column_first(images, patch):
    return _cut(images, patch, (0, 2, 4, 5, 3, 1))


def _patches_by_column(images, patch):
    return _cut(images, patch, (0, 4, 2, 3, 5, 1))


def _strided_pixels(images, patch):
    batch, channel, height, width = images.shape
    tiles = images.reshape(batch, channel, patch, height // patch, patch, width // patch)
    return tiles.permute(0, 3, 5, 2, 4, 1).reshape(patchify(images, patch).shape)


def _square(images, patch):
    batch, channel, _, width = images.shape
    rows = columns = width // patch
    tiles = images.reshape(batch, channel, rows, patch, columns, patch)
    return tiles.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, patch * patch * channel)


def _channels_last(images, patch):
    batch, channel, height, width = images.shape
    tiles = images.reshape(batch, height // patch, patch, width // patch, patch, channel)
    return tiles.permute(0, 1, 3, 2, 4, 5).reshape(patchify(images, patch).shape)


def _viewed(images, patch):
    batch, channel, height, width = images.shape
    tiles = images.reshape(batch, channel, height // patch, patch, width // patch, patch)
    return tiles.permute(0, 2, 4, 3, 5, 1).view(patchify(images, patch).shape)


def _inferred(images, patch):
    batch, channel, height, width = images.shape
    tiles = images.reshape(batch, channel, height // patch, patch, width // patch, patch)
    return tiles.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, patch * patch * channel)


QUESTION = Function(
    name="patchify",
    points=2,
    difficulty="medium",
    minutes=15,
    signature="patchify(images: torch.Tensor, patch: int) -> torch.Tensor",
    example=">>> images = torch.arange(8).reshape(1, 1, 2, 4)\n"
    ">>> patchify(images, 2).tolist()\n"
    "[[[0, 1, 4, 5], [2, 3, 6, 7]]]",
    hints=(
        "One reshape cannot do it: pixels of one patch are not neighbours in the image. Give every index "
        "that the stated order mentions an axis of its own first.",
        "Height is rows of patches times rows inside a patch, and width the same with columns: six axes in "
        "all. Put them in the order in which they must run, the slowest first, then join them.",
        "Reshape to (batch, channel, height // patch, patch, width // patch, patch), permute with (0, 2, 4, "
        "3, 5, 1), and reshape to three axes whose sizes you write out.",
    ),
    solution=patchify,
    wrong={
        "a reshape to the right shape cuts patches": _only_reshaped,
        "the channel is the slowest inside a patch, as it is in the image": _channel_first,
        "inside a patch columns come before rows": _column_first,
        "patches are counted from top to bottom": _patches_by_column,
        "the first part of a split axis is the place inside the patch": _strided_pixels,
        "images are square": _square,
        "pixels hold their channels side by side": _channels_last,
        "a permuted tensor can be viewed in any shape": _viewed,
        "-1 always has one answer": _inferred,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
