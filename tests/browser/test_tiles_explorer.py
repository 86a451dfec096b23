"""The tiles explorer in Chromium: it counts as Python's cache does, and a keyboard and a phone can use it."""

import random
from functools import cache

import pytest
from playwright.sync_api import Error

from lesson_support.draw import tiles_html
from lesson_support.draw.cards import asset
from lesson_support.questions.lesson_02.blocking import blocked_order
from lesson_support.tensors.cache import Cache, ijp, ipj, matmul_loads
from tests.browser.contrasts import weak_texts

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 360, "height": 800}}
SCRIPT = "explorers/tiles.js"
PLAIN = {"ijp": ijp, "ipj": ipj}


def _order(name: str, n: int, m: int, k: int, tile: int):
    return blocked_order(n, m, k, tile) if name == "blocked" else PLAIN[name](n, m, k)


def _cases(count: int) -> list[tuple]:
    """(order, n, m, k, tile, lines, line): the corners by name, then random ones."""
    draw = random.Random(3)
    cases = [
        ("ijp", 1, 1, 1, 1, 3, 1),
        ("blocked", 1, 1, 1, 4, 3, 4),
        ("blocked", 0, 2, 3, 2, 4, 2),
        ("ipj", 2, 0, 3, 2, 4, 2),
        ("ijp", 16, 16, 16, 1, 16, 4),
        ("ipj", 16, 16, 16, 1, 16, 4),
        ("blocked", 16, 16, 16, 4, 16, 4),
        ("blocked", 16, 16, 16, 16, 16, 4),
        ("blocked", 5, 7, 6, 3, 9, 4),
    ]
    while len(cases) < count:
        n, m, k = (draw.randint(1, 10) for _ in range(3))
        order = draw.choice(["ijp", "ipj", "blocked", "blocked"])
        cases.append((order, n, m, k, draw.randint(1, 8), draw.randint(1, 40), draw.randint(1, 6)))
    return cases


