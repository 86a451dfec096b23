"""The book in Chromium, every kind of page: silent, alone, light enough, usable, readable, printable.

Screenshots of every kind, wide and narrow, light and dark, go to `.test-report/screens`.
"""

import re
import shutil
from pathlib import Path

import pytest

from tests.book import samples
from tests.browser import page_checks
from tests.browser.test_strides_explorer import _cases, _disagreements

pytestmark = pytest.mark.browser

SCREENS = samples.ROOT / ".test-report" / "screens"
TALLEST = 3000
KINDS = {
    "welcome": "book/welcome.html",
    "start": "book/start.html",
    "how-to-use": "book/how-to-use.html",
    "lesson": f"lessons/{samples.FIRST}.html",
    "exercise": f"exercises/{samples.FIRST}.html",
    "phase": "book/phases/01.html",
    "long-phase": "book/phases/09.html",
    "claims": "book/claims.html",
    "errors": "book/errors.html",
    "measurements": "book/measurements.html",
    "runtimes": "book/runtimes.html",
    "instructors": "book/instructors/camera.html",
    "glossary": "book/glossary.html",
    "references": "book/references.html",
    "api": "book/api.html",
    "errata": "book/errata.html",
    "index": "genindex.html",
    "search": "search.html?q=stride",
    "missing": "404.html",
}
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = [(WIDE, "light"), (NARROW, "light"), (WIDE, "dark"), (NARROW, "dark")]


@pytest.fixture(scope="session")
def screens() -> Path:
    shutil.rmtree(SCREENS, ignore_errors=True)
    SCREENS.mkdir(parents=True)
    return SCREENS


def site_of(kind: str) -> str:
    """Kinds that need a lesson with everything in it come from the sample book."""
    return (
        "sample_book" if kind in ("lesson", "exercise", "errors", "runtimes", "instructors") else "real_book"
    )


def settle(page) -> None:
    """Wait until formulas are set and search results are in."""
    page.evaluate("() => window.MathJax?.startup?.promise")
    if "search.html" in page.url:
        page.wait_for_function("document.querySelectorAll('#search-results li').length")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page(request, contexts, serve, screens, kind):
    origin = serve(request.getfixturevalue(site_of(kind)))
    problems = []
    for viewport, theme in LOOKS:
        page = contexts(viewport=viewport, color_scheme=theme).new_page()
        ear = page_checks.Ear(page)
        page.goto(origin + KINDS[kind])
        settle(page)
        look = f"{viewport['width']}-{theme}"
        height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": viewport["width"], "height": height}
        page.screenshot(path=screens / f"{kind}-{look}.png", full_page=True, clip=clip)
        found = page_checks.sideways(page) + page_checks.pale(page)
        if (viewport, theme) == LOOKS[0]:
            found += page_checks.nameless(page) + ear.too_heavy()
            if kind != "missing":
                found += page_checks.unfit_for_paper(page)
        if (viewport, theme) == LOOKS[1]:
            found += page_checks.stuck(page)
        found += ear.said + ear.strangers(origin)
        problems += [f"{look}: {one}" for one in found]
        page.close()
    assert problems == []


def test_every_lesson_of_the_book(contexts, serve, real_book):
    """What depends on a lesson's own content: a phone's width, silence, weight, the keyboard, paper."""
    origin, problems = serve(real_book), []
    for path in sorted([*real_book.glob("lessons/*.html"), *real_book.glob("exercises/*.html")]):
        name = path.relative_to(real_book).as_posix()
        for viewport, theme in (LOOKS[1], LOOKS[2]):
            page = contexts(viewport=viewport, color_scheme=theme).new_page()
            ear = page_checks.Ear(page)
            page.goto(origin + name)
            settle(page)
            found = page_checks.sideways(page) + page_checks.pale(page)
            if theme == "light":
                found += page_checks.nameless(page) + page_checks.unfit_for_paper(page)
                found += ear.too_heavy() + page_checks.stuck(page)  # last: it opens folds
            problems += [f"{name}: {one}" for one in found + ear.said + ear.strangers(origin)]
            page.close()
    assert problems == []


CUT = """() => [...document.querySelectorAll('div.cell_input pre')]
    .filter(pre => !pre.closest('details') && pre.scrollWidth > pre.clientWidth).length"""


