"""Machine code of Triton kernels, without a GPU: PTX, registers, spills and shared memory.

    made = assembly.compile_for(
        "sm_90", kernel, signature={"x_ptr": "*fp32:16", "n": "i32"}, constants={"BLOCK": 1024}, num_warps=4
    )

A process that interprets kernels cannot compile them. A child process does, which takes seconds, and
`compile_launches` sends it several kernels at once. Answers are kept in the cache.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.kernels.assembly.gathering import fingerprint, source_of
from lesson_support.kernels.assembly.launches import (
    OPTIONS,
    Launch,
    constant_names,
    noted_launches,
    plain_function,
)

__all__ = ["Assembly", "Launch", "compile_for", "compile_launches", "noted_launches"]

_TYPE = r"\*?([iu](1|8|16|32|64)|fp(16|32|64|8\w+)|bf16)(:16)?"
_CHILD = Path(__file__).with_name("assembling.py")


@dataclass(frozen=True)
class Assembly:
    """One kernel, compiled for one target. Registers, stack and spills are those of one thread."""

    name: str
    target: str
    ptx: str
    ttgir: str
    registers: int
    spilled_bytes: int
    reloaded_bytes: int
    stack_bytes: int
    shared_bytes: int
    cubin_bytes: int

    def __repr__(self) -> str:
        return (
            f"{self.name} for {self.target}: {self.registers} registers, {self.spilled_bytes} bytes spilled, "
            f"{self.shared_bytes} bytes of shared memory"
        )


def compile_for(
    target: str, kernel, signature: dict[str, object], constants: dict[str, object] | None = None, **options
) -> Assembly:
    """The kernel for "sm_80", "sm_90" and the like; see `Launch` for types.

    `constants` holds the values of constexpr parameters, and of others that are to be compiled in. Options
    are num_warps, num_stages, num_ctas, maxnreg and enable_fp_fusion. LessonError for a wrong argument, and
    with Triton's own message for a kernel that does not compile.
    """
    return compile_launches(target, [Launch(kernel, signature, constants or {}, options)])[0]


def compile_launches(target: str, launches: Iterable[Launch]) -> list[Assembly]:
    """All of them in one child process, as far as the cache has not got them; in the same order."""
    if find_spec("triton") is None:
        raise LessonError(
            "kernels cannot be compiled: Triton is not installed (it has builds for Linux only)"
        )
    if not re.fullmatch(r"sm_\d{2,3}", target):
        raise LessonError(f"target is {target!r}: expected the name of a GPU architecture such as 'sm_90'")
    jobs = [_job(launch, int(target.removeprefix("sm_"))) for launch in launches]
    keys = [_key(job) for job in jobs]
    found = {key: _cached(key) for key in keys}
    waiting = {key: job for key, job in zip(keys, jobs, strict=True) if found[key] is None}
    for key, answer in zip(waiting, _compiled(list(waiting.values())), strict=True):
        if "error" in answer:
            raise LessonError(f"{waiting[key]['name']} does not compile for {target}: {answer['error']}")
        found[key] = answer
        _keep(key, answer)
    return [
        Assembly(name=job["name"], target=target, **found[key]) for key, job in zip(keys, jobs, strict=True)
    ]


def _job(launch: Launch, capability: int) -> dict:
    function = plain_function(launch.kernel)
    name = function.__name__
    parameters = function.__code__.co_varnames[: function.__code__.co_argcount]
    given = launch.signature | launch.constants
    for each in (*launch.options, *given):
        if each not in parameters and each not in OPTIONS:
            raise LessonError(f"{name} has no parameter {each}: expected {', '.join(parameters)}")
    if twice := launch.signature.keys() & launch.constants.keys():
        raise LessonError(f"signature and constants both give {min(twice)}: expected one of them")
    missing = [each for each in parameters if each not in given]
    if missing:
        place = "constants" if missing[0] in constant_names(function) else "signature"
        raise LessonError(f"{place} does not give {missing[0]} of {name}: expected every parameter")
    return {
        "name": name,
        "source": source_of(launch.kernel),
        "fingerprint": fingerprint(launch.kernel),
        "arguments": {
            each: _typed(each, launch.signature[each])
            if each in launch.signature
            else _fixed(each, launch.constants[each])
            for each in parameters
        },
        "capability": capability,
        "options": launch.options,
    }


def _typed(name: str, kind):
    if isinstance(kind, tuple):
        return [_typed(name, part) if isinstance(part, (str, tuple)) else _fixed(name, part) for part in kind]
    if not isinstance(kind, str) or not re.fullmatch(_TYPE, kind):
        raise LessonError(
            f"signature[{name!r}] is {kind!r}: expected a type such as '*fp32', '*bf16:16' or 'i64'"
        )
    return {"type": kind}


def _fixed(name: str, value):
    value = getattr(value, "value", value)
    if type(value).__name__ == "dtype":
        return {"value": None, "dtype": value.name}
    if not isinstance(value, (bool, int, float, str, type(None))):
        raise LessonError(
            f"constants[{name!r}] is a {type(value).__name__}: expected a number, None or a dtype"
        )
    return {"value": value}


def _key(job: dict) -> str:
    text = json.dumps([job, version("triton"), sys.version_info[:2]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _compiled(jobs: Sequence[dict]) -> list[dict]:
    if not jobs:
        return []
    with tempfile.TemporaryDirectory(prefix="lessons-assembly-") as scratch:
        folder = Path(scratch)
        sent = []
        for number, job in enumerate(jobs):
            file = folder / f"kernel_{number}.py"
            file.write_text(job["source"], encoding="utf-8")
            sent.append({**job, "file": str(file)})
        request, answer = folder / "request.json", folder / "answer.json"
        request.write_text(json.dumps({"path": sys.path, "jobs": sent}), encoding="utf-8")
        # The folder of the child's own file holds modules that must not shadow others: -P leaves it out.
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD), str(request), str(answer)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
            | {"TRITON_CACHE_DIR": str(folder / "triton")},
        )
        if done.returncode or not answer.is_file():
            reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
            raise LessonError(f"the process that compiles kernels ended with {done.returncode}: {reason}")
        return json.loads(answer.read_text(encoding="utf-8"))


def _file(key: str) -> Path:
    return paths.cache() / "assembly" / f"{key}.json"


def _cached(key: str) -> dict | None:
    try:
        return json.loads(_file(key).read_text(encoding="utf-8"))
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a user without a home
        return None


def _keep(key: str, answer: dict) -> None:
    try:
        _file(key).parent.mkdir(parents=True, exist_ok=True)
        paths.write_whole(_file(key), json.dumps(answer))
    except (OSError, RuntimeError, LessonError):
        pass  # a cache that cannot be written costs time only
