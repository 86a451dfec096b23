"""The lowest channels over all groups, also where scores are equal or are no numbers."""

from __future__ import annotations

import torch

from lesson_support.questions.kinds import Function


def select_global(scores: list[torch.Tensor], remove: int) -> tuple[list[list[int]], float]:
    """The positions to remove from each group, and the share of all channels that this removes."""
    ranked = sorted(
        (score, group, position)
        for group, values in enumerate(scores)
        if not values.isnan().any()
        for position, score in enumerate(values.tolist())
    )
    left = [len(values) for values in scores]
    chosen = [[] for _ in scores]
    for _, group, position in ranked:
        if sum(map(len, chosen)) < remove and left[group] > 1:
            chosen[group].append(position)
            left[group] -= 1
    return [sorted(each) for each in chosen], sum(map(len, chosen)) / sum(map(len, scores))


def oracle(scores, remove):
    """Each group's best channel is set aside; of the others NumPy's lexsort takes the first."""
    import numpy as np

    rows = []
    for group, values in enumerate(scores):
        values = values.numpy()
        if np.isnan(values).any():
            continue
        best = len(values) - 1 - int(np.argmax(values[::-1]))
        rows += [(position, group, values[position]) for position in range(len(values)) if position != best]
    chosen = [[] for _ in scores]
    if rows:
        order = np.lexsort(np.array(rows, dtype=float).T)
        for row in order[:remove]:
            chosen[rows[row][1]].append(rows[row][0])
    removed = sum(map(len, chosen))
    return [sorted(each) for each in chosen], removed / sum(len(values) for values in scores)


def show(scores, remove):
    groups = ", ".join(f"torch.tensor({values.tolist()})" for values in scores)
    return f"select_global([{groups}], {remove})".replace("nan", 'float("nan")').replace(
        "inf", 'float("inf")'
    )


def cases(rng):
    nan, inf = float("nan"), float("inf")
    made = [
        ([[1]], 0),
        ([[1]], 1),
        ([[1, 1]], 1),
        ([[2, 1]], 1),
        ([[1, 2]], 0),
        ([[1, 1, 1, 1]], 2),
        ([[0, 0], [0, 0]], 1),
        ([[0, 0], [0, 0]], 4),
        ([[3, 1, 2], [1, 2, 3]], 3),
        ([[1, 2], [7, 8, 9]], 3),
        ([[1, 2, 3], [9, 9, 9, 9]], 4),
        ([[5, 5, 5, 5], [6, 6, 6, 6]], 4),
        ([[5, 5, 5, 5], [1, 9, 5, 9]], 3),
        ([[nan, 1], [2, 3]], 1),
        ([[nan, nan], [2, 3]], 3),
        ([[nan, 1, 2], [nan, 3, 4]], 2),
        ([[5, 4, nan, 3], [7, 7, 8, 6]], 2),
        ([[-1, -2, 0], [inf, 3, -inf]], 3),
        ([[4, 3, 2, 1], [0.5]], 2),
        ([[2, 1, 2, 1, 2, 1], [1, 2, 1, 2]], 5),
        ([[1] * 40, [1] * 3], 20),  # so many equal scores that an unstable sort mixes them
    ]
    found = [([torch.tensor(each, dtype=torch.float32) for each in groups], n) for groups, n in made]
    for _ in range(20):
        groups = [rng.integers(0, 5, rng.integers(1, 7)).astype("float32") for _ in range(rng.integers(1, 5))]
        if rng.random() < 0.2:
            groups[0][0] = nan
        total = sum(map(len, groups))
        found.append(([torch.from_numpy(each) for each in groups], int(rng.integers(0, total + 1))))
    return found


def _told(scores, chosen):
    return chosen, sum(map(len, chosen)) / sum(map(len, scores))


def _threshold(scores, remove):
    if remove == 0:
        return _told(scores, [[] for _ in scores])
    limit = torch.cat(scores).sort().values[remove - 1]
    chosen = [(values <= limit).nonzero().flatten().tolist() for values in scores]
    return _told(scores, [each if len(each) < len(s) else [] for each, s in zip(chosen, scores, strict=True)])


def _strict_threshold(scores, remove):
    if remove == 0:
        return _told(scores, [[] for _ in scores])
    limit = torch.cat(scores).sort().values[remove - 1]
    chosen = [(values < limit).nonzero().flatten().tolist() for values in scores]
    return _told(scores, chosen)


