"""Cases for every backend: a seeded array in which each pair of values meets."""

import itertools
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

LENGTHS = ("0", "1", "2", "15", "16", "17", "chunk-1", "chunk", "chunk+1", "4 chunks")
GATES = ("zero", "one", "minus one", "wide", "slow", "around one", "growing", "one zero inside")
AXES = {
    "length": LENGTHS,
    "batch": (2, 1, 0),
    "channels": (1, 5, 33),
    "place": ("middle", "last", "first"),
    "layout": ("contiguous", "transposed", "sliced", "expanded gate"),
    "gates": GATES,
    "poison": ("none", "inf in b", "nan in a"),
    "h0": ("none", "own dtype", "wide dtype"),
    "state": (False, True),
    "reverse": (False, True),
    "log_gates": (False, True),
    "dtype": ("float32", "bfloat16", "float16", "float64"),
    "wanted": ("all", "a", "b"),
}
# Values beside which nothing else is put to the test: other pairs have to meet without them.
EMPTY = {("length", "0"), ("length", "1"), ("batch", 0)}


@dataclass(frozen=True)
class Case:
    """One value of each axis; see AXES."""

    length: str
    batch: int
    channels: int
    place: str
    layout: str
    gates: str
    poison: str
    h0: str
    state: bool
    reverse: bool
    log_gates: bool
    dtype: str
    wanted: str

    def __str__(self) -> str:
        words = [f"T={self.length}", f"{self.batch}x{self.channels}", self.place, self.layout, self.gates]
        words += [] if self.poison == "none" else [self.poison]
        words += [] if self.h0 == "none" else [f"h0 {self.h0}"]
        words += [name for name in ("state", "reverse", "log_gates") if getattr(self, name)]
        return "/".join([*words, self.dtype, f"d{self.wanted}"]).replace(" ", "-")

    @property
    def seed(self) -> int:
        return zlib.crc32(repr(self).encode())

    @property
    def torch_dtype(self) -> torch.dtype:
        return getattr(torch, self.dtype)


def pairs(values: dict[str, object]) -> set[tuple]:
    """The pairs that a case puts to the test."""
    items = sorted(values.items())
    empty = [item for item in items if item in EMPTY]
    if len(empty) > 1:
        return set()
    met = itertools.combinations(items, 2)
    return {pair for pair in met if not empty or empty[0] in pair}


def all_pairs() -> set[tuple]:
    """Every pair of values of two axes, less two empty values together."""
    wanted = set()
    for one, two in itertools.combinations(sorted(AXES), 2):
        for x, y in itertools.product(AXES[one], AXES[two]):
            if not {(one, x), (two, y)} <= EMPTY:
                wanted.add(((one, x), (two, y)))
    return wanted


def covering_array(seed: int = 0) -> list[Case]:
    """Cases in which every pair of `all_pairs` meets: the best of a few greedy ones at a time."""
    generator, missing, found = random.Random(seed), all_pairs(), []
    while missing:
        goal = min(missing, key=repr)
        tries = [_greedy(goal, missing, generator) for _ in range(6)]
        best = max(tries, key=lambda values: len(pairs(values) & missing))
        missing -= pairs(best)
        found.append(Case(**best))
    return found


def _greedy(goal: tuple, missing: set[tuple], generator: random.Random) -> dict[str, object]:
    """A case with the pair `goal`; each other value, in random order, makes the most missing pairs."""
    values = dict(goal)
    for name in generator.sample([*AXES], len(AXES)):
        if name in dict(goal):
            continue
        partners = [item for item in values.items() if item in EMPTY] or [*values.items()]
        choices = [x for x in AXES[name] if (name, x) not in EMPTY]
        generator.shuffle(choices)
        values[name] = max(
            choices,
            key=lambda x, name=name, partners=partners: sum(
                tuple(sorted(((name, x), partner))) in missing for partner in partners
            ),
        )
    return values


def random_cases(count: int, seed: int, **fixed) -> Iterator[Case]:
    """Cases drawn from the full product, with some values fixed."""
    generator = random.Random(seed)
    for _ in range(count):
        yield Case(**{name: generator.choice(values) for name, values in AXES.items()} | fixed)


def product(*names: str, seed: int = 0, **fixed) -> Iterator[Case]:
    """Every combination of the axes `names`; those neither named nor fixed are drawn."""
    generator = random.Random(seed)
    for values in itertools.product(*(AXES[name] for name in names)):
        drawn = {name: generator.choice(choices) for name, choices in AXES.items()}
        yield Case(**drawn | dict(zip(names, values, strict=True)) | fixed)
