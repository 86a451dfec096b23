"""The memory-layout figure: which cells of a storage a view reads, and where each of its indices lands."""

from lesson_support.draw.canvas import Scene
from lesson_support.draw.layout import Layout
from lesson_support.draw.layout_measures import MARGIN, WIDTH
from lesson_support.draw.layout_storage import draw_storage
from lesson_support.draw.layout_view import INDICES, draw_view
from lesson_support.errors import LessonError

MOST_ELEMENTS = 10_000


def memory(of=None, *, shape=None, stride=None, offset: int = 0, storage: int | None = None) -> Scene:
    """Draw the layout of a torch tensor, a NumPy array, or `shape`, `stride`, `offset` over `storage` cells.

    Cells are numbered by address. Each row of the view has one shade, in the storage and in the grid below
    it; a cell that several indices read says how many. Long storages and large views are shortened.
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
