"""The instrument behind `traffic.count`: every access of Triton's interpreter passes through it.

The interpreter carries a pointer as an array of addresses. Each kernel argument is marked when a launch
begins, and what is computed from a pointer keeps its mark, so that an address that belongs to no tensor can
be traced to the argument it came from.
"""

import contextlib
import inspect
from collections.abc import Iterator

import numpy
from triton import language as tl
from triton.runtime import interpreter

from lesson_support.errors import LessonError
from lesson_support.kernels.traffic.accounting import MARK, Origin, Recorder
from lesson_support.kernels.traffic.flows import Traffic
from lesson_support.kernels.traffic.regions import Region

_POINTER_STEPS = (
    "addptr bitcast broadcast expand_dims int_to_ptr join reshape select splat trans unsplat"
).split()


_running: list[Recorder] = []


@contextlib.contextmanager
def watching(regions: list[Region], seen: Traffic) -> Iterator[Recorder]:
    """Send every access of the interpreter through a recorder while the block runs."""
    if _running:
        raise LessonError("a count is running: expected traffic.count not to be nested")
    recorder = Recorder(regions, seen)
    _running.append(recorder)
    with contextlib.ExitStack() as undo:
        undo.callback(_running.pop)
        _wrap_launches(recorder, undo)
        _wrap_pointers(recorder, undo)
        _wrap_memory(recorder, undo)
        yield recorder


def _replace(undo: contextlib.ExitStack, owner: object, name: str, value: object) -> None:
    """Set an attribute until the block ends."""
    if name in vars(owner):
        undo.callback(setattr, owner, name, vars(owner)[name])
    else:
        undo.callback(delattr, owner, name)
    setattr(owner, name, value)


def _wrap_launches(recorder: Recorder, undo: contextlib.ExitStack) -> None:
    launch, convert = interpreter.GridExecutor.__call__, interpreter._implicit_cvt
    begin_program = interpreter.interpreter_builder.set_grid_idx
    depth = 0

    def launching(executor, *args, **kwargs):
        names = inspect.getfullargspec(executor.fn).args
        given = {name: value for name, value in kwargs.items() if name in names}
        recorder.begin(
            executor.fn.__name__, inspect.getcallargs(executor.fn, *args, **given), executor.constexprs
        )
        return launch(executor, *args, **kwargs)

    def converting(value):
        nonlocal depth
        if not depth:
            recorder.current = recorder.waiting.pop(0) if recorder.waiting else "an unknown argument"
        depth += 1
        try:
            converted = convert(value)
        finally:
            depth -= 1
        if hasattr(value, "data_ptr"):
            converted.handle.attr[MARK] = Origin(recorder.current, value.data_ptr())
        return converted

    def beginning(*index):
        recorder.seen.programs += 1
        return begin_program(*index)

    _replace(undo, interpreter.GridExecutor, "__call__", launching)
    _replace(undo, interpreter, "_implicit_cvt", converting)
    _replace(undo, interpreter.interpreter_builder, "set_grid_idx", beginning)


def _wrap_pointers(recorder: Recorder, undo: contextlib.ExitStack) -> None:
    builder = interpreter.interpreter_builder

    def marking(step):
        def marked(*args, **kwargs):
            made = step(*args, **kwargs)
            handles = [arg for arg in (*args, *kwargs.values()) if isinstance(arg, interpreter.TensorHandle)]
            origins = {handle.attr[MARK] for handle in handles if MARK in handle.attr}
            if len(origins) == 1:
                made.attr[MARK] = origins.pop()
            return made

        return marked

    def placing(materialize):
        def placed(block, *args, **kwargs):
            pointers, mask = materialize(block, *args, **kwargs)
            if MARK in block.base.attr:
                pointers.attr[MARK] = block.base.attr[MARK]
            return pointers, mask

        return placed

    for name in (f"create_{step}" for step in _POINTER_STEPS):
        if hasattr(builder, name):
            _replace(undo, builder, name, marking(getattr(builder, name)))
    for name in ("BlockPointerHandle", "TensorDescHandle"):
        if owner := getattr(interpreter, name, None):
            _replace(undo, owner, "materialize_pointers", placing(owner.materialize_pointers))


def _wrap_memory(recorder: Recorder, undo: contextlib.ExitStack) -> None:
    builder = interpreter.interpreter_builder
    load, store = builder.create_masked_load, builder.create_masked_store
    rmw, cas = builder.create_atomic_rmw, builder.create_atomic_cas

    def allowed(pointers, mask, kinds, atomic=False):
        lanes = numpy.asarray(mask.data if isinstance(mask, interpreter.TensorHandle) else mask, dtype=bool)
        return interpreter.TensorHandle(recorder.access(pointers, lanes, kinds, atomic), tl.int1)

    def loading(pointers, mask, *rest, **options):
        return load(pointers, allowed(pointers, mask, ("read",)), *rest, **options)

    def storing(pointers, value, mask, *rest, **options):
        return store(pointers, value, allowed(pointers, mask, ("written",)), *rest, **options)

    def updating(operation, pointers, value, mask, *rest, **options):
        kept = allowed(pointers, mask, ("read", "written"), atomic=True)
        return rmw(operation, pointers, value, kept, *rest, **options)

    def exchanging(pointers, *rest, **options):
        everywhere = numpy.ones_like(pointers.data, dtype=bool)
        if not recorder.access(pointers, everywhere, ("read", "written"), atomic=True).all():
            raise LessonError(f"{recorder.seen.outside[-1]}: a compare-and-swap cannot be masked")
        return cas(pointers, *rest, **options)

    _replace(undo, builder, "create_masked_load", loading)
    _replace(undo, builder, "create_masked_store", storing)
    _replace(undo, builder, "create_atomic_rmw", updating)
    _replace(undo, builder, "create_atomic_cas", exchanging)
