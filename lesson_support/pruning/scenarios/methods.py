"""Importances by the short names that scenarios and benchmarks use, and the controls beside them."""

from collections.abc import Callable, Iterable

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.hybrid import Hybrid
from lesson_support.pruning.importance.importances import Coverage, Magnitude, Random, Wanda
from lesson_support.pruning.importance.scoring import Importance
from lesson_support.pruning.importance.taylor import Taylor
from lesson_support.records import did_you_mean

# Every call gives a new one: an importance keeps what it measured.
METHODS: dict[str, Callable[..., Importance]] = {
    "coverage": lambda **options: Coverage("combined", **options),
    "coverage-mean": lambda **options: Coverage("normalised_mean", **options),
    "coverage-frequency": lambda **options: Coverage("frequency", **options),
    "wanda": Wanda,
    "magnitude": Magnitude,
    "taylor": Taylor,
    "hybrid": lambda **options: Hybrid({Wanda(): 1.0, Taylor(): 1.0}, **options),
    "random": Random,
    "coverage-inverted": lambda **options: Coverage("combined", inverted=True, **options),
    "wanda-inverted": lambda **options: Wanda(inverted=True, **options),
}
CONTROLS = ("random", "coverage-inverted", "wanda-inverted")


def method(name: str, *, seed: int = 0, adaptive: bool = False) -> Importance:
    """A new importance of that name; `seed` is that of "random". An unknown name is a LessonError."""
    if name not in METHODS:
        close = did_you_mean(str(name), METHODS)
        raise LessonError(f"there is no method {name!r}: expected one of {', '.join(METHODS)}{close}")
    options = {"seed": seed} if name == "random" else {}
    return METHODS[name](adaptive=adaptive, **options)


def with_controls(names: Iterable[str]) -> tuple[str, ...]:
    """The methods, then random and the inverted twin of each that has one."""
    names = list(dict.fromkeys(names))
    wanted = {"random", *(f"{name.split('-')[0]}-inverted" for name in names)}
    return (*names, *(name for name in CONTROLS if name in wanted and name not in names))
