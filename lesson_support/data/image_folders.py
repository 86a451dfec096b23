"""Images from the reader's own disk: CIFAR-10 in its binary form, and folders with a subfolder per class."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lesson_support.data.batching import batches
from lesson_support.errors import LessonError

# Channel means and standard deviations that published weights were trained with.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm"}
_RECORD = 1 + 3 * 32 * 32  # a byte for the label, then the red, the green and the blue plane
_CIFAR_FILES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}


def cifar_binary(folder: str | Path, part: str) -> tuple[Tensor, Tensor]:
    """x (n, 3, 32, 32) float32, normalised per channel, and y (n,) int64, of CIFAR-10's "binary version".

    `part` is "train" (five files) or "test"; `folder` holds the .bin files or the archive's own folder
    cifar-10-batches-bin. The whole part is in memory: 614 MB for the 50,000 images to train.
    """
    if part not in _CIFAR_FILES:
        raise LessonError(f"part = {part!r}: expected one of {', '.join(_CIFAR_FILES)}")
    folder = Path(folder)
    inner = folder / "cifar-10-batches-bin"
    folder = inner if inner.is_dir() else folder
    xs, ys = [], []
    for name in _CIFAR_FILES[part]:
        try:
            raw = np.fromfile(folder / name, dtype=np.uint8)
        except OSError:
            raise LessonError(
                f"folder {folder} has no readable {name}: expected CIFAR-10's binary version"
            ) from None
        if not len(raw) or len(raw) % _RECORD:
            raise LessonError(
                f"{folder / name} has {len(raw)} bytes: expected one record or more of {_RECORD} bytes"
            )
        records = torch.from_numpy(raw).reshape(-1, _RECORD)
        if records[:, 0].max() > 9:
            raise LessonError(f"{folder / name} has a label above 9: expected CIFAR-10's binary version")
        ys.append(records[:, 0].long())
        xs.append(records[:, 1:].reshape(-1, 3, 32, 32))
    x = torch.empty(sum(map(len, xs)), 3, 32, 32)
    for out, each in zip(x.split([len(each) for each in xs]), xs, strict=True):
        out.copy_(each)
    return _normalise_(x.div_(255), CIFAR), torch.cat(ys)


class ImageFolder:
    """What `image_folder` returns: files, read when asked for. `classes` and `files` [(path, label), …]."""

    def __init__(self, root: Path, size: int):
        self.root, self.size = root, size
        self.classes = sorted(each.name for each in root.iterdir() if each.is_dir())
        self.files = [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((root / name).rglob("*"))
            if path.suffix.lower() in SUFFIXES
        ]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        """x (3, size, size) float32, normalised as for ImageNet, and its label."""
        path, label = self.files[place]
        return _read(path, self.size), label

    def batches(
        self, size: int, *, limit: int | None = None, generator: torch.Generator | None = None
    ) -> "FolderBatches":
        """Pairs (x, y) of `size` images, at most `limit` pairs; each walk reads the files anew.

        In the order of the classes, or with a generator in a new random order on every walk.
        """
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise LessonError(f"limit = {limit!r}: expected a whole number of 1 or more, or None")
        return FolderBatches(self, size, limit, generator)


class FolderBatches:
    """What `ImageFolder.batches` returns: an iterable with a length, fresh on every walk."""

    def __init__(self, images: ImageFolder, size: int, limit: int | None, generator: torch.Generator | None):
        self.images, self.limit = images, limit
        self.places = batches(torch.arange(len(images)), None, size, generator)

    def __len__(self) -> int:
        return len(self.places) if self.limit is None else min(self.limit, len(self.places))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _, places in zip(range(len(self)), self.places, strict=False):
            pairs = [self.images[place] for place in places.tolist()]
            yield torch.stack([x for x, _ in pairs]), torch.tensor([label for _, label in pairs])


def image_folder(folder: str | Path, part: str | None = None, size: int = 224) -> ImageFolder:
    """The images of `folder`/`part` (or of `folder`): a subfolder per class, labels in the names' order.

    Each is scaled so that its shorter side is 256/224 · `size`, cut to the `size`² in the middle and
    normalised by ImageNet's channel means. A file that is no image is named when it is read.
    """
    if not isinstance(size, int) or size < 1:
        raise LessonError(f"size = {size!r}: expected a whole number of 1 or more")
    root = Path(folder) if part is None else Path(folder) / part
    if not root.is_dir():
        raise LessonError(f"{root} is no folder: expected one with a subfolder per class")
    images = ImageFolder(root, size)
    if not len(images):
        raise LessonError(
            f"{root} has {len(images.classes)} subfolders and no image in them: expected a subfolder per "
            f"class with files of {', '.join(sorted(SUFFIXES))}"
        )
    return images


def _read(path: Path, size: int) -> Tensor:
    from PIL import Image

    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    # Pillow raises SyntaxError for a broken PNG and its own error, no OSError, for an image of absurd size.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise LessonError(f"{path} cannot be read as an image: {type(error).__name__}") from None
    scale = round(256 / 224 * size) / min(image.size)
    wide, high = (max(size, round(side * scale)) for side in image.size)
    image = image.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = (wide - size) // 2, (high - size) // 2
    image = image.crop((left, top, left + size, top + size))
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)
    return _normalise_(x[None], IMAGENET)[0].contiguous()


def _normalise_(x: Tensor, constants: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    mean, deviation = (torch.tensor(each).reshape(3, 1, 1) for each in constants)
    return x.sub_(mean).div_(deviation)
