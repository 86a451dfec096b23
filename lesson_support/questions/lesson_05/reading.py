"""Why five runs are slow, read off their timelines."""

from __future__ import annotations

from lesson_support.devices import slow_runs
from lesson_support.questions.kinds import Diagnose

# what a run would do without each cause
REMEDIES = {
    "launches": {"launch": 0},
    "one stream": {"streams": 3},
    "pageable memory": {"pinned": True},
    "a number read back": {"read": False},
    "the link": {"link": 2},
}


def slow_because() -> dict[str, str]:
    """For each run the cause whose removal shortens it most."""
    return {
        "a": "launches",
        "b": "one stream",
        "c": "a number read back",
        "d": "the link",
        "e": "pageable memory",
    }


def length_without(name: str, cause: str) -> float:
    """How long the run takes once one cause is gone."""
    return slow_runs.changed(name, **REMEDIES[cause]).finish()


def expected() -> dict[str, str]:
    """Take each cause away in turn and look at what is left."""
    return {
        name: min(REMEDIES, key=lambda cause, name=name: length_without(name, cause))
        for name in slow_runs.names()
    }


QUESTION = Diagnose(
    name="slow_because",
    points=2,
    difficulty="easy",
    minutes=8,
    signature="slow_because() -> dict[str, str]",
    example='>>> sorted(slow_because())\n["a", "b", "c", "d", "e"]'.replace('"', "'"),
    hints=(
        "Look at the compute lane first: where it has gaps, what ends at the moment when each gap ends?",
        "A gap that ends with a launch, a copy, or the end of the host's wait has that as its cause. A lane "
        "that is never idle is the limit itself. Chunks that never overlap all carry one colour.",
        "One run has a host that launches without a pause; one has a single colour; one has a host lane full "
        "of boxes with the numbers of chunks; one waits once for each chunk and copies 2 µs; in one a copy "
        "lane is full from beginning to end.",
    ),
    solution=slow_because,
    wrong={
        "gaps between kernels always come from launches": dict.fromkeys("abcde", "launches"),
        "the transfer is always the bottleneck": dict.fromkeys("abcde", "the link"),
        "a host that waits is the cause of the wait": {
            **slow_because(),
            "b": "a number read back",
            "d": "a number read back",
        },
        "copies that take turns with kernels are slow copies": {**slow_because(), "b": "the link"},
        "a host that is busy is launching": {**slow_because(), "e": "launches"},
        "only the first run counts": {"a": "launches"},
    },
    expected=expected,
)
