"""Into how many chunks to cut each row, on several cores that share a memory."""

from fractions import Fraction
from math import ceil

from lesson_support.questions.kinds import Function

SIDE_BY_SIDE = 8


def best_chunks(
    rows: int, steps: int, cores: int, latency: int, core_bytes: int, memory_bytes: int, wait: int, most: int
) -> int:
    """The number of chunks, 1 to `most`, with the fewest cycles; the smallest of equals."""

    def cycles(chunks: int) -> float:
        units = rows * chunks
        busy = min(cores, units)
        each = ceil(units / busy)
        walks, streams = (1, 3) if chunks == 1 else (2, 5)
        arithmetic = walks * max(latency / min(each, 8), 1)
        step = max(arithmetic, 4 * streams / min(core_bytes, memory_bytes / busy))
        total = each * ceil(steps / chunks) * step
        return total if chunks == 1 else total + latency * chunks + wait

    return min(range(1, most + 1), key=cycles)


def _exact(rows, steps, cores, latency, core_bytes, memory_bytes, wait, chunks) -> Fraction:
    """The model once more: units dealt out one by one, in exact fractions."""
    loads = [0] * cores
    for unit in range(rows * chunks):
        loads[unit % cores] += 1
    busy = sum(load > 0 for load in loads)
    share = min(Fraction(core_bytes), Fraction(memory_bytes, busy))
    bytes_each = 12 if chunks == 1 else 20
    length = steps // chunks + (steps % chunks > 0)
    slowest = 0
    for load in filter(None, loads):
        walk = max(Fraction(latency, min(load, SIDE_BY_SIDE)), Fraction(1))
        slowest = max(slowest, load * length * max(walk if chunks == 1 else walk + walk, bytes_each / share))
    return slowest + (latency * chunks + wait if chunks > 1 else 0)


def oracle(*work):
    *work, most = work
    costs = [_exact(*work, chunks) for chunks in range(1, most + 1)]
    return costs.index(min(costs)) + 1


def cases(rng):
    found = [
        (1, 1, 1, 4, 16, 16, 0, 1), (1, 64, 1, 4, 16, 16, 0, 8), (1, 64, 1, 4, 12, 12, 0, 1),
        (1, 4096, 1, 4, 64, 64, 0, 16), (8, 4096, 1, 4, 64, 64, 0, 16), (1, 4096, 4, 4, 16, 64, 0, 16),
        (1, 4096, 4, 4, 16, 16, 0, 16), (1, 4096, 4, 1, 16, 16, 0, 16), (1, 4096, 4, 1, 16, 24, 0, 16),
        (1, 4096, 4, 1, 16, 32, 0, 16), (4, 4096, 4, 4, 64, 256, 0, 16), (2, 4096, 4, 4, 16, 64, 0, 16),
        (3, 4096, 4, 4, 16, 64, 0, 16), (5, 4096, 4, 1, 16, 64, 0, 16), (1, 64, 4, 4, 64, 256, 500, 16),
        (1, 64, 4, 4, 64, 256, 10, 16), (64, 1024, 8, 4, 16, 32, 0, 16),
        (1, 100, 8, 4, 64, 512, 0, 64), (1, 1000, 2, 5, 20, 40, 100, 24), (7, 300, 4, 4, 32, 128, 20, 12),
        (1, 4096, 16, 4, 16, 64, 200, 64),
        (1, 64, 2, 1, 64, 128, 30, 2), (3, 16, 2, 1, 8, 8, 0, 2), (5, 16, 2, 4, 8, 64, 0, 2),
        (5, 16, 2, 1, 16, 16, 16, 3), (2, 16, 2, 2, 16, 32, 16, 3), (1, 16, 4, 2, 32, 32, 16, 3),
        (2, 16, 2, 4, 16, 32, 64, 3), (2, 16, 4, 2, 8, 16, 0, 2), (1, 32, 4, 1, 8, 16, 16, 3),
        (2, 14, 1, 3, 32, 32, 10, 4), (3, 10, 1, 4, 64, 64, 5, 4), (2, 40, 3, 1, 64, 64, 10, 6),
        (1, 13, 5, 3, 8, 24, 10, 6), (9, 48, 2, 8, 16, 64, 0, 6), (1, 62, 4, 7, 8, 64, 0, 12),
        (1, 4096, 2, 4, 16, 20, 0, 16), (1, 1024, 1, 4, 64, 64, 0, 16), (4, 40, 1, 12, 32, 64, 0, 5),
        (6, 24, 2, 16, 32, 32, 8, 6), (9, 32, 3, 16, 16, 16, 0, 3), (5, 32, 2, 12, 32, 64, 8, 4),
        (1, 40, 3, 2, 16, 32, 16, 3), (2, 16, 2, 8, 16, 16, 16, 4),
    ]  # fmt: skip
    while len(found) < 64:
        rows, steps, cores = (int(rng.integers(1, 9)), int(rng.integers(20, 3000)), int(rng.integers(1, 13)))
        core = int(rng.choice((8, 12, 16, 32, 64)))
        work = (rows, steps, cores, int(rng.integers(1, 15)), core, core * int(rng.integers(1, cores + 1)))
        case = (*work, int(rng.choice((0, 20, 200))), int(rng.integers(2, 33)))
        costs = sorted(_exact(*case[:-1], chunks) for chunks in range(1, case[-1] + 1))
        if costs[1] - costs[0] > costs[0] / 10**9:  # rounding must not decide
            found.append(case)
    return found


