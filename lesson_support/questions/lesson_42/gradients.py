"""The backward of the scan in one kernel that moves five streams."""

from lesson_support.questions.lesson_42.pairs import combine, edited, kernel_question, tl, triton

TIME = 16


@triton.jit
def scan_backward(
    dh_ptr, dend_ptr, a_ptr, h_ptr, start_ptr, da_ptr, db_ptr, dstart_ptr, steps, a_row,
    TIME: tl.constexpr,
):  # fmt: skip
    """The gradients da, db and dstart of h_t = a_t·h_{t−1} + b_t, one row in each program.

    dh and dend are the gradients of h and of the last h; `start` is the h before the first step. The rows of
    a begin a_row elements apart; all other tensors are contiguous.
    """
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, TIME)
    start = tl.load(start_ptr + row)
    carry = tl.load(dend_ptr + row)
    for first in range(0, steps, TIME):
        t = steps - 1 - first - column
        inside = t >= 0
        behind = inside & (t + 1 < steps)
        a = tl.load(a_ptr + row * a_row + t + 1, mask=behind, other=1.0)
        dh = tl.load(dh_ptr + row * steps + t, mask=inside, other=0.0)
        product, local = tl.associative_scan((a, dh), 0, combine)
        g = product * carry + local
        tl.store(db_ptr + row * steps + t, g, mask=inside)
        before = tl.load(h_ptr + row * steps + t - 1, mask=t > 0, other=0.0)
        before = tl.where(t == 0, start, before)
        tl.store(da_ptr + row * steps + t, g * before, mask=inside)
        carry = tl.sum(tl.where(column == TIME - 1, g, 0.0))
    tl.store(dstart_ptr + row, tl.load(a_ptr + row * a_row) * carry)


def expected(tensors, numbers):
    """autograd through the loop, in float64; b follows from h."""
    import torch

    a, h, start = (tensors[name].double() for name in ("a", "h", "start"))
    b = h - a * torch.cat([start[:, None], h[:, :-1]], 1)
    a, b, start = (each.requires_grad_() for each in (a, b, start))
    state, found = start, []
    for t in range(numbers["steps"]):
        state = a[:, t] * state + b[:, t]
        found.append(state)
    given = (tensors["dh"].double(), tensors["dend"].double())
    grads = torch.autograd.grad((torch.stack(found, 1), state), (a, b, start), given)
    return {name: grad.float() for name, grad in zip(("da", "db", "dstart"), grads, strict=True)}


def case(rng, rows, steps, gap=0, low=0.0, far=None):
    """a with `gap` unused elements behind each row, or rows that seem `far` apart; gates from `low` to 1."""
    import torch

    def drawn(*shape):
        return torch.tensor(rng.integers(-8, 9, shape) / 4, dtype=torch.float32)

    gates = torch.tensor(low + (1 - low) * rng.random((rows, steps + gap)), dtype=torch.float32)
    tensors = {
        "dh": drawn(rows, steps),
        "dend": drawn(rows) + 3,
        "a": gates[:, :steps],
        "h": drawn(rows, steps),
        "start": drawn(rows) + 3,
        "da": torch.full((rows, steps), float("nan")),
        "db": torch.full((rows, steps), float("nan")),
        "dstart": torch.full((rows,), float("nan")),
    }
    found = (tensors, {"steps": steps, "a_row": far or steps + gap}, {"TIME": TIME}, (rows,))
    return found if far is None else (*found, {"a": far})


def cases(rng):
    sizes = [
        (1, 1), (1, 2), (2, 1), (2, 3), (1, 15, 0, 0.5), (1, 16, 0, 0.9), (1, 17, 0, 0.9), (2, 5, 2),
        (2, 16, 3), (1, 33, 0, 0.99), (2, 48, 0, 0.99), (1, 64, 0, 0.9), (3, 50, 1, 0.95), (1, 100, 0, 0.98),
        (2, 40),
    ]  # fmt: skip
    found = [case(rng, *size) for size in sizes]
    resets = case(rng, 2, 40, low=0.9)
    resets[0]["a"][:, 16:18] = 0
    found += [
        case(rng, 1, 3, low=-1.0),
        case(rng, 2, 40, 1, low=-1.0),
        resets,
        case(rng, 3, 2, far=2**30 + 64),
        case(rng, 9, 3, far=2**28),
    ]
    for _ in range(3):
        rows, steps, gap = rng.integers((1, 1, 0), (4, 90, 3)).tolist()
        found.append(case(rng, rows, steps, gap, float(rng.integers(0, 10) / 10)))
    return found


