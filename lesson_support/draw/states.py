"""Several states of one drawing, merged so that a shape is written once for all the states that show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from lesson_support.draw.canvas import Scene, wrap
from lesson_support.errors import LessonError

State = Scene | tuple[Scene, str]


@dataclass(frozen=True)
class States:
    """Scenes and their captions, in step."""

    scenes: list[Scene]
    captions: list[str]

    @classmethod
    def of(cls, states: Iterable[State], caption: str | None) -> "States":
        """From what a drawing function returns; `caption` stands where a state has none."""
        scenes, captions = [], []
        for state in states:
            scene, said = state if isinstance(state, tuple) and len(state) == 2 else (state, caption or "")
            if not isinstance(scene, Scene) or not isinstance(said, str):
                raise LessonError(
                    f"state {len(scenes)} is {type(state).__name__}; "
                    "expected a Scene, or a Scene and its caption"
                )
            scenes.append(scene)
            captions.append(said)
        if not scenes:
            raise LessonError("got no states to show; expected one or more")
        return cls(scenes, captions)

    def __len__(self) -> int:
        return len(self.scenes)


def merged(states: States, alt: str, rest: int) -> str:
    """One `<svg>`: what all states share stays, all else sits in groups `<g data-state="0 2">`.

    Only the groups of state `rest` show.
    """
    columns = _aligned([scene.shapes for scene in states.scenes])
    shapes: list[str] = []
    # Neighbours that appear in the same states share their groups.
    for pattern, run in groupby(columns, key=_pattern):
        run = list(run)
        for shown in pattern:
            together = "".join(column[shown[0]] for column in run)
            if len(shown) == len(states):
                shapes.append(together)
            elif together:
                hidden = "" if rest in shown else ' display="none"'
                shapes.append(f'<g data-state="{" ".join(map(str, shown))}"{hidden}>{together}</g>')
    width = max(scene.width for scene in states.scenes)
    height = max(scene.height for scene in states.scenes)
    smallest = min(scene.smallest_text for scene in states.scenes)
    return wrap(shapes, width, height, smallest, alt)


def _aligned(drawings: list[list[str]]) -> list[tuple[str, ...]]:
    """Columns with one entry per state.

    By position where all drawings have the same number of shapes, else common ends around one middle.
    """
    if len({len(drawing) for drawing in drawings}) == 1:
        return list(zip(*drawings, strict=True))
    shortest = min(map(len, drawings))
    head = next((k for k in range(shortest) if len({drawing[k] for drawing in drawings}) > 1), shortest)
    room = shortest - head
    tail = next((k for k in range(room) if len({drawing[-1 - k] for drawing in drawings}) > 1), room)
    middle = tuple("".join(drawing[head : len(drawing) - tail]) for drawing in drawings)
    ends = [drawing[len(drawing) - tail :] for drawing in drawings]
    return [*zip(*(drawing[:head] for drawing in drawings), strict=True), middle, *zip(*ends, strict=True)]


def _pattern(column: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """Which states show the same thing here, in the order of their first state."""
    where: dict[str, list[int]] = {}
    for state, shape in enumerate(column):
        where.setdefault(shape, []).append(state)
    return tuple(tuple(states) for states in where.values())
