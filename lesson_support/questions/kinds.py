"""What a question is. A question only describes; `grading` asks it and judges the answer.

An answer and its judge may live in different processes, so what crosses between them (a case's arguments, an
answer's result) is plain: None, bool, int, float, str, list, tuple, dict and arrays. Whatever is not plain (a
module, tensors that share storage) is built and inspected by the question's `probe`, on the answer's side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

Answer = Callable[..., Any]


@dataclass(frozen=True)
class Raises:
    """The expected result of a case that must raise: the exception's name, `"IndexError"`."""

    error: str

    def __str__(self) -> str:
        return f"raises {self.error}"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every kind has in common.

    `signature` stands in the answer's `def` or `class` line; `example` is a doctest in which the answer's
    name means the solution; `hints` go from a nudge to nearly the solution; `wrong` maps what people believe
    to what they then write, a callable or its source; `seconds` is how long one check may take.
    """

    kind: ClassVar[str]
    name: str
    points: int
    difficulty: str
    minutes: int
    signature: str
    example: str
    hints: tuple[str, str, str]
    solution: Any
    wrong: Mapping[str, Any]
    seconds: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Asked(Question):
    """A question asked case by case; all cases right gives the points, anything less gives none.

    `cases(rng)` returns argument tuples: the nasty edges, then fresh random ones drawn from the NumPy
    generator `rng`. `oracle(*arguments)` is the right result, found another way than the solution finds it,
    or a `Raises`. `relative` and `absolute` replace the tolerance that follows from a floating result's
    dtype. `show` writes a case as the line of code that a learner would type.

    Where results are judged by what they cost or contain, `measure(result, *arguments)` is compared in their
    place. It runs beside the judge, where an answer cannot forge it, and gets whatever an answer returns: it
    bounds its own work, and an exception of its makes the answer incorrect.
    """

    cases: Callable[[Any], Sequence[tuple]]
    oracle: Callable[..., Any]
    measure: Callable[..., Any] | None = None
    relative: float | None = None
    absolute: float | None = None
    show: Callable[..., str] | None = None
    may_change_arguments: bool = False

    def respond(self, answer: Any, *arguments: Any) -> Any:
        """What `answer` makes of one case: this runs on the answer's side."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Function(Asked):
    """A function of arrays and plain values. `probe(answer, *arguments)` stands between where one is
    needed. With `items` the answer may be a generator: its result comes as a list, cut off after so many.
    `through`, "module:function" of the package, is called on the answer's side with the answer and the case's
    arguments: for answers that return what cannot cross, such as a tensor with its graph."""

    kind: ClassVar[str] = "function"
    probe: Callable[..., Any] | None = None
    items: int | None = None
    through: str | None = None

    def respond(self, answer: Answer, *arguments: Any) -> Any:
        return answer(*arguments) if self.probe is None else self.probe(answer, *arguments)


@dataclass(frozen=True, kw_only=True)
class Repair(Function):
    """Code that runs and is wrong: `broken` is what the learner finds in the cell, `symptom` what it does.

    Left as it is, it scores nothing.
    """

    kind: ClassVar[str] = "repair"
    broken: Answer
    symptom: str


@dataclass(frozen=True, kw_only=True)
class Scenario(Asked):
    """A class, driven by a script: a case is `(arguments, operations)` and an operation `(method,
    *arguments)`.

    The result lists what each operation returned, in order; one that raised left `{"raises": "KeyError"}` and
    the script went on. A constructor that raises ends the case with its exception.
    """

    kind: ClassVar[str] = "scenario"

    def respond(self, answer: type, *case: Any) -> list:
        arguments, operations = case
        driven = answer(*arguments)
        results = []
        for method, *operands in operations:
            try:
                results.append(getattr(driven, method)(*operands))
            except NotImplementedError:
                raise
            except Exception as error:
                results.append({"raises": type(error).__name__})
        return results


@dataclass(frozen=True, kw_only=True)
class Diagnose(Question):
    """A structured reading of evidence (a trace, a profile): a plain value, or a function of nothing that
    returns one. `expected()` computes the right one; all of it must be right."""

    kind: ClassVar[str] = "diagnose"
    expected: Callable[[], Any]
    relative: float | None = None
    absolute: float | None = None


@dataclass(frozen=True, kw_only=True)
class Tests(Question):
    """The learner writes a function that takes an implementation and asserts. It must let `right` pass; then
    the points are shared out equally over the `mutants`, which maps what is wrong to an implementation.

    Any exception counts as a rejection, as it would in a test run.
    """

    __test__: ClassVar[bool] = False
    kind: ClassVar[str] = "tests"
    right: Answer
    mutants: Mapping[str, Answer]
