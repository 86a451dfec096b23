"""log Σ exp of each row in one pass, for rows longer than a block."""

from lesson_support.questions.kernel_probes import edited, kernel_question, tl, triton

BLOCK = 16


@triton.jit
def row_logsumexp(x_ptr, out_ptr, n, x_row, BLOCK: tl.constexpr):
    """out[i] = log(sum(exp(x[i, :]))); a program takes one row and walks through it by blocks.

    The rows of x have n elements and begin x_row elements apart.
    """
    row = tl.program_id(0).to(tl.int64)
    highest = tl.full((), float("-inf"), tl.float32)
    pivot = tl.full((), 0.0, tl.float32)
    total = tl.full((), 0.0, tl.float32)
    for start in range(0, n, BLOCK):
        j = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * x_row + j, mask=j < n, other=float("-inf"))
        higher = tl.maximum(highest, tl.max(x, axis=0))
        pivot = tl.where(tl.abs(higher) == float("inf"), 0.0, higher)
        total = total * tl.exp(highest - pivot) + tl.sum(tl.exp(x - pivot), axis=0)
        highest = higher
    tl.store(out_ptr + row, pivot + tl.log(total))


def expected(tensors, numbers):
    """torch's own, in float64."""
    import torch

    return {"out": torch.logsumexp(tensors["x"].double(), 1).to(tensors["out"].dtype)}


def case(x, gap=0, far=None):
    """x with `gap` unused elements behind each row, or with rows that seem `far` apart."""
    import torch

    rows, n = x.shape
    wide = torch.cat([x, torch.full((rows, gap), 50.0)], 1)
    tensors = {"x": wide[:, :n], "out": torch.full((rows,), float("nan"))}
    found = (tensors, {"n": n, "x_row": far or n + gap}, {"BLOCK": BLOCK}, (rows,))
    return found if far is None else (*found, {"x": far})


def cases(rng):
    import torch

    def drawn(rows, n, scale=1.0):
        return torch.tensor(rng.integers(-12, 13, (rows, n)) / 4 * scale, dtype=torch.float32)

    inf = float("inf")
    found = [case(drawn(*shape)) for shape in [(1, 1), (2, 1), (1, 2), (3, 5), (1, 16), (2, 17), (2, 40)]]
    found += [case(drawn(3, 4), gap=2), case(drawn(2, 33), gap=1), case(drawn(4, 64))]
    found += [
        case(drawn(1, 3, 100)),
        case(drawn(2, 50, 100)),
        case(drawn(1, 2) + 1000),
        case(drawn(1, 20) - 1000),
    ]
    rising = torch.linspace(-300, 300, 70)[None]
    found += [
        case(rising),
        case(rising.flip(1)),
        case(torch.full((1, 1), -inf)),
        case(torch.full((2, 19), -inf)),
    ]
    late = torch.full((1, 20), -inf)
    late[0, 18] = 2.0
    early = late.flip(1)
    found += [
        case(late),
        case(early),
        case(torch.tensor([[1.0, inf, 2.0]])),
        case(torch.tensor([[inf] * 18])),
    ]
    nan, most = float("nan"), torch.finfo(torch.float32).max
    rows = [[1.0, nan], [inf] + [1.0] * 20, [inf, nan], [inf] * 20 + [nan], [nan] * 20 + [inf]]
    rows += [
        [-most] * 2,
        [most, 0.0],
        [most, -most],
        [-3.401e38, -3.402e38],
        [-most] * 20,
        [-inf] * 17 + [-most],
    ]
    found += [case(torch.tensor([row])) for row in rows]
    found += [case(drawn(3, 2), far=2**30 + 64), case(drawn(1, 130))]
    for _ in range(4):
        rows, n, gap = rng.integers((1, 1, 0), (5, 60, 3)).tolist()
        found.append(case(drawn(rows, n, float(rng.integers(1, 30))), gap))
    return found


def changed(*pairs):
    return edited(row_logsumexp, *pairs)


