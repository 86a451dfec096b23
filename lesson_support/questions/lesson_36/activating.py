"""Bias and GELU in one kernel: a tile loads its piece of the bias once."""

from lesson_support.questions.kernel_probes import edited, kernel_question, tl, triton

ROWS, COLUMNS = 16, 32


@triton.jit
def bias_gelu(x_ptr, bias_ptr, out_ptr, rows, columns, x_row, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """out[i, j] = gelu(x[i, j] + bias[j]), by erf; a program takes one tile of ROWS x COLUMNS.

    Tiles are numbered row by row. The rows of x begin x_row elements apart; out is contiguous.
    """
    tiles = tl.cdiv(columns, COLUMNS)
    program = tl.program_id(0).to(tl.int64)
    i = (program // tiles) * ROWS + tl.arange(0, ROWS)[:, None]
    j = (program % tiles) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (i < rows) & (j < columns)
    bias = tl.load(bias_ptr + j, mask=j < columns)
    z = tl.load(x_ptr + i * x_row + j, mask=inside) + bias
    y = 0.5 * z * (1 + tl.erf(z * 0.7071067811865476))
    tl.store(out_ptr + i * columns + j, y, mask=inside)


def expected(tensors, numbers):
    """torch's own, in float64."""
    import torch

    z = tensors["x"].double() + tensors["bias"].double()
    return {"out": torch.nn.functional.gelu(z).to(tensors["out"].dtype)}


def case(rng, rows, columns, gap=0, far=None):
    """x with `gap` unused elements behind each row, or with rows that seem `far` apart."""
    import torch

    def drawn(*shape):
        return torch.tensor(rng.integers(-12, 13, shape) / 4, dtype=torch.float32)

    tensors = {
        "x": drawn(rows, columns + gap)[:, :columns],
        "bias": drawn(columns),
        "out": torch.full((rows, columns), float("nan")),
    }
    numbers = {"rows": rows, "columns": columns, "x_row": far or columns + gap}
    grid = (-(-rows // ROWS) * -(-columns // COLUMNS),)
    found = (tensors, numbers, {"ROWS": ROWS, "COLUMNS": COLUMNS}, grid)
    return found if far is None else (*found, {"x": far})


def cases(rng):
    sizes = [
        (1, 1), (1, 2), (2, 1), (3, 3), (2, 5, 3), (16, 32), (17, 32), (16, 33), (17, 33), (1, 100), (100, 1),
        (40, 70), (33, 65, 7), (64, 64), (5, 31),
    ]  # fmt: skip
    found = [case(rng, *size) for size in sizes]
    found += [case(rng, 3, 2, far=2**30 + 64), case(rng, 18, 3, far=2**28)]
    for _ in range(4):
        rows, columns, gap = rng.integers((1, 1, 0), (60, 60, 3)).tolist()
        found.append(case(rng, rows, columns, gap))
    return found


def changed(*pairs):
    return edited(bias_gelu, *pairs)


QUESTION = kernel_question(
    name="bias_gelu",
    points=3,
    difficulty="easy",
    minutes=15,
    signature="bias_gelu(x_ptr, bias_ptr, out_ptr, rows, columns, x_row, ROWS: tl.constexpr, COLUMNS: "
    "tl.constexpr)",
    example=">>> x, bias, out = torch.tensor([[0.0, 1.0]]), torch.tensor([0.0, -1.0]), torch.ones(1, 2)\n"
    ">>> bias_gelu[(1,)](x, bias, out, 1, 2, 2, ROWS=16, COLUMNS=32)\n"
    ">>> out.tolist()\n"
    "[[0.0, 0.0]]",
    hints=(
        "Which tile is yours? There are tl.cdiv(columns, COLUMNS) tiles beside each other. Two numbers "
        "follow from the program's: the tile's place from the top and from the left.",
        "Let i be a column of row numbers, [:, None], and j a row of column numbers, [None, :]; i * x_row + "
        "j broadcasts to a tile of offsets. The bias needs a block of offsets that has one row only, or it "
        "is loaded ROWS times. A row number times a row length can pass 2³¹.",
        "program = tl.program_id(0).to(tl.int64); i = (program // tiles) * ROWS + tl.arange(0, ROWS)[:, "
        "None], j alike with % and COLUMNS. Load bias_ptr + j with mask j < columns, x with (i < rows) & "
        "(j < columns), store 0.5 * z * (1 + tl.erf(z / √2)) under the same mask.",
    ),
    solution=bias_gelu,
    wrong={
        "what is not stored may be loaded": changed(("x_row + j, mask=inside)", "x_row + j)")),
        "the mask of the load protects the store": changed(("+ j, y, mask=inside)", "+ j, y)")),
        "a row at the edge needs no mask": changed(("(i < rows) & (j < columns)", "(i < rows + 0 * j)")),
        "the bias is loaded where it is used": changed(
            ("bias_ptr + j, mask=j < columns", "bias_ptr + j + 0 * i, mask=inside")
        ),
        "an offset is a small number": changed((".to(tl.int64)", "")),
        "an integer argument is a tensor": changed(
            (".to(tl.int64)", ""), ("i * x_row", "i * x_row.to(tl.int64)")
        ),
        "rows follow each other without gaps": changed(("i * x_row", "i * columns")),
        "tiles are whole": changed(("tl.cdiv(columns, COLUMNS)", "columns // COLUMNS")),
        "the bias comes after the activation": changed(
            ("mask=inside) + bias", "mask=inside)"), ("j, y, mask", "j, y + bias, mask")
        ),
        "every GELU is the same": changed(
            ("0.5 * z * (1 + tl.erf(z * 0.7071067811865476))", "z * tl.sigmoid(1.702 * z)")
        ),
    },
    expected=expected,
    cases=cases,
)
