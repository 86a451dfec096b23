"""The strides explorer in Chromium: it answers as PyTorch does, and a keyboard and a phone can use it."""

import random

import pytest
import torch

from lesson_support.draw import strides_html
from lesson_support.draw.cards import asset
from tests.browser.contrasts import weak_texts

pytestmark = pytest.mark.browser

TARGETS = {"columns": [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]], "corner": [[6, 7], [10, 11]]}
PHONE = {"viewport": {"width": 390, "height": 800}}
SCRIPT = "explorers/strides.js"


def _cases(count: int) -> list[tuple[list, list, int, int]]:
    """Random views of zero to four dimensions, about half of them refused, and the corners by name."""
    draw = random.Random(20)
    cases = [
        ([], [], 0, 1), ([], [], 1, 1), ([0], [1], 99, 3), ([3, 0], [9, 9], 50, 2), ([1], [100], 2, 3),
        ([1, 1], [7, 5], 0, 1), ([3], [1], 1, 3), ([3], [1], 0, 3), ([2, 3], [3], 0, 9), ([-1], [1], 0, 4),
        ([3], [-1], 2, 3), ([3], [1], -1, 9), ([2, 2], [1, 1], 0, 3), ([2, 2], [1, 1], 0, 2),
        ([1], [-1], 0, 1),
        ([2, 1, 3], [3, 77, 1], 0, 6), ([0], [-1], 0, 3), ([5], [0], 0, 1), ([5], [0], 1, 1),
    ]  # fmt: skip
    while len(cases) < count:
        dims = draw.randint(0, 4)
        shape = [draw.choice([0, 1, 1, 2, 2, 3, 4]) for _ in range(dims)]
        if dims and draw.random() < 0.3:
            rows = [1]
            for size in reversed(shape[1:]):
                rows.insert(0, rows[0] * max(size, 1))
            stride = rows
        else:
            stride = [draw.choice([0, 1, 1, 2, 3, 4, 6]) for _ in range(dims)]
        reach = sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        offset = draw.randint(0, 3)
        # At, just below and just above the last cell: where an off-by-one would show.
        storage = max(1, offset + reach + 1 + draw.choice([-2, -1, 0, 0, 1, 5]))
        flaw = draw.random()
        if flaw < 0.04:
            offset = -draw.randint(1, 3)
        elif flaw < 0.1 and dims:
            stride[draw.randrange(dims)] *= -1
        elif flaw < 0.13 and dims:
            shape[draw.randrange(dims)] = -1
        elif flaw < 0.17:
            stride.append(1)
        cases.append((shape, stride, offset, storage))
    return cases


def _torch_says(shape, stride, offset, storage) -> dict:
    cells = torch.arange(storage)
    try:
        view = torch.as_strided(cells, shape, stride, offset)
    except RuntimeError:
        return {"refused": True, "offsets": None, "contiguous": False, "overlaps": [], "unread": []}
    offsets = view.flatten().tolist()
    times = torch.bincount(view.flatten(), minlength=storage)
    return {
        "refused": False,
        "offsets": offsets,
        "contiguous": view.is_contiguous(),
        "overlaps": cells[times > 1].tolist(),
        "unread": cells[times == 0].tolist(),
    }


def _disagreements(page, script: str, cases) -> list:
    """The cases in which the script's model and torch differ."""
    page.set_content(f"<!doctype html><script>{script}</script>")
    answers = page.evaluate(
        """cases => cases.map(one => {
            const { error, offsets, contiguous, overlaps, unread } = lessonExplorers.strides.layout(...one);
            return { refused: error !== null, offsets, contiguous, overlaps, unread };
        })""",
        [list(case) for case in cases],
    )
    return [
        (case, answer) for case, answer in zip(cases, answers, strict=True) if answer != _torch_says(*case)
    ]


def test_the_model_answers_as_torch_does(page):
    cases = _cases(220)
    valid = sum(not _torch_says(*case)["refused"] for case in cases)
    assert 80 < valid < 180, f"{valid} of {len(cases)} cases are valid: the mix tests one side only"
    assert _disagreements(page, asset(SCRIPT), cases) == []


MUTANTS = [
    ("sum + i * stride[d], offset", "sum + i * stride[d] + 1, offset"),
    ("start + i * stride[d]", "start + i + stride[d]"),
    ("highest >= storage", "highest > storage"),
    ("highest >= storage", "highest >= storage - 1"),
    ("shape.map(n => n - 1)", "shape.map(n => n)"),
    ("elements && highest", "highest"),
    ("expected *= shape[d]", "expected += shape[d]"),
    ("shape[d] !== 1 && ", ""),
    ("contiguous || !elements", "contiguous"),
    ("where(n => n > 1)", "where(n => n > 2)"),
    ("stride.some(n => n < 0)", "false"),
    ("offset < 0", "offset < -1"),
    ("shape.length !== stride.length", "false"),
]


