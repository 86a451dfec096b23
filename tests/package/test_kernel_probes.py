"""Questions about kernels: what is judged right, what each fault is called, and how a case is shown."""

import pytest
import torch

from lesson_support.grading.judging import evaluate
from lesson_support.questions.kernel_probes import edited, kernel_question, tl, triton


@triton.jit
def scale(x_ptr, out_ptr, rows, n, x_row, BLOCK: tl.constexpr):
    """out = 2x."""
    row = tl.program_id(0).to(tl.int64)
    j = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * x_row + j, mask=j < n)
    tl.store(out_ptr + row * n + j, 2 * x, mask=j < n)


def case(rows, n, gap=0, dtype=torch.float32, far=None):
    x = torch.arange(1, rows * (n + gap) + 1).to(dtype).reshape(rows, n + gap)[:, :n]
    tensors = {"x": x, "out": torch.full((rows, n), 99).to(dtype)}
    found = (tensors, {"rows": rows, "n": n, "x_row": far or n + gap}, {"BLOCK": 8}, (rows,))
    return found if far is None else (*found, {"x": far})


def cases(rng):
    return [
        case(1, 1),
        case(2, 3),
        case(2, 3, 2),
        case(2, 8),
        case(3, 2, far=2**30),
        case(2, 2, 0, torch.int64),
    ]


def expected(tensors, numbers):
    return {"out": 2 * tensors["x"]}


def question(**changes):
    fields = {
        "name": "scale",
        "solution": scale,
        "expected": expected,
        "cases": cases,
        "points": 2,
        "difficulty": "easy",
        "minutes": 5,
        "signature": "scale(x_ptr, out_ptr, rows, n, x_row, BLOCK: tl.constexpr)",
        "example": ">>> scale",
        "hints": ("one", "two", "three"),
        "wrong": {},
    }
    return kernel_question(**(fields | changes))


def told(*changes, **fields):
    """What is said of the kernel with these changes."""
    result = evaluate(question(**fields), edited(scale, *changes) if changes else scale, 0)
    return result.status, (result.got or "").strip("'")


def test_the_solution_is_right():
    assert told()[0] == "correct"


@pytest.mark.parametrize(
    "change, said",
    [
        (("2 * x, mask", "3 * x, mask"), "out[0, 0] is 3, expected 2"),
        (("j, mask=j < n)\n    tl.store", "j)\n    tl.store"), "read outside every tensor"),
        (("2 * x, mask=j < n)", "2 * x)"), "write outside every tensor"),
        (("row * x_row", "row * n"), "are wrong)"),
        ((".to(tl.int64)", ""), "x_ptr + -2147483648"),
        (
            ("    tl.store", "    x = x + 0 * tl.load(x_ptr + row * x_row + j, mask=j < n)\n    tl.store"),
            "moved 1.50 of the minimum: x 2.00, out 1.00 of its size",
        ),
        (
            ("    tl.store", "    tl.store(x_ptr + row * x_row + j, x + 1, mask=j < n)\n    tl.store"),
            "x[0, 0] is 2, which should stay 1",
        ),
    ],
    ids=["value", "load", "store", "gap", "int32", "traffic", "input"],
)
def test_each_fault_has_its_words(change, said):
    status, got = told(change)
    assert status == "incorrect" and said in got


def test_an_input_may_not_change_by_the_least():
    nudged = "    tl.store(x_ptr + row * x_row + j, x * 1.0000002, mask=j < n)\n    tl.store"
    status, got = told(("    tl.store", nudged), cases=lambda rng: [case(2, 3)])
    assert status == "incorrect" and got.startswith("x[0, 0] is 1.00000024, which should stay 1")


@pytest.mark.parametrize("special", [float("inf"), float("-inf"), float("nan")])
def test_infinities_and_nans_are_compared_as_they_are(special):
    given = case(1, 2)
    given[0]["x"][0, 1] = special
    assert told(cases=lambda rng: [given])[0] == "correct"
    assert (
        told(("2 * x, mask", "tl.where(j == 1, 7.0, 2 * x), mask"), cases=lambda rng: [given])[0]
        == "incorrect"
    )


def test_the_limit_is_the_questions():
    twice = ("    tl.store", "    x = x + 0 * tl.load(x_ptr + row * x_row + j, mask=j < n)\n    tl.store")
    assert told(twice, limit=1.49)[0] == "incorrect"
    assert told(twice, limit=1.5)[0] == "correct"


def test_the_tolerance_is_the_questions():
    near = ("2 * x, mask", "2.0001 * x, mask")
    floats = {"cases": lambda rng: [case(2, 3)]}
    assert told(near, **floats)[0] == "incorrect"
    assert told(near, relative=1e-4, **floats)[0] == "correct"
    assert told(near, relative=0.0, absolute=2e-3, **floats)[0] == "correct"


def test_numbers_that_differ_late_are_told_apart():
    few = {"cases": lambda rng: [case(1, 1)]}
    assert told(("2 * x, mask", "2.0000002 * x, mask"), relative=0.0, absolute=0.0, **few)[1] == (
        "out[0, 0] is 2.00000024, expected 2"
    )
    large = {
        "cases": lambda rng: [case(1, 1, 0, torch.int64)],
        "expected": lambda *_: {"out": torch.tensor([[2**40]])},
    }
    assert told(("2 * x, mask", "x + 1099511627776, mask"), **large)[0] == "correct"
    assert (
        told(("2 * x, mask", "x + 1099511627776, mask"), relative=0.0, absolute=0.0, **large)[1]
        == "out[0, 0] is 1099511627777, expected 1099511627776"
    )
    odd = {**few, "cases": lambda rng: [case(1, 1, 0, torch.int64)]}
    odd["expected"] = lambda *_: {"out": torch.tensor([[2**62 + 1]])}
    near = (
        ("2 * x, mask", "x + 4611686018427387903, mask"),
        ("2 * x, mask", "x + 4611686018427387904, mask"),
    )
    exactly = [told(change, relative=0.0, absolute=0.0, **odd) for change in near]
    assert exactly[0][1] == "out[0, 0] is 4611686018427387904, expected 4611686018427387905"
    assert exactly[1][0] == "correct"


def test_the_case_is_shown_as_a_launch():
    wrong = edited(scale, ("2 * x, mask", "3 * x, mask"))
    shown = evaluate(question(cases=lambda rng: [case(2, 2, 1)]), wrong, 0).case
    assert shown.splitlines() == [
        "x = torch.tensor([[1.0, 2.0], [4.0, 5.0]])  # strides (3, 1)",
        "out = torch.tensor([[99.0, 99.0], [99.0, 99.0]])",
        "scale[(2,)](x, out, 2, 2, 3, BLOCK=8)",
    ]
    far = evaluate(question(cases=lambda rng: [case(2, 2, far=2**30)]), wrong, 0).case
    assert "# the rows of x lie 1073741824 elements apart: addresses only, no memory\n" in far
    farther = evaluate(question(cases=lambda rng: [case(3, 2, far=2**30)]), wrong, 0).case
    assert "no memory, and offsets pass 2³¹\n" in farther


def test_an_edit_must_say_what_it_replaces():
    assert edited(scale, ("2 * x", "4 * x")).fn.__name__ == "scale"
    for old in ("nowhere", "j < n"):
        with pytest.raises(ValueError, match="expected once"):
            edited(scale, (old, ""))
    assert scale.fn.__doc__ == "out = 2x."
