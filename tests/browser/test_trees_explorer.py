"""The trees explorer in Chromium: it combines what the package's scans combine, and everybody can use it."""

import random
import re

import pytest
import torch
from playwright.sync_api import Error

from lesson_support.draw import trees_html
from lesson_support.draw.cards import asset
from lesson_support.draw.explorers.trees import CHUNKS, GATES, METHODS, NUMBERS, counted
from lesson_support.errors import LessonError
from lesson_support.kernels import scan
from tests.browser.contrasts import weak_texts

pytestmark = pytest.mark.browser

PHONES = [{"viewport": {"width": width, "height": 800}} for width in (360, 390)]
SCRIPT = "explorers/trees.js"


def linear(left, right):
    return left[0] * right[0], right[0] * left[1] + right[1]


def _cases() -> list[tuple[str, list[list[int]], int]]:
    """(method, elements, chunk): sums and pairs, lengths 1 to 20, every method."""
    draw = random.Random(40)
    cases = []
    for n in range(1, 21):
        for method in METHODS:
            elements = [[draw.randint(-3, 3) for _ in range(1 + n % 2)] for _ in range(n)]
            cases.append((method, elements, draw.randint(1, 6)))
    return cases


def _disagreements(page, script: str, cases) -> list:
    page.set_content(f"<!doctype html><script>{script}</script>")
    answers = page.evaluate(
        """cases => cases.map(([method, elements, chunk]) => {
            const { rounds, states } = lessonExplorers.trees;
            const n = elements.length, last = states(method, elements, chunk).at(-1).slice(0, n);
            const ranges = last.map(each => [each.from, each.to]);
            return { rounds: rounds(method, n, chunk), values: last.map(each => each.value), ranges };
        })""",
        list(map(list, cases)),
    )
    wrong = []
    for (method, elements, chunk), answer in zip(cases, answers, strict=True):
        n = len(elements)
        history = counted(method, n, chunk).history
        rounds = [{"phase": each.phase, "pairs": list(map(list, each.pairs))} for each in history]
        parts = tuple(torch.tensor(part) for part in zip(*elements, strict=True))
        values = scan(linear, parts) if len(parts) == 2 else (parts[0].cumsum(0),)
        expected = {
            "rounds": rounds,
            "values": [list(each) for each in zip(*(part.tolist() for part in values), strict=True)],
            "ranges": [[0, at] for at in range(n)],
        }
        if answer != expected:
            wrong.append((method, elements, chunk))
    return wrong


def test_the_script_combines_what_the_package_combines(page):
    assert _disagreements(page, asset(SCRIPT), _cases()) == []


MUTANTS = [
    ("[place - 1, place, place]]);", "[place, place - 1, place]]);"),
    ("step < n; step *= 2", "2 * step < n; step *= 2"),
    ("[place - step, place, place]", "[place, place - step, place]"),
    ("2 * step <= n; step *= 2", "2 * step < n; step *= 2"),
    ("span(2 * step - 1, n, 2 * step)", "span(2 * step, n, 2 * step)"),
    ("[end - step, end, end]", "[end, end - step, end]"),
    ("step >= 1; step /= 2", "step > 1; step /= 2"),
    ("span(2 * step - 1, n - step, 2 * step)", "span(2 * step - 1, n - 2 * step, 2 * step)"),
    ("[at, at + step, at + step]", "[at + step, at, at + step]"),
    ("at < Math.min(n, (k + 1) * chunk)", "at < n - 1"),
    ("[n + k, at, n + k]", "[at, n + k, n + k]"),
    ("span(1, starts.length - 1)", "span(1, starts.length)"),
    ("[n + k - 1, starts[k], starts[k]]", "[n + k, starts[k], starts[k]]"),
    ("[at - 1, at, at]", "[at, at - 1, at]"),
    ("if (pairs.length) found", "found"),
    ("right[0] * left[1] + right[1]", "left[0] * left[1] + right[1]"),
    ("left[0] * right[0],", "right[0],"),
    ("left[0] + right[0]", "right[0]"),
    ("combine(places[left].value", "combine(next[left].value"),
    ("from: places[left].from", "from: places[right].from"),
]  # fmt: skip


def test_a_wrong_script_is_noticed(page):
    script, cases = asset(SCRIPT), _cases()
    for right, wrong in MUTANTS:
        assert script.count(right) == 1, right
        try:
            found = _disagreements(page, script.replace(right, wrong), cases)
        except Error:  # the script fails, or answers nothing that can be compared
            continue
        assert found, f"{wrong!r} in place of {right!r} went unnoticed"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", CHUNKS)
