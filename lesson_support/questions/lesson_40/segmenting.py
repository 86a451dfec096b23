"""An operator that restarts at flags, made of any other one."""

from collections.abc import Callable

from lesson_support.kernels.associative.recorded import replay
from lesson_support.questions.kinds import Function


def segmented(combine: Callable) -> Callable:
    """The operator on (starts, value) that `combine` becomes when a segment begins wherever starts is set."""

    def merge(left: tuple, right: tuple) -> tuple:
        starts_l, value_l = left
        starts_r, value_r = right
        return starts_l or starts_r, value_r if starts_r else combine(value_l, value_r)

    return merge


def _places(grouping) -> list[int]:
    return [grouping] if isinstance(grouping, int) else _places(grouping[0]) + _places(grouping[1])


def oracle(starts, grouping):
    """From the definition: the value begins at the last flag, and the flag says whether there was one."""
    places = _places(grouping)
    begin = max((place for place in places if starts[place]), default=places[0])
    told = " ∘ ".join(f"x{place}" for place in places if place >= begin)
    return f"({any(starts[place] for place in places)}, {told})"


def measure(result, starts, grouping):
    made = replay(len(starts), [tuple(pair) for pair in result["pairs"]])
    return f"({result['flag']}, {made[result['value']]})"


def show(starts, grouping):
    def written(part):
        if isinstance(part, int):
            return f"({starts[part]}, x{part})"
        return f"merge({written(part[0])}, {written(part[1])})"

    return f"merge = segmented(combine); {written(grouping)}"


def cases(rng):
    found = [([starts_l, starts_r], (0, 1)) for starts_l in (False, True) for starts_r in (False, True)]
    for code in range(8):
        starts = [bool(code & bit) for bit in (4, 2, 1)]
        found += [(starts, ((0, 1), 2)), (starts, (0, (1, 2)))]
    for code in range(16):
        found.append(([bool(code & bit) for bit in (8, 4, 2, 1)], ((0, 1), (2, 3))))
    for _ in range(20):
        n = int(rng.integers(5, 10))
        found.append((rng.random(n) < 0.3, _bracketed(rng, list(range(n)))))
    return [([bool(flag) for flag in starts], grouping) for starts, grouping in found]


def _bracketed(rng, places):
    if len(places) == 1:
        return places[0]
    cut = int(rng.integers(1, len(places)))
    return _bracketed(rng, places[:cut]), _bracketed(rng, places[cut:])


def _operator(flag, value):
    def answer(combine):
        def merge(left, right):
            (f, x), (g, y) = left, right
            return flag(f, g), value(combine, f, x, g, y)

        return merge

    return answer


def _right_value(combine, f, x, g, y):
    return y if g else combine(x, y)


def _commuted(combine):
    return segmented(lambda left, right: combine(right, left))


def _without_flags(combine):
    return lambda left, right: segmented(combine)(left, right)[1]


QUESTION = Function(
    name="segmented",
    points=2,
    difficulty="medium",
    minutes=15,
    signature="segmented(combine: Callable) -> Callable",
    example=">>> from itertools import accumulate\n"
    ">>> merge = segmented(lambda left, right: left + right)\n"
    ">>> list(accumulate([(True, 'a'), (False, 'b'), (True, 'c'), (False, 'd')], merge))\n"
    "[(True, 'a'), (True, 'ab'), (True, 'c'), (True, 'cd')]",
    hints=(
        "In a tree, left and right are stretches of several elements each. What must a stretch tell its "
        "neighbours, besides the value since its last start?",
        "Value and flag are two questions. What came before a start is forgotten: which of the two stretches "
        "decides about that? And what must a stretch to the left of both still be able to find out?",
        "The value is the right value alone if the right flag is set, else combine(left value, right value), "
        "in this order. The flag is set if the left or the right one is.",
    ),
    solution=segmented,
    wrong={
        "the flag of the later element is the flag of both": _operator(lambda f, g: g, _right_value),
        "the flag of the earlier element is the flag of both": _operator(lambda f, g: f, _right_value),
        "a stretch starts if both parts do": _operator(lambda f, g: f and g, _right_value),
        "two starts cancel": _operator(lambda f, g: f != g, _right_value),
        "after the first merge no flag is left": _operator(lambda f, g: False, _right_value),
        "a start on the left forgets the left": _operator(
            lambda f, g: f or g, lambda combine, f, x, g, y: y if f else combine(x, y)
        ),
        "a start anywhere forgets the left": _operator(
            lambda f, g: f or g, lambda combine, f, x, g, y: y if f or g else combine(x, y)
        ),
        "a start keeps the left": _operator(
            lambda f, g: f or g, lambda combine, f, x, g, y: x if g else combine(x, y)
        ),
        "flags travel, values combine": _operator(
            lambda f, g: f or g, lambda combine, f, x, g, y: combine(x, y)
        ),
        "the order of the two does not matter": _commuted,
        "the value alone is enough": _without_flags,
        "every operator is a plus": lambda combine: segmented(lambda x, y: x + y),
    },
    cases=cases,
    oracle=oracle,
    measure=measure,
    show=show,
    through="lesson_support.kernels.associative.recorded:grouped",
)
