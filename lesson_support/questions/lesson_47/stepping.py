"""Removing in steps: how many each time, and which channels the positions mean by then."""

from __future__ import annotations

from lesson_support.questions.kinds import Scenario


class stepwise:
    """`remove` of `channels` channels go in `steps` steps, each ranked by fresh scores of the survivors."""

    def __init__(self, channels: int, remove: int, steps: int):
        self.survivors = list(range(channels))
        self.remove, self.steps, self.done, self.gone = remove, steps, 0, 0

    def step(self, scores: list[float]) -> list[int]:
        """The original numbers removed; RuntimeError after the last step, ValueError for a wrong length."""
        if self.done == self.steps:
            raise RuntimeError(f"all {self.steps} steps are done")
        if len(scores) != len(self.survivors):
            raise ValueError(f"{len(scores)} scores for {len(self.survivors)} channels")
        self.done += 1
        count = self.remove * self.done // self.steps - self.gone
        lowest = sorted(range(len(scores)), key=lambda place: scores[place])[:count]
        removed = sorted(self.survivors[place] for place in lowest)
        self.survivors = [number for number in self.survivors if number not in removed]
        self.gone += count
        return removed

    def left(self) -> list[int]:
        """The original numbers of the channels that are left, in order."""
        return list(self.survivors)


def oracle(arguments, operations):
    """A table of flags, one for each original channel; in a step, the lowest is looked up again and again."""
    channels, remove, steps = arguments
    alive, done, results = [True] * channels, 0, []
    for name, *given in operations:
        numbers = [number for number in range(channels) if alive[number]]
        if name == "left":
            results.append(numbers)
            continue
        (scores,) = given
        if done >= steps:
            results.append({"raises": "RuntimeError"})
        elif len(scores) != len(numbers):
            results.append({"raises": "ValueError"})
        else:
            done += 1
            table, out = dict(zip(numbers, scores, strict=True)), []
            while alive.count(False) * steps + steps <= remove * done:
                lowest = min(table, key=lambda number: (table[number], number))
                del table[lowest]
                alive[lowest] = False
                out.append(lowest)
            results.append(sorted(out))
    return results


