"""The products of a matrix product in an order that loads few cache lines, judged by counting them."""

from collections import Counter
from collections.abc import Iterator
from itertools import product

from lesson_support.questions.kinds import Function
from lesson_support.tensors.cache import ijp, ipj, matmul_loads

LINE = 4
MOST = 40_000


def blocked_order(n: int, m: int, k: int, tile: int) -> Iterator[tuple[int, int, int]]:
    """Every (i, j, p) once, a tile of each matrix at a time."""
    for i0 in range(0, n, tile):
        for j0 in range(0, m, tile):
            for p0 in range(0, k, tile):
                for i in range(i0, min(i0 + tile, n)):
                    for p in range(p0, min(p0 + tile, k)):
                        for j in range(j0, min(j0 + tile, m)):
                            yield i, j, p


def cache_lines(tile: int) -> int:
    """The lines of the judge's cache: four tiles, wherever in a line the rows of a tile begin."""
    return 4 * tile * ((tile + LINE - 2) // LINE + 1)


def allowed_loads(n: int, m: int, k: int, tile: int) -> int:
    """A fifth more than this: for every pair of tiles that meet each of their lines once, and every line of a
    tile of c once."""

    def lines(rows: range, columns: range, width: int) -> int:
        return len({(row * width + column) // LINE for row in rows for column in columns})

    def cut(size: int) -> list[range]:
        return [range(start, min(start + tile, size)) for start in range(0, size, tile)]

    total = sum(lines(i, j, m) for i, j in product(cut(n), cut(m)))
    for i, j, p in product(cut(n), cut(m), cut(k)):
        total += lines(i, p, k) + lines(p, j, m)
    return total * 6 // 5


def oracle(n, m, k, tile):
    return f"every product once, at most {allowed_loads(n, m, k, tile):,} lines loaded"


def measure(result, n, m, k, tile):
    """What is wrong with the products, then what they load; the oracle's words where nothing is."""
    if len(result) >= MOST:
        return f"more than {n * m * k} products: stopped after {MOST:,}"
    for at, triple in enumerate(result):
        whole = isinstance(triple, list | tuple) and all(type(each) is int for each in triple)
        if not whole or len(triple) != 3:
            return f"at position {at} no triple of whole numbers (i, j, p)"
        if not all(0 <= each < size for each, size in zip(triple, (n, m, k), strict=True)):
            return f"at position {at} the product {tuple(triple)}, which is outside"
    times = Counter(map(tuple, result))
    again = [triple for triple, count in times.items() if count > 1]
    missing = n * m * k - len(times)
    if again or missing:
        first = min(again) if again else next(each for each in ijp(n, m, k) if each not in times)
        told = f"products done again: {len(result) - len(times)}, missing: {missing}"
        return f"{told}; the first {'done again' if again else 'missing'} is {first}"
    loads = matmul_loads(result, n, m, k, lines=cache_lines(tile), line=LINE)
    if loads.total <= allowed_loads(n, m, k, tile):
        return oracle(n, m, k, tile)
    return f"every product once, {loads.total:,} lines loaded: a {loads.a:,}, b {loads.b:,}, c {loads.c:,}"


def show(n, m, k, tile):
    call = f"blocked_order({n}, {m}, {k}, {tile})"
    return f"matmul_loads({call}, {n}, {m}, {k}, lines={cache_lines(tile)}, line={LINE})"


def cases(rng):
    found = [
        (1, 1, 1, 1), (1, 1, 1, 4), (2, 1, 1, 1), (1, 2, 1, 1), (1, 1, 2, 1), (0, 2, 2, 2), (2, 0, 2, 2),
        (2, 2, 0, 2), (1, 1, 3, 2), (1, 3, 1, 2), (3, 1, 1, 2), (2, 3, 4, 2), (3, 5, 2, 4), (5, 2, 3, 4),
        (2, 3, 5, 4), (3, 4, 2, 8), (16, 16, 64, 4), (16, 64, 16, 4), (24, 24, 24, 4), (16, 16, 96, 8),
    ]  # fmt: skip
    for _ in range(4):
        found.append((*rng.integers(1, 6, 3).tolist(), 3))
    n, m = rng.integers(14, 19, 2).tolist()
    found.append((n, m, int(rng.integers(44, 50)), 4))
    n, k = rng.integers(14, 19, 2).tolist()
    found.append((n, int(rng.integers(58, 66)), k, 4))
    return found


def _plain(n, m, k, tile):
    return ijp(n, m, k)


def _rows(n, m, k, tile):
    return ipj(n, m, k)


def _walk(outer, inner):
    """Six loops in this nesting; a letter that is missing in `outer` is not cut into tiles."""

    def order(n, m, k, tile):
        sizes = {"i": n, "j": m, "p": k}
        for starts in product(*(range(0, sizes[x], tile) for x in outer)):
            start = dict(zip(outer, starts, strict=True))
            ranges = (
                range(start[x], min(start[x] + tile, sizes[x])) if x in start else range(sizes[x])
                for x in inner
            )
            for triple in product(*ranges):
                at = dict(zip(inner, triple, strict=True))
                yield at["i"], at["j"], at["p"]

    return order


def _tiles_inside(n, m, k, tile):
    for i in range(n):
        for j0 in range(0, m, tile):
            for p0 in range(0, k, tile):
                for p in range(p0, min(p0 + tile, k)):
                    for j in range(j0, min(j0 + tile, m)):
                        yield i, j, p


def _whole_tiles(n, m, k, tile):
    return blocked_order(n // tile * tile, m // tile * tile, k // tile * tile, tile)


def _past_the_edge(n, m, k, tile):
    return blocked_order(*(-(-size // tile) * tile for size in (n, m, k)), tile)


def _last_tile_moved(n, m, k, tile):
    starts = (sorted({max(0, min(s, size - tile)) for s in range(0, size, tile)}) for size in (n, m, k))
    for i0, j0, p0 in product(*starts):
        for i in range(i0, min(i0 + tile, n)):
            for p in range(p0, min(p0 + tile, k)):
                for j in range(j0, min(j0 + tile, m)):
                    yield i, j, p


def _one_size(n, m, k, tile):
    return blocked_order(n, m, k, 4)


def _square(n, m, k, tile):
    return blocked_order(n, n, n, tile)


def _exchanged(n, m, k, tile):
    return ((i, p, j) for i, j, p in blocked_order(n, m, k, tile))


def _first_tile_of_k(n, m, k, tile):
    return blocked_order(n, m, min(k, tile), tile)


QUESTION = Function(
    name="blocked_order",
    points=4,
    difficulty="hard",
    minutes=25,
    signature="blocked_order(n: int, m: int, k: int, tile: int) -> Iterator[tuple[int, int, int]]",
    example=">>> list(blocked_order(1, 2, 3, 2))\n"
    "[(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 0, 2), (0, 1, 2)]",
    hints=(
        "Once lines of a and of b are in the cache, which products use them? Do all of those before you load "
        "others.",
        "Six loops: three outer ones choose where the tiles begin, three inner ones walk through the "
        "products of these tiles. Every loop that chooses a tile stands outside every loop inside a tile. "
        "The last tile of a dimension may be smaller.",
        "for i0 in range(0, n, tile), the same for j0 and p0; inside all three: for i in range(i0, min(i0 + "
        "tile, n)), the same for p and for j; then yield i, j, p.",
    ),
    solution=blocked_order,
    wrong={
        "the order does not matter, every order does the same products": _plain,
        "walking along rows is all that a cache wants": _rows,
        "cutting k into tiles is enough": _walk("p", "ipj"),
        "cutting the columns into tiles is enough": _walk("j", "ipj"),
        "cutting the rows into tiles is enough": _walk("i", "ipj"),
        "tile loops may stand inside the loop over rows": _tiles_inside,
        "the sizes are multiples of the tile": _whole_tiles,
        "every tile is whole, even past the edge": _past_the_edge,
        "the last tile moves back until it fits": _last_tile_moved,
        "any small tile will do": _one_size,
        "matrices are square": _square,
        "the triple is (i, p, j)": _exchanged,
        "one tile of k is enough": _first_tile_of_k,
    },
    cases=cases,
    oracle=oracle,
    measure=measure,
    items=MOST,
    show=show,
    seconds=20.0,
)
