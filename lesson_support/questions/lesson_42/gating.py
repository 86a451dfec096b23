"""A scan that computes its gates and inputs itself, from what a layer really has."""

from lesson_support.questions.lesson_42.pairs import combine, edited, kernel_question, tl, triton

TIME = 16


@triton.jit
def fused_scan(
    x_ptr, v_ptr, bias_ptr, start_ptr, h_ptr, end_ptr, steps, x_row, TIME: tl.constexpr
):  # fmt: skip
    """h_t = a_t·h_{t−1} + (1 − a_t)·v_t with a_t = σ(x_t + bias), one row in each program; end is the last h.

    A row has `steps` steps and one bias. The rows of x begin x_row elements apart; v and h are contiguous.
    """
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, TIME)
    bias = tl.load(bias_ptr + row)
    carry = tl.load(start_ptr + row)
    for first in range(0, steps, TIME):
        t = first + column
        inside = t < steps
        a = tl.sigmoid(tl.load(x_ptr + row * x_row + t, mask=inside, other=0.0) + bias)
        a = tl.where(inside, a, 1.0)
        v = tl.load(v_ptr + row * steps + t, mask=inside, other=0.0)
        product, local = tl.associative_scan((a, (1 - a) * v), 0, combine)
        h = product * carry + local
        tl.store(h_ptr + row * steps + t, h, mask=inside)
        carry = tl.sum(tl.where(column == TIME - 1, h, 0.0))
    tl.store(end_ptr + row, carry)


def expected(tensors, numbers):
    """The loop, in float64."""
    import torch

    a = torch.sigmoid(tensors["x"].double() + tensors["bias"].double()[:, None])
    h, found = tensors["start"].double(), []
    for t in range(numbers["steps"]):
        h = a[:, t] * h + (1 - a[:, t]) * tensors["v"][:, t].double()
        found.append(h)
    return {"h": torch.stack(found, 1).float(), "end": h.float()}


def case(rng, rows, steps, gap=0, shift=0.0, far=None):
    """x with `gap` unused elements behind each row, or rows that seem `far` apart; `shift` slows gates."""
    import torch

    def drawn(*shape):
        return torch.tensor(rng.integers(-12, 13, shape) / 4, dtype=torch.float32)

    tensors = {
        "x": (drawn(rows, steps + gap) / 2)[:, :steps],
        "v": drawn(rows, steps),
        "bias": drawn(rows) / 4 + shift,
        "start": drawn(rows) + 4,
        "h": torch.full((rows, steps), float("nan")),
        "end": torch.full((rows,), float("nan")),
    }
    found = (tensors, {"steps": steps, "x_row": far or steps + gap}, {"TIME": TIME}, (rows,))
    return found if far is None else (*found, {"x": far})


def cases(rng):
    sizes = [
        (1, 1), (1, 2), (2, 1), (2, 3), (1, 15), (1, 16), (1, 17), (2, 16, 3), (2, 5, 2), (1, 33, 0, 4.0),
        (2, 48, 0, 4.0), (1, 64, 0, 5.0), (3, 50, 1, 3.0), (1, 100, 0, 5.0), (2, 40, 0, -4.0),
    ]  # fmt: skip
    found = [case(rng, *size) for size in sizes]
    found += [case(rng, 3, 2, far=2**30 + 64), case(rng, 9, 3, far=2**28)]
    for _ in range(3):
        rows, steps, gap = rng.integers((1, 1, 0), (4, 90, 3)).tolist()
        found.append(case(rng, rows, steps, gap, float(rng.integers(-1, 5))))
    return found


def changed(*pairs):
    return edited(fused_scan, *pairs)


_AFTER = "        a = tl.where(inside, a, 1.0)\n"
_V = "        v = tl.load(v_ptr + row * steps + t, mask=inside, other=0.0)\n"
_BIAS = "    bias = tl.load(bias_ptr + row)\n"
_GATE = "a = tl.sigmoid(tl.load(x_ptr + row * x_row + t, mask=inside, other=0.0) + bias)"

QUESTION = kernel_question(
    name="fused_scan",
    points=3,
    difficulty="medium",
    minutes=15,
    signature="fused_scan(x_ptr, v_ptr, bias_ptr, start_ptr, h_ptr, end_ptr, steps, x_row, "
    "TIME: tl.constexpr)",
    example=">>> x, v, h = torch.zeros(1, 2), torch.tensor([[4.0, 8.0]]), torch.zeros(1, 2)\n"
    ">>> bias, start, end = torch.zeros(1), torch.tensor([2.0]), torch.zeros(1)\n"
    ">>> fused_scan[(1,)](x, v, bias, start, h, end, 2, 2, TIME=16)\n"
    ">>> h.tolist(), end.tolist()\n"
    "([[3.0, 5.5]], [5.5])",
    hints=(
        "A program takes one row. Load its bias and its start once, then walk through the row by tiles. What "
        "must the gate be where there is no step, and is it that after the sigmoid?",
        "The gate of a masked place must be 1; then 1 − a is 0 there, and so is the input. Scan the pairs "
        "(a, (1 − a)·v); the products bring the carry in, and the last place of the tile brings it out. "
        "Row numbers times distances can pass 2³¹.",
        "Start from `tiles` of the lesson, which takes one row. Three things change: the row, as an int64, "
        "in each address (x_row elements apart for x, steps for v and h); a gate that becomes 1 after the "
        "sigmoid wherever t is not inside; and the input made from that gate.",
    ),
    solution=fused_scan,
    wrong={
        "zero is a neutral gate": changed(("tl.where(inside, a, 1.0)", "tl.where(inside, a, 0.0)")),
        "the mask of the load is enough": changed((_AFTER, "")),
        "a large x outside makes the gate 1": changed(
            (_AFTER, ""), ("other=0.0) + bias", "other=8.0) + bias")
        ),
        "the carry is the end of the tile from zero": changed(
            ("tl.where(column == TIME - 1, h,", "tl.where(column == TIME - 1, local,")
        ),
        "a tile starts from zero": changed(("product * carry + local", "local + 0.0 * carry")),
        "every tile starts from the start": changed(
            ("        carry = tl.sum(tl.where(column == TIME - 1, h, 0.0))\n", ""),
            ("end_ptr + row, carry", "end_ptr + row, tl.sum(tl.where(t == steps - 1, h, 0.0))"),
        ),
        "the later step stands on the left": changed(
            (
                "tl.associative_scan((a, (1 - a) * v), 0, combine)",
                "tl.associative_scan((a, (1 - a) * v), 0, combine, reverse=True)",
            )
        ),
        "the input is v": changed(("(1 - a) * v", "v")),
        "the bias comes after the sigmoid": changed(
            ("other=0.0) + bias)", "other=0.0))"), (_AFTER, "        a += bias\n" + _AFTER)
        ),
        "what is in a cache may be loaded again": changed((_V, _V + _V)),
        "the bias is loaded where it is used": changed(
            (_BIAS, ""), (_GATE, _GATE.replace("+ bias", "+ tl.load(bias_ptr + row + 0 * t)"))
        ),
        "rows follow each other without gaps": changed(("row * x_row", "row * steps")),
        "an offset is a small number": changed((".to(tl.int64)", "")),
        "a row fits in a tile": changed(("range(0, steps, TIME)", "range(0, TIME, TIME)")),
        "the mask of the load protects the store": changed((", h, mask=inside)", ", h)")),
    },
    expected=expected,
    relative=1e-4,
    absolute=1e-4,
    cases=cases,
)
