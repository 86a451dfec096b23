"""From scores to the units that go: an order of removal, and how far down that order to cut.

A unit is what a group loses at once: a channel, or a whole head. Every choice is a prefix of one order:
`scope="global"` orders by score over all groups, `scope="local"` takes the same share of every group.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from torch import Tensor

from lesson_support.errors import LessonError

SCOPES = ("global", "local")

# 0.29 · 100 is 28.999999999999996
SLACK = 1e-9


@dataclass(frozen=True)
class Ranked:
    """A group that takes part: scores of the units that are left, and of how many it had at the start.

    At least `stay` units stay; a unit is `width` channels.
    """

    name: str
    scores: Tensor
    at_start: int
    stay: int = 1
    width: int = 1

    @property
    def gone(self) -> int:
        return self.at_start - len(self.scores)


@dataclass(frozen=True)
class Removal:
    """One unit in the order: its score, its number of channels, and the share of the group gone with it.

    The share counts the unit as a half, so that those below a ratio r are r · n of n, rounded to the nearest.
    """

    group: str
    unit: int
    score: float
    share: float
    channels: int = 1


def removals(groups: Sequence[Ranked], scope: str) -> list[Removal]:
    """Units in the order in which they go, each group lowest score first and down to what must stay.

    local: by share; global: by score. Equal scores of a group go by unit number; equal scores of several
    groups go by share, so that a tie takes from all of them alike; what is left goes by order of the groups.
    """
    check_scope(scope)
    found = [removal for group in groups for removal in _within(group)]
    key = (lambda each: each.share) if scope == "local" else (lambda each: (each.score, each.share))
    return sorted(found, key=key)


def _within(group: Ranked) -> list[Removal]:
    scores = group.scores.tolist()
    lowest = sorted(range(len(scores)), key=lambda unit: (scores[unit], unit))
    return [
        Removal(group.name, unit, scores[unit], (group.gone + place + 0.5) / group.at_start, group.width)
        for place, unit in enumerate(lowest[: max(0, len(scores) - group.stay)])
    ]


def up_to_ratio(order: Sequence[Removal], groups: Sequence[Ranked], ratio: float, scope: str) -> int:
    """How many removals of `order` come nearest to `ratio` of the channels at the start; a half goes.

    local: in every group; global: in all groups together, where what one must keep another gives.
    """
    if scope == "local":
        return sum(removal.share <= ratio + SLACK for removal in order)
    wanted = sum((ratio * group.at_start - group.gone) * group.width for group in groups)
    gone = accumulate(removal.channels for removal in order)
    return sum(after - each.channels / 2 <= wanted + SLACK for after, each in zip(gone, order, strict=True))


def up_to_macs(order: Sequence[Removal], macs: Callable[[Mapping[str, int]], float], target: float) -> int:
    """The fewest removals of `order` that bring `macs` down to `target`; all of them where that is too few.

    `macs` maps {group: units removed} to MACs and never grows with them, so bisection finds the place.
    """
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if macs(Counter(removal.group for removal in order[:middle])) <= target:
            high = middle
        else:
            low = middle + 1
    return low


def chosen(order: Sequence[Removal]) -> dict[str, list[int]]:
    """{group: sorted unit numbers} of these removals."""
    units: dict[str, list[int]] = {}
    for removal in order:
        units.setdefault(removal.group, []).append(removal.unit)
    return {group: sorted(numbers) for group, numbers in units.items()}


def check_scope(scope: str) -> None:
    if scope not in SCOPES:
        raise LessonError(f"scope is {scope!r}; expected 'global' or 'local'")
