"""The tape explorer in Chromium: it computes what the engine does, and a keyboard and a phone can use it."""

import math
import random

import numpy as np
import pytest

from lesson_support.draw import tape_html
from lesson_support.draw.cards import asset
from lesson_support.draw.explorers.tape import (
    EXAMPLES,
    FUNCTIONS,
    OPERATORS,
    described_expression,
    run_expression,
)
from lesson_support.errors import LessonError
from tests.browser.contrasts import weak_texts

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 360, "height": 800}}
SCRIPT = "explorers/tape.js"


def _cases(count: int) -> list[tuple[dict, list[float]]]:
    """The examples and random expressions, over inputs of both signs, zero among them."""
    draw = random.Random(6)
    cases = []
    for label, (text, leaves) in EXAMPLES.items():
        described = described_expression(label, text, leaves)
        for _ in range(12):
            cases.append((described, [draw.choice((-2.5, -1.0, 0.0, 0.5, 1.0, 3.0)) for _ in leaves]))
    while len(cases) < count:
        leaves = [f"x{k}" for k in range(draw.randint(1, 3))]
        names, steps = list(leaves), []
        for k in range(draw.randint(1, 6)):
            operation = draw.choice([*OPERATORS.values(), *FUNCTIONS])
            many = 1 if operation in FUNCTIONS else 2
            operands = [draw.randrange(len(names)) for _ in range(many)]
            steps.append({"name": f"y{k}", "operation": operation, "operands": operands, "text": "…"})
            names.append(f"y{k}")
        described = {"label": "random", "leaves": leaves, "inputs": [], "steps": steps}
        cases.append((described, [draw.choice((-1.5, 0.0, 0.25, 1.0, 2.0)) for _ in leaves]))
    return cases


def _engine_says(described, inputs):
    """Values and gradients, or None where a value is infinite or undefined."""
    with np.errstate(all="ignore"):
        rows = run_expression(described, inputs)
    values = [float(row.data) for row in rows]
    if not all(map(math.isfinite, values)):
        return None
    return values, [0.0 if row.grad is None else float(row.grad) for row in rows]


def _disagreements(page, script: str, cases) -> list:
    page.set_content(f"<!doctype html><script>{script}</script>")
    answers = page.evaluate(
        "cases => cases.map(one => lessonExplorers.tape.run(...one))", list(map(list, cases))
    )
    wrong = []
    for case, answer in zip(cases, answers, strict=True):
        expected = _engine_says(*case)
        if expected is None:
            agrees = bool(answer["error"])
        else:
            found = (answer["values"], answer["gradients"])
            agrees = not answer["error"] and all(
                np.allclose(np.array(a, float), b, rtol=1e-9, atol=1e-12, equal_nan=True)
                for a, b in zip(found, expected, strict=True)
            )
        if not agrees:
            wrong.append((case, answer))
    return wrong


def test_the_script_computes_what_the_engine_computes(page):
    cases = _cases(400)
    possible = sum(_engine_says(*case) is not None for case in cases)
    assert 200 < possible < 390, f"{possible} of {len(cases)} can be computed: the mix tests one side only"
    assert _disagreements(page, asset(SCRIPT), cases) == []


MUTANTS = [
    ("slopes: () => [1, -1]", "slopes: () => [1, 1]"),
    ("slopes: (y, a, b) => [b, a]", "slopes: (y, a, b) => [a, b]"),
    ("-a / b / b", "-a / b"),
    ("slopes: y => [y]", "slopes: (y, a) => [a]"),
    ("slopes: (y, a) => [1 / a]", "slopes: (y, a) => [a]"),
    ("[1 - y * y]", "[1 - y]"),
    ("y > 0 ? 1 : 0", "y >= 0 ? 1 : 0"),
    ("gradients[to] += share", "gradients[to] = share"),
    (
        "place = values.length - 1; place >= leaves.length; place--",
        "place = leaves.length; place < values.length; place++",
    ),
    ("read[0] <= 0", "read[0] <= 1"),
    ("gradients[values.length - 1] = 1", "gradients[values.length - 1] = 2"),
]  # fmt: skip


def test_a_wrong_script_is_noticed(page):
    script, cases = asset(SCRIPT), _cases(400)
    for right, wrong in MUTANTS:
        assert script.count(right) == 1, right
        assert _disagreements(page, script.replace(right, wrong), cases), f"{wrong!r} went unnoticed"


def test_shares_add_up_to_the_gradients(page):
    page.set_content(f"<!doctype html><script>{asset(SCRIPT)}</script>")
    for described, inputs in _cases(120):
        answer = page.evaluate("one => lessonExplorers.tape.run(...one)", [described, inputs])
        if answer["error"]:
            continue
        sums = [0.0] * (len(answer["gradients"]) - 1)
        for share in answer["shares"]:
            assert share["before"] == sums[share["to"]]
            sums[share["to"]] += share["share"]
        assert sums == answer["gradients"][:-1]


