"""Launch a kernel that somebody hands in, and say in plain values what it did: for grading.

The kernel gets the tensors, not its author: nothing but the kernel's own loads and stores can have filled the
output, and all of them are counted.
"""

import builtins
import contextlib
import copy
import dis
import types
import warnings

import numpy
from torch import Tensor

from lesson_support.errors import LessonError
from lesson_support.kernels import traffic
from lesson_support.kernels.assembly import launches
from lesson_support.kernels.far_rows import stretched

PYTHON = ("abs", "bool", "float", "int", "len", "max", "min", "range", "NotImplementedError")
TRITON = ("cdiv", "language", "next_power_of_2")
KEPT = 3  # strays that are told


def launched(
    kernel,
    tensors: dict[str, Tensor],
    numbers: dict[str, int],
    constants: dict[str, int],
    grid: tuple,
    far: dict[str, int] | None = None,
) -> dict:
    """`kernel[grid](*tensors, *numbers, **constants)`, interpreted: what it left, moved and missed.

    "tensors" holds every tensor as it is afterwards, "moved" the bytes read and written of each, "outside"
    the first accesses that lay in no tensor. The kernel is made to believe that the rows of each tensor named
    in `far` begin so many elements apart, and gets an integer 1 as the compiler would: as a plain number.
    LessonError for what is no Triton kernel, or reaches around Triton, or asks such a number for what only a
    tensor has; what else the kernel raises comes through.
    """
    from triton.runtime import interpreter

    function = launches.plain_function(kernel)
    check_written_in_triton(function)
    # Made anew: an object that was handed in could run something else than its function.
    tensors = copy.deepcopy(tensors)
    fresh = interpreter.InterpretedFunction(function)
    parameters = dict(zip(tensors, function.__code__.co_varnames, strict=False))
    rows = {parameters[name]: (tensors[name], distance) for name, distance in (far or {}).items()}
    executor = interpreter.GridExecutor(fresh.rewrite(), fresh.arg_names, tuple(grid))
    given = (*tensors.values(), *numbers.values())
    executor.constexprs = list(launches.specialised(kernel, given, constants).constants)
    try:
        with traffic.count(**tensors) as seen, stretched(**rows), _quietly():
            executor(*given, **constants)
    except Exception as error:
        while isinstance(error, interpreter.InterpreterError) and error.__cause__ is not None:
            error = error.__cause__
        if isinstance(error, AttributeError) and type(error.obj) is int and error.obj == 1:
            raise LessonError(
                f"{function.__name__} uses .{error.name} of an integer argument that is 1: expected what a "
                "plain number can do too, because Triton compiles a 1 in"
            ) from None
        raise error from None
    return {
        "tensors": tensors,
        "moved": {name: seen[name].moved for name in tensors},
        "outside": [str(stray) for stray in seen.outside[:KEPT]],
    }


@contextlib.contextmanager
def _quietly():
    """No warnings of NumPy's: infinities and NaN are elements like others."""
    with numpy.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nanmax of nothing but NaN has its own
        yield


def check_written_in_triton(function, known: tuple = ()) -> None:
    """LessonError unless the function uses Triton, numbers and kernels of its own, and nothing else.

    The interpreter runs a kernel as Python, where NumPy and torch would work; no GPU would run that.
    """
    name, steps = function.__name__, list(dis.get_instructions(function.__code__))
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        attribute = following.argval if following and following.opname in _ATTRIBUTES else None
        if step.opname == "IMPORT_NAME":
            raise LessonError(f"{name} imports {step.argval}: expected a kernel, which cannot import")
        if step.opname in _ATTRIBUTES and (step.argval.startswith("_") or step.argval in ("handle", "data")):
            raise LessonError(f"{name} uses .{step.argval}: expected operations of triton.language")
        if step.opname == "LOAD_GLOBAL":
            _check_global(name, function, step.argval, attribute, known)
    if function.__closure__:
        raise LessonError(f"{name} uses {function.__code__.co_freevars[0]} of a function around it: expected "
                          "a kernel of its own")  # fmt: skip


_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")


def _check_global(name: str, function, used: str, attribute: str | None, known: tuple) -> None:
    import triton
    from triton import language

    if used not in function.__globals__:
        if used in PYTHON or not hasattr(builtins, used):  # a name that nothing defines raises by itself
            return
        raise LessonError(f"{name} calls {used}: expected operations of triton.language")
    value = function.__globals__[used]
    if value is language or value is triton:
        if attribute in (language.__all__ if value is language else TRITON):
            return
        told = f"{used}.{attribute}" if attribute else used
    elif isinstance(value, int | float | language.constexpr | language.dtype):
        return
    elif isinstance(value, types.ModuleType):
        told = f"{used}.{attribute}" if attribute else used
    else:
        try:
            helper = launches.plain_function(value)
        except LessonError:
            told = used
        else:
            if helper not in known and not helper.__module__.startswith("triton."):
                check_written_in_triton(helper, (*known, function, helper))
            return
    raise LessonError(
        f"{name} uses {told}, which no GPU can run: expected triton.language, numbers and @triton.jit helpers"
    )