def cases(rng):
    look = ("left",)

    def script(*scores):
        return [*(("step", list(each)) for each in scores), look]

    found = [
        ((1, 0, 1), script([5])),
        ((2, 1, 1), script([2, 1])),
        ((2, 1, 1), script([1, 1])),
        ((2, 1, 1), script([1, 2], [1])),
        ((2, 1, 1), script([1], [1, 2])),
        ((2, 1, 1), script([2, 1], [1, 2])),
        ((2, 1, 1), script([1, 2, 3], [2, 1])),
        ((3, 2, 2), script([3, 1, 2], [2, 1])),
        ((3, 2, 2), script([1, 2, 3], [1, 2])),
        ((3, 2, 2), script([1, 2, 3], [1, 2, 3], [2, 1])),
        ((3, 1, 2), script([1, 2, 3], [3, 2, 1])),
        ((4, 3, 2), script([4, 3, 2, 1], [1, 2, 3])),
        ((4, 2, 4), script([1, 2, 3, 4], [1, 2, 3, 4], [3, 2, 1], [1, 2, 3])),
        ((4, 3, 3), script([0, 0, 0, 0], [0, 0, 0], [0, 0])),
        ((5, 0, 2), script([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [1, 2, 3, 4, 5])),
        ((8, 5, 3), [look, *script([8, 7, 6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5])]),
        ((10, 5, 5), script(*([1] * n for n in (10, 9, 8, 7, 6)))),
        ((6, 3, 2), [("step", [6, 5, 4, 3, 2, 1]), look, ("step", [9, 8, 7, 6, 5]), look]),
    ]
    for _ in range(16):
        channels = int(rng.integers(2, 12))
        remove, steps = int(rng.integers(0, channels)), int(rng.integers(1, 6))
        operations = []
        for done in range(1, steps + 1):
            left = channels - remove * (done - 1) // steps
            if rng.random() < 0.15:
                operations.append(("step", rng.integers(0, 6, left + 1).tolist()))
            operations.append(("step", rng.integers(0, 6, left).tolist()))
            if rng.random() < 0.3:
                operations.append(look)
        found.append(((channels, remove, steps), [*operations, look]))
    return found


class _ShareOfSurvivors(stepwise):
    def step(self, scores):
        kept = self.remove, self.gone, len(self.survivors) + self.gone
        self.remove = self.gone + int(len(self.survivors) * kept[0] / kept[2] / self.steps)
        done, self.done = self.done, self.steps - 1 if self.done < self.steps else self.done
        try:
            removed = super().step(scores)
            self.done = done + 1
            return removed
        except ValueError:
            self.done = done
            raise
        finally:
            self.remove = kept[0]


class _SameEachTime(stepwise):
    def __init__(self, channels, remove, steps):
        super().__init__(channels, remove // steps * steps, steps)


class _RestFirst(stepwise):
    def step(self, scores):
        if self.done < self.steps and len(scores) == len(self.survivors):
            wanted = -(-self.remove * (self.done + 1) // self.steps)
            kept, self.remove = self.remove, wanted
            done, self.done = self.done, self.steps - 1
            try:
                return super().step(scores)
            finally:
                self.remove, self.done = kept, done + 1
        return super().step(scores)


class _Positions(stepwise):
    def step(self, scores):
        before = list(self.survivors)
        return sorted(before.index(number) for number in super().step(scores))


class _OneMore(stepwise):
    def step(self, scores):
        if self.done == self.steps:
            return []
        return super().step(scores)


class _CountsBadCalls(stepwise):
    def step(self, scores):
        if self.done < self.steps and len(scores) != len(self.survivors):
            self.done += 1
            raise ValueError
        return super().step(scores)


class _Unchecked(stepwise):
    def step(self, scores):
        return super().step((list(scores) + [0.0] * len(self.survivors))[: len(self.survivors)])


class _AllAtOnce(stepwise):
    def step(self, scores):
        fits = self.done < self.steps and len(scores) == len(self.survivors)
        if not fits:
            return super().step(scores)
        done, self.done = self.done, self.steps - 1
        try:
            return super().step(scores)
        finally:
            self.done = done + 1


class _ByScore(stepwise):
    def step(self, scores):
        before = list(self.survivors)
        removed = super().step(scores)
        return sorted(removed, key=lambda number: scores[before.index(number)])


class _Highest(stepwise):
    def step(self, scores):
        return super().step([-score for score in scores])


class _LengthFirst(stepwise):
    def step(self, scores):
        if len(scores) != len(self.survivors):
            raise ValueError
        return super().step(scores)


QUESTION = Scenario(
    name="stepwise",
    points=3,
    difficulty="medium",
    minutes=15,
    signature="stepwise(channels: int, remove: int, steps: int)",
    example=">>> pruner = stepwise(5, 3, 2)\n>>> pruner.step([5, 1, 4, 2, 3])\n[1]\n"
    ">>> pruner.step([5, 1, 2, 9])\n[2, 3]\n>>> pruner.left()\n[0, 4]",
    hints=(
        "Two things have to be remembered from step to step: how many channels should be gone by now, and "
        "which original channel each score belongs to.",
        "Keep the list of surviving original numbers. Position p of scores means survivors[p]. After step t "
        "the number gone is remove * t // steps; what this step removes is the difference to what is gone.",
        "In step: raise RuntimeError if done == steps, then ValueError for a wrong length, both before you "
        "change anything. count = remove * (done + 1) // steps - gone. Take the count first positions of "
        "sorted(range(len(scores)), key=scores.__getitem__), translate them, drop them from survivors.",
    ),
    solution=stepwise,
    wrong={
        "each step takes its share of what is left": _ShareOfSurvivors,
        "each step takes the same number, and the rest is forgotten": _SameEachTime,
        "the early steps take the rest": _RestFirst,
        "a position is the channel's number": _Positions,
        "a step too many removes nothing, and says nothing": _OneMore,
        "a refused call counts as a step": _CountsBadCalls,
        "scores of another length are cut to fit": _Unchecked,
        "the first step takes all": _AllAtOnce,
        "the numbers come in the order of their scores": _ByScore,
        "the highest scores go": _Highest,
        "the length is judged first, even when all steps are done": _LengthFirst,
    },
    cases=cases,
    oracle=oracle,
)
