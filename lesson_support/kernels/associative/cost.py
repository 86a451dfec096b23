"""What a scan costs, counted and not timed."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Round:
    """Combines that happen at the same moment, as places (left, right, into).

    Places from T on are not elements but what an algorithm keeps beside them, such as totals of chunks.
    """

    phase: str
    pairs: tuple[tuple[int, int, int], ...]


@dataclass
class Cost:
    """Counts for one line of elements; only `bytes` is for all lines together.

    combines         applications of the operator: the work
    rounds           moments, each with any number of combines: the depth
    reads, writes    elements that come from memory and go there. What one processor works through stays with
                     it; what another one needs passes through memory
    polls            looks at a neighbour that had nothing to show yet
    bytes            reads and writes, in the dtypes at hand
    history          the rounds
    """

    combines: int = 0
    rounds: int = 0
    reads: int = 0
    writes: int = 0
    polls: int = 0
    bytes: int = 0
    history: list[Round] = field(default_factory=list)
