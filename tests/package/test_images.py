"""Digits split four ways, batches that can be walked again, and images from folders that the tests write."""

import numpy as np
import pytest
import torch
from PIL import Image

from lesson_support.data import batches, cifar_binary, digits_split, image_folder
from lesson_support.data.batching import input_of
from lesson_support.data.image_folders import CIFAR, IMAGENET
from lesson_support.errors import LessonError

SIZES = {"train": 1057, "calibration": 512, "validation": 200, "test": 540}


def keys(x):
    return {each.numpy().tobytes() for each in x}


def test_digits_are_split_into_parts_that_share_no_image():
    split = digits_split()
    assert {name: len(getattr(split, name)[0]) for name in SIZES} == SIZES
    for x, y in split:
        assert x.shape[1:] == (1, 8, 8) and x.dtype == torch.float32 and y.dtype == torch.int64
        assert x.min() == 0 and x.max() == 1
    train, calibration, validation, test = (keys(x) for x, _ in split)
    # No two of the 1,797 digits are alike.
    assert len(train) + len(validation) + len(test) == 1797
    assert not train & validation and not train & test and not validation & test
    assert calibration < train and len(calibration) == 512
    assert len(train | validation | test) == 1797


def test_digits_keep_their_labels():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    label_of = {
        (each / 16).astype(np.float32).tobytes(): int(label) for each, label in zip(x, y, strict=True)
    }
    for images, labels in digits_split(3):
        assert [label_of[each.numpy().tobytes()] for each in images] == labels.tolist()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_part_has_each_class_in_its_share(seed):
    split = digits_split(seed)
    share = sum(torch.bincount(getattr(split, name)[1]) for name in ("train", "validation", "test")) / 1797
    for _, y in split:
        assert (y.bincount(minlength=10) - share * len(y)).abs().max() <= 1.5


def test_digits_depend_on_the_seed_alone():
    one, again, other = digits_split(5), digits_split(5), digits_split(6)
    assert all(torch.equal(a, b) for p, q in zip(one, again, strict=True) for a, b in zip(p, q, strict=True))
    assert keys(one.test[0]) != keys(other.test[0])
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    digits_split(5)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_batches_can_be_walked_again():
    x, y = torch.arange(7), torch.arange(7) * 10
    plain = batches(x, y, 3)
    for _ in range(2):
        assert [(a.tolist(), b.tolist()) for a, b in plain] == [
            ([0, 1, 2], [0, 10, 20]),
            ([3, 4, 5], [30, 40, 50]),
            ([6], [60]),
        ]
    assert len(plain) == 3 and len(batches(x, None, 7)) == 1
    assert [each.tolist() for each in batches(x, None, 4)] == [[0, 1, 2, 3], [4, 5, 6]]


def test_a_generator_orders_every_walk_anew():
    x, y = torch.arange(50), torch.arange(50) + 100
    shuffled = batches(x, y, 8, torch.Generator().manual_seed(0))
    first, second = (list(shuffled) for _ in range(2))
    assert all(torch.equal(a + 100, b) for a, b in first + second)
    orders = [torch.cat([a for a, _ in walk]).tolist() for walk in (first, second)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(50))
    assert orders[0] != orders[1] and orders[0] != list(range(50))
    again = batches(x, y, 8, torch.Generator().manual_seed(0))
    assert torch.cat([a for a, _ in again]).tolist() == orders[0]


def test_batches_refuse_what_cannot_be_cut():
    with pytest.raises(LessonError, match="size = 0"):
        batches(torch.ones(2), None, 0)
    with pytest.raises(LessonError, match="x has 2 samples and y 3"):
        batches(torch.ones(2), torch.ones(3), 1)
    x = torch.ones(2)
    assert input_of(x) is input_of((x, 1)) is input_of([x]) is x
    for wrong in ((), [1, 2], "x", None):
        with pytest.raises(LessonError, match="expected a tensor x or a pair"):
            input_of(wrong)


def write_cifar(folder, name, images, labels):
    """images (n, 32, 32, 3) uint8, each as its label, the red, the green and the blue plane."""
    folder.mkdir(parents=True, exist_ok=True)
    records = [
        bytes([label]) + image.transpose(2, 0, 1).tobytes()
        for image, label in zip(images, labels, strict=True)
    ]
    (folder / name).write_bytes(b"".join(records))


@pytest.fixture
def cifar(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    folder = tmp_path / "cifar-10-batches-bin"
    for number in range(5):
        write_cifar(folder, f"data_batch_{number + 1}.bin", images[2 * number : 2 * number + 2], [number, 9])
    write_cifar(folder, "test_batch.bin", images[10:], [7, 0])
    return tmp_path, images


def test_cifar_is_read_plane_by_plane_and_file_by_file(cifar):
    folder, images = cifar
    for root in (folder, folder / "cifar-10-batches-bin"):
        x, y = cifar_binary(root, "train")
        assert x.shape == (10, 3, 32, 32) and x.dtype == torch.float32
        assert y.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9] and y.dtype == torch.int64
        expected = (images[:10] / 255 - CIFAR[0]) / CIFAR[1]
        np.testing.assert_allclose(x.permute(0, 2, 3, 1).numpy(), expected, atol=2e-6)
    x, y = cifar_binary(str(folder), "test")
    assert y.tolist() == [7, 0] and len(x) == 2


