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
        noted.append(_specialised(kernel, args, kwargs))

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


def _specialised(kernel, args: tuple, kwargs: dict) -> Launch:
    function = plain_function(kernel)
    options = {name: kwargs.pop(name) for name in OPTIONS if name in kwargs}
    names = list(function.__code__.co_varnames[: function.__code__.co_argcount])
    given = dict(zip(names, args, strict=False)) | kwargs
    fixed = constant_names(function)
    constants = {name: value for name, value in given.items() if name in fixed}
    signature = {}
    for name, value in given.items():
        if name not in fixed:
            kind = _type_of(value)
            if kind is None or isinstance(kind, int):
                constants[name] = kind
            else:
                signature[name] = kind
    return Launch(kernel, signature, constants, options)


def _type_of(value):
    """The type of an argument, or the value itself where Triton compiles it in."""
    from triton.runtime.jit import mangle_type

    if isinstance(value, tuple):
        return tuple(_type_of(each) for each in value)
    if isinstance(value, Tensor):
        return mangle_type(value) + (":16" if value.data_ptr() % 16 == 0 else "")
    if value is None or (isinstance(value, int) and value == 1 and not isinstance(value, bool)):
        return value
    aligned = isinstance(value, int) and not isinstance(value, bool) and value % 16 == 0
    return mangle_type(value) + (":16" if aligned else "")
