"""Sorts the addresses of each access into the tensors they belong to, and reports those that lie outside."""

from typing import NamedTuple

import numpy
from torch import Tensor
from triton.runtime import interpreter

from lesson_support.kernels.traffic.flows import SECTOR, Flow, Stray, Traffic
from lesson_support.kernels.traffic.regions import Region

MARK = "lessons.origin"  # the attribute of a pointer that holds its Origin


class Origin(NamedTuple):
    """The argument that a pointer was computed from, and the address that was passed."""

    argument: str
    base: int


class Recorder:
    """Sorts addresses into the regions of the tensors that are known."""

    def __init__(self, regions: list[Region], seen: Traffic) -> None:
        self.named, self.seen = regions, seen
        self.passed: list[Region] = []
        self.kernel = self.current = ""
        self.waiting: list[str] = []  # names of the arguments that the interpreter is about to convert
        for region in regions:
            seen.named[region.name] = Flow(region.size)

    def begin(self, kernel: str, arguments: dict, constants: list[str]) -> None:
        """A launch: note its tensors, and the order in which their names will be needed."""
        self.settle()
        self.kernel = kernel
        self.seen.launches += 1
        self.waiting = [name for name in arguments if name not in constants]
        for name, value in arguments.items():
            self.passed += [Region.of(f"{kernel}.{name}", tensor) for tensor in _tensors(value)]

    def settle(self) -> None:
        """Fold what single launches and the whole block touched into the counts."""
        for region in self.passed:
            flow = self.seen.others.get(region.name)
            if flow:
                flow.read_once += region.touched("read")
                flow.written_once += region.touched("written")
        for region in self.named:
            flow = self.seen.named[region.name]
            flow.read_once, flow.written_once = region.touched("read"), region.touched("written")
        self.passed = []

    def access(self, pointers, mask: numpy.ndarray, kinds: tuple[str, ...], atomic: bool = False):
        """Count one access; the mask, less the lanes that lie in no tensor."""
        size = max(1, pointers.get_element_ty().primitive_bitwidth // 8)
        addresses, mask = numpy.broadcast_arrays(pointers.data, mask)
        enabled = addresses[mask].astype(numpy.int64)
        lost = numpy.ones(enabled.shape, dtype=bool)
        for region in (*self.named, *self.passed):
            found = lost & region.holds(enabled, size)
            if found.any():
                lost &= ~found
                for kind in kinds:
                    self._add(region, kind, enabled[found], size)
                self._flow(region).atomics += int(found.sum()) if atomic else 0
        if not lost.any():
            return mask
        self._stray(pointers, kinds, enabled[lost], size)
        allowed = mask.copy()
        allowed[mask] = ~lost
        return allowed

    def _flow(self, region: Region) -> Flow:
        if region in self.named:
            return self.seen.named[region.name]
        return self.seen.others.setdefault(region.name, Flow(region.size))

    def _add(self, region: Region, kind: str, addresses: numpy.ndarray, size: int) -> None:
        flow, sectors = self._flow(region), len(numpy.unique(addresses // SECTOR))
        if kind == "read":
            flow.read += addresses.size * size
            flow.sectors_read += sectors
        else:
            flow.written += addresses.size * size
            flow.sectors_written += sectors
        region.touch(kind, addresses, size)

    def _stray(self, pointers, kinds: tuple[str, ...], addresses: numpy.ndarray, size: int) -> None:
        origin = pointers.attr.get(MARK) or Origin("an unknown argument", 0)
        kind = " and ".join({"read": "read", "written": "write"}[each] for each in kinds)
        offset = (int(addresses[0]) - origin.base) // size
        program = tuple(interpreter.interpreter_builder.grid_idx)
        self.seen.outside.append(Stray(self.kernel, origin.argument, kind, offset, addresses.size, program))


def _tensors(value) -> list[Tensor]:
    """The tensors in an argument: itself, those of a tuple, or the one behind a descriptor."""
    if isinstance(value, tuple):
        return [tensor for each in value for tensor in _tensors(each)]
    value = value if isinstance(value, Tensor) else getattr(value, "base", None)
    return [value] if isinstance(value, Tensor) else []