def test_a_wrong_model_is_noticed(page):
    script, cases = asset(SCRIPT), _cases(220)
    for right, wrong in MUTANTS:
        assert script.count(right) == 1, right
        mutant = script.replace(right, wrong)
        assert _disagreements(page, mutant, cases), f"{wrong!r} in place of {right!r} went unnoticed"


def test_what_is_no_whole_number_is_refused(page):
    page.set_content(f"<!doctype html><script>{asset(SCRIPT)}</script>")
    say = "one => lessonExplorers.strides.layout(...one).error"
    assert page.evaluate(say, [[1.5], [1], 0, 4]) == "1.5 is not a whole number."
    assert page.evaluate(say, [[2], ["x"], 0, 4]) == "x is not a whole number."
    assert page.evaluate(say, [[5000], [0], 0, 4]) == "This page draws up to 4096 elements."
    parse = "text => lessonExplorers.strides.parse(text)"
    assert page.evaluate(parse, " (3, 4) ") == [3, 4]
    assert page.evaluate(parse, "3 -4;5") == [3, -4, 5]
    assert page.evaluate(parse, "") == []
    assert page.evaluate(parse, "2.5, x") == ["2.5", "x"]


def _write(page, name: str, text: str) -> None:
    """Replace a field's content by typing."""
    field = page.get_by_label(name, exact=False).and_(page.locator("input"))
    field.focus()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    if text:
        page.keyboard.type(text)


def _grid(page) -> list[int]:
    return [int(cell) for cell in page.locator(".st-picture .st-matrix button").all_text_contents()]


def test_typing_changes_the_picture(explorer):
    page = explorer(strides_html())
    assert _grid(page) == list(range(12))
    for name, text in [("shape", "4, 2"), ("stride", "1, 3"), ("offset", "3")]:
        _write(page, name, text)
    assert _grid(page) == torch.as_strided(torch.arange(12), (4, 2), (1, 3), 3).flatten().tolist()
    assert page.locator(".st-badge").text_content() == "not contiguous"
    said = page.locator(".st-said").text_content()
    assert said == "6 cells read once, 1 cell read more than once, 5 cells never read."
    assert page.locator(".st-store small").all_text_contents() == ["×2"]
    assert page.locator(".st-never").all_text_contents() == ["0", "1", "2", "10", "11"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("stride", "-1, 1", "refuses negative strides"),
        ("stride", "4", "every dimension needs one of each"),
        ("shape", "3, 5", "Index [2, 4] would be cell 12; the last cell is 11."),
        ("shape", "2.5, 1", "2.5 is not a whole number."),
        ("shape", "-2, 1", "negative size"),
        ("offset", "", "The offset is one whole number."),
        ("offset", "1 2", "The offset is one whole number."),
        ("offset", "-1", "cannot be negative"),
        ("offset", "1", "would be cell 12"),
    ],
)
def test_a_mistake_is_said_in_words_and_can_be_mended(explorer, name, text, words):
    page = explorer(strides_html())
    before = page.locator(".st-said").text_content()
    original = page.locator(f"input[name={name}]").input_value()
    _write(page, name, text)
    said = page.locator(".st-said[aria-live=polite]")
    assert words in said.text_content()
    assert page.locator("input[aria-invalid=true]").count() == 1
    assert _grid(page) == list(range(12)), "the last good picture stays"
    _write(page, name, original)
    assert said.text_content() == before
    assert page.locator("input[aria-invalid=true]").count() == 0


def test_arrow_keys_in_a_field_change_the_number_under_the_caret(explorer):
    page = explorer(strides_html(16))
    page.locator("input[name=stride]").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert page.locator("input[name=stride]").input_value() == "5, 1"
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    assert page.locator("input[name=stride]").input_value() == "5, 0"
    assert _grid(page) == [0] * 4 + [5] * 4 + [10] * 4


def test_the_steppers_change_one_number_and_keep_the_focus(explorer):
    page = explorer(strides_html())
    page.get_by_label("shape of dimension 1: one less").click()
    assert page.locator("input[name=shape]").input_value() == "3, 3"
    assert (
        page.evaluate("document.activeElement.getAttribute('aria-label')") == "shape of dimension 1: one less"
    )
    page.get_by_label("offset: one more").click()
    assert _grid(page) == [1, 2, 3, 5, 6, 7, 9, 10, 11]