_STEP = "total * tl.exp(highest - pivot) + tl.sum(tl.exp(x - pivot), axis=0)"
_LOOP = "    for start in range(0, n, BLOCK):\n"
_MAXIMUM_FIRST = (
    _LOOP + "        j = start + tl.arange(0, BLOCK)\n"
    '        x = tl.load(x_ptr + row * x_row + j, mask=j < n, other=float("-inf"))\n'
    "        highest = tl.maximum(highest, tl.max(x, axis=0))\n" + _LOOP
)

QUESTION = kernel_question(
    name="row_logsumexp",
    points=4,
    difficulty="medium",
    minutes=25,
    signature="row_logsumexp(x_ptr, out_ptr, n, x_row, BLOCK: tl.constexpr)",
    example=">>> x, out = torch.tensor([[0.0, float('-inf')], [1e4, 1e4]]), torch.zeros(2)\n"
    ">>> row_logsumexp[(2,)](x, out, 2, 2, BLOCK=16)\n"
    ">>> out.tolist()\n"
    "[0.0, 10000.693359375]",
    hints=(
        "A row may be longer than a block, and every element may be read once only. What two numbers must "
        "you carry from block to block, so that the elements themselves are not needed again?",
        "Begin from the first loop of `online`: the highest element so far, and the sum of exp(element - "
        "highest), here as one number each. Its start value has settled -inf, and +inf breaks it: decide "
        "what the loop should do there, and look at what a NaN then becomes.",
        "Let higher = max(highest, the block's maximum) and pivot = higher, or 0 where it is infinite. "
        "total = total * exp(highest - pivot) + sum(exp(x - pivot)), then highest = higher; load masked "
        "lanes as -inf. At the end store pivot + log(total). Start with tl.full((), ..., tl.float32).",
    ),
    solution=row_logsumexp,
    wrong={
        "the maximum must be known before the first exponential": changed((_LOOP, _MAXIMUM_FIRST)),
        "logarithm and exponential cancel, so nothing overflows": changed(
            ('tl.where(tl.abs(higher) == float("inf"), 0.0, higher)', "higher * 0.0")
        ),
        "lanes outside count as zero": changed(('other=float("-inf")', "other=0.0")),
        "lanes outside are left out by themselves": changed((', other=float("-inf")', "")),
        "a sum is a sum, whatever the maximum": changed(
            (_STEP, _STEP.replace("tl.exp(highest - pivot)", "1.0"))
        ),
        "the maximum of a block will do": changed(
            ("tl.maximum(highest, tl.max(x, axis=0))", "tl.max(x, axis=0)")
        ),
        "a row has a finite element": changed(
            ('tl.where(tl.abs(higher) == float("inf"), 0.0, higher)', "higher")
        ),
        "minus infinity is the only infinity": changed(
            ('tl.abs(higher) == float("inf")', 'higher == float("-inf")')
        ),
        "nothing lies beyond 3.4e38": changed(
            ('tl.where(tl.abs(higher) == float("inf"), 0.0, higher)', "tl.clamp(higher, -3.4e38, 3.4e38)")
        ),
        "infinity wins over NaN": changed(
            ("pivot + tl.log(total)", 'tl.where(highest == float("inf"), highest, pivot + tl.log(total))')
        ),
        "a logarithm of zero must be avoided": changed(("tl.log(total)", "tl.log(total + 1e-30)")),
        "a row fits in a block": changed(("range(0, n, BLOCK)", "range(0, BLOCK, BLOCK)")),
        "rows follow each other without gaps": changed(("row * x_row", "row * n")),
        "an offset is a small number": changed((".to(tl.int64)", "")),
        "an integer argument is a tensor": changed(
            (".to(tl.int64)", ""), ("row * x_row", "row * x_row.to(tl.int64)")
        ),
        "the block may read on into the next row": changed((', mask=j < n, other=float("-inf")', "")),
    },
    expected=expected,
    cases=cases,
)