def _model(*work, streams=(3, 5), walks=(1, 2), floor=1, shared=True, side_by_side=SIDE_BY_SIDE, whole=True,
           whole_units=True, border=True, waits=1, busy_cores=True, latency_of=None):  # fmt: skip
    """`best_chunks` with one part of the model believed to be otherwise."""
    rows, steps, cores, latency, core_bytes, memory_bytes, wait, most = work

    def cycles(chunks):
        units = rows * chunks
        busy = min(cores, units) if busy_cores else cores
        each = ceil(units / busy) if whole_units else units / busy
        share = min(core_bytes, memory_bytes / busy) if shared else core_bytes
        chains = max(1, min(each, side_by_side))
        shared_wait = latency / chains if latency_of is None else latency_of(latency, each)
        step = max(walks[chunks > 1] * max(shared_wait, floor), 4 * streams[chunks > 1] / share)
        total = each * (ceil(steps / chunks) if whole else steps / chunks) * step
        return total + (chunks > 1) * (latency * chunks * border + wait * waits)

    return min(range(1, most + 1), key=cycles)


def _one_for_each_core(rows, steps, cores, latency, core_bytes, memory_bytes, wait, most):
    return min(cores, most)


def _enough_for_all_cores(rows, steps, cores, latency, core_bytes, memory_bytes, wait, most):
    return min(ceil(cores / rows), most)


def _in_groups(latency, each):
    """Of nine units, a group of eight and one that waits alone."""
    return latency * ceil(each / SIDE_BY_SIDE) / each


def _never(*work):
    return 1


def _most(*work):
    return work[-1]


def _last_of_equals(*work):
    *work, most = work
    costs = [_exact(*work, chunks) for chunks in range(1, most + 1)]
    return most - costs[::-1].index(min(costs))


QUESTION = Function(
    name="best_chunks",
    points=3,
    difficulty="hard",
    minutes=20,
    signature="best_chunks(rows: int, steps: int, cores: int, latency: int, core_bytes: int, memory_bytes: "
    "int, "
    "wait: int, most: int) -> int",
    example=">>> best_chunks(1, 4096, 4, 4, 16, 64, 0, 16), best_chunks(64, 1024, 8, 4, 16, 32, 0, "
    "16)\n(16, 1)",
    hints=(
        "Write a function that gives the cycles for one number of chunks, and print it for 1 to 16. What is "
        "different between one chunk and two, and what between two and three?",
        "For each number: units, then the cores that have work, then the units of the core with most. From "
        "these come the chains and the bytes that each core gets. One chunk is walked once, moves 12 bytes a "
        "step and has no border.",
        "units = rows * chunks; busy = min(cores, units); each = ceil(units / busy); step = max(walks * "
        "max(latency / min(each, 8), 1), 4 * streams / min(core_bytes, memory_bytes / busy)); total = each * "
        "ceil(steps / chunks) * step, plus latency * chunks + wait if chunks > 1.",
    ),
    solution=best_chunks,
    wrong={
        "a chunk for each core": _one_for_each_core,
        "just enough chunks to give every core one": _enough_for_all_cores,
        "chunks never pay": _never,
        "the more chunks, the better": _most,
        "chunks move three streams too": lambda *work: _model(*work, streams=(3, 3)),
        "one pass needs five streams as well": lambda *work: _model(*work, streams=(5, 5)),
        "every core has the memory to itself": lambda *work: _model(*work, shared=False),
        "chains run side by side without end": lambda *work: _model(*work, side_by_side=10**9),
        "a core takes one chunk after another": lambda *work: _model(*work, side_by_side=1),
        "work divides evenly": lambda *work: _model(*work, whole=False, whole_units=False),
        "rows divide evenly into chunks": lambda *work: _model(*work, whole=False),
        "chunks divide evenly among cores": lambda *work: _model(*work, whole_units=False),
        "the last group has its chains to itself": lambda *work: _model(*work, latency_of=_in_groups),
        "a chunk is walked once": lambda *work: _model(*work, walks=(1, 1)),
        "enough chains make a step free": lambda *work: _model(*work, floor=0),
        "threads wait before and after the borders": lambda *work: _model(*work, waits=2),
        "the borders cost nothing": lambda *work: _model(*work, border=False),
        "threads wait for each other for free": lambda *work: _model(*work, waits=0),
        "idle cores take their share of the memory": lambda *work: _model(*work, busy_cores=False),
        "the last of equals": _last_of_equals,
    },
    cases=cases,
    oracle=oracle,
)