def test_no_value_on_the_way_is_wider_than_two_characters(method, size):
    for elements in ([(1, b) for b in NUMBERS[:size]], list(zip(GATES, NUMBERS, strict=True))[:size]):
        chunk = CHUNKS[size]
        places = elements + ([elements[at] for at in range(0, size, chunk)] if method == "chunks" else [])
        for moment in counted(method, size, chunk).history:
            before = list(places)
            for left, right, into in moment.pairs:
                places[into] = linear(before[left], before[right])
            assert all(len(str(value)) <= 2 for place in places for value in place)


def _choose(page, *names: str) -> None:
    for name in names:
        page.get_by_role("button", name=name, exact=True).click()


def _step(page, times: int) -> None:
    for _ in range(times):
        page.get_by_role("button", name="Next").click()


def _cells(page) -> list[str]:
    return page.locator(".tr-cells").first.locator(".tr-cell").all_text_contents()


def test_a_round_is_drawn_said_and_counted(explorer):
    page = explorer(trees_html())
    said = page.locator(".tr-said[aria-live=polite]")
    assert _cells(page) == [str(each) for each in NUMBERS[:8]]
    assert page.locator(".tr-present").count() == 0
    _step(page, 1)
    assert said.text_content() == (
        "Round 1. Each cell takes in the one 1 before it, if there is one. "
        "7 combines at once, the first: cell 1 = cell 0 ∘ cell 1 = 1 + 3 = 4, elements 0 to 1."
    )
    assert page.locator("circle.tr-present").count() == 7 and page.locator(".tr-cell.tr-into").count() == 7
    assert page.locator(".tr-chosen").text_content() == "Hillis–Steele7 of 171 of 3"
    _step(page, 2)
    assert _cells(page) == [str(each) for each in torch.tensor(NUMBERS[:8]).cumsum(0).tolist()]
    assert page.locator(".tr-cells .tr-done").count() == 8
    assert page.get_by_role("button", name="Next").is_disabled()


@pytest.mark.parametrize("size", CHUNKS)
@pytest.mark.parametrize("method", METHODS)
def test_the_last_round_shows_the_recurrence_and_the_packages_counts(explorer, method, size):
    page = explorer(trees_html(size=size))
    _choose(page, method, "gate and input")
    cost = counted(method, size, CHUNKS[size])
    _step(page, cost.rounds)
    a, b = scan(linear, (torch.tensor(GATES[:size]), torch.tensor(NUMBERS[:size])))
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    assert _cells(page) == [f"{gate}{state}".replace("-", "−") for gate, state in pairs]
    told = page.locator(".tr-chosen span").all_text_contents()[1:]
    assert told == [f"{cost.combines} of {cost.combines}", f"{cost.rounds} of {cost.rounds}"]
    assert page.locator("circle").count() == cost.combines


def test_totals_stand_under_the_last_cell_of_their_chunk(explorer):
    page = explorer(trees_html("chunks", 16))
    _step(page, 4)
    told = "Round 4, prefixes. A total takes in the prefix before it and is a prefix, too. 1 combine: total 1"
    assert page.locator(".tr-said").text_content().startswith(told)
    cells, totals = (row.locator(".tr-cell").all() for row in page.locator(".tr-cells").all())
    for k, total in enumerate(totals):
        assert total.bounding_box()["x"] == pytest.approx(cells[4 * k + 3].bounding_box()["x"], abs=1)
    _choose(page, "Blelloch")
    assert not page.locator(".tr-cells").nth(1).is_visible()
    assert page.locator("output").text_content() == "0 of 7"


WAYS = [
    ("loop", 1, "The prefix moves on by one cell."),
    ("Hillis–Steele", 3, "Each cell takes in the one 4 before it, if there is one."),
    ("Blelloch", 1, "Cells 1, 3, 5, … take in the one 1 place before them."),
    ("Blelloch", 2, "Cells 3, 7 take in the one 2 places before them."),
    ("Blelloch", 3, "Cell 7 takes in the one 4 places before it."),
    ("Blelloch", 4, "A finished cell hands its prefix to the cell 2 places to its right."),
    ("Blelloch", 5, "A finished cell hands its prefix to the cell 1 place to its right."),
    ("chunks", 1, "Each chunk takes its next cell into its total."),
    ("chunks", 1, "the first: total 0 = cell 0 ∘ cell 1 = "),
    ("chunks", 2, "the first: total 0 = total 0 ∘ cell 2 = "),
    ("chunks", 5, "The prefix before a chunk goes to its first cell."),
    ("chunks", 6, "Each chunk walks on."),
]


