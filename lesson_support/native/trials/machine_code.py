"""What functions of a trial became: their instructions, counted, and their loops."""

import re
from dataclasses import dataclass

from lesson_support.native.trials.running import rust_built
from lesson_support.native.trials.sources import source_of

_LOCKED = r"lock\b|xchg|ldadd|stl?xr"
_JUMP = r"(?:j|b|cbn?z|tbn?z)\S* (?:.* )?"
_PACKED = r"v?(mul|add|fmadd\d+)ps\b|f(mul|add|mla)\s+v\d"


@dataclass(frozen=True)
class Counted:
    """What a function became: instructions, calls that panic, arithmetic on registers full of floats, how
    many floats the widest of them holds, and instructions in loops that lock memory against other cores."""

    instructions: int
    panics: int
    packed: int
    lanes: int
    locked: int


def assembly_of(name: str, cpu: str) -> dict[str, Counted]:
    """Each function of `<name>.rs`, compiled for `cpu`, and what its assembly holds."""
    found = {}
    for function, body in _functions(name, cpu).items():
        lines = [line.strip() for line in body.splitlines() if re.match(r"\s+[a-z]", line)]
        packed = [line for line in lines if re.match(_PACKED, line)]
        found[function] = Counted(
            instructions=len(lines),
            panics=_how_many(r"(callq?|bl)\s.*(panic|index)", lines),
            packed=len(packed),
            lanes=max((16 if "zmm" in line else 8 if "ymm" in line else 4 for line in packed), default=1),
            locked=_locked_in_loops(body),
        )
    return found


def inner_loops(name: str, function: str, cpu: str) -> list[str]:
    """The assembly of the innermost loops of one function: from a label to the jump back to it."""
    loops, label, lines = [], None, []
    for line in _functions(name, cpu)[function].splitlines():
        line = " ".join(line.split())
        if match := re.fullmatch(r"(\.?L\w+):", line):
            label, lines = match[1], []
        elif label and line and not line.startswith("."):
            lines.append(line.replace(label, "loop"))
            if re.match(rf"{_JUMP}loop$", lines[-1]):
                loops.append("\n".join(["loop:", *(f"    {each}" for each in lines)]))
                label = None
    return loops


def _functions(name: str, cpu: str) -> dict[str, str]:
    """The assembly of each function of `<name>.rs`, a program or a library."""
    kind = "bin" if "fn main" in source_of(f"{name}.rs").read_text(encoding="utf-8") else "lib"
    text = rust_built(name, f"--crate-type={kind}", "--emit=asm", f"-Ctarget-cpu={cpu}").read_text()
    found = re.findall(r"^_?(\w+):\n(.*?)func_end", text, re.MULTILINE | re.DOTALL)
    return {function: body for function, body in found if not function.startswith("GCC_")}


def _locked_in_loops(body: str) -> int:
    """A loop: what stands between a label and a jump back to it."""
    lines, labels, inside = [" ".join(line.split()) for line in body.splitlines()], {}, set()
    for at, line in enumerate(lines):
        if match := re.fullmatch(r"(\.?L\w+):", line):
            labels[match[1]] = at
        elif (match := re.match(rf"{_JUMP}(\.?L\w+)$", line)) and match[1] in labels:
            inside.update(range(labels[match[1]], at))
    return sum(bool(re.match(_LOCKED, lines[at])) for at in inside)


def _how_many(pattern: str, lines: list[str]) -> int:
    return sum(bool(re.match(pattern, line)) for line in lines)