def test_the_examples_are_what_torch_makes(explorer):
    x = torch.arange(12).view(3, 4)
    page = explorer(strides_html())
    expected = {
        "transpose": x.T,
        "every second column": x[:, ::2],
        "expand the first row": x[:1].expand(3, 4),
        "diagonal": x.diagonal(),
        "sliding window": torch.arange(12).unfold(0, 4, 2),
        "start": x,
    }
    for label, view in expected.items():
        page.get_by_role("button", name=label).click()
        assert _grid(page) == view.flatten().tolist(), label
        assert page.locator("input[name=shape]").input_value() == ", ".join(map(str, view.shape))
        assert page.locator("input[name=stride]").input_value() == ", ".join(map(str, view.stride()))
        assert page.locator(".st-badge").text_content() == (
            "contiguous" if view.is_contiguous() else "not contiguous"
        )


def test_the_sum_is_worked_out_for_the_element_in_focus(explorer):
    page = explorer(strides_html(12, (2, 4), (4, 1), 1))
    total = page.locator(".st-sum")
    assert total.text_content() == "address of [0, 0] = 1 + 0·4 + 0·1 = 1"
    page.locator(".st-picture .st-matrix button").first.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert total.text_content() == "address of [1, 2] = 1 + 1·4 + 2·1 = 7"
    assert page.locator(".st-store .st-at").text_content() == "7"
    assert page.locator(".st-picture button[tabindex='0']").count() == 1, (
        "the grid is one stop of the Tab key"
    )
    page.locator(".st-store > *").nth(3).hover()
    assert total.text_content() == "address of [0, 2] = 1 + 0·4 + 2·1 = 3"


@pytest.mark.parametrize(
    ("shape", "stride", "texts"),
    [("", "", ["5"]), ("0, 3", "1, 1", []), ("2, 2, 2", "4, 2, 1", [str(5 + k) for k in range(8)])],
)
def test_any_number_of_dimensions_is_drawn(explorer, shape, stride, texts):
    page = explorer(strides_html(16, (2,), (1,), 5))
    _write(page, "shape", shape)
    _write(page, "stride", stride)
    assert page.locator(".st-picture .st-matrix button").all_text_contents() == texts
    assert page.locator(".st-wrong").count() == 0


def test_targets_are_reached_one_by_one(explorer):
    page = explorer(strides_html(target=TARGETS))
    verdict = page.locator(".st-verdict[aria-live=polite]")
    assert verdict.text_content() == "Not yet: the target has shape (4, 3)."
    _write(page, "shape", "4, 3")
    _write(page, "stride", "3, 1")
    assert verdict.text_content() == "Not yet: 2 of 12 elements agree."
    _write(page, "stride", "1, 4")
    assert verdict.text_content() == (
        "✓ Reached with shape (4, 3), stride (1, 4), offset 0. Choose the next target."
    )
    page.get_by_role("button", name="corner").click()
    assert verdict.text_content() == "Not yet: the target has shape (2, 2)."
    for name, text in [("shape", "2, 2"), ("stride", "4, 1"), ("offset", "6")]:
        _write(page, name, text)
    assert verdict.text_content().endswith("offset 6. That was the last one.")
    assert page.get_by_role("button", name="✓ columns").count() == 1


def test_two_explorers_on_one_page_do_not_meet(explorer):
    page = explorer(strides_html(), strides_html())
    first, second = page.locator(".ecr-strides").all()
    first.get_by_role("button", name="diagonal").click()
    assert first.locator(".st-matrix button").count() == 3
    assert second.locator(".st-matrix button").count() == 12
    assert page.evaluate("document.querySelectorAll('[id]').length") == 0


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_a_phone_never_scrolls_sideways_and_buttons_are_large(explorer):
    page = explorer(strides_html(96, (8, 12), (12, 1), target=TARGETS))
    for shape, stride in [
        ("8, 12", "12, 1"),
        ("1, 2, 2, 2, 3", "1, 1, 1, 1, 1"),
        ("2, 40", "1, 1"),
        ("x", "1"),
    ]:
        _write(page, "shape", shape)
        _write(page, "stride", stride)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, shape
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll(".ecr button")]
            .map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height)))"""
    )
    assert smallest >= 32
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('input')).fontSize)") >= 16


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_contrast(explorer, theme):
    page = explorer(strides_html(target=TARGETS), theme=theme)
    page.get_by_role("button", name="sliding window").click()
    assert weak_texts(page, at_least=40) == []


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_the_first_view_is_drawn(explorer):
    page = explorer(strides_html())
    assert page.locator("svg").is_visible()
    assert "stride (4, 1)" in page.locator("svg").get_attribute("aria-label")
