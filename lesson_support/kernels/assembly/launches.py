"""What a kernel is compiled for: the types and values that a launch fixes, noted without running anything.

Triton compiles a kernel once for each such specialisation: that a pointer or an integer is divisible by 16 is
known, an integer 1 is a constant, and so is None.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from lesson_support.errors import LessonError

OPTIONS = ("num_warps", "num_stages", "num_ctas", "maxnreg", "enable_fp_fusion")


@dataclass(frozen=True)
class Launch:
    """A kernel with the type of each argument that is left open, the value of each other one, and options.

    Types are Triton's: "*fp32" is a pointer, "i64" an integer, and ":16" after either says that it is
    divisible by 16. A tuple argument has a tuple of types, in which a number stands for itself.
    """

    kernel: object
    signature: dict[str, object]
    constants: dict[str, object] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)


def noted_launches(function: Callable, *arguments, **keywords) -> list[Launch]:
    """Call the function and note every kernel that it launches. None of them runs: results are garbage."""
    from triton.runtime import interpreter, jit

    noted: list[Launch] = []

    def run(kernel, *args, grid, warmup, **kwargs):
        noted.append(specialised(kernel, args, kwargs))

    with contextlib.ExitStack() as undo:
        for owner in (interpreter.InterpretedFunction, jit.JITFunction):
            undo.callback(setattr, owner, "run", owner.run)
            owner.run = run
        function(*arguments, **keywords)
    return noted


def plain_function(kernel) -> Callable:
    """The Python function under @triton.jit (and under @triton.autotune); LessonError for anything else."""
    function = kernel
    while not hasattr(function, "__code__"):
        function = getattr(function, "fn", None)
        if function is None:
            raise LessonError(f"kernel is a {type(kernel).__name__}: expected a function under @triton.jit")
    if function is kernel:
        raise LessonError(f"kernel {kernel.__name__} is a plain function: expected @triton.jit above it")
    return function


def constant_names(function: Callable) -> list[str]:
    """The parameters annotated as tl.constexpr."""
    return [name for name, kind in function.__annotations__.items() if "constexpr" in str(kind)]


def specialised(kernel, args: tuple, kwargs: dict) -> Launch:
    """What `kernel[grid](*args, **kwargs)` compiles."""
    function = plain_function(kernel)
    options = {name: kwargs[name] for name in OPTIONS if name in kwargs}
    names = list(function.__code__.co_varnames[: function.__code__.co_argcount])
    given = dict(zip(names, args, strict=False)) | {k: v for k, v in kwargs.items() if k not in options}
    fixed = constant_names(function)
    constants = {name: value for name, value in given.items() if name in fixed}
    signature, plain, unaligned = {}, _left(kernel, names), _left(kernel, names, "_on_alignment")
    for name, value in given.items():
        if name not in fixed:
            kind = _type_of(value, name not in plain, name not in plain | unaligned)
            if kind is None or isinstance(kind, int):
                constants[name] = kind
            else:
                signature[name] = kind
    return Launch(kernel, signature, constants, options)


def _left(kernel, names: list[str], ending: str = "") -> set[str]:
    """The parameters that `@triton.jit(do_not_specialize=...)` names, or its relative on alignment."""
    while not hasattr(kernel, "arg_names") or type(kernel).__name__ == "Autotuner":
        kernel = kernel.fn
    option = "do_not_specialize" + ending
    given = getattr(kernel, option, None) or getattr(kernel, "kwargs", {}).get(option) or ()
    return {names[each] if isinstance(each, int) else each for each in given}


def _type_of(value, ones: bool = True, alignment: bool = True):
    """The type of an argument, or the value itself where Triton compiles it in.

    Without `ones` an integer 1 is an integer like others, without `alignment` divisibility is not noted.
    """
    from triton.runtime.jit import mangle_type

    if isinstance(value, tuple):
        return tuple(_type_of(each, ones, alignment) for each in value)
    if isinstance(value, Tensor):
        return mangle_type(value) + (":16" if alignment and value.data_ptr() % 16 == 0 else "")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is None or (ones and whole and value == 1):
        return value
    return mangle_type(value) + (":16" if alignment and whole and value % 16 == 0 else "")
