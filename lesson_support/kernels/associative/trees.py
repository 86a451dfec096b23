"""Scans without chunks: one after the other, by doubling, and up and down a tree."""

from lesson_support.kernels.associative.line import Line


def sequential(line: Line) -> None:
    """T − 1 combines in T − 1 rounds; every element is read and written once."""
    for place in range(1, line.length):
        line.join("sequential", [(place - 1, place, place)])
    line.charge(reads=line.length, writes=line.length)


def hillis_steele(line: Line) -> None:
    """log₂T rounds, in which each element meets the one 1, 2, 4, … places before: about T·log₂T combines."""
    step = 1
    while step < line.length:
        _round(line, "doubling", [(place - step, place, place) for place in range(step, line.length)])
        step *= 2


def blelloch(line: Line) -> None:
    """Fewer than 2T combines in fewer than 2·log₂T rounds, for any T.

    Up the tree, every 2nd, 4th, 8th … place gets the total of so many. Down again, each place that holds a
    finished prefix passes it on to the middle of the next subtree. Blelloch's own way down sets an identity
    at the root and swaps; this one needs none and ends with the inclusive scan.
    """
    step = 1
    while 2 * step <= line.length:
        ends = range(2 * step - 1, line.length, 2 * step)
        _round(line, "up", [(end - step, end, end) for end in ends])
        step *= 2
    while step >= 1:
        finished = range(2 * step - 1, line.length - step, 2 * step)
        _round(line, "down", [(place, place + step, place + step) for place in finished])
        step //= 2


def _round(line: Line, phase: str, pairs: list[tuple[int, int, int]]) -> None:
    """Whoever combines reads two elements from memory and writes one back."""
    line.join(phase, pairs)
    line.charge(reads=2 * len(pairs), writes=len(pairs))
