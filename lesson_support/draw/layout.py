"""The memory-layout figure: which cells of a storage a view means, and where each of its indices lands."""

from dataclasses import dataclass
from itertools import product
from math import prod

from lesson_support.draw.canvas import Scene
from lesson_support.draw.layout_measures import MARGIN, WIDTH
from lesson_support.draw.layout_storage import draw_storage
from lesson_support.draw.layout_view import INDICES, draw_view
from lesson_support.errors import LessonError

MOST_ELEMENTS = 10_000


@dataclass(frozen=True)
class Layout:
    """What a view is: address of index (i, j, …) = offset + i·stride[0] + j·stride[1] + …, in elements."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    storage: int

    def __post_init__(self):
        if len(self.shape) != len(self.stride):
            raise LessonError(
                f"got shape {self.shape} and stride {self.stride}; expected as many strides as dimensions"
            )
        if min(self.shape, default=0) < 0 or self.storage < 1:
            raise LessonError(
                f"got shape {self.shape} over a storage of {self.storage} cells; "
                "expected sizes of 0 or more and a storage of 1 or more"
            )
        low, high = self.span()
        if self.elements and not 0 <= low <= high < self.storage:
            raise LessonError(
                f"the view means cells {low} to {high}; "
                f"expected cells within 0 to {self.storage - 1} of the storage"
            )

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def span(self) -> tuple[int, int]:
        """The lowest and the highest address."""
        reach = [(size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)]
        return self.offset + sum(r for r in reach if r < 0), self.offset + sum(r for r in reach if r > 0)

    def address(self, index: tuple[int, ...]) -> int:
        return self.offset + sum(i * step for i, step in zip(index, self.stride, strict=True))

    def addresses(self) -> list[int]:
        """Of every element, the last index moving fastest."""
        return [self.address(index) for index in product(*map(range, self.shape))]


def memory(of=None, *, shape=None, stride=None, offset: int = 0, storage: int | None = None) -> Scene:
    """Draw the layout of a torch tensor, a NumPy array, or `shape`, `stride`, `offset` over `storage` cells.

    Cells are numbered by address. Each row of the view has one shade, in the storage and in the grid below
    it; a cell that several indices mean says how many. Long storages and large views are shortened.
    """
    plan = _read(of) if of is not None else _given(shape, stride, offset, storage)
    if plan.elements > MOST_ELEMENTS:
        raise LessonError(
            f"the view has {plan.elements:,} elements; expected at most {MOST_ELEMENTS:,}: draw a slice"
        )
    if len(plan.shape) > len(INDICES):
        raise LessonError(
            f"the view has {len(plan.shape)} dimensions; expected at most {len(INDICES)} to draw"
        )
    scene = Scene(WIDTH, 1)
    scene.height = draw_view(scene, plan, draw_storage(scene, plan) + 20) + MARGIN
    return scene


def _given(shape, stride, offset, storage) -> Layout:
    if shape is None or stride is None or storage is None:
        raise LessonError("memory() got no tensor; expected one, or all of shape=, stride= and storage=")
    return Layout(tuple(shape), tuple(stride), offset, storage)


def _read(of) -> Layout:
    if isinstance(of, Layout):
        return of
    if hasattr(of, "untyped_storage"):
        cells = of.untyped_storage().nbytes() // of.element_size()
        return Layout(tuple(of.shape), tuple(of.stride()), of.storage_offset(), cells)
    if hasattr(of, "__array_interface__"):
        return _read_array(of)
    raise LessonError(
        f"memory() got {type(of).__name__}; expected a tensor, an array, or shape=, stride=, storage="
    )


def _read_array(array) -> Layout:
    """NumPy counts strides in bytes, and its views know their owner."""
    owner = array
    while hasattr(owner.base, "__array_interface__"):
        owner = owner.base
    skipped = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    bytes_counted = (skipped, *array.strides)
    if any(count % array.itemsize for count in bytes_counted):
        raise LessonError(
            f"memory() got an array whose elements lie {bytes_counted} bytes apart; expected multiples of "
            f"its item size, {array.itemsize}"
        )
    offset, *steps = (count // array.itemsize for count in bytes_counted)
    return Layout(array.shape, tuple(steps), offset, owner.nbytes // array.itemsize)
