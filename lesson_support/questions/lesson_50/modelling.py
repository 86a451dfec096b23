"""Two ways to answer a batch, each a line of overhead and arithmetic: from timings to where they cross."""

from __future__ import annotations

import numpy as np

from lesson_support.questions.kinds import Function


def overhead_model(batches: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple:
    """(overhead, per sample) of each way, and the batch where the lines cross, None for no such batch."""
    lines = []
    for seconds in (first, second):
        t = np.median(seconds, axis=0)
        a, b = 1 / t, batches / t  # columns of a fit whose residuals are shares of t
        det = (a @ a) * (b @ b) - (a @ b) ** 2
        overhead = (a.sum() * (b @ b) - b.sum() * (a @ b)) / det
        each = (b.sum() * (a @ a) - a.sum() * (a @ b)) / det
        if overhead < 0:
            overhead, each = 0.0, b.sum() / (b @ b)
        elif each < 0:
            overhead, each = a.sum() / (a @ a), 0.0
        lines.append((float(overhead), float(each)))
    (o1, a1), (o2, a2) = lines
    apart = abs(a1 - a2) > 1e-9 * max(a1, a2)
    crossing = (o2 - o1) / (a1 - a2) if apart else 0.0
    return *lines, float(crossing) if crossing > 1 else None


def oracle(batches, first, second):
    """Least squares by the library, on rows divided by their times; the crossing from a linear system."""
    lines = []
    for seconds in (first, second):
        t = np.array([sorted(column)[len(column) // 2] for column in seconds.T])
        rows = np.stack([np.ones(len(t)), batches], 1) / t[:, None]
        line = np.linalg.lstsq(rows, np.ones(len(t)), rcond=None)[0]
        if min(line) < 0:
            keep = int(line[0] < 0)
            only = np.linalg.lstsq(rows[:, [keep]], np.ones(len(t)), rcond=None)[0]
            line = np.zeros(2)
            line[keep] = only[0]
        lines.append(tuple(map(float, line)))
    (o1, a1), (o2, a2) = lines
    system = np.array([[1.0, -a1], [1.0, -a2]])
    if abs(a1 - a2) <= 1e-9 * max(a1, a2):
        return *lines, None
    batch = np.linalg.solve(system, np.array([o1, o2]))[1]
    return *lines, float(batch) if batch > 1 else None


def cases(rng):
    sizes = np.array([1.0, 8, 64, 512])

    def line(overhead, each, batches=sizes, rounds=1, noise=0.0):
        t = overhead + each * batches
        return t * (1 + noise * rng.random((rounds, len(batches))))

    late = line(100, 10, rounds=3)
    late[1] *= 50  # one round in which the machine did something else
    early = line(100, 10, rounds=3)
    early[0] *= 0.2  # and one in which the clock did
    once = line(100, 10, rounds=5)
    once[2, 0], once[4, 3] = 9000, 1e6
    two = np.array([1.0, 2])
    found = [
        (two, line(6, 1, two), line(2, 3, two)),
        (two, line(2, 3, two), line(6, 1, two)),
        (two, line(2, 1, two), line(6, 3, two)),
        (two, line(6, 4, two), line(2, 8, two)),
        (sizes, line(100, 10), line(900, 10)),
        (sizes, line(100, 7.3 / 333), line(1300, 7.3 / 333)),
        (sizes, line(100, 10), line(100, 10)),
        (sizes, line(100, 10), line(900, 6)),
        (sizes, line(100, 10), line(900, 16)),
        (sizes, late, line(900, 6, rounds=3)),
        (sizes, line(900, 6, rounds=5), once),
        (sizes, early, line(900, 6, rounds=3)),
        (np.array([4.0, 8, 16]), np.array([[1.0, 4, 10]]), np.array([[2.0, 3, 5]])),
        (np.array([4.0, 8, 16]), np.array([[9.0, 8, 7.5]]), np.array([[2.0, 5, 11]])),
        (np.array([1.0, 64, 4096]), np.array([[600, 1500, 90000.0]]), np.array([[1500, 2900, 91000.0]])),
        (np.array([1.0, 64, 4096]), np.array([[600, 3400, 170000.0]]), np.array([[1500, 2300, 90000.0]])),
    ]
    for _ in range(12):
        batches = np.sort(rng.choice([1.0, 2, 4, 8, 16, 32, 128, 1024], 5, replace=False))
        ways = [
            line(float(rng.integers(20, 900)), float(rng.integers(2, 40)), batches, 5, 0.2) for _ in range(2)
        ]
        ways[0][int(rng.integers(5))] *= 20
        found.append((batches, *ways))
    return found


def _variant(center=None, weight=None, clamp=True, crossing=None):
    """The model with one part done otherwise."""

    def overhead_model(batches, first, second):
        lines = []
        for seconds in (first, second):
            t = (center or (lambda s: np.median(s, axis=0)))(seconds)
            w = (weight or (lambda t: 1 / t))(t)
            rows = np.stack([np.ones(len(t)), batches], 1) * w[:, None]
            line = np.linalg.lstsq(rows, t * w, rcond=None)[0]
            if clamp is True and min(line) < 0:
                keep = int(line[0] < 0)
                only = np.linalg.lstsq(rows[:, [keep]], t * w, rcond=None)[0]
                line = np.zeros(2)
                line[keep] = only[0]
            if clamp == "cut":
                line = line.clip(0)
            lines.append(tuple(map(float, line)))
        (o1, a1), (o2, a2) = lines
        return *lines, (crossing or _crossing)(o1, a1, o2, a2)

    return overhead_model


def _crossing(o1, a1, o2, a2):
    batch = (o2 - o1) / (a1 - a2) if abs(a1 - a2) > 1e-9 * max(a1, a2) else 0.0
    return batch if batch > 1 else None


def _far_out(o1, a1, o2, a2):
    batch = (o2 - o1) / (a1 - a2) if a1 != a2 else 0.0
    return batch if batch > 1 else None


def _any_crossing(o1, a1, o2, a2):
    return (o2 - o1) / (a1 - a2) if a1 != a2 else None


def _ratio_of_overheads(o1, a1, o2, a2):
    return max(o1, o2) / max(a1, a2)


def _only_if_second_wins(o1, a1, o2, a2):
    batch = _crossing(o1, a1, o2, a2)
    return batch if a2 < a1 else None


def _ends(batches, first, second):
    lines = []
    for seconds in (first, second):
        t = np.median(seconds, axis=0)
        each = (t[-1] - t[0]) / (batches[-1] - batches[0])
        lines.append((float(t[0] - each * batches[0]), float(each)))
    return *lines, _crossing(*lines[0], *lines[1])


def _smallest_is_overhead(batches, first, second):
    lines = []
    for seconds in (first, second):
        t = np.median(seconds, axis=0)
        lines.append((float(t[0]), float((t[-1] - t[0]) / batches[-1])))
    return *lines, _crossing(*lines[0], *lines[1])


QUESTION = Function(
    name="overhead_model",
    points=4,
    difficulty="medium",
    minutes=20,
    signature="overhead_model(batches: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple",
    example=">>> batches = np.array([1.0, 10.0, 100.0])\n"
    ">>> slow_start = np.array([[93.0, 120.0, 390.0], [93.0, 9000.0, 390.0], [93.0, 120.0, 390.0]])\n"
    ">>> steep = np.array([[15.0, 60.0, 510.0]])\n"
    ">>> [np.round(each, 6).tolist() for each in overhead_model(batches, slow_start, steep)]\n"
    "[[90.0, 3.0], [10.0, 5.0], 40.0]",
    hints=(
        "Three steps: one time for each batch, a line through them for each way, the batch at which both "
        "lines are equally high. A plain least-squares fit looks at the largest batch alone; why?",
        "Divide each row (1, batch) and its time t by t: the residuals become shares of t. If the fitted "
        "overhead comes out negative, fit the slope alone; if the slope does, the overhead alone.",
        "t = np.median(seconds, axis=0); rows = np.stack([np.ones_like(t), batches], 1) / t[:, None]; solve "
        "np.linalg.lstsq(rows, np.ones_like(t)). For a fit with one column, rows[:, [1]] or rows[:, [0]]. "
        "The lines cross at (o2 − o1) / (a1 − a2), which counts only if it is above 1 and "
        "abs(a1 − a2) above 1e-9 · max(a1, a2).",
    ),
    solution=overhead_model,
    wrong={
        "the mean of the rounds is their time": _variant(center=lambda s: s.mean(axis=0)),
        "the first round is as good as any": _variant(center=lambda s: s[0]),
        "all residuals weigh alike": _variant(weight=lambda t: np.ones_like(t)),
        "residuals shrink with the root of the time": _variant(weight=lambda t: t**-0.5),
        "a negative overhead is a fast start": _variant(clamp=False),
        "what is negative becomes 0, and the rest stays": _variant(clamp="cut"),
        "lines cross somewhere, so a batch comes out": _variant(crossing=_any_crossing),
        "fitted slopes are equal to the last bit, or not parallel": _variant(crossing=_far_out),
        "the crossing is overhead over arithmetic": _variant(crossing=_ratio_of_overheads),
        "only the second way may win late": _variant(crossing=_only_if_second_wins),
        "the smallest and the largest batch make the line": _ends,
        "the time of the smallest batch is the overhead": _smallest_is_overhead,
    },
    cases=cases,
    oracle=oracle,
    relative=1e-6,
    absolute=1e-6,
)
