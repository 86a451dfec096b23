"""A scan up and down a tree, judged by its combines and by how many of them wait for each other."""

from collections.abc import Callable
from math import ceil, log2, sqrt

from lesson_support.kernels.associative.recorded import replay
from lesson_support.questions.kinds import Function

COUNTED = 100  # elements from which on combines are judged: on short lines every order costs about the same


def tree_scan(combine: Callable, x: list) -> list:
    """All prefixes of x, in fewer than 2n combines, at most 2·log₂n of which wait for each other."""
    y, n, step = list(x), len(x), 1
    while 2 * step <= n:
        for end in range(2 * step - 1, n, 2 * step):
            y[end] = combine(y[end - step], y[end])
        step *= 2
    while step >= 1:
        for place in range(2 * step - 1, n - step, 2 * step):
            y[place + step] = combine(y[place], y[place + step])
        step //= 2
    return y


def deepest(n: int) -> int:
    return 2 * ceil(log2(n)) if n > 1 else 0


def oracle(n):
    if n < COUNTED:
        return f"{n} prefixes" if n else "no prefixes"
    return f"{n} prefixes, fewer than {2 * n} combines, at most {deepest(n)} deep"


def measure(result, n):
    """What is wrong with the prefixes, then with their cost; the oracle's words where nothing is."""
    made = replay(n, [tuple(pair) for pair in result["pairs"]])
    prefixes = [made[number] for number in result["prefixes"]]
    if not result["kept"]:
        return "x was changed"
    if len(prefixes) != n:
        return f"{len(prefixes)} prefixes"
    for t, prefix in enumerate(prefixes):
        if prefix.elements != tuple(range(t + 1)):
            return f"prefix {t} is {prefix}"
    depth = max((prefix.depth for prefix in prefixes), default=0)
    work = len(made) - n
    if n >= COUNTED and (work >= 2 * n or depth > deepest(n)):
        return f"{n} prefixes, {work} combines, {depth} deep"
    return oracle(n)


def show(n):
    named = [f"x{k}" for k in range(n)]
    few = [*named[:2], "…", named[-1]] if n > 4 else named
    return f"tree_scan(combine, [{', '.join(few)}])"


def cases(rng):
    lengths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 31, 32, 33, COUNTED, 127, 128, 129]
    return [(int(n),) for n in (*lengths, *rng.integers(18, 90, 3), *rng.integers(COUNTED, 160, 3))]


def _loop(combine, x):
    y = list(x[:1])
    for element in x[1:]:
        y.append(combine(y[-1], element))
    return y


def _doubling(combine, x):
    step = 1
    while step < len(x):
        x = x[:step] + [combine(left, right) for left, right in zip(x, x[step:], strict=False)]
        step *= 2
    return list(x)


def _halves(combine, x):
    """Both halves, then the total of the left one before everything in the right one."""
    if len(x) < 2:
        return list(x)
    middle = len(x) // 2
    left, right = _halves(combine, x[:middle]), _halves(combine, x[middle:])
    return left + [combine(left[-1], each) for each in right]


def _chunks(combine, x):
    size = max(1, round(sqrt(len(x) / 2)))
    parts = [_loop(combine, x[start : start + size]) for start in range(0, len(x), size)]
    before, y = None, []
    for part in parts:
        y += part if before is None else [combine(before, each) for each in part]
        before = y[-1]
    return y


def _up_only(combine, x):
    y, step = list(x), 1
    while 2 * step <= len(y):
        for end in range(2 * step - 1, len(y), 2 * step):
            y[end] = combine(y[end - step], y[end])
        step *= 2
    return y


def _down(combine, y, step, stop=1):
    n = len(y)
    while step >= stop:
        for place in range(2 * step - 1, n - step, 2 * step):
            y[place + step] = combine(y[place], y[place + step])
        step //= 2
    return y


def _swapped_on_the_way_down(combine, x):
    return _down(lambda left, right: combine(right, left), _up_only(combine, x), 1 << len(x).bit_length())


def _down_misses_the_top(combine, x):
    return _down(combine, _up_only(combine, x), max(1, 1 << len(x).bit_length()) // 8)


def _down_misses_the_bottom(combine, x):
    return _down(combine, _up_only(combine, x), 1 << len(x).bit_length(), stop=2)


def _powers_only(combine, x):
    whole = 1 << (len(x).bit_length() - 1) if x else 0
    return tree_scan(combine, x[:whole]) + list(x[whole:])


def _whole_parts(combine, x):
    """Blelloch's tree over the largest power of two, and a loop over what is left."""
    whole = 1 << (len(x).bit_length() - 1) if x else 0
    y = tree_scan(combine, x[:whole])
    for element in x[whole:]:
        y.append(combine(y[-1], element))
    return y


def _padded(combine, x):
    """Copies of the last element up to a power of two."""
    width = 1 << max(0, len(x) - 1).bit_length()
    return tree_scan(combine, list(x) + list(x[-1:]) * (width - len(x)))


def _exclusive(combine, x):
    return list(x[:1]) + tree_scan(combine, x)[:-1]


def _in_place(combine, x):
    x[:] = tree_scan(combine, x)
    return x


def _sums(combine, x):
    y = list(x)
    for k in range(1, len(y)):
        y[k] = y[k - 1] + y[k]
    return y


def _no_elements(combine, x):
    return tree_scan(combine, x) if x else x[0]


QUESTION = Function(
    name="tree_scan",
    points=3,
    difficulty="hard",
    minutes=25,
    signature="tree_scan(combine: Callable, x: list) -> list",
    example=">>> tree_scan(lambda left, right: left + right, ['a', 'b', 'c', 'd', 'e'])\n"
    "['a', 'ab', 'abc', 'abcd', 'abcde']",
    hints=(
        "Which places of the line hold a finished prefix after the way up, and for how many of the others is "
        "one combine with a finished prefix enough? The explorer shows it for 8 and for 16 elements.",
        "Up, for distances 1, 2, 4, …: the places 2d − 1, 4d − 1, 6d − 1, … take in the place d before them. "
        "Then the distances come back, from the last to 1: at each of them some places are finished, and one "
        "place behind each of these needs exactly its prefix. Watch it on 11 elements.",
        "Copy x to y. While 2·step ≤ n: for end in range(2·step − 1, n, 2·step) set y[end] = combine(y[end − "
        "step], y[end]); double step. Then while step ≥ 1: for place in range(2·step − 1, n − step, 2·step) "
        "set y[place + step] = combine(y[place], y[place + step]); halve step.",
    ),
    solution=tree_scan,
    wrong={
        "a loop is a scan like any other": _loop,
        "doubling has the depth, and depth is what counts": _doubling,
        "split in halves and add the left total to the right half": _halves,
        "chunks of the best size are as good as a tree": _chunks,
        "the way up is enough": _up_only,
        "the operator may be commutative": _swapped_on_the_way_down,
        "the way down begins one level lower": _down_misses_the_top,
        "the way down ends one level earlier": _down_misses_the_bottom,
        "lengths are powers of two": _powers_only,
        "what a tree leaves over, a loop may finish": _whole_parts,
        "any padding will do": _padded,
        "prefixes end before their own element": _exclusive,
        "x is mine to work in": _in_place,
        "every operator is a plus": _sums,
        "there is always an element": _no_elements,
    },
    cases=cases,
    oracle=oracle,
    measure=measure,
    show=show,
    through="lesson_support.kernels.associative.recorded:scanned",
)
