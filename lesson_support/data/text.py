"""Python's own language reference, which the standard library carries for `help("…")`, as bytes.

Its topics quote each other: more than a third of the text occurs in two of them. A paragraph is kept once
and whole topics are held out, so that the validation text is not read during training.
"""

import hashlib
import platform
from dataclasses import dataclass

import torch
from torch import Tensor

from lesson_support.errors import LessonError

_EVERY = 10  # one topic of ten, in alphabetical order, is validation


@dataclass(frozen=True)
class ReferenceText:
    """Two uint8 tensors, and what is needed to know them again: Python's version and a checksum of both."""

    train: Tensor
    validation: Tensor
    python: str
    sha256: str

    @property
    def provenance(self) -> str:
        sizes = f"{len(self.train):,} + {len(self.validation):,} bytes"
        return f"pydoc_data.topics of Python {self.python}, {sizes}, sha256 {self.sha256[:12]}"


def reference_text() -> ReferenceText:
    """The reference without repeated paragraphs, split by topics into training and validation."""
    from pydoc_data.topics import topics

    kept = _without_repetition(topics)
    names = sorted(kept)
    held_out = set(names[::_EVERY])
    validation = "\n\n".join(kept[name] for name in names if name in held_out).encode()
    train = "\n\n".join(kept[name] for name in names if name not in held_out).encode()
    checksum = hashlib.sha256(train + b"\0" + validation).hexdigest()
    return ReferenceText(_as_tensor(train), _as_tensor(validation), platform.python_version(), checksum)


def byte_windows(
    text: Tensor, *, batch: int, length: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """`batch` windows of `length` bytes from random places as x, and each byte's successor as y; int64."""
    if text.dtype != torch.uint8 or text.ndim != 1:
        raise LessonError(f"text is {text.dtype} of shape {tuple(text.shape)}: expected a row of uint8")
    if not 1 <= length < len(text):
        raise LessonError(f"length = {length!r}: expected 1 to {len(text) - 1}, the text's bytes less one")
    starts = torch.randint(len(text) - length, (batch, 1), generator=generator)
    windows = text[starts + torch.arange(length + 1)].long()
    return windows[:, :-1], windows[:, 1:]


def _without_repetition(topics: dict[str, str]) -> dict[str, str]:
    """Each paragraph in the longest topic that has it; line breaks and indents do not tell two apart."""
    seen: set[str] = set()
    kept = {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        new = []
        for paragraph in topics[name].split("\n\n"):
            letters = "".join(paragraph.split())
            if letters not in seen:
                seen.add(letters)
                new.append(paragraph)
        kept[name] = "\n\n".join(new)
    return kept


def _as_tensor(text: bytes) -> Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)
