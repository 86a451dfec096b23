"""The C++ compiler of this machine: which one, what it may use of this CPU, and how to call it."""

import functools
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from lesson_support.errors import LessonError

_PROGRAMS = ("c++", "g++", "clang++")
_REMEDY = (
    "install one with `sudo apt install g++` (Linux) or `xcode-select --install` (macOS); "
    "until then pages show published figures"
)


def compiler() -> str:
    """The command that compiles C++: $CXX if set, else the first of c++, g++, clang++ on PATH."""
    if sys.platform == "win32":
        raise LessonError("native operators are not built on Windows; published figures are shown")
    if chosen := os.environ.get("CXX", "").strip():
        try:
            words = shlex.split(chosen)
        except ValueError:  # an unclosed quote
            words = [chosen]
        if not shutil.which(words[0]):
            raise LessonError(
                f"CXX is {chosen!r}, and no program has that name: expected a C++ compiler such as g++ or "
                f"clang++; {_REMEDY}"
            )
        return shlex.join(words)
    for program in _PROGRAMS:
        if found := shutil.which(program):
            return shlex.quote(found)
    raise LessonError(f"no C++ compiler: looked for $CXX and on PATH for {', '.join(_PROGRAMS)}; {_REMEDY}")


def command() -> list[str]:
    """The compiler and the flags that stand before a source. None may change how the process computes."""
    chosen = compiler()
    return [
        *shlex.split(chosen),
        *("-std=c++20", "-O3", "-fPIC", "-shared", "-fvisibility=hidden"),
        *_native_flags(chosen),
        # The oldest PyTorch admitted: a newer one offers this ABI unchanged.
        "-DTORCH_TARGET_VERSION=0x020b000000000000",
        *("-isystem", str(_torch_folder() / "include")),
    ]


def libraries() -> list[str]:
    """The flags that stand after a source: some linkers drop a library that nothing before it needs."""
    folder = _torch_folder() / "lib"
    return [f"-L{folder}", "-ltorch_cpu", f"-Wl,-rpath,{folder}"]


def fingerprint() -> str:
    """What else a library depends on: the compiler, the CPU and its instructions, PyTorch."""
    import torch

    chosen = compiler()
    version = _ask(chosen, "--version") or ""
    return "\n".join([version, _macros(chosen, _native_flags(chosen)) or "", processor(), torch.__version__])


@functools.cache
def processor() -> str:
    """This CPU's name, as its maker or the system gives it."""
    try:
        if sys.platform == "darwin":
            asked = subprocess.run(
                ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=True
            )
            return asked.stdout.strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    return platform.processor() or platform.machine()


def _torch_folder() -> Path:
    import torch

    return Path(torch.__file__).parent


@functools.cache
def _native_flags(chosen: str) -> tuple[str, ...]:
    """The flag that admits every instruction of this CPU, or none where the compiler has no such flag."""
    flag = "-march=native" if platform.machine().lower() in ("x86_64", "amd64") else "-mcpu=native"
    for flags in ((flag,), ()):
        if _macros(chosen, flags):
            return flags
    raise LessonError(
        f"{chosen} does not answer as a C++ compiler: expected one such as g++ or clang++; {_REMEDY}"
    )


@functools.cache
def _macros(chosen: str, flags: tuple[str, ...]) -> str | None:
    """All predefined macros, which name the instruction sets `flags` admit; None if this is no compiler."""
    answer = _ask(chosen, *flags, "-dM", "-E", "-x", "c++", os.devnull)
    return answer if answer and "__cplusplus" in answer else None


@functools.cache
def _ask(chosen: str, *arguments: str) -> str | None:
    try:
        asked = subprocess.run(
            [*shlex.split(chosen), *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout if asked.returncode == 0 else None
