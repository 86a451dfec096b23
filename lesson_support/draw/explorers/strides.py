"""The strides explorer: a view whose shape, stride and offset the reader edits."""

from math import prod

from lesson_support.draw.canvas import Scene
from lesson_support.draw.explorers.frame import framed
from lesson_support.draw.layout import Layout
from lesson_support.draw.memory_figure import memory
from lesson_support.draw.output import emit
from lesson_support.errors import LessonError

MOST_CELLS = 96


def strides_explorer(
    storage: int = 12,
    shape: tuple[int, ...] = (3, 4),
    stride: tuple[int, ...] = (4, 1),
    offset: int = 0,
    target: dict[str, list] | list | None = None,
) -> None:
    """Display a view whose shape, stride and offset the reader edits, over a storage of numbered cells.

    `target` is what the reader is asked to make it show: nested lists of cells, or a dict of several with
    labels. A target that no shape, stride and offset can show is refused.
    """
    html = strides_html(storage, shape, stride, offset, target)
    emit({"text/html": html, "text/plain": _alt(Layout(tuple(shape), tuple(stride), offset, storage))})


def strides_html(
    storage: int = 12,
    shape: tuple[int, ...] = (3, 4),
    stride: tuple[int, ...] = (4, 1),
    offset: int = 0,
    target: dict[str, list] | list | None = None,
) -> str:
    """The explorer as HTML for a page of the book; arguments as for `strides_explorer`."""
    if not 1 <= storage <= MOST_CELLS:
        raise LessonError(
            f"got a storage of {storage} cells; expected 1 to {MOST_CELLS}, so that a phone shows them"
        )
    first = Layout(tuple(shape), tuple(stride), offset, storage)
    named = target if isinstance(target, dict) else {} if target is None else {"the target": target}
    config = {
        "storage": storage,
        "presets": _presets(first),
        "targets": [_target(label, cells, storage) for label, cells in named.items()],
    }
    alt = _alt(first)
    # Paper and pages without scripts keep this drawing.
    still: Scene = memory(first)
    return framed("strides", f'<div class="st-still ecr-stage">{still.svg(alt)}</div>', config)


def _alt(first: Layout) -> str:
    return (
        f"Strides explorer: a storage of {first.storage} cells seen with shape {first.shape}, "
        f"stride {first.stride}, offset {first.offset}"
    )


def _presets(first: Layout) -> list[dict]:
    """The starting view, and what follows from it where it is a matrix."""
    views = {"start": (first.shape, first.stride, first.offset)}
    if len(first.shape) == 2 and first.elements:
        (rows, columns), (down, right), at = first.shape, first.stride, first.offset
        views |= {
            "transpose": ((columns, rows), (right, down), at),
            "every second column": ((rows, -(-columns // 2)), (down, 2 * right), at),
            "expand the first row": ((rows, columns), (0, right), at),
            "diagonal": ((min(rows, columns),), (down + right,), at),
        }
    if first.storage >= 4:
        views["sliding window"] = (((first.storage - 4) // 2 + 1, 4), (2, 1), 0)
    names = ("shape", "stride", "offset")
    return [{"label": label, **dict(zip(names, view, strict=True))} for label, view in views.items()]


def _target(label: str, cells, storage: int) -> dict:
    """A target's shape and cells; refused unless one offset and one stride per dimension give them."""
    shape, inside = [], cells
    while isinstance(inside, (list, tuple)) and inside:
        shape.append(len(inside))
        inside = inside[0]
    flat = [cells]
    for size in shape:
        if any(not isinstance(part, (list, tuple)) or len(part) != size for part in flat):
            raise LessonError(
                f"target {label!r} has rows of unequal length; expected nested lists that form a grid"
            )
        flat = [one for part in flat for one in part]
    if not all(isinstance(cell, int) for cell in flat):
        raise LessonError(
            f"target {label!r} holds something else than cells; expected whole numbers in nested lists"
        )
    steps = [flat[prod(shape[d + 1 :])] - flat[0] if size > 1 else 0 for d, size in enumerate(shape)]
    if min(steps, default=0) < 0 or Layout(tuple(shape), tuple(steps), flat[0], storage).addresses() != flat:
        raise LessonError(
            f"target {label!r} is no strided view; expected cells that a shape and a stride can show"
        )
    return {"label": label, "shape": shape, "cells": flat}