@cache
def _python_says(order, n, m, k, tile, lines, line) -> dict:
    steps = list(_order(order, n, m, k, tile))
    half = steps[: len(steps) // 2]
    counted = [list(matmul_loads(each, n, m, k, lines, line)) for each in (steps, half)]
    return {"steps": [list(step) for step in steps], "loads": counted[0], "half": counted[1]}


def _disagreements(page, script: str, cases) -> list:
    page.set_content(f"<!doctype html><script>{script}</script>")
    answers = page.evaluate(
        """cases => cases.map(([order, n, m, k, tile, lines, line]) => {
            const { walk, replay } = lessonExplorers.tiles;
            const steps = walk(order, [n, m, k], tile);
            const whole = replay(steps, [n, m, k], lines, line);
            const half = replay(steps, [n, m, k], lines, line, Math.floor(steps.length / 2)).loads;
            const sum = whole.times.reduce((x, y) => x + y, 0);
            if (sum !== whole.loads.reduce((x, y) => x + y, 0)) throw new Error("lines and loads disagree");
            return { steps, loads: whole.loads, half };
        })""",
        [list(case) for case in cases],
    )
    return [case for case, answer in zip(cases, answers, strict=True) if answer != _python_says(*case)]


def test_the_script_counts_as_python_does(page):
    assert _disagreements(page, asset(SCRIPT), _cases(110)) == []


MUTANTS = [
    ("ijp: 1,", "ijp: 2,"),
    ("Math.max(...sizes, 1)", "1"),
    ("blocked: tile }", "blocked: 4 }"),
    ("Math.min(from + cut, size)", "from + cut"),
    ("steps.push([i, j, p])", "steps.push([i, p, j])"),
    ("const wide = [k, m, m]", "const wide = [k, k, m]"),
    ("Math.ceil(n * k / line) + Math.ceil(k * m / line)", "Math.ceil((n * k + k * m) / line)"),
    ("[[i, p], [p, j], [i, j]]", "[[p, i], [p, j], [i, j]]"),
    ("!held.delete(number)", "!held.has(number)"),
    ("held.size === lines", "held.size > lines"),
    ("held.delete(held.values().next().value)", "held.delete([...held].pop())"),
    ("times[number] += 1", "times[number] = 1"),
    ("at < upto", "at <= upto - 2"),
    ("loads[which] += 1", "loads[0] += 1"),
]


def test_a_wrong_script_is_noticed(page):
    script, cases = asset(SCRIPT), [case for case in _cases(50) if max(case[1:4]) < 9]
    for right, wrong in MUTANTS:
        assert script.count(right) == 1, right
        try:
            found = _disagreements(page, script.replace(right, wrong), cases)
        except Error:  # the script fails, or answers nothing that can be compared
            continue
        assert found, f"{wrong!r} in place of {right!r} went unnoticed"


def test_the_lines_of_a_tile_are_counted_where_the_tiling_puts_it(page):
    page.set_content(f"<!doctype html><script>{asset(SCRIPT)}</script>")
    cases = [(n, tile, line) for n in (4, 8, 12, 16) for tile in range(1, n + 1) for line in (2, 4)]
    answers = page.evaluate("cases => cases.map(one => lessonExplorers.tiles.tileLines(...one))", cases)

    def most(n: int, tile: int, line: int) -> int:
        starts = range(0, n, tile)
        rows = [range(at, min(at + tile, n)) for at in starts]
        return max(len({(i * n + j) // line for i in down for j in over}) for down in rows for over in rows)

    assert answers == [most(*case) for case in cases]


def _go(page, to: int) -> None:
    page.locator(".ti-transport input").first.fill(str(to))


def _seen(page) -> list[int]:
    told = page.locator(".ti-matrix p span").all_text_contents()
    by_place = dict(zip("bac", (int(each.split()[0].replace(",", "")) for each in told), strict=True))
    return [by_place[name] for name in "abc"]


@pytest.mark.parametrize(
    "order, chip, tile", [("ijp", "i-j-p", 2), ("ipj", "i-p-j", 2), ("blocked", "in tiles", 3)]
)
def test_what_is_drawn_is_what_the_cache_holds(explorer, order, chip, tile):
    n, line, lines, upto = 8, 4, 9, 137
    page = explorer(tiles_html(n, line, lines, tile=tile))
    page.get_by_role("button", name=chip).click()
    _go(page, upto)
    steps = list(_order(order, n, n, n, tile))[:upto]
    assert _seen(page) == list(matmul_loads(steps, n, n, n, lines, line))
    addresses = [(i * n + p, n * n + p * n + j, 2 * n * n + i * n + j) for i, j, p in steps]
    cache = Cache(lines, line)
    missed = [[cache.touch(at) for at in each] for each in addresses][-1]
    numbers = [at // line for each in addresses for at in each]
    held = set(list(dict.fromkeys(reversed(numbers)))[:lines])
    states = page.evaluate(
        """["a", "b", "c"].flatMap(name => [...document.querySelectorAll(`.ti-matrix.ti-${name} g`)]
            .map(group => group.getAttribute("class")))"""
    )
    assert {at for at, state in enumerate(states) if state in ("ti-held", "ti-hit", "ti-miss")} == held
    assert {at for at, state in enumerate(states) if state} == set(numbers)
    assert [states[at] for at in numbers[-3:]] == ["ti-miss" if miss else "ti-hit" for miss in missed]
    i, j, p = steps[-1]
    words = page.locator(".ti-touched span").all_text_contents()
    assert words[1] == f"b[{p}, {j}] {'load' if missed[1] else 'cached'}"
    frames = page.locator(".ti-tile").all()
    assert {float(frame.get_attribute("width")) > 0 for frame in frames} == {order == "blocked"}


def test_the_reader_finds_the_tile_that_loads_fewest(explorer):
    n, line, lines = 16, 4, 16
    page = explorer(tiles_html(n, line, lines, tile=1))
    sums = {t: matmul_loads(blocked_order(n, n, n, t), n, n, n, lines, line).total for t in range(1, n + 1)}
    verdict = page.locator(".ti-verdict")
    assert verdict.text_content().startswith("i-j-p loads 5,184 lines. Some tile loads fewer")
    for tile in range(2, 7):
        page.get_by_label("tile: one more").click()
        told = verdict.text_content()
        assert f"ile {tile} loads {sums[tile]:,} lines" in told
        assert ("✓" in told) == (sums[tile] == min(sums.values())) == (tile == 4)
    rows = page.locator(".ti-row").all_text_contents()
    assert rows == ["i-j-p5,184", "i-p-j1,152", *(
        f"tile {t}{'★ ' if t == 4 else ''}{sums[t]:,}" for t in range(2, 7)
    )]  # fmt: skip
    assert page.locator(".ti-chosen").all_text_contents() == [f"tile 6{sums[6]:,}"]
    widths = [box.bounding_box()["width"] for box in page.locator(".ti-bar").all()]
    assert widths[1] / widths[0] == pytest.approx(1152 / 5184, rel=0.02)
    for _ in range(8):
        page.get_by_label("cache: one more").click()
    for _ in range(2):
        page.get_by_label("tile: one more").click()
    assert "✓ Tile 8 loads 384 lines" in verdict.text_content()
    assert page.locator(".ti-said").text_content() == (
        "Three tiles of 8 × 8 take up to 48 lines; the cache holds 24."
    )


def test_steppers_stop_at_their_ends(explorer):
    page = explorer(tiles_html(4, 2, 3, "blocked", 4))
    page.get_by_label("tile: one more").click()
    page.get_by_label("cache: one less").click()
    assert page.locator(".ti-pill b").all_text_contents() == ["tile 4", "3 lines"]
    for _ in range(25):
        page.get_by_label("cache: one more").click()
    for _ in range(5):
        page.get_by_label("tile: one less").click()
    assert page.locator(".ti-pill b").all_text_contents() == ["tile 1", "24 lines"]


def test_a_keyboard_steps_forward_and_back(explorer):
    page = explorer(tiles_html(8, lines=8))
    page.get_by_role("button", name="Next").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator(".ti-transport output").text_content() == "4 of 512"
    assert _seen(page) == [1, 4, 1]
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    assert page.locator(".ti-transport output").text_content() == "0 of 512"
    assert _seen(page) == [0, 0, 0]
    slider = page.locator(".ti-transport input")
    slider.focus()
    page.keyboard.press("End")
    assert _seen(page) == list(matmul_loads(ijp(8, 8, 8), 8, 8, 8, 8, 4))
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "511 of 512"
    live = page.locator("p[aria-live=polite].ecr-unseen").text_content()
    assert live == "a[7, 6] is in the cache, b[6, 7] is loaded, c[7, 7] is in the cache"


def test_it_plays_to_the_end_and_pauses(explorer):
    page = explorer(tiles_html(4, 2, 6))
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(2000)
    page.get_by_role("button", name="Pause").click()
    seen = int(page.locator(".ti-transport output").text_content().split()[0])
    assert 0 < seen < 64
    page.clock.run_for(2000)
    assert int(page.locator(".ti-transport output").text_content().split()[0]) == seen
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(60_000)
    assert page.locator(".ti-transport output").text_content() == "64 of 64"
    assert page.get_by_role("button", name="Play").count() == 1


@pytest.mark.parametrize("page", [{"reduced_motion": "reduce"}], indirect=True)
def test_nothing_plays_where_motion_is_unwanted(explorer):
    page = explorer(tiles_html(8, lines=8))
    assert not page.locator(".ti-play").is_visible()
    page.get_by_role("button", name="Next").click()
    assert _seen(page) == [1, 1, 1]


def test_two_explorers_on_one_page_do_not_meet(explorer):
    page = explorer(tiles_html(8, lines=8), tiles_html(8, lines=8))
    first, second = page.locator(".ecr-tiles").all()
    first.get_by_role("button", name="in tiles").click()
    first.locator(".ti-transport input").fill("40")
    assert first.locator(".ti-row").count() == 3 and second.locator(".ti-row").count() == 2
    assert second.locator(".ti-transport output").text_content() == "0 of 512"
    assert page.evaluate("document.querySelectorAll('[id]').length") == 0


@pytest.mark.parametrize("page", [PHONE], indirect=True)
@pytest.mark.parametrize("n", [4, 16])
def test_a_phone_never_scrolls_sideways_and_buttons_are_large(explorer, n):
    page = explorer(tiles_html(n, 4, 12, "blocked", 3))
    _go(page, n**3)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll(".ecr button")]
            .map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height)))"""
    )
    assert smallest >= 32
    cut = page.evaluate(
        """[...document.querySelectorAll(".ti-text, .ti-matrix p, .ti-row > *")]
            .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"""
    )
    assert cut == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_contrast(explorer, theme):
    page = explorer(tiles_html(order="blocked"), theme=theme)
    _go(page, 1_001)
    assert weak_texts(page, at_least=100) == []


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_the_matrices_are_drawn(explorer):
    page = explorer(tiles_html())
    assert page.locator("svg").is_visible()
    assert "i-p-j loads 1,152 lines" in page.locator("svg").get_attribute("aria-label")
