"""Programs and libraries made of the trials, and what they do."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lesson_support.errors import LessonError
from lesson_support.native import building, rust, toolchain
from lesson_support.native.trials.saying import rust_version
from lesson_support.native.trials.sources import FOLDER, SECONDS, finished, source_of


def rust_built(name: str, *flags: str) -> Path:
    """`<name>.rs` as `flags` say, for instance "--crate-type=cdylib"; optimised, cached."""
    program = rust.compiler()
    command = [program, "--edition=2021", "-Copt-level=3", "-Awarnings", *flags, str(source_of(f"{name}.rs"))]
    return building.built(source_of(f"{name}.rs"), _key(name, command, rust_version()), command, program)


def cpp_built(name: str, *flags: str) -> Path:
    """`<name>.cpp` as C++20, as `flags` say; cached."""
    program = toolchain.compiler()
    command = [*shlex.split(program), "-std=c++20", "-pthread", *flags, str(source_of(f"{name}.cpp"))]
    return building.built(
        source_of(f"{name}.cpp"), _key(name, command, toolchain.fingerprint()), command, program
    )


def cpp_warnings(name: str) -> list[str]:
    """What the C++ compiler warns of, all its usual warnings asked for; a LessonError if it refuses."""
    command = [*shlex.split(toolchain.compiler()), "-std=c++20", "-O2", "-Wall", "-Wextra", "-c"]
    done = finished([*command, str(source_of(f"{name}.cpp")), "-o", os.devnull])
    if done.returncode:
        raise LessonError(f"{name}.cpp does not compile: {done.stderr.splitlines()[0]}")
    return [line for line in done.stderr.splitlines() if "warning:" in line]


def output_of(program: Path, *arguments: str, seconds: float = SECONDS) -> str | None:
    """What the program prints; None if it has not ended after so many seconds."""
    try:
        done = finished([str(program), *arguments], seconds)
    except subprocess.TimeoutExpired:
        return None
    return (done.stdout + done.stderr).strip()


_NO_CORE = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"


@dataclass(frozen=True)
class Ended:
    """What a process printed, and its exit code: negative for a signal, None if it was stopped."""

    code: int | None
    out: str
    err: str


def python(code: str, *arguments: str, seconds: float = SECONDS) -> Ended:
    """How a Python of its own ends that runs `code`, leaving no core; it is stopped after so many seconds."""
    try:
        done = finished([sys.executable, "-c", _NO_CORE + code, *arguments], seconds)
    except subprocess.TimeoutExpired as late:
        return Ended(None, *((text or b"").decode(errors="replace") for text in (late.stdout, late.stderr)))
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Watched:
    """A run under ThreadSanitizer: whether its total was right, and the first report: its kind and the two
    accesses, without addresses; empty where there is none."""

    right: bool
    report: list[str]


def watched(name: str, runs: int = 8) -> Watched | None:
    """`<name>.cpp`, which counts once, under ThreadSanitizer: the first run with a right total, of so many,
    or else the last; None where the sanitizer does not run."""
    try:
        program = cpp_built(name, "-O1", "-g", "-fsanitize=thread")
    except LessonError:
        return None
    for _ in range(runs):
        said = output_of(*_with_fixed_addresses(program), "once")
        if said is None or "FATAL: ThreadSanitizer" in said:
            return None
        found = Watched(said.splitlines()[0] == "0", _first_report(said))
        if found.right:
            break
    return found


def _first_report(said: str) -> list[str]:
    first = said.split("WARNING: ThreadSanitizer: ", 1)
    if len(first) == 1:
        return []
    kind = first[1].split(" (", 1)[0]
    report = first[1].split("=====", 1)[0]
    accesses = re.findall(r"^ *((?:Previous )?\w+) of size (\d+)", report, re.MULTILINE)
    return [kind, *(f"{what.lower()} of {size} bytes" for what, size in accesses)]


def _with_fixed_addresses(program: Path) -> list:
    """Systems with many random bits in their addresses leave ThreadSanitizer no room for its own."""
    setarch = shutil.which("setarch")
    return [Path(setarch), "-R", str(program)] if setarch else [program]


def _key(name: str, command: list[str], compiler: str | None) -> str:
    digest = hashlib.sha256("\0".join([*command, compiler or "", toolchain.processor()]).encode())
    for file in sorted(FOLDER.glob(f"{name}.*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
