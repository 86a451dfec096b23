"""What this machine can run: one finding for each thing that lessons lean on."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from lesson_support import native, paths
from lesson_support.errors import LessonError


@dataclass(frozen=True)
class Check:
    """`needed` marks what every lesson needs; the rest only closes some doors."""

    subject: str
    fine: bool
    finding: str
    needed: bool = False


def examine() -> list[Check]:
    """Look, change nothing: the folders are probed for permission, not created."""
    return [
        Check("Python", True, platform.python_version(), needed=True),
        *(
            _package(name, needed)
            for name, needed in (("torch", True), ("numpy", True), ("matplotlib", True))
        ),
        _triton(),
        _gpu(),
        _compiler(),
        _tool("rustc", "lessons 41, 49 and 50 build Rust with it; they show published figures without"),
        _tool("chromium", "only the browser tests need it", "chromium-browser", "google-chrome"),
        _folder("your records", paths.home(), "progress cannot be kept there"),
        _folder("compiled kernels", paths.cache(), "they are compiled again in every session"),
        Check("processors", True, f"{os.cpu_count()} (a lesson computes on one thread)"),
    ]


def _package(name: str, needed: bool) -> Check:
    try:
        return Check(name, True, version(name), needed)
    except PackageNotFoundError:
        return Check(name, False, f"not installed: pip install {name}", needed)


def _triton() -> Check:
    try:
        return Check("triton", True, f"{version('triton')}; without a GPU kernels run in its interpreter")
    except PackageNotFoundError:
        return Check(
            "triton", False, f"not available on {platform.system()}: lessons 36 to 42 show stored results"
        )


def _gpu() -> Check:
    try:
        import torch
    except ImportError:
        return Check("GPU", False, "unknown, because torch is not installed")
    if torch.cuda.is_available():
        return Check("GPU", True, torch.cuda.get_device_name())
    return Check("GPU", True, "none, and none is needed")


def _compiler() -> Check:
    try:
        return Check("C++ compiler", True, native.compiler())
    except LessonError as error:
        return Check("C++ compiler", False, str(error))


def _tool(name: str, without: str, *others: str) -> Check:
    found = next((path for each in (name, *others) if (path := shutil.which(each))), None)
    return Check(name, found is not None, found or f"not found: {without}")


def _folder(subject: str, folder, without: str) -> Check:
    place = folder
    while not place.exists():
        place = place.parent
    writable = place.is_dir() and os.access(place, os.W_OK)
    return Check(subject, writable, str(folder) if writable else f"{folder} is not writable: {without}")
