"""`scan`: any associative operator, five algorithms."""

from collections.abc import Callable

from lesson_support.errors import LessonError
from lesson_support.kernels.associative import chunks, trees
from lesson_support.kernels.associative.cost import Cost
from lesson_support.kernels.associative.line import Combine, Element, Line

METHODS: dict[str, Callable[..., None]] = {
    "sequential": trees.sequential,
    "hillis_steele": trees.hillis_steele,
    "blelloch": trees.blelloch,
    "chunked": chunks.three_phases,
    "look_back": chunks.look_back,
}


def scan(
    combine: Combine,
    x: Element,
    *,
    dim: int = 0,
    method: str = "blelloch",
    reverse: bool = False,
    chunk: int = 32,
    workers: int = 4,
    seed: int = 0,
    cost: Cost | None = None,
) -> Element:
    """y_t = x_0 ∘ x_1 ∘ … ∘ x_t for every t along `dim`; with `reverse`, y_t = x_{T−1} ∘ … ∘ x_t.

    `x` is a tensor, or a tuple of tensors with the same size along `dim`: then an element is a tuple too.
    `combine(left, right)` joins two elements, and gets many pairs at once, `dim` first. It must be
    associative and need not be commutative: `left` comes from the side where the scan begins.

    method     "sequential", "hillis_steele", "blelloch", "chunked" or "look_back"
    chunk      elements in a chunk of the last two
    workers    how many chunks "look_back" has in hand at a time; `seed` decides who is held up when
    cost       a `Cost` to which this scan is added

    Nothing is padded, so no identity is needed. Where an operator rounds, methods differ in the last places.
    autograd differentiates through the combines. A wrong argument is a LessonError.
    """
    if method not in METHODS:
        raise LessonError(f"method = {method!r}: expected one of {', '.join(METHODS)}")
    for name, value in (("chunk", chunk), ("workers", workers)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise LessonError(f"{name} = {value!r}: expected a whole number of 1 or more")
    if cost is not None and not isinstance(cost, Cost):
        raise LessonError(f"cost is a {type(cost).__name__}: expected a Cost")
    line = Line(combine, x, dim, reverse, Cost() if cost is None else cost)
    if line.length:
        options = {
            "chunked": {"chunk": chunk},
            "look_back": {"chunk": chunk, "workers": workers, "seed": seed},
        }
        METHODS[method](line, **options.get(method, {}))
    return line.result()
