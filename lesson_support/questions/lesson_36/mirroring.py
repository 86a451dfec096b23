"""A transposed copy, tile by tile."""

from lesson_support.questions.kernel_probes import edited, kernel_question, tl, triton

TILE = 16


@triton.jit
def transpose(x_ptr, out_ptr, n, m, x_row, TILE: tl.constexpr):
    """out (m, n), contiguous, is x (n, m) transposed; a program takes one tile of TILE x TILE.

    Tiles of x are numbered row by row. The rows of x begin x_row elements apart.
    """
    tiles = tl.cdiv(m, TILE)
    program = tl.program_id(0).to(tl.int64)
    i = (program // tiles) * TILE + tl.arange(0, TILE)[:, None]
    j = (program % tiles) * TILE + tl.arange(0, TILE)[None, :]
    inside = (i < n) & (j < m)
    tile = tl.load(x_ptr + i * x_row + j, mask=inside)
    tl.store(out_ptr + j * n + i, tile, mask=inside)


def expected(tensors, numbers):
    """torch's own."""
    return {"out": tensors["x"].t().contiguous()}


def case(rng, n, m, gap=0, dtype="float32", far=None):
    """x with `gap` unused elements behind each row, or with rows that seem `far` apart."""
    import torch

    kind = getattr(torch, dtype)
    most = {"float16": 2**11, "float32": 2**24, "int64": 2**62}[dtype]  # exact there, and in no other dtype
    x = torch.tensor(rng.integers(1, most, (n, m + gap))).to(kind)[:, :m]
    tensors = {"x": x, "out": torch.full((m, n), -1).to(kind)}
    numbers = {"n": n, "m": m, "x_row": far or m + gap}
    found = (tensors, numbers, {"TILE": TILE}, (-(-n // TILE) * -(-m // TILE),))
    return found if far is None else (*found, {"x": far})


def cases(rng):
    sizes = [
        (1, 1), (1, 3), (3, 1), (2, 3), (3, 2, 2), (16, 16), (17, 16), (16, 17), (17, 33), (33, 17), (1, 70),
        (70, 1), (2, 2, 0, "int64"), (5, 20, 1, "float16"), (40, 50, 6), (48, 32), (32, 48),
    ]  # fmt: skip
    found = [case(rng, *size) for size in sizes]
    found += [case(rng, 3, 2, far=2**30 + 64), case(rng, 18, 3, far=2**28)]
    for _ in range(4):
        n, m, gap = rng.integers((1, 1, 0), (60, 60, 3)).tolist()
        found.append(case(rng, n, m, gap))
    return found


def changed(*pairs):
    return edited(transpose, *pairs)


_LOAD = "    tile = tl.load(x_ptr + i * x_row + j, mask=inside)\n"

QUESTION = kernel_question(
    name="transpose",
    points=3,
    difficulty="easy",
    minutes=15,
    signature="transpose(x_ptr, out_ptr, n, m, x_row, TILE: tl.constexpr)",
    example=">>> x, out = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.zeros(3, 2)\n"
    ">>> transpose[(1,)](x, out, 2, 3, 3, TILE=16)\n"
    ">>> out.tolist()\n"
    "[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]",
    hints=(
        "Element (i, j) of x is element (j, i) of out. What is its offset in out, whose rows have n "
        "elements?",
        "You need no operation that turns the tile. Load it with offsets in x, and store it with a tile of "
        "offsets in out that has the same shape: the same lane knows both places of its element.",
        "As in bias_gelu, with tiles = tl.cdiv(m, TILE) tiles in a row: load x_ptr + i * x_row + j, store "
        "to out_ptr + j * n + i, both under (i < n) & (j < m), with the program's number as tl.int64.",
    ),
    solution=transpose,
    wrong={
        "rows of out are as long as rows of x": changed(("j * n + i", "j * m + i")),
        "storing does not turn anything": changed(("out_ptr + j * n + i", "out_ptr + i * m + j")),
        "out has the same mask turned over": changed(("tile, mask=inside", "tile, mask=(j < n) & (i < m)")),
        "masked lanes hold zeros, which do no harm": changed(("tile, mask=inside", "tile")),
        "only the last row hangs over": changed(("(i < n) & (j < m)", "(i < n + 0 * j)")),
        "there are as many tiles in a row as in a column": changed(("tl.cdiv(m", "tl.cdiv(n")),
        "rows follow each other without gaps": changed(("i * x_row", "i * m")),
        "an offset is a small number": changed((".to(tl.int64)", "")),
        "an integer argument is a tensor": changed(
            (".to(tl.int64)", ""), ("i * x_row", "i * x_row.to(tl.int64)")
        ),
        "what is in a cache may be loaded again": changed((_LOAD, _LOAD + _LOAD)),
        "a kernel computes in float32": changed(("tile, mask=inside", "tile.to(tl.float32), mask=inside")),
        "float64 holds every number": changed(("tile, mask=inside", "tile.to(tl.float64), mask=inside")),
    },
    expected=expected,
    cases=cases,
    relative=0.0,
    absolute=0.0,
)