def _walk(scores, remove, key=None, skip_nan=True, spare=True, replace=True):
    ranked = sorted(
        (
            (score, group, position)
            for group, values in enumerate(scores)
            if not (skip_nan and values.isnan().any())
            for position, score in enumerate(values.tolist())
        ),
        key=key,
    )
    chosen = [[] for _ in scores]
    for _, group, position in ranked if replace else ranked[:remove]:
        fits = not spare or len(chosen[group]) < len(scores[group]) - 1
        if sum(map(len, chosen)) < remove and fits:
            chosen[group].append(position)
    return chosen


def _local(scores, remove):
    total = sum(map(len, scores))
    chosen = []
    for values in scores:
        count = min(len(values) - 1, remove * len(values) // total)
        chosen.append([] if values.isnan().any() else sorted(values.argsort(stable=True)[:count].tolist()))
    return _told(scores, chosen)


def _no_floor(scores, remove):
    return _told(scores, [sorted(each) for each in _walk(scores, remove, spare=False)])


def _not_replaced(scores, remove):
    return _told(scores, [sorted(each) for each in _walk(scores, remove, replace=False)])


def _nan_first(scores, remove):
    clean = [values.nan_to_num(nan=-1e9) for values in scores]
    return _told(scores, [sorted(each) for each in _walk(clean, remove)])


def _nan_last(scores, remove):
    clean = [values.nan_to_num(nan=1e9) for values in scores]
    return _told(scores, [sorted(each) for each in _walk(clean, remove)])


def _by_score(scores, remove):
    return _told(scores, _walk(scores, remove))


def _asked(scores, remove):
    chosen, _ = select_global(scores, remove)
    return chosen, remove / sum(map(len, scores))


def _of_the_usable(scores, remove):
    chosen, _ = select_global(scores, remove)
    usable = sum(len(values) for values in scores if not values.isnan().any())
    return chosen, sum(map(len, chosen)) / max(usable, 1)


def _last_of_equals(scores, remove):
    chosen = _walk(scores, remove, key=lambda each: (each[0], -each[1], -each[2]))
    return _told(scores, [sorted(each) for each in chosen])


def _highest(scores, remove):
    chosen = _walk(scores, remove, key=lambda each: (-each[0], each[1], each[2]))
    return _told(scores, [sorted(each) for each in chosen])


def _first_kept(scores, remove):
    inf = float("inf")
    guarded = [
        values if values.isnan().any() else torch.cat([values[:1] * 0 + inf, values[1:]]) for values in scores
    ]
    return _told(scores, [sorted(each) for each in _walk(guarded, remove)])


QUESTION = Function(
    name="select_global",
    points=3,
    difficulty="medium",
    minutes=15,
    signature="select_global(scores: list[torch.Tensor], remove: int) -> tuple[list[list[int]], float]",
    example=">>> select_global([torch.tensor([3.0, 1.0, 1.0]), torch.tensor([1.0, 9.0])], 2)\n"
    "([[1, 2], []], 0.4)\n"
    ">>> select_global([torch.tensor([1.0, 2.0]), torch.tensor([8.0, 7.0, 9.0])], 3)\n"
    "([[0], [0, 1]], 0.6)",
    hints=(
        "A threshold cannot say which of several equal scores goes. Put the channels in an order in which no "
        "two are equal, and walk along it.",
        "Triples (score, group, position) are never equal, and Python compares them from the left. Which "
        "groups must not enter the order, and when is a channel passed over on the walk?",
        "ranked = sorted((score, group, position) …). Walk along it: while fewer than remove are chosen and "
        "the group still has more than one channel, append the position and count the group down. Return "
        "each list sorted, and the number chosen over the number of all channels, groups with NaN included.",
    ),
    solution=select_global,
    wrong={
        "everything up to the threshold goes, and a group that would be emptied is left alone": _threshold,
        "everything below the threshold goes": _strict_threshold,
        "every group gives the same share": _local,
        "the lowest go, even if a group is empty then": _no_floor,
        "what a protected group does not give is not taken elsewhere": _not_replaced,
        "a NaN is the lowest score": _nan_first,
        "a NaN is the highest score": _nan_last,
        "positions may come in the order of their scores": _by_score,
        "what was asked for is what was removed": _asked,
        "the share counts the groups that could be ranked": _of_the_usable,
        "of equal scores the last ones go": _last_of_equals,
        "the highest scores go": _highest,
        "the first channel of each group is the one that stays": _first_kept,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
