"""What was counted: the traffic of each tensor, and the accesses that lay in none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lesson_support.errors import LessonError

SECTOR = 32  # bytes that a GPU's memory moves at least


@dataclass
class Flow:
    """The traffic of one tensor, in bytes unless a name says otherwise.

    `read` and `written` count every access, `read_once` and `written_once` every byte once. A sector is 32
    aligned bytes; the sectors of one load are counted once for each program, however its lanes share them.
    """

    size: int
    read: int = 0
    written: int = 0
    read_once: int = 0
    written_once: int = 0
    sectors_read: int = 0
    sectors_written: int = 0
    atomics: int = 0

    @property
    def moved(self) -> int:
        return self.read + self.written

    @property
    def minimum(self) -> int:
        """What the same bytes cost if each is read at most once and written at most once."""
        return self.read_once + self.written_once

    @property
    def ratio(self) -> float:
        """Bytes moved for each byte of the minimum; NaN where nothing moved."""
        return self.moved / self.minimum if self.minimum else float("nan")

    @property
    def sector_ratio(self) -> float:
        """Bytes of all sectors touched for each byte asked for: 1 where every access fills its sectors."""
        sectors = self.sectors_read + self.sectors_written
        return sectors * SECTOR / self.moved if self.moved else float("nan")


@dataclass(frozen=True)
class Stray:
    """Enabled lanes of one access that lie in no tensor. They were kept from memory: they read 0 or `other`.

    `offset` counts elements from the pointer that `argument` passed to the first such lane.
    """

    kernel: str
    argument: str
    kind: str
    offset: int
    lanes: int
    program: tuple[int, int, int]

    def __str__(self) -> str:
        return (
            f"{self.kernel}: {self.lanes} lane(s) of program {self.program} {self.kind} outside every tensor"
            f", the first at {self.argument} + {self.offset}"
        )


@dataclass
class Traffic(Mapping):
    """What happened inside `count`: a `Flow` for each tensor, by the name it was given.

    A tensor that a kernel received and `count` did not name appears as "kernel.argument": its bytes are
    moved, and the minimum of the whole does not contain them.
    """

    named: dict[str, Flow] = field(default_factory=dict)
    others: dict[str, Flow] = field(default_factory=dict)
    outside: list[Stray] = field(default_factory=list)
    launches: int = 0
    programs: int = 0

    def __getitem__(self, name: str) -> Flow:
        try:
            return (self.named | self.others)[name]
        except KeyError:
            raise LessonError(f"no tensor {name!r} was counted: expected one of {', '.join(self)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.named | self.others)

    def __len__(self) -> int:
        return len(self.named) + len(self.others)

    @property
    def moved(self) -> int:
        """Bytes read and written, over all tensors."""
        return sum(flow.moved for flow in self.values())

    @property
    def minimum(self) -> int:
        """Every byte of a named tensor that was touched, once for reading and once for writing."""
        return sum(flow.minimum for flow in self.named.values())

    @property
    def ratio(self) -> float:
        """Bytes moved for each byte of the minimum; NaN where nothing moved."""
        return self.moved / self.minimum if self.minimum else float("nan")

    def __str__(self) -> str:
        rows = [f"{'tensor':<16}{'read':>12}{'written':>12}{'minimum':>12}{'ratio':>8}"]
        rows += [
            f"{name:<16}{flow.read:>12,}{flow.written:>12,}{flow.minimum:>12,}{flow.ratio:>8.2f}"
            for name, flow in self.items()
        ]
        read, written = (sum(getattr(flow, kind) for flow in self.values()) for kind in ("read", "written"))
        rows.append(f"{'all':<16}{read:>12,}{written:>12,}{self.minimum:>12,}{self.ratio:>8.2f}")
        return "\n".join(rows + [str(stray) for stray in self.outside])
