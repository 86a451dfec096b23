"""Each check of a page finds what it is there for, on a page broken on purpose."""

import os

import pytest

from tests.browser import page_checks

pytestmark = pytest.mark.browser

WHOLE = (
    '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>t</title>'
    '<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">'
    "<style>body {{ background: #fff; color: #222 }} @media print {{ nav {{ display: none }} }}</style>"
    '</head><body><nav><a href="#">n</a></nav><main><article class="bd-article"><h1>t</h1>{}</article></main>'
)


@pytest.fixture
def opened(contexts, serve, tmp_path):
    """`opened(html, …)` opens a page with `html` in its article; the page and its ear come back."""
    pages = []

    def show(html: str, text: str = WHOLE):
        (tmp_path / "page.html").write_text(text.format(html), encoding="utf-8")
        page = contexts(viewport={"width": 390, "height": 844}).new_page()
        pages.append(page)
        ear = page_checks.Ear(page)
        ear.origin = serve(tmp_path)
        page.route("https://cdn.invalid/**", lambda route: route.fulfill(body=""))
        page.goto(ear.origin + "page.html")
        return page, ear

    yield show
    for page in pages:
        page.close()


CHECKS = (
    page_checks.sideways, page_checks.nameless, page_checks.pale, page_checks.stuck,
    page_checks.unfit_for_paper,
)  # fmt: skip


def player(script: str = "") -> str:
    return f'<div class="ecr-player"><input type="range" max="3" aria-label="step" {script}></div>'


def prediction(shown: str = "block") -> str:
    style = f".why {{ display: none }} .c:has(:checked) .why {{ display: {shown} }}"
    style += f" @media print {{ .right .why {{ display: {shown} }} }}"
    choice = '<div class="c {}"><label><input type="radio" name="p">{}</label><div class="why">w</div></div>'
    choices = "".join(choice.format(kind, kind) for kind in ("right", "wrong", "wrong"))
    return f'<style>{style}</style><form class="lesson-predict">{choices}</form>'


def test_a_whole_page_has_no_problem(opened):
    page, ear = opened(f'<p>text</p><img src="data:," alt="a">{player()}{prediction()}')
    assert [problem for check in CHECKS for problem in check(page)] == []
    said = [one for one in ear.said if "data:" not in one]
    assert said + ear.strangers(ear.origin) + ear.too_heavy() == []


BROKEN = [
    (page_checks.sideways, '<div class="wide" style="width:500px">w</div>', "wide on 390 px: div.wide"),
    (page_checks.nameless, "<h1>second</h1>", "2 h1 headings"),
    (page_checks.nameless, "<h3>deep</h3>", "a heading skips a level"),
    (page_checks.nameless, "<input>", "a field without a label"),
    (page_checks.nameless, "<button></button>", "nothing to read out: <button>"),
    (page_checks.nameless, '<a href="#"><span></span></a>', "nothing to read out: <a"),
    (page_checks.nameless, '<img src="data:,">', "no alt text"),
    (page_checks.nameless, '<p id="a">a</p><p id="a">b</p>', "an id twice: a"),
    (page_checks.pale, '<p style="color:#999">grey</p>', "2.8:1, #999999 on #ffffff, : grey"),
    (page_checks.pale, '<div style="background:#0008"><p style="color:#222">x</p></div>', "on #777777"),
    (page_checks.pale, '<p style="color:#aaa;font-size:30px">large</p>', "2.3:1"),
    (page_checks.stuck, player('onkeydown="event.preventDefault()"'), "player 0 stays"),
    (page_checks.stuck, prediction("none"), "prediction 0 does not show"),
    (page_checks.unfit_for_paper, "<details><summary>s</summary>b</details>", "folded: sb"),
    (page_checks.unfit_for_paper, prediction("none"), "a prediction without its answer"),
    (page_checks.unfit_for_paper, "<nav style='display:block!important'>menu</nav>", "to navigate with"),
    (page_checks.unfit_for_paper, "<style>body { background: #123 }</style>", "paper is rgb(17, 34, 51)"),
]


@pytest.mark.parametrize(("check", "html", "problem"), BROKEN)
def test_what_is_broken_is_found(opened, check, html, problem):
    page, _ = opened(html)
    found = check(page)
    assert len(found) == 1 and problem in found[0], found


@pytest.mark.parametrize(
    ("old", "problem"), [(' lang="en"', "no language"), ("<title>t</title>", "no title")]
)
def test_a_page_without_language_or_title_is_found(opened, old, problem):
    page, _ = opened("", WHOLE.replace(old, ""))
    assert page_checks.nameless(page) == [problem]


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("<script>console.error('a complaint')</script>", "error: a complaint"),
        ("<script>console.warn('a doubt')</script>", "warning: a doubt"),
        ("<script>throw new Error('a fault')</script>", "script: a fault"),
    ],
)
def test_a_page_that_speaks_is_heard(opened, html, problem):
    page, ear = opened(html)
    page.wait_for_timeout(50)
    assert ear.said == [problem]


def test_a_missing_file_is_heard(opened):
    _, ear = opened('<img src="gone.png" alt="a">')
    assert any("404" in one for one in ear.said)


def test_a_request_to_another_host_is_noticed(opened):
    _, ear = opened('<script src="https://cdn.invalid/x.js"></script>')
    assert ear.strangers(ear.origin) == ["left the origin: https://cdn.invalid/x.js"]


def test_a_heavy_page_is_noticed(opened, tmp_path):
    (tmp_path / "heavy.js").write_bytes(b"//" + os.urandom(page_checks.MOST_BYTES).hex().encode())
    _, ear = opened('<script src="heavy.js"></script>')
    (problem,) = ear.too_heavy()
    assert problem.startswith("weighs 1,")