@pytest.mark.parametrize("method, at, way", WAYS)
def test_the_caption_says_what_a_round_is_for(explorer, method, at, way):
    page = explorer(trees_html(method, 11))
    _step(page, at)
    assert way in page.locator(".tr-said").text_content()


@pytest.mark.parametrize("size", CHUNKS)
def test_the_circuit_keeps_its_height_and_its_place(explorer, size):
    page = explorer(trees_html(size=size))
    circuit, boxes, dots = page.locator(".tr-circuit"), set(), []
    for method in METHODS:
        _choose(page, method)
        box = circuit.bounding_box()
        boxes.add((box["x"], box["width"], box["height"]))
        found = [each.bounding_box() for each in page.locator("circle").all()]
        assert box["y"] + box["height"] - 32 < max(each["y"] for each in found) < box["y"] + box["height"]
        dots += found
    assert len(boxes) == 1
    assert max(each["x"] + each["width"] for each in dots) <= box["x"] + box["width"] + 6


def test_what_the_two_lines_of_a_cell_mean_is_said_for_pairs_only(explorer):
    page = explorer(trees_html())
    words = page.get_by_text("the gate above")
    assert not words.is_visible()
    _choose(page, "gate and input")
    assert words.is_visible()
    assert page.locator(".tr-key").count() == 3


def test_the_keyboard_chooses_steps_and_plays(explorer):
    page = explorer(trees_html(pace=0.05))
    page.get_by_role("button", name="Blelloch").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Blelloch").get_attribute("aria-pressed") == "true"
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("output").text_content() == "2 of 5"
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "round 2 of 5"
    page.keyboard.press("Home")
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('output').textContent === '5 of 5'")
    page.get_by_role("button", name="Play").wait_for()


def test_two_explorers_on_one_page_do_not_meet(explorer):
    page = explorer(trees_html(), trees_html())
    first, second = page.locator(".ecr-trees").all()
    first.get_by_role("button", name="16 elements").click()
    first.get_by_role("button", name="Next").click()
    assert first.locator(".tr-cell").count() == 16 and second.locator(".tr-cell").count() == 8
    assert second.locator("output").text_content() == "0 of 3"
    assert page.evaluate("document.querySelectorAll('[id]').length") == 0


@pytest.mark.parametrize("page", PHONES, indirect=True)
def test_a_phone_never_scrolls_sideways_and_nothing_is_cut(explorer):
    page = explorer(trees_html(size=16))
    width = page.viewport_size["width"]
    for method in METHODS:
        _choose(page, method, "gate and input")
        page.get_by_role("slider").focus()
        for key in ("Home", "ArrowRight", "End"):
            page.keyboard.press(key)
            assert page.evaluate("document.documentElement.scrollWidth") == width, method
            cut = """[...document.querySelectorAll(".tr-cell > *, .tr-table span, .tr-board")].filter(e =>
                e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
                || e.parentNode.classList.contains("tr-cell")
                && e.getBoundingClientRect().width > e.parentNode.getBoundingClientRect().width)
                .map(e => e.textContent)"""
            assert page.evaluate(cut) == [], (method, key)
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll(".ecr button")]
            .map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height)))"""
    )
    assert smallest >= 32


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_contrast(explorer, theme):
    page = explorer(trees_html("chunks", 16), theme=theme)
    _choose(page, "gate and input")
    _step(page, 5)
    assert weak_texts(page, at_least=50) == []


def test_paper_keeps_the_picture_and_hides_the_controls(explorer):
    page = explorer(trees_html("Blelloch"))
    page.emulate_media(media="print")
    assert page.locator(".tr-circuit").is_visible() and page.locator(".tr-table").is_visible()
    assert not page.locator(".tr-controls").is_visible()
    assert [chips.is_visible() for chips in page.locator(".tr-chips").all()] == [False, False]


@pytest.mark.parametrize("size", CHUNKS)
def test_the_still_picture_holds_all_its_dots(size):
    still = trees_html("chunks", size)
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', still)[1])
    assert all(float(x) < width for x in re.findall(r'cx="([\d.]+)"', still))


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_all_rounds_are_drawn(explorer):
    page = explorer(trees_html("Blelloch", 16))
    assert page.locator("svg").is_visible()
    assert page.locator("svg circle").count() == 26
    assert page.locator("svg text").last.text_content() == "work 26, depth 7"


def test_the_bytes_are_few_and_always_the_same():
    assert trees_html() == trees_html()
    assert len(trees_html()) < 60_000
    assert len(asset(SCRIPT).encode()) < 15_000


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("Brent–Kung",), "method = 'Brent–Kung': expected one of loop"),
        (("loop", 12), "size = 12"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments, told):
    with pytest.raises(LessonError, match=told):
        trees_html(*arguments)