def changed(*pairs):
    return edited(scan_backward, *pairs)


_LAST = "tl.load(a_ptr + row * a_row) * carry"
_SCAN = "tl.associative_scan((a, dh), 0, combine)"
_DH = "        dh = tl.load(dh_ptr + row * steps + t, mask=inside, other=0.0)\n"

QUESTION = kernel_question(
    name="scan_backward",
    points=4,
    difficulty="hard",
    minutes=25,
    signature="scan_backward(dh_ptr, dend_ptr, a_ptr, h_ptr, start_ptr, da_ptr, db_ptr, dstart_ptr, steps, "
    "a_row, TIME: tl.constexpr)",
    example=">>> dh, dend, a = torch.tensor([[1.0, 2.0]]), torch.tensor([1.0]), torch.tensor([[0.5, 0.25]])\n"
    ">>> h, start = torch.tensor([[4.0, 8.0]]), torch.tensor([6.0])\n"
    ">>> da, db, dstart = torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1)\n"
    ">>> scan_backward[(1,)](dh, dend, a, h, start, da, db, dstart, 2, 2, TIME=16)\n"
    ">>> db.tolist(), da.tolist(), dstart.tolist()\n"
    "([[1.75, 3.0]], [[10.5, 12.0]], [0.875])",
    hints=(
        "First get g right, which is db: from the last step to the first, beginning with dend, each step "
        "with the gate of the step after it. Everything else multiplies g by something.",
        "Tiles are counted from the end: t = steps − 1 − first − column. The last step has no gate after it "
        "and uses 1, and so do places before step 0. da needs the h of the step before; step 0 has the start "
        "there. Load each element once.",
        "Start from the lesson's draft, with its carry repaired, dend as the first carry and a_row in the "
        "addresses of a. Beside g the loop then needs one more load (of h, with two cases to keep apart) and "
        "one more store. What the last carry is, once the padding before step 0 has handed it on, says what "
        "dstart needs.",
    ),
    solution=scan_backward,
    wrong={
        "a tile hands on what it computed": changed((" - 1, g, 0.0)", " - 1, local, 0.0)")),
        "a tile starts from zero": changed(("product * carry + local", "local + 0.0 * carry")),
        "a step uses its own gate": changed(
            ("row * a_row + t + 1, mask=behind", "row * a_row + t, mask=inside")
        ),
        "the last step uses the last gate": changed(
            ("row * a_row + t + 1, mask=behind", "row * a_row + tl.minimum(t + 1, steps - 1), mask=inside")
        ),
        "nothing comes back through the final state": changed(
            ("carry = tl.load(dend_ptr + row)", "carry = 0.0 * tl.load(dend_ptr + row)")
        ),
        "the start is zero": changed(
            ("tl.where(t == 0, start, before)", "tl.where(t == 0, 0.0 * start, before)")
        ),
        "da takes the h of its own step": changed(
            ("h_ptr + row * steps + t - 1, mask=t > 0", "h_ptr + row * steps + t, mask=inside")
        ),
        "a gate is never negative": changed((_SCAN, _SCAN.replace("(a,", "(tl.abs(a),"))),
        "da takes the input's share": changed(("g * before,", "dh * before,")),
        "the start's gradient is g": changed((_LAST, "carry + 0 * tl.load(a_ptr + row * a_row)")),
        "zero is a neutral gate": changed(("mask=behind, other=1.0", "mask=behind, other=0.0")),
        "the mask of the gate is that of the step": changed(("mask=behind", "mask=inside")),
        "what is in a cache may be loaded again": changed((_DH, _DH + _DH)),
        "rows follow each other without gaps": changed(
            ("row * a_row + t", "row * steps + t"), (_LAST, _LAST.replace("a_row", "steps"))
        ),
        "an offset is a small number": changed((".to(tl.int64)", "")),
        "a row fits in a tile": changed(("range(0, steps, TIME)", "range(0, TIME, TIME)")),
        "gradients run forward": changed(
            ("t = steps - 1 - first - column", "t = first + column"),
            ("inside = t >= 0", "inside = t < steps"),
            ("mask=t > 0", "mask=inside & (t > 0)"),
        ),
    },
    expected=expected,
    relative=1e-4,
    absolute=1e-3,
    cases=cases,
)
