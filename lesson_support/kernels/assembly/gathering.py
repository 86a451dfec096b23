"""The source of a kernel as a file of its own, wherever the kernel was typed.

A kernel of a module is imported from there. One that was typed into a notebook is written out with everything
that it refers to: jit helpers, constants, modules.
"""

import ast
import dis
import inspect
import sys
import textwrap
import threading
import types

from lesson_support.errors import LessonError
from lesson_support.kernels.assembly.launches import plain_function

_PLAIN = (bool, int, float, str, type(None))
# Two threads that parse at once are, now and then, a SystemError in CPython 3.11.
_PARSING = threading.Lock()


def source_of(kernel) -> str:
    """Python source that defines or imports the kernel under its name; LessonError where there is none."""
    lines: dict[str, str] = {}
    _add(plain_function(kernel).__name__, kernel, lines)
    return "import triton\nimport triton.language as tl\n\n" + "\n".join(lines.values()) + "\n"


def fingerprint(kernel) -> str:
    """Text that changes with the source of the kernel, or with anything it refers to."""
    seen: dict[str, str] = {}
    _collect(kernel, seen)
    return "\n".join(seen.values())


def _add(name: str, value, lines: dict[str, str]) -> None:
    if name in lines:
        return
    if isinstance(value, types.ModuleType):
        lines[name] = f"import {value.__name__} as {name}"
    elif module := _home(name, value):
        lines[name] = f"from {module} import {name}"
    elif _is_jit(value):
        function = plain_function(value)
        for each, used in _used(function):
            if each != name:
                _add(each, used, lines)
        lines[name] = f"\n\n@triton.jit\n{_definition(function)}"
    elif (kind := type(value).__name__) == "constexpr":
        _add_constant(name, f"tl.constexpr({value.value!r})", value.value, lines)
    elif kind == "dtype":
        lines[name] = f"{name} = tl.dtype({value.name!r})"
    elif isinstance(value, types.FunctionType) and value.__module__ in sys.modules:
        lines[name] = f"\n\n{textwrap.dedent(inspect.getsource(value))}"
    else:
        _add_constant(name, repr(value), value, lines)


def _add_constant(name: str, text: str, value, lines: dict[str, str]) -> None:
    if not isinstance(value, _PLAIN):
        raise LessonError(
            f"the kernel refers to {name}, a {type(value).__name__}: expected jit functions, modules, "
            "tl.constexpr and numbers"
        )
    lines[name] = f"{name} = {text}"


def _home(name: str, value) -> str | None:
    """The module that a fresh process can import the function `value` from under this name."""
    function = plain_function(value) if _is_jit(value) else value
    if not isinstance(function, types.FunctionType) or function.__module__ == "__main__":
        return None
    loaded = sys.modules.get(function.__module__)
    if getattr(loaded, "__spec__", None) is None or getattr(loaded, name, None) is not value:
        return None
    return function.__module__


def _is_jit(value) -> bool:
    return type(value).__name__ in ("InterpretedFunction", "JITFunction", "Autotuner", "Heuristics")


def _definition(function) -> str:
    """The text of the function from its `def` on, without decorators."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise LessonError(
            f"the source of kernel {function.__name__} is not known: expected one defined in a cell or a file"
        ) from None
    with _PARSING:
        definition = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[definition.lineno - 1 :])


def _used(function) -> list[tuple[str, object]]:
    """Global names that the function reads, with what they stand for; a local name hides a global one."""
    names, codes = set(), [function.__code__]
    for code in codes:
        names |= {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    known = function.__globals__
    return [(name, known[name]) for name in sorted(names) if name in known]


def _collect(kernel, seen: dict[str, str]) -> None:
    function = plain_function(kernel)
    place = f"{function.__module__}.{function.__qualname__}"
    if place in seen:
        return
    seen[place] = _definition(function)
    for name, value in _used(function):
        if _is_jit(value):
            if not value.fn.__module__.startswith("triton."):
                _collect(value, seen)
        elif not isinstance(value, types.ModuleType):
            seen[f"{place}.{name}"] = f"{name} = {getattr(value, 'value', value)!r}"
