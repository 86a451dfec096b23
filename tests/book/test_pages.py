"""Every page of the book: its links lead somewhere, it says what it is, its pictures can be read out."""

import pytest
from bs4 import BeautifulSoup

from lesson_support import catalog
from tests.book import checks, samples

CHECKS = (checks.broken_links, checks.unsaid, checks.unread, checks.foreign)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("site", ["real_book", "sample_book"])
def test_nothing_is_wrong(request, site, check):
    assert check(request.getfixturevalue(site)) == []


HEAD = (
    '<title>{title}</title><meta name="description" content="d"><meta property="og:title" content="t">'
    '<meta property="og:description" content="d"><meta property="og:type" content="website">'
    '<meta property="og:site_name" content="s">'
)
BROKEN = [
    (checks.broken_links, '<a href="gone.html">x</a>', "gone.html (no such file)"),
    (checks.broken_links, '<a href="#gone">x</a>', "#gone (no such anchor)"),
    (checks.broken_links, '<a href="deep/other.html#gone">x</a>', "(no such anchor)"),
    (checks.unread, '<img src="a.png">', "has no alt text"),
    (checks.unread, '<img src="a.png" alt=" ">', "has no alt text"),
    (checks.unread, "<svg></svg>", "a drawing has no label"),
    (checks.foreign, '<script src="https://cdn.invalid/x.js"></script>', "loads https://cdn.invalid/x.js"),
    (checks.foreign, '<link rel="stylesheet" href="//cdn.invalid/x.css">', "loads //cdn.invalid/x.css"),
    (checks.foreign, "<style>@font-face{src:url(https://f.invalid/a)}</style>", "loads https://f.invalid/a"),
]


@pytest.mark.parametrize(("check", "body", "problem"), BROKEN)
def test_what_is_broken_is_found(tmp_path, check, body, problem):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "other.html").write_text(
        HEAD.format(title="b") + '<a id="here" href="../index.html#here">x</a>'
    )
    whole = HEAD.format(title="a") + '<a id="here" href="deep/other.html#here">x</a><img src="a" alt="b">'
    (tmp_path / "index.html").write_text(whole)
    assert [found for one in CHECKS for found in one(tmp_path)] == []
    (tmp_path / "index.html").write_text(whole + body)
    (found,) = check(tmp_path)
    assert found.startswith("index.html: ") and problem in found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<title>a</title>", "", "page.html: no title"),
        ("<title>a</title>", "<title>b</title>", "page.html: the title of b.html"),
        ('name="description"', 'name="x"', "page.html: no description"),
        ('property="og:type"', 'property="x"', "page.html: no og:type"),
    ],
)
def test_a_page_that_does_not_say_what_it_is_is_found(tmp_path, old, new, problem):
    (tmp_path / "b.html").write_text(HEAD.format(title="b"))
    (tmp_path / "page.html").write_text(HEAD.format(title="a").replace(old, new))
    assert checks.unsaid(tmp_path) == [problem]


def soup(site, name):
    return BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")


def test_the_first_screen_holds_what_it_should_in_order(sample_book):
    page = soup(sample_book, "book/welcome.html")
    screen = page.select_one(".first-screen")
    assert [child.name for child in screen.find_all(True, recursive=False)] == ["form", "figure", "div"]
    assert len(screen.form.select("input")) == 4 and len(screen.form.select(".right")) == 1
    assert screen.figure.figcaption and screen.figure.select_one(".ecr-strides")
    links = [link["href"] for link in screen.select(".first-steps a")]
    assert links == [f"../lessons/{samples.FIRST}.html", "start.html"]
    cards = page.select(".phase-card")
    assert [card.a["href"] for card in cards] == [f"phases/{number:02}.html" for number in range(1, 11)]
    assert "7 lessons, 2 written" in cards[0].get_text() and "0 written" in cards[1].get_text()


def test_a_lesson_is_a_link_once_it_is_written(sample_book):
    page = soup(sample_book, "book/start.html")
    first, fifth = catalog.lesson_entry(1), catalog.lesson_entry(6)
    link = page.find("a", href=f"../lessons/{samples.FIRST}.html", string=None)
    assert link.get_text() == f"{first.label} · {first.title}"
    planned = page.select_one("li .lesson-planned[title]")
    assert planned.get_text().endswith(" (planned)") and planned.name == "span"
    assert page.find("span", class_="lesson-planned", title=fifth.title)


def test_a_phase_page_shows_its_lessons_and_what_they_build_on(sample_book):
    page = soup(sample_book, "book/phases/01.html")
    phase = catalog.phases()[0]
    drawing = page.select_one(".ecr-drawing svg")
    for lesson in phase.lessons:
        assert f"{lesson.label} builds on " in drawing["aria-label"]
    # html.parser lowers nothing here: links of the drawing are the written lessons
    assert [link["href"] for link in drawing.select("a")] == [
        f"../../lessons/{stem}.html" for stem in (samples.FIRST, samples.SECOND)
    ]
    assert phase.question in page.select_one(".phase-asks").get_text()
    assert phase.capstone.replace("'", "’") in page.select_one(".capstone").get_text()
    assert len(page.select("h3 .planned")) == len(phase.lessons) - 2
    assert page.select_one('meta[name="description"]')["content"] == phase.question


def test_the_reference_holds_every_public_name_once(sample_book):
    import lesson_support
    from lesson_support import draw, timing

    page = soup(sample_book, "book/api.html")
    ids = [section["id"] for section in page.select("section section section")]
    assert len(ids) == len(set(ids))
    expected = {f"lesson_support-{name}" for name in lesson_support._EXPORTS}
    expected |= {f"lesson_support-draw-{name}" for name in draw.__all__}
    expected |= {f"lesson_support-timing-{name}" for name in timing.__all__}
    expected |= {"lesson_support-roofline-limits", "lesson_support-catalog-route"}
    assert expected <= set(ids)
    route = page.find(id="lesson_support-catalog-route")
    assert "route(which: int | str) -> tuple[Lesson, ...]" in route.pre.get_text()
    assert "The shortest route to a lesson" in route.p.get_text()
    verify = page.find(id="lesson_support-verify")
    assert [one.pre.get_text()[:7] for one in verify.select(".api-member")] == ["faster(", "verdict"]
