"""What a block carries from one token to the next: a tensor, or a tuple of them, batch first."""

from collections.abc import Callable, Iterable, Iterator

from torch import Tensor

from lesson_support.errors import LessonError


def state_cells(state: object) -> int:
    """Numbers that a state holds for one sequence: its tensors' cells, divided by the batch."""
    return sum(each.numel() // len(each) for each in state_tensors(state))


def state_tensors(state: object) -> Iterator[Tensor]:
    """The tensors of a state, in order; None holds none."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Iterable):
        for each in state:
            yield from state_tensors(each)


def map_state(function: Callable[[Tensor], Tensor], state: object) -> object:
    """The same state with function(tensor) in place of each tensor."""
    if isinstance(state, Tensor):
        return function(state)
    if isinstance(state, tuple | list):
        parts = [map_state(function, each) for each in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return state


def check_input(x: Tensor, width: int) -> None:
    """x is (batch, time, width)."""
    if not isinstance(x, Tensor) or x.ndim != 3 or x.shape[2] != width:
        came = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise LessonError(f"x is {came}: expected (batch, time, {width})")


def check_state(state: Tensor | None, shape: tuple[int, ...], name: str = "state") -> None:
    if state is not None and (not isinstance(state, Tensor) or tuple(state.shape) != shape):
        came = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
        raise LessonError(f"{name} is {came}: expected {shape}")


def check_sizes(**sizes: int) -> None:
    """Every size is a whole number of 1 or more."""
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise LessonError(f"{name} = {size!r}: expected a whole number of 1 or more")