def test_broken_cifar_is_named(cifar):
    folder = cifar[0] / "cifar-10-batches-bin"
    with pytest.raises(LessonError, match="part = 'validation': expected one of train, test"):
        cifar_binary(folder, "validation")
    with pytest.raises(LessonError, match="no readable test_batch.bin: expected CIFAR-10's binary version"):
        cifar_binary(folder.parent.parent / "elsewhere", "test")
    file = folder / "test_batch.bin"
    whole = file.read_bytes()
    for content, message in (
        (whole[:-1], "has 6145 bytes: expected one record or more of 3073"),
        (b"", "has 0 bytes"),
        (b"\x0a" + whole[1:], "a label above 9"),
    ):
        file.write_bytes(content)
        with pytest.raises(LessonError, match=message):
            cifar_binary(folder, "test")


def restore(x):
    """0 … 255 of a normalised image, (height, width, 3)."""
    return (x.permute(1, 2, 0).numpy() * np.array(IMAGENET[1]) + np.array(IMAGENET[0])) * 255


def ramp(width, height, mode="RGB"):
    """Red grows with the column and green with the row, blue is 128."""
    columns, rows = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    pixels = np.stack([columns * 255, rows * 255, np.full_like(rows, 128)], 2).round().astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("shape", [(160, 120), (120, 160), (40, 30), (70, 70), (256, 64)])
def test_an_image_is_scaled_by_its_shorter_side_and_cut_in_the_middle(tmp_path, shape):
    (tmp_path / "a").mkdir()
    ramp(*shape).save(tmp_path / "a" / "one.png")
    x, label = image_folder(tmp_path, size=56)[0]
    assert x.shape == (3, 56, 56) and x.dtype == torch.float32 and label == 0 and x.is_contiguous()
    pixels = restore(x)
    scale = 64 / min(shape)
    for colour, side, axis in ((0, shape[0], 1), (1, shape[1], 0)):
        left = (side * scale - 56) / 2
        expected = (np.arange(56) + 0.5 + left) / (side * scale) * 255
        got = pixels[..., colour].mean(1 - axis)
        # Bilinear scaling keeps a ramp, up to rounding; at the very edge it flattens.
        assert np.abs(got - expected)[3:-3].max() < 2.5
    assert np.abs(pixels[..., 2] - 128).max() < 1


def write_folders(root):
    for name, kinds in {"zebra": ["RGB", "L"], "ant": ["RGBA", "P", "CMYK"]}.items():
        (root / name).mkdir(parents=True)
        for number, kind in enumerate(kinds):
            suffix = "JPEG" if kind == "CMYK" else "png"
            ramp(30, 20, kind).save(root / name / f"{number}.{suffix}")
    (root / "ant" / "notes.txt").write_text("no image")
    (root / "list.csv").write_text("no class")


def test_classes_are_sorted_and_every_kind_of_image_becomes_rgb(tmp_path):
    write_folders(tmp_path / "val")
    images = image_folder(tmp_path, "val", size=14)
    assert images.classes == ["ant", "zebra"] and len(images) == 5
    assert [label for _, label in images.files] == [0, 0, 0, 1, 1]
    assert all(images[place][0].shape == (3, 14, 14) for place in range(5))
    gray = restore(images[4][0])
    assert np.ptp(gray, axis=2).max() < 0.01  # three channels alike


def test_batches_of_a_folder_are_lazy_and_limited(tmp_path):
    write_folders(tmp_path)
    images = image_folder(str(tmp_path), size=14)
    walk = images.batches(2)
    assert len(walk) == 3 and len(images.batches(2, limit=2)) == 2 and len(images.batches(2, limit=9)) == 3
    for _ in range(2):
        assert [(x.shape[0], y.tolist()) for x, y in walk] == [(2, [0, 0]), (2, [0, 1]), (1, [1])]
    assert sum(len(y) for _, y in images.batches(2, limit=2)) == 4
    shuffled = images.batches(1, generator=torch.Generator().manual_seed(1))
    orders = [[y.item() for _, y in shuffled] for _ in range(4)]
    assert len({tuple(each) for each in orders}) > 1 and all(
        sorted(each) == [0, 0, 0, 1, 1] for each in orders
    )
    # A file that breaks later is met only by who reads it.
    images.files[4][0].write_bytes(b"\x89PNG broken")
    assert len(list(images.batches(2, limit=2))) == 2
    with pytest.raises(LessonError, match=r"zebra.1\.png cannot be read as an image"):
        list(images.batches(2))


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "cut jpeg", "bad chunk", "missing"])
def test_a_corrupt_file_is_named(tmp_path, kind):
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / ("one.jpg" if kind == "cut jpeg" else "one.png")
    # Noise, so that a PNG's data takes more than one chunk.
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    images = image_folder(tmp_path, size=14)
    whole = file.read_bytes()
    if kind == "missing":
        file.unlink()
    elif kind == "bad chunk":
        assert whole.count(b"IDAT") > 1
        start = whole.rindex(b"IDAT")
        file.write_bytes(whole[:start] + b"I\0\0T" + whole[start + 4 :])
    else:
        file.write_bytes({"empty": b"", "text": b"hello"}.get(kind, whole[: len(whole) // 2]))
    with pytest.raises(LessonError, match=r"one\.(png|jpg) cannot be read as an image"):
        images[0]


def test_folders_that_hold_no_classes_are_named(tmp_path):
    with pytest.raises(LessonError, match="val is no folder: expected one with a subfolder per class"):
        image_folder(tmp_path, "val")
    (tmp_path / "train" / "cat").mkdir(parents=True)
    ramp(20, 20).save(tmp_path / "train" / "one.png")
    with pytest.raises(LessonError, match="1 subfolders and no image in them"):
        image_folder(tmp_path, "train")
    ramp(20, 20).save(tmp_path / "train" / "cat" / "one.png")
    for size in (0, 14.0):
        with pytest.raises(LessonError, match="size = "):
            image_folder(tmp_path, "train", size=size)
    with pytest.raises(LessonError, match="limit = 0"):
        image_folder(tmp_path, "train").batches(1, limit=0)
