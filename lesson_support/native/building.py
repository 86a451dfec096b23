"""From a source to an intact shared library in the cache, safe for several processes at once."""

import atexit
import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.native import toolchain

CPP = paths.PACKAGE / "native" / "cpp"


def sources() -> list[str]:
    """The names that can be built."""
    return sorted(file.stem for file in CPP.glob("*.cpp"))


def library(name: str) -> Path:
    """The compiled `cpp/<name>.cpp` for this compiler, CPU and PyTorch; built unless cached intact."""
    if name not in sources():
        raise LessonError(f"there is no native source {name!r}: expected one of {', '.join(sources())}")
    source = CPP / f"{name}.cpp"
    command = [*toolchain.command(), str(source), *toolchain.libraries()]
    return built(source, _key(source, command), command, toolchain.compiler())


def built(
    source: Path,
    key: str,
    command: list[str],
    compiler: str,
    *,
    suffix: str = ".so",
    part: tuple[str, list[str]] | None = None,
) -> Path:
    """What `command` makes of `source`: from the cache if it lies there intact under `key`, else built.

    `part` is the name of a library that `command` needs and the command that makes it, in the same folder.
    """
    file_name = f"{source.stem}-{key}{suffix}"
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a user without a home
        cached = paths.cache() / "native" / file_name
        if _is_intact(cached):  # also from a cache that may only be read
            return cached
    file = _writable_folder() / file_name
    with _one_builder(file.with_name(f"{source.stem}.lock")):
        if not _is_intact(file):
            _compile(command, source, file, compiler, part)
    return file


def _key(source: Path, command: list[str]) -> str:
    """Sixteen hex digits that change with anything the library depends on."""
    digest = hashlib.sha256()
    for file in [source, *sorted(source.parent.glob("*.h"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update("\0".join([*command, toolchain.fingerprint()]).encode())
    return digest.hexdigest()[:16]


def _checksum_file(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _is_intact(file: Path) -> bool:
    """Whether the bytes are those that were built: loading half a library can kill the process."""
    try:
        built = _checksum_file(file).read_text(encoding="utf-8")
        return hashlib.sha256(file.read_bytes()).hexdigest() == built
    except (OSError, UnicodeDecodeError):
        return False


def _writable_folder() -> Path:
    """The cache, or a folder of this process alone where the cache cannot be written."""
    with contextlib.suppress(OSError, RuntimeError):
        folder = paths.cache() / "native"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return _private_folder()


@functools.cache
def _private_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="lessons-native-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextlib.contextmanager
def _one_builder(lock: Path):
    """Let one process build while others wait; the system frees the lock of a process that dies.

    Only work is saved: files are replaced whole, so a file system without locks does no harm.
    """
    import fcntl  # not on Windows, where `toolchain.command` has already refused

    with lock.open("a") as held:
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _compile(
    command: list[str], source: Path, file: Path, compiler: str, part: tuple[str, list[str]] | None
) -> None:
    with tempfile.TemporaryDirectory(prefix="building-", dir=file.parent) as scratch:
        fresh = Path(scratch) / file.name
        commands = [[*command, "-o", str(fresh)]]
        if part:
            name, making = part
            commands = [[*making, "-o", str(Path(scratch) / name)], [*commands[0], f"-L{scratch}"]]
        for each in commands:
            done = subprocess.run(
                each,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},
            )
            if done.returncode:
                reason = _first_error(done.stderr, source.parent)
                raise LessonError(
                    f"{source.name} does not compile with {compiler}: {reason}; "
                    "until then pages show published figures"
                )
        # The checksum goes last: a crash in between leaves a library that is built again.
        checksum = hashlib.sha256(fresh.read_bytes()).hexdigest()
        os.replace(fresh, file)
        paths.write_whole(_checksum_file(file), checksum)


def _first_error(report: str, folder: Path) -> str:
    """The line of a compiler's report that says what is wrong, with sources named and not located."""
    lines = [line.strip() for line in report.splitlines() if line.strip()]
    errors = [
        line
        for line in lines
        if "error:" in line and not line.startswith(("collect2:", "clang: error: linker"))
    ]
    first = (errors or lines or ["it gave no reason"])[0]
    return first.replace(f"{folder}{os.sep}", "")