def _column(page, name: str) -> list[str]:
    return page.locator(f".tp-row:not(.tp-head) .tp-{name}").all_text_contents()


def _step(page, times: int) -> None:
    for _ in range(times):
        page.get_by_role("button", name="Next").click()


def test_values_then_gradients_fill_in(explorer):
    page = explorer(tape_html())
    said = page.locator(".tp-said[aria-live=polite]")
    assert _column(page, "grad") == ["", "", ""]
    _step(page, 2)
    assert _column(page, "value") == ["", "9", "12"]
    assert said.text_content() == "Forward: y = p + x = 12."
    _step(page, 1)
    assert _column(page, "grad") == ["", "", "1"]
    _step(page, 2)
    assert _column(page, "grad") == ["1", "1", "1"]
    _step(page, 1)
    assert _column(page, "grad")[0] == "1 + 34"
    assert said.text_content() == (
        "Backward: p sends its gradient × x to x: 1 × 3 = 3. x has 1 already: the sum is 4."
    )
    _step(page, 1)
    assert _column(page, "grad") == ["1 + 3 + 37", "1", "1"]
    assert page.get_by_role("button", name="Next").is_disabled()


def test_another_input_is_computed_at_once_and_a_mistake_is_said(explorer):
    page = explorer(tape_html())
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    field = page.get_by_label("value of x")
    field.fill("-2")
    assert _column(page, "grad")[0].endswith("−3")
    field.fill("")
    assert page.locator(".tp-said").text_content() == "x is not a number."
    assert page.locator("input[aria-invalid=true]").count() == 1
    field.fill("3")
    assert page.locator("input[aria-invalid=true]").count() == 0
    page.get_by_role("button", name="a/b").click()
    page.get_by_label("value of b").fill("0")
    assert page.locator(".tp-said").text_content() == "b is 0, and q divides by it."
    assert page.locator("input[aria-invalid=true]").count() == 0


def test_the_keyboard_steps_and_plays(explorer):
    page = explorer(tape_html(pace=0.05))
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("output").text_content() == "2 of 7"
    page.keyboard.press("Home")
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('output').textContent === '7 of 7'")
    page.get_by_role("button", name="Play").wait_for()


def test_two_explorers_on_one_page_do_not_meet(explorer):
    page = explorer(tape_html(), tape_html({"only": ("y = a * b", {"a": 1.0, "b": 2.0})}))
    first, second = page.locator(".ecr-tape").all()
    first.get_by_role("button", name="s·tanh(s)").click()
    assert first.locator(".tp-row").count() == 6
    assert second.locator(".tp-row").count() == 4
    assert page.evaluate("document.querySelectorAll('[id]').length") == 0


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_a_phone_never_scrolls_sideways_and_nothing_is_cut(explorer):
    page = explorer(tape_html())
    for label in EXAMPLES:
        page.get_by_role("button", name=label, exact=True).click()
        page.get_by_role("slider").focus()
        page.keyboard.press("End")
        assert page.evaluate("document.documentElement.scrollWidth") == 360, label
        cut = """[...document.querySelectorAll(".tp-row > *, .tp-grad > *")].filter(e =>
            e.getBoundingClientRect().right > e.closest(".tp-row").getBoundingClientRect().right + 1
            || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(e => e.textContent)"""
        assert page.evaluate(cut) == [], label
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll(".ecr button")]
            .map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height)))"""
    )
    assert smallest >= 32
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('input')).fontSize)") >= 16


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_contrast(explorer, theme):
    page = explorer(tape_html(), theme=theme)
    _step(page, 6)
    assert weak_texts(page, at_least=15) == []


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_the_finished_tape_is_drawn(explorer):
    page = explorer(tape_html())
    assert page.locator("svg").is_visible()
    assert page.locator("svg text").all_text_contents()[3:6] == ["x", "3", "7"]


def test_the_bytes_are_few_and_always_the_same():
    assert tape_html() == tape_html()
    assert len(tape_html()) < 60_000
    assert len(asset(SCRIPT).encode()) < 15_000


@pytest.mark.parametrize(
    "text, told",
    [
        ("y = x +", "one operation on names"),
        ("y = x * 2", "one operation on names"),
        ("y = sin(x)", "one operation on names"),
        ("y = x + z", "known operands and a new name"),
        ("x = x + x", "known operands and a new name"),
        ("; ".join(f"y{k} = x + x" for k in range(12)), "13 rows: expected at most 12"),
    ],
)
def test_what_cannot_be_drawn_is_refused(text, told):
    with pytest.raises(LessonError, match=told):
        described_expression("example", text, {"x": 1.0})
