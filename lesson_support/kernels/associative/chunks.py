"""Scans in chunks, each of which one worker goes through element by element."""

import random
from collections.abc import Iterator

from lesson_support.kernels.associative.line import Line, Pair


def three_phases(line: Line, chunk: int) -> None:
    """Total of every chunk, prefixes of the totals, every chunk again from its prefix: about 2T combines.

    Elements are read twice and written once.
    """
    chunks = _chunks(line.length, chunk)
    totals = line.add_room(len(chunks))
    line.copy([part.start for part in chunks], range(totals, totals + len(chunks)))
    for offset in range(1, chunk):
        met = [(totals + k, part[offset], totals + k) for k, part in enumerate(chunks) if offset < len(part)]
        line.join("totals", met)
    line.charge(reads=line.length, writes=len(chunks))
    for k in range(1, len(chunks) - 1):
        line.join("prefixes", [(totals + k - 1, totals + k, totals + k)])
    line.charge(reads=len(chunks), writes=len(chunks))
    line.join("chunks", [(totals + k, part[0], part[0]) for k, part in enumerate(chunks[1:])])
    for offset in range(1, chunk):
        met = [(part[offset] - 1, part[offset], part[offset]) for part in chunks if offset < len(part)]
        line.join("chunks", met)
    line.charge(reads=line.length + len(chunks) - 1, writes=line.length)


def look_back(line: Line, chunk: int, workers: int, seed: int) -> None:
    """One pass: a worker publishes its chunk's total, then looks back until it meets a finished prefix.

    A simulation. In every round each worker does one combine or one look, unless it is held up, which `seed`
    decides. Chunks are handed out in order, so whoever waits, waits for somebody at work. Elements are read
    once and written once; beside them travel totals and prefixes.
    """
    schedule = random.Random(seed)
    chunks = _chunks(line.length, chunk)
    board = _Board(line, len(chunks))
    waiting = iter([_work(board, k, part) for k, part in enumerate(chunks)])
    busy = [work for _, work in zip(range(workers), waiting, strict=False)]
    while busy:
        acted, pairs = [work for work in busy if schedule.random() < 0.75], []
        board.publish()
        for work in acted:
            try:
                pair = next(work)
            except StopIteration:
                place = busy.index(work)
                busy[place : place + 1] = [each for each in [next(waiting, None)] if each is not None]
            else:
                pairs += [pair] if pair else []
        line.join("look back", pairs)
    line.charge(reads=line.length, writes=line.length)


class _Board:
    """What chunks show each other: a total, then a prefix. What is put up in a round is seen in the next."""

    def __init__(self, line: Line, chunks: int) -> None:
        self.line = line
        self.totals, self.before, self.prefixes = (line.add_room(chunks) for _ in range(3))
        self.shown: dict[int, str] = {}
        self._next: dict[int, str] = {}

    def show(self, chunk: int, what: str) -> None:
        self._next[chunk] = what
        self.line.charge(reads=0, writes=1)

    def publish(self) -> None:
        self.shown |= self._next


def _work(board: _Board, k: int, part: range) -> Iterator[Pair | None]:
    """The combines of one worker on chunk k, one at a time; None where it found nothing to combine."""
    total, before, prefix = board.totals + k, board.before + k, board.prefixes + k
    board.line.copy([part[0]], [total])
    for place in part[1:]:
        yield total, place, total
    if k == 0:
        board.line.copy([total], [prefix])
        board.show(k, "prefix")
    else:
        board.show(k, "total")
        neighbour, known = k - 1, False
        while True:
            shown = board.shown.get(neighbour)
            if shown is None:
                board.line.cost.polls += 1
                yield None
                continue
            source = (board.prefixes if shown == "prefix" else board.totals) + neighbour
            board.line.charge(reads=1, writes=0)
            if known:
                yield source, before, before
            else:
                board.line.copy([source], [before])
                known = True
                yield None
            if shown == "prefix":
                break
            neighbour -= 1
        yield before, total, prefix
        board.show(k, "prefix")
        yield before, part[0], part[0]
    for place in part[1:]:
        yield place - 1, place, place


def _chunks(length: int, chunk: int) -> list[range]:
    return [range(start, min(start + chunk, length)) for start in range(0, length, chunk)]
