"""Questions whose answer is a Triton kernel: judged by what it writes, what it moves and where it strays.

A case is `(tensors, numbers, constants, grid)`; `kernels.launch_probe` launches the answer on it as
`kernel[grid](*tensors, *numbers, **constants)`, where the answer is. Tensors that the kernel writes are
among `tensors`, filled with something else. A fifth part `{"x": distance}` makes the kernel believe that the
rows of x begin so far apart (see `kernels.far_rows`); the number that tells it so is among `numbers`.

Counting needs Triton's interpreter, on a machine with a GPU too. Triton decides when it is imported, and so
importing this module decides it, if nothing has imported Triton yet.
"""

import inspect
import linecache
import os
from collections.abc import Callable
from functools import partial
from itertools import count
from types import SimpleNamespace

from lesson_support.questions.kinds import Function

os.environ.setdefault("TRITON_INTERPRET", "1")
try:
    import triton
    import triton.language as tl
except ImportError:  # no Triton for this system: questions can be listed there, and not asked
    triton, tl = SimpleNamespace(jit=lambda function: function), SimpleNamespace(constexpr=int)

__all__ = ["edited", "kernel_question", "tl", "triton"]

LIMIT = 1.05
_numbers = count(1)


def kernel_question(
    *,
    solution,
    expected: Callable[..., dict],
    relative: float = 2e-6,
    absolute: float = 1e-6,
    limit: float = LIMIT,
    seconds: float = 20.0,
    **fields,
) -> Function:
    """A question that hands in a kernel of the name and the parameters of `solution`.

    `expected(tensors, numbers)` gives the tensors that the kernel must write, by name and in their dtype, as
    exactly as it can; a right element is off by at most `absolute + relative · |expected|`. At most `limit`
    times the minimum may be moved: each byte of each tensor of the case once.
    """
    if hasattr(solution, "fn"):
        solution.__wrapped__, solution.__module__ = solution.fn, solution.fn.__module__  # for inspect
    return Function(
        solution=solution,
        oracle=lambda *case: _right(limit),
        measure=partial(_judged, expected, relative, absolute, limit),
        show=partial(_shown, fields["name"]),
        through="lesson_support.kernels.launch_probe:launched",
        seconds=seconds,
        **fields,
    )


def edited(kernel, *changes: tuple[str, str]):
    """The kernel with some of its text replaced; ValueError for an old text that does not occur once."""
    if not hasattr(kernel, "fn"):
        return kernel
    text = inspect.getsource(kernel.fn)
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} occurs {text.count(old)} times in {kernel.fn.__name__}: expected once")
        text = text.replace(old, new)
    file = f"<{kernel.fn.__name__} edited {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)  # the interpreter reads sources
    names = {**kernel.fn.__globals__}
    exec(compile(text, file, "exec"), names)
    return names[kernel.fn.__name__]


def _right(limit: float) -> str:
    return f"every element right, at most {limit:g} of the minimum moved, nothing outside the tensors"


def _judged(expected, relative, absolute, limit, result, tensors, numbers, constants, grid, far=None) -> str:
    """What is wrong with the result of `launched`; the oracle's words where nothing is."""
    import torch

    wanted = tensors | expected(tensors, numbers)
    told = []
    for name, want in wanted.items():
        got = result["tensors"][name]
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"{name} has another shape or dtype afterwards"
        exact, same = want.double(), tensors[name] is want
        allowed = absolute + relative * exact.abs().nan_to_num(posinf=0.0)  # only infinity is near infinity
        # Nothing is near without a tolerance: large integers are equal as float64 that are not.
        near = (allowed > 0) & ((got.double() - exact).abs() <= allowed) & (not same)
        wrong = ~(near | (got == want) | (got.isnan() & want.isnan()))
        if wrong.any():
            place = tuple(wrong.nonzero()[0].tolist())
            is_, should = _apart(got[place].item(), want[place].item())
            kind = f"which should stay {should}" if same else f"expected {should}"
            many = f" ({int(wrong.sum())} of {wrong.numel()} are wrong)" if wrong.sum() > 1 else ""
            told.append(f"{name}{list(place)} is {is_}, {kind}{many}")
    told += [str(stray) for stray in result["outside"]][:1]
    sizes = {name: len(torch.unique(_places(each))) * each.element_size() for name, each in tensors.items()}
    minimum = sum(sizes.values())
    moved = {name: int(result["moved"][name]) for name in sizes}
    if sum(moved.values()) > limit * minimum:
        parts = ", ".join(f"{name} {moved[name] / sizes[name]:.2f}" for name in sizes)
        told.append(f"moved {sum(moved.values()) / minimum:.2f} of the minimum: {parts} of its size")
    return "; ".join(told) or _right(limit)


def _apart(first, second) -> tuple[str, str]:
    """Both numbers, in as many digits as tell them apart."""
    if isinstance(first, int):
        return str(first), str(second)
    short = f"{first:g}", f"{second:g}"
    return short if short[0] != short[1] else (f"{first:.9g}", f"{second:.9g}")


def _places(tensor):
    """The place in its storage of each element."""
    import torch

    return torch.arange(tensor.untyped_storage().nbytes() // tensor.element_size()).as_strided(
        tensor.shape, tensor.stride(), tensor.storage_offset()
    )


def _shown(name: str, tensors, numbers, constants, grid, far=None) -> str:
    """The lines that launch the case."""
    lines = [f"{each} = {_typed(tensor)}" for each, tensor in tensors.items()]
    for each, distance in (far or {}).items():
        passed = ", and offsets pass 2³¹" if (len(tensors[each]) - 1) * distance >= 2**31 else ""
        lines.append(f"# the rows of {each} lie {distance} elements apart: addresses only, no memory{passed}")
    given = [*tensors, *map(str, numbers.values()), *(f"{each}={value}" for each, value in constants.items())]
    return "\n".join([*lines, f"{name}[{tuple(grid)}]({', '.join(given)})"])


def _typed(tensor) -> str:
    dtype = "" if str(tensor.dtype) == "torch.float32" else f", dtype={tensor.dtype}"
    if tensor.numel() and tensor.isnan().all():
        text = f"torch.full({tuple(tensor.shape)}, nan{dtype})"
    elif tensor.numel() > 40:
        text = f"torch.randn({', '.join(map(str, tensor.shape))}{dtype})"
    else:
        rounded = (tensor.double() * 1e4).round() / 1e4
        text = f"torch.tensor({rounded.tolist()}{dtype})"
    return text if tensor.is_contiguous() else f"{text}  # strides {tensor.stride()}"