def test_a_laptop_shows_the_longest_line_that_a_lesson_may_have(serve, page, sample_book, tmp_path):
    """The rule `code-width` admits 88 columns: at 1280 pixels they fit, and a few more do not."""
    name = f"lessons/{samples.FIRST}.html"
    page.set_viewport_size(WIDE)
    for columns, fits in ((88, True), (92, False)):
        site = tmp_path / str(columns)
        shutil.copytree(sample_book, site)
        text = (site / name).read_text(encoding="utf-8")
        line = f"\\1{'x' * columns}\n\\2"
        text = re.sub(r'(<div class="highlight"><pre>).*?(</pre>)', line, text, flags=re.S)
        (site / name).write_text(text, encoding="utf-8")
        page.goto(serve(site) + name)
        assert (page.evaluate(CUT) == 0) is fits


def test_the_first_screen_fits_a_laptop(serve, page, real_book):
    page.goto(serve(real_book) + "book/welcome.html")
    for part in (".first-screen form", ".first-screen .ecr-strides", ".first-steps p:last-child"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 800, f"{part} ends at {box['y'] + box['height']:.0f} px"
    order = page.evaluate("""[...document.querySelectorAll(".first-screen > *")].map(e =>
        e.getBoundingClientRect()).map(r => [r.left, r.top])""")
    assert order[0][0] < order[1][0] and order[0][1] < order[2][1], order


@pytest.mark.parametrize("page", [{"viewport": NARROW}], indirect=True)
def test_a_phone_starts_with_the_question(serve, page, real_book):
    page.goto(serve(real_book) + "book/welcome.html")
    box = page.locator(".first-screen form").bounding_box()
    assert box["y"] + box["height"] < 844
    tops = [page.locator(f".first-screen > {part}").bounding_box()["y"] for part in ("form", "figure", "div")]
    assert tops == sorted(tops)


def test_the_explorer_on_the_page_answers_as_torch_does(serve, page, real_book):
    page.goto(serve(real_book) + "book/welcome.html")
    page.set_content = lambda _html: None  # the model that the page itself has loaded is asked
    assert _disagreements(page, "", _cases(200)) == []


def test_an_answer_opens_its_explanation(serve, page, real_book):
    page.goto(serve(real_book) + "book/welcome.html")
    page.get_by_label("22%").check()
    assert page.locator(".why:visible").all_inner_texts()[0].startswith("✘ No.")
    page.get_by_label("0.028 ms").check()
    assert [text[:6] for text in page.locator(".why:visible").all_inner_texts()] == ["✔ Yes."]


def broken(site: Path, folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of `site` in which `old` stands no longer in `file`."""
    shutil.copytree(site, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return folder


def found(page, origin: str, word: str) -> list[str]:
    """The pages that a search for `word` lists."""
    page.goto(f"{origin}search.html?q={word}")
    page.wait_for_function("/found|did not match/.test(document.querySelector('#search-results').innerText)")
    return page.locator("#search-results li a").evaluate_all("links => links.map(a => a.pathname)")


def test_search_finds_a_term_inside_a_lesson(serve, page, sample_book, tmp_path):
    assert f"/lessons/{samples.FIRST}.html" in found(page, serve(sample_book), "subspaces")
    without = broken(sample_book, tmp_path / "site", "searchindex.js", "subspac", "elsewher")
    assert found(page, serve(without), "subspaces") == []


MARKED = "style .highlighted, script .highlighted, .ecr .highlighted"


def test_what_a_search_marks_is_text(serve, page, real_book):
    """The word searched for stands in the explorer's style sheet too, where a mark would undo the rule."""
    origin = serve(real_book)
    for name in ("book/welcome.html", f"lessons/{samples.FIRST}.html"):
        page.goto(f"{origin}{name}?highlight=stride")
        page.wait_for_timeout(200)
        assert page.locator(MARKED).count() == 0
        store = page.locator(".ecr-strides .st-store").first
        assert store.evaluate("e => getComputedStyle(e).display") == "grid"
    assert page.locator("article p .highlighted").count() > 0


def test_a_mark_in_a_style_sheet_is_noticed(serve, page, real_book, tmp_path):
    spared = ", style, script, nav, .ecr"
    site = broken(real_book, tmp_path / "site", "_static/sphinx_highlight.js", spared, "")
    page.goto(serve(site) + "book/welcome.html?highlight=stride")
    page.wait_for_function("document.querySelectorAll('.highlighted').length")
    assert page.locator(MARKED).count() > 0


def test_the_filter_narrows_the_ledger(serve, page, real_book):
    page.goto(serve(real_book) + "book/claims.html")
    box, rows = page.locator(".filter-box input").first, page.locator("table.claims-ledger").first
    before = rows.locator("tbody tr:visible").count()
    word = rows.locator("tbody tr").last.inner_text().split()[-1]
    box.fill(f"{word} qqqq")
    assert rows.locator("tbody tr:visible").count() == 0 < before
    box.fill("")
    assert rows.locator("tbody tr:visible").count() == before


def open_missing(page, origin: str, site: Path, address: str) -> None:
    """Open an address that is not there, on a host that answers with `404.html`."""
    text = (site / "404.html").read_text(encoding="utf-8")
    page.route(f"**/{address}", lambda route: route.fulfill(body=text, content_type="text/html"))
    page.goto(origin + address)


@pytest.mark.parametrize("address", ["lessons/01_gone.html", "nowhere.html", "book/phases/deep/er/gone.html"])
def test_a_missing_page_leads_back_from_any_depth(serve, page, real_book, address):
    origin = serve(real_book)
    open_missing(page, origin, real_book, address)
    assert page.get_by_role("heading").inner_text() == "There is no page at this address"
    near = page.locator("#near")
    assert near.is_visible() == address.startswith("lessons/")
    if near.is_visible():
        assert page.locator("#lesson").evaluate("a => a.href") == f"{origin}lessons/{samples.FIRST}.html"
    page.locator("#home").click()
    page.wait_for_url(f"{origin}book/welcome.html")


def test_a_missing_page_that_knows_no_depth_is_noticed(serve, page, real_book, tmp_path):
    site = broken(
        real_book, tmp_path / "site", "404.html", "cut < 0 ? parts.length - 1 : cut", "parts.length - 1"
    )
    open_missing(page, serve(site), site, "book/phases/deep/er/gone.html")
    assert page.locator("#home").evaluate("a => a.pathname") != "/book/welcome.html"


FORMER = "lessons/01_former.html#claim-transpose-is-free"


def test_a_former_address_keeps_its_anchor(serve, page, sample_book):
    origin = serve(sample_book)
    page.goto(origin + FORMER)
    page.wait_for_url(f"{origin}lessons/{samples.FIRST}.html#claim-transpose-is-free")
    assert page.locator("#claim-transpose-is-free").is_visible()


def test_a_redirect_that_drops_the_anchor_is_noticed(serve, page, sample_book, tmp_path):
    site = broken(sample_book, tmp_path / "site", "lessons/01_former.html", " + location.hash", "")
    origin = serve(site)
    page.goto(origin + FORMER)
    page.wait_for_url(f"{origin}lessons/{samples.FIRST}.html**")
    assert "#" not in page.url


def test_the_address_of_the_book_leads_to_its_first_page(serve, page, real_book):
    origin = serve(real_book)
    page.goto(origin)
    page.wait_for_url(f"{origin}book/welcome.html")


def unread(page, words: list[str]) -> list[str]:
    """Which of `words` a reader does not see on the page."""
    text = page.locator("main").inner_text()
    return [word for word in words if word not in text]


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_text_that_waits_for_a_script_is_noticed(serve, page, sample_book, tmp_path):
    name, hidden = "book/claims.html", "published claims are settled"
    site = broken(sample_book, tmp_path / "site", name, hidden, f"<span hidden>{hidden}</span>")
    page.goto(f"{serve(site)}{name}")
    assert unread(page, [hidden]) == [hidden]


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("book/welcome.html", ["Which number would you distrust first?", "Ten phases", "Kernels"]),
        (f"lessons/{samples.FIRST}.html", ["a transpose moves no data", "What as_strided computes"]),
        ("book/claims.html", ["published claims are settled"]),
    ],
)
def test_the_text_is_there_without_scripts(serve, page, sample_book, name, words):
    page.goto(serve(sample_book) + name)
    assert unread(page, words) == []
    assert page.locator("article svg").count() == 0 or page.locator("article svg").first.is_visible()


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_a_prediction_answers_without_scripts(serve, page, sample_book):
    page.goto(serve(sample_book) + "book/welcome.html")
    page.get_by_label("22%").check()
    assert page.locator(".why:visible").count() == 1


def test_a_claim_can_be_linked_to(serve, page, sample_book):
    page.goto(f"{serve(sample_book)}lessons/{samples.FIRST}.html#claim-blas-vs-python")
    page.wait_for_function("scrollY > 300")
    box = page.locator("#claim-blas-vs-python").bounding_box()
    assert 0 <= box["y"] < 800
    sign = page.locator("#claim-blas-vs-python a.claim-link")
    assert sign.get_attribute("href") == "#claim-blas-vs-python"
