"""Rust libraries of the lessons: built by plain rustc on first use, without Cargo, and kept in the cache.

`library("scan")` loads what `rust/scan.rs` and its modules compile to: C functions, for ctypes.
"""

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import threading

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.native import building, toolchain

RUST = paths.PACKAGE / "native" / "rust"

_FLAGS = (
    *("--edition=2021", "--crate-type=cdylib", "-Dwarnings"),
    *("-Copt-level=3", "-Ctarget-cpu=native", "-Cstrip=symbols"),
)
_AVX512_SINCE = (1, 89)
_lock = threading.Lock()
_loaded: dict[str, ctypes.CDLL] = {}


def compiler() -> str:
    """The program that compiles Rust: $RUSTC if set, else rustc on PATH."""
    chosen = os.environ.get("RUSTC", "").strip() or "rustc"
    if not shutil.which(chosen):
        raise LessonError(f"no Rust compiler: looked for {chosen}; install one from https://rustup.rs")
    return chosen


def library(name: str) -> ctypes.CDLL:
    """The library of `rust/<name>.rs`; a LessonError says why it cannot be built or loaded."""
    with _lock:
        if name not in _loaded:
            _loaded[name] = _load(name)
        return _loaded[name]


def _load(name: str) -> ctypes.CDLL:
    source = RUST / f"{name}.rs"
    program = compiler()
    flags = _flags(program)
    file = building.built(source, _key(program, flags), [program, *flags, str(source)], program)
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise LessonError(
            f"the Rust library {name} does not load ({error}): expected a cache on a disk that may hold "
            "programs; LESSONS_CACHE names another"
        ) from None


def _flags(program: str) -> list[str]:
    """Those of every compiler, and a word to the sources where it knows the intrinsics of AVX-512."""
    release = re.search(r"^release: (\d+)\.(\d+)", _version(program), re.MULTILINE)
    known = release is not None and tuple(map(int, release.groups())) >= _AVX512_SINCE
    return [*_FLAGS, "--check-cfg=cfg(avx512)", *(["--cfg=avx512"] if known else [])]


def _key(program: str, flags: list[str]) -> str:
    """Sixteen hex digits that change with the sources, the flags, the compiler and the CPU."""
    digest = hashlib.sha256()
    for file in sorted(RUST.rglob("*.rs")):
        digest.update(str(file.relative_to(RUST)).encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update("\0".join([*flags, _version(program), toolchain.processor()]).encode())
    return digest.hexdigest()[:16]


@functools.cache
def _version(program: str) -> str:
    asked = subprocess.run([program, "-vV"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if asked.returncode or "release:" not in asked.stdout:
        raise LessonError(f"{program} does not answer as a Rust compiler: expected one such as rustc")
    return asked.stdout
