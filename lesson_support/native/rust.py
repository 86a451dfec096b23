"""The crate of the lessons: built by plain rustc on first use, without Cargo, and kept in the cache.

`library()` loads what `rust/src/lib.rs` and its modules compile to: C functions, for ctypes. `program(name)`
is the file of a program that `rust/src/bin/<name>.rs` and that library make together. `function(name, …)` is
a function of the library that raises what it refuses.
"""

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.native import building, toolchain

CRATE = paths.PACKAGE / "native" / "rust"

_FLAGS = (
    *("--edition=2021", "--cap-lints=allow"),
    *("-Copt-level=3", "-Ctarget-cpu=native", "-Cstrip=symbols"),
)
_OLDEST = (1, 80)  # as in Cargo.toml
_AVX512_SINCE = (1, 89)
_REFUSED = 1  # as in rust/src/interface/border.rs
_lock = threading.Lock()
_loaded: dict[Path, ctypes.CDLL] = {}


def compiler() -> str:
    """The program that compiles Rust: $RUSTC if set, else rustc on PATH."""
    chosen = os.environ.get("RUSTC", "").strip() or "rustc"
    if not shutil.which(chosen):
        raise LessonError(f"no Rust compiler: looked for {chosen}; install one from https://rustup.rs")
    return chosen


def library(source: Path | None = None) -> ctypes.CDLL:
    """The library of the crate, or of a `source` that stands alone; a LessonError says why there is none."""
    source = source or CRATE / "src" / "lib.rs"
    with _lock:
        if source not in _loaded:
            _loaded[source] = _load(source)
        return _loaded[source]


def program(name: str = "lessons-rust") -> Path:
    """The program of `src/bin/<name>.rs`, linked with the crate; built unless it is cached."""
    source = CRATE / "src" / "bin" / f"{name}.rs"
    if not source.is_file():
        known = ", ".join(sorted(file.stem for file in source.parent.glob("*.rs")))
        raise LessonError(f"there is no Rust program {name!r}: expected one of {known}")
    chosen = compiler()
    flags = _flags(chosen)
    crate = [chosen, *flags, "--crate-name=lessons", "--crate-type=rlib", str(CRATE / "src" / "lib.rs")]
    command = [chosen, *flags, "--crate-type=bin", "--extern=lessons", str(source)]
    key = _key(source, chosen, [*crate, *command])
    return building.built(source, key, command, chosen, suffix="", part=("liblessons.rlib", crate))


@functools.cache
def function(name: str, *types: type) -> Callable[..., None]:
    """The crate's C function `name`, of `types`; a code other than 0 becomes a LessonError in its words."""
    crate = library()
    native, last_error = crate[name], crate["lessons_last_error"]
    native.argtypes, last_error.restype = types, ctypes.c_char_p

    def call(*arguments) -> None:
        if code := native(*arguments):
            reason = last_error().decode(errors="replace")
            if code == _REFUSED:
                raise LessonError(f"{name} does not take this: {reason}")
            raise LessonError(f"{name} panicked in Rust: {reason}; nothing else is harmed")

    return call


def _load(source: Path) -> ctypes.CDLL:
    chosen = compiler()
    flags = [*_flags(chosen), "--crate-type=cdylib"]
    file = building.built(source, _key(source, chosen, flags), [chosen, *flags, str(source)], chosen)
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise LessonError(
            f"the Rust library {source.stem} does not load ({error}): expected a cache on a disk that may "
            "hold programs; LESSONS_CACHE names another"
        ) from None


def _flags(chosen: str) -> list[str]:
    """Those of every compiler, and a word to the sources where it knows the intrinsics of AVX-512."""
    release = re.search(r"^release: (\d+)\.(\d+)", _version(chosen), re.MULTILINE)
    known = tuple(map(int, release.groups())) if release else _OLDEST
    if known < _OLDEST:
        came, oldest = (".".join(map(str, each)) for each in (known, _OLDEST))
        raise LessonError(f"{chosen} is Rust {came}: expected {oldest} or later; `rustup update` installs it")
    return [*_FLAGS, "--check-cfg=cfg(avx512)", *(["--cfg=avx512"] if known >= _AVX512_SINCE else [])]


def _key(source: Path, chosen: str, flags: list[str]) -> str:
    """Sixteen hex digits that change with the sources, the flags, the compiler and the CPU."""
    digest = hashlib.sha256()
    root = CRATE / "src"
    for file in sorted(root.rglob("*.rs")) if source.is_relative_to(root) else [source]:
        digest.update(os.path.relpath(file, root).encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update("\0".join([*flags, _version(chosen), toolchain.processor()]).encode())
    return digest.hexdigest()[:16]


@functools.cache
def _version(chosen: str) -> str:
    asked = subprocess.run([chosen, "-vV"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if asked.returncode or "release:" not in asked.stdout:
        raise LessonError(f"{chosen} does not answer as a Rust compiler: expected one such as rustc")
    return asked.stdout
