"""Runs in a process of its own, without TRITON_INTERPRET: compiles kernels and says what the assembler found.

`python assembling.py REQUEST ANSWER`; both are JSON. Triton's compiler needs no GPU as long as nothing asks
it for the active one.
"""

import contextlib
import importlib.util
import io
import json
import re
import sys


def main(request_file: str, answer_file: str) -> None:
    """Compile every job of the request; the answer has one entry each, with "error" where it failed."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    sys.path[:] = request["path"]
    answers = []
    for job in request["jobs"]:
        try:
            answers.append(compiled(job))
        except Exception as error:
            answers.append({"error": explained(error)})
    with open(answer_file, "w", encoding="utf-8") as file:
        json.dump(answers, file)


def compiled(job: dict) -> dict:
    """PTX, metadata and ptxas's report for one job."""
    import triton
    from triton import knobs
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    knobs.compilation.always_compile = True  # what comes from Triton's cache has no report
    knobs.nvidia.dump_ptxas_log = True
    kernel = loaded(job["file"], job["name"])
    signature, constants, attributes = {}, {}, {}
    for position, name in enumerate(kernel.arg_names):
        signature[name] = argument((position,), job["arguments"][name], constants, attributes)
    report = io.StringIO()
    with contextlib.redirect_stdout(report):
        made = triton.compile(
            ASTSource(kernel, signature, constants, attributes),
            target=GPUTarget("cuda", job["capability"], 32),
            options=job["options"],
        )
    return {
        "ptx": made.asm["ptx"],
        "ttgir": made.asm["ttgir"],
        "shared_bytes": made.metadata.shared,
        "cubin_bytes": len(made.asm["cubin"]),
        **measured(report.getvalue()),
    }


def loaded(file: str, name: str):
    """The kernel that the file defines or imports."""
    spec = importlib.util.spec_from_file_location("lessons_kernel_" + re.sub(r"\W", "_", file), file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    kernel = getattr(module, name)
    while not hasattr(kernel, "arg_names") or type(kernel).__name__ == "Autotuner":
        kernel = kernel.fn
    return kernel


def argument(path: tuple, described, constants: dict, attributes: dict):
    """The type of one argument for Triton, with its constants and its divisibility noted by path."""
    if isinstance(described, list):
        parts = enumerate(described)
        return tuple(argument((*path, place), part, constants, attributes) for place, part in parts)
    if "type" in described:
        kind, _, divisor = described["type"].partition(":")
        if divisor:
            attributes[path] = [["tt.divisibility", int(divisor)]]
        return kind
    value = described["value"]
    if "dtype" in described:
        import triton.language as tl

        value = tl.dtype(described["dtype"])
    constants[path] = value
    return "constexpr"


def measured(report: str) -> dict:
    """Registers, stack and spills of the kernel, from ptxas -v."""
    registers = re.search(r"Used (\d+) registers", report)
    stack = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", report)
    if registers is None or stack is None:
        raise RuntimeError("ptxas reported no registers: " + " ".join(report.split())[:300])
    return {
        "registers": int(registers[1]),
        "stack_bytes": int(stack[1]),
        "spilled_bytes": int(stack[2]),
        "reloaded_bytes": int(stack[3]),
    }


def explained(error: BaseException) -> str:
    """One line: where the innermost error of Triton's compiler is, and what it says."""
    innermost = error
    while innermost.__cause__ is not None:
        innermost = innermost.__cause__
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    placed = [each for each in chain if getattr(each, "node", None) is not None]
    text = " ".join((getattr(innermost, "error_message", None) or str(innermost)).split())
    text = text or type(innermost).__name__
    if not placed or not getattr(placed[-1], "src", None):
        return text
    line = placed[-1].src.split("\n")[placed[-1].node.lineno - 1].strip()
    return f"{text} (at `{line}`)"


if __name__ == "__main__":
    main(*sys.argv[1:])
