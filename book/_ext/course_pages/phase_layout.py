"""Where the lessons of a phase stand in its picture: columns by what they build on, rows with few crossings.

A lesson stands one column right of the last one that it builds on within the phase. An arrow that passes a
column gets a place of its own there, so that it runs around the boxes and not behind them.
"""

from dataclasses import dataclass, field

from lesson_support.catalog import Phase

BOX = (164, 68)
GAP = 40
# Above a box with prerequisites from elsewhere: a row of their numbers.
STUBS = 26
SPACE = 18
PASSAGE = 8


@dataclass(eq=False)
class Place:
    """A lesson's box, or the passage of an arrow (`lesson` is None); `y` is the middle of the box."""

    column: int
    lesson: int | None = None
    outside: tuple[int, ...] = ()
    left: list["Place"] = field(default_factory=list)
    right: list["Place"] = field(default_factory=list)
    y: float = 0.0

    @property
    def x(self) -> float:
        return self.column * (BOX[0] + GAP)

    @property
    def above(self) -> float:
        """From the middle up to the end of what belongs to it."""
        if self.lesson is None:
            return PASSAGE / 2
        return BOX[1] / 2 + (STUBS if self.outside else 0)

    @property
    def below(self) -> float:
        return PASSAGE / 2 if self.lesson is None else BOX[1] / 2


def layout(phase: Phase) -> list[list[Place]]:
    """The columns of places, each from top to bottom, with `y` from 0 on."""
    inside = {lesson.number for lesson in phase.lessons}
    places: dict[int, Place] = {}
    columns: list[list[Place]] = []

    def put(place: Place) -> Place:
        while len(columns) <= place.column:
            columns.append([])
        columns[place.column].append(place)
        return place

    for lesson in phase.lessons:
        before = [places[number] for number in lesson.prerequisites if number in inside]
        outside = tuple(number for number in lesson.prerequisites if number not in inside)
        column = 1 + max((one.column for one in before), default=-1)
        place = places[lesson.number] = put(Place(column, lesson.number, outside))
        for one in before:
            for passed in range(one.column + 1, column):
                one = _join(one, put(Place(passed)))
            _join(one, place)
    for _ in range(6):
        for position in range(1, len(columns)):
            columns[position] = _sorted(columns, position, "left")
        for position in reversed(range(len(columns) - 1)):
            columns[position] = _sorted(columns, position, "right")
    _set_heights(columns)
    return columns


def _join(left: Place, right: Place) -> Place:
    left.right.append(right)
    right.left.append(left)
    return right


def _sorted(columns: list[list[Place]], position: int, side: str) -> list[Place]:
    """A column in the order of the mean rows of its neighbours on one side; without any, of its own row."""
    rows = {}
    for place in columns[position]:
        shares = [_share(one, columns) for one in getattr(place, side) or [place]]
        rows[place] = sum(shares) / len(shares)
    return sorted(columns[position], key=rows.__getitem__)


def _share(place: Place, columns: list[list[Place]]) -> float:
    column = columns[place.column]
    return (column.index(place) + 0.5) / len(column)


def _set_heights(columns: list[list[Place]]) -> None:
    """Pull each place towards the ones it is joined to, without changing the order or letting two overlap."""
    for column in columns:
        _spread(column, [0.0] * len(column))
    for _ in range(8):
        for column in columns:
            wanted = []
            for place in column:
                joined = [one.y for one in (*place.left, *place.right)] or [place.y]
                wanted.append(sum(joined) / len(joined))
            _spread(column, wanted)
    top = min(place.y - place.above for column in columns for place in column)
    for column in columns:
        for place in column:
            place.y -= top


def _spread(column: list[Place], wanted: list[float]) -> None:
    """The heights nearest to `wanted` at which nothing overlaps: neighbours that collide share a block."""
    blocks: list[tuple[list[float], int]] = []  # the wanted start of each member, and how many there are
    starts, offset = [], 0.0
    for position, place in enumerate(column):
        if position:
            offset += column[position - 1].below + SPACE + place.above
        starts.append(offset)
    for start, height in zip(starts, wanted, strict=True):
        blocks.append(([height - start], 1))
        while len(blocks) > 1 and _level(blocks[-2]) > _level(blocks[-1]):
            last = blocks.pop()
            blocks[-1] = (blocks[-1][0] + last[0], blocks[-1][1] + last[1])
    levels = [_level(block) for block in blocks for _ in range(block[1])]
    for place, start, level in zip(column, starts, levels, strict=True):
        place.y = start + level


def _level(block: tuple[list[float], int]) -> float:
    return sum(block[0]) / block[1]
