"""What the book's extensions make of sample lessons, read from the built pages."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from lesson_support import catalog
from lesson_support.claims import published_claims
from tests.book import sample_lessons, samples

LESSON = f"lessons/{samples.FIRST}.html"
EXERCISE = f"exercises/{samples.FIRST}.html"
ENTRY = catalog.lesson_entry(1)


@pytest.fixture(scope="session")
def page(sample_book):
    """A built page, parsed."""
    parsed = {}

    def read(name):
        if name not in parsed:
            parsed[name] = BeautifulSoup((sample_book / name).read_text(encoding="utf-8"), "html.parser")
        return parsed[name]

    return read


def article(soup):
    return soup.select_one("article.bd-article")


def meta(soup, name):
    tags = soup.find_all("meta", {"name": name}) + soup.find_all("meta", {"property": name})
    return [tag["content"] for tag in tags]


def all_pages(sample_book):
    return [path for path in sample_book.rglob("*.html") if "_static" not in path.parts]


def test_the_header_card_stands_below_the_title_with_links(page):
    title = article(page(LESSON)).h1
    card = title.find_next_sibling()
    assert "lesson-card" in card["class"]
    text = card.get_text(" ")
    for fact in (
        ENTRY.shape,
        f"difficulty {ENTRY.difficulty}/10",
        f"{ENTRY.minutes} minutes",
        *ENTRY.outcomes,
    ):
        assert fact in text
    links = {link.get_text(): link["href"] for link in card.find_all("a")}
    assert links[f"Phase 1: {catalog.phases()[0].title}"] == "../book/phases/01.html"
    assert links["Exercise"] == f"../{EXERCISE}"
    assert links["Download .ipynb"] == f"../_sources/lessons/{samples.FIRST}.ipynb"
    assert not any("colab" in address for address in links.values())  # no repository is configured


def test_prerequisites_are_links_where_the_lesson_is_written(page):
    card = page(f"lessons/{samples.SECOND}.html").select_one(".lesson-card")
    assert {link.get_text(): link["href"] for link in card.find_all("a")}["01"] == f"{samples.FIRST}.html"


def test_the_download_is_the_notebook_as_it_is(sample_book):
    download = sample_book / "_sources" / "lessons" / f"{samples.FIRST}.ipynb"
    source = sample_book.parents[1] / "lessons" / f"{samples.FIRST}.ipynb"
    assert download.read_bytes() == source.read_bytes()


def test_every_cell_of_the_page_has_its_anchor_once(page):
    ids = [tag["id"] for tag in page(LESSON).find_all(id=True)]
    shown = [
        cell["id"]
        for cell in sample_lessons.lesson_one()
        if "remove-cell" not in cell.metadata.get("tags", [])
    ]
    assert [ids.count(cell) for cell in shown] == [1] * len(shown)
    assert page(LESSON).find(id="transpose").find(string=re.compile("x.T has strides"))
    assert page(LESSON).find(id="references").find("h2").get_text().startswith("References")


def test_a_heading_gives_way_to_a_cell_of_the_same_name(page):
    assert page(LESSON).find(id="storage").name == "section"  # "## Storage" opens the cell `storage`
    cell = page(f"lessons/{samples.SECOND}.html").find_all(id="storage")
    assert [tag.name for tag in cell] == ["span"] and "Text without a heading" in cell[0].find_next(
        "p"
    ).get_text()
    assert (
        page(f"lessons/{samples.SECOND}.html").find(id="loops").find_parent("section")["id"]
        == "storage-section"
    )


def test_markdown_links_to_cells_and_to_claims_of_other_lessons(page):
    assert article(page(LESSON)).find("a", string="reshape") or article(page(LESSON)).find(
        "a", href="#storage"
    )
    asked = article(page(f"lessons/{samples.SECOND}.html")).find(
        "a", string=re.compile("a claim of lesson 01")
    )
    assert asked["href"] == f"{samples.FIRST}.html#claim-transpose-is-free"


def test_each_claim_is_a_box_with_a_permalink_and_other_output_stays(page):
    cell = page(LESSON).find(id="transpose")
    boxes = cell.select(".claim")
    assert [box["id"] for box in boxes] == ["claim-transpose-is-free", "claim-blas-vs-python"]
    assert [box.a["href"] for box in boxes] == [f"#{box['id']}" for box in boxes]
    assert boxes[0].get_text().strip().startswith("✔ a transpose moves no data (not so after .contiguous())")
    assert [pre.get_text().strip() for pre in cell.select(".cell_output pre")] == [
        "x.T has strides (1, 3)",
        "and that is all",
    ]
    judged = page(LESSON).find(id="claim-transpose-moves-no-data")
    assert "judged" in judged["class"] and "output" not in judged["class"]


def test_a_prediction_is_shown_without_the_code_that_holds_its_answer(page):
    cell = page(LESSON).find(id="guess")
    assert cell.select_one("form.lesson-predict") and not cell.select(".cell_input")
    assert "answer=" not in article(page(LESSON)).get_text()


def test_figures_carry_their_alt_text_and_width(page):
    image = page(LESSON).find(id="plot").img
    assert image["alt"] == sample_lessons.ALT and "width" in image["style"]


def test_the_camera_cell_and_the_opening_stay_off_the_page_and_stand_among_the_notes(page):
    text = article(page(LESSON)).get_text()
    assert "Cut after the claims" not in text and "from lesson_support import lesson" not in text
    notes = page("book/instructors/camera.html")
    section = notes.find(id="camera-01")
    assert "Cut after the claims" in section.get_text() and not section.find("details")
    shots = [link["href"] for link in section.select("td a")]
    assert shots == [f"../../{LESSON}#storage", f"../../{LESSON}#transpose"]
    assert section.h2.a["href"] == f"../../{LESSON}"


def test_the_ledger_shows_verdicts_and_what_is_open(page):
    ledger = page("book/claims.html")
    row = ledger.find(id="claim-transpose-moves-no-data")
    assert row.select_one(".verdict").get_text() == "holds when" and "the tensor is dense" in row.get_text()
    assert row.a["href"] == f"../{LESSON}#claim-transpose-moves-no-data"
    claims = published_claims()
    rows = ledger.select("tr[id^=claim-]")
    assert [one["id"] for one in rows] == [f"claim-{id}" for id in claims]
    still_open = [one for one in rows if one.select_one(".verdict-open")]
    assert len(still_open) == len(claims) - 1
    assert all("planned in lesson" in one.get_text() for one in still_open)
    assert f"1 of {len(claims)} published claims are settled" in article(ledger).get_text()


def test_the_ledger_lists_what_the_lessons_claim(page):
    links = [link["href"] for link in page("book/claims.html").select("table:last-of-type td a")]
    for claim in ("transpose-is-free", "blas-vs-python"):
        assert f"../{LESSON}#claim-{claim}" in links


def test_the_error_index_explains_each_error_from_the_lesson(page):
    entries = page("book/errors.html").select(".index-list > div")
    first, second, symptom = entries
    assert first.select_one(".index-head").get_text().startswith("RuntimeError: view size is not compatible")
    assert "which copies." in first.get_text() and "second paragraph" not in first.get_text()
    assert first.find("a")["href"] == f"../{LESSON}#bad-view"
    assert "The letter x came." in second.get_text() and "Pass a number." in second.get_text()
    assert symptom.get_text().startswith("\nview fails after a transpose")


def test_a_traceback_is_text_without_colours(page):
    shown = page(LESSON).find(id="bad-view").select_one(".cell_output .traceback pre")
    assert sample_lessons.VIEW_FAILS in shown.get_text() and not shown.find_all("span", class_=True)


def test_run_times_come_from_the_report_beside_their_budget(page):
    rows = [
        [cell.get_text() for cell in row.find_all("td")]
        for row in page("book/runtimes.html").select("tbody tr")
    ]
    assert [row[1:] for row in rows] == [
        ["20.0", "within budget"],
        ["50.0", "over budget"],
        ["35.0", "over budget"],
    ]


def test_measurements_are_shown_with_their_provenance_or_said_to_be_missing(page):
    from lesson_support import measured

    body = article(page("book/measurements.html"))
    if measured.devices():
        assert body.find("table") and "measured on" in body.get_text()
    else:
        assert "Nothing is published yet" in body.get_text() and not body.find("table")


def test_the_exercise_links_to_its_lesson_and_is_not_a_solution(page):
    card = page(EXERCISE).select_one(".exercise-card")
    links = [link["href"] for link in card.find_all("a")]
    assert links[:2] == [f"../{LESSON}", f"../_sources/exercises/{samples.FIRST}.ipynb"]
    assert "lessons check 01" in card.get_text()


def test_a_page_says_what_it_is(page):
    soup = page(LESSON)
    assert soup.html["lang"] == "en"
    assert meta(soup, "description") == [sample_lessons.HOOK]
    assert meta(soup, "og:title") == [soup.h1.get_text().rstrip("#")]
    assert meta(soup, "og:url") == [f"https://example.org/book/{LESSON}"]
    assert meta(soup, "og:image")[0].startswith("https://example.org/book/_static/")
    assert meta(soup, "twitter:card") == ["summary_large_image"]
    assert soup.find("link", rel="canonical")["href"] == f"https://example.org/book/{LESSON}"
    assert soup.find("link", rel="icon")["href"] == "../_static/favicon.svg"
    assert meta(page("book/claims.html"), "description")[0].startswith("Every published claim")


def test_every_file_that_a_page_loads_is_there_and_ours(sample_book):
    for path in all_pages(sample_book):
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        loads = [tag["href"] for tag in soup.find_all("link", rel=("stylesheet", "icon", "preload"))]
        loads += [tag["src"] for tag in soup.find_all(("script", "img"), src=True)]
        for address in loads:
            if address.startswith("data:"):
                continue
            assert "://" not in address and not address.startswith("//"), f"{path} loads {address}"
            assert (path.parent / address.partition("?")[0]).is_file(), f"{path} loads {address}"


def test_nothing_heavy_and_unused_is_published(sample_book):
    text = (sample_book / LESSON).read_text(encoding="utf-8").lower()
    assert not any(name in text for name in ("fontawesome", "thebe", "togglebutton", "require.min"))
    published = [path for path in (sample_book / "_static").rglob("*") if path.is_file()]
    assert not [path for path in published if path.suffix == ".map" or "fontawesome" in str(path)]
    assert sum(path.stat().st_size for path in published) < 4_000_000
    assert "console.log" not in (sample_book / "_static/scripts/pydata-sphinx-theme.js").read_text()
    assert "console.log" not in (sample_book / "search.html").read_text()


def test_mathjax_is_loaded_where_there_is_a_formula_only(sample_book):
    assert "tex-chtml.js" in (sample_book / LESSON).read_text()
    for without in ("book/claims.html", "book/welcome.html", EXERCISE):
        assert "tex-chtml.js" not in (sample_book / without).read_text()


def test_a_former_address_leads_on(page):
    soup = page("lessons/01_former.html")
    assert soup.find("meta", {"http-equiv": "refresh"})["content"] == f"0; url={samples.FIRST}.html"
    assert soup.a["href"] == f"{samples.FIRST}.html"


def test_the_page_for_missing_pages_needs_no_other_file(sample_book, page):
    soup = page("404.html")
    assert not soup.find_all(src=True) and not soup.find_all("link", rel="stylesheet")
    known = json.loads(re.search(r"const known = (\{.*\});", (sample_book / "404.html").read_text())[1])
    assert known["base"] == "https://example.org/book" and {"book", "lessons", "exercises"} <= set(
        known["folders"]
    )
    assert known["lessons"]["01"][0] == LESSON


def broken(notebooks: dict) -> None:
    """Break one rule in each of several places."""
    first, second, exercise = (
        notebooks[name]
        for name in (f"lessons/{samples.FIRST}", f"lessons/{samples.SECOND}", f"exercises/{samples.FIRST}")
    )
    cells = {cell["id"]: cell for cell in first}
    cells["plot"].outputs = [sample_lessons.picture(alt=None)]
    cells["transpose"].outputs = []
    cells["camera"].metadata["tags"] = []
    first.remove(cells["bad-view-why"])
    next(
        cell for cell in second if cell["id"] == "camera"
    ).source += "\n\n| cell |\n|---|\n| `no-such-cell` |\n"
    exercise[1].source = "### BEGIN SOLUTION\nreturn 1\n### END SOLUTION"
    notebooks["lessons/99_unknown"] = [sample_lessons.markdown("title", "opening", "# Unknown")]


@pytest.fixture(scope="session")
def broken_book(tmp_path_factory):
    """The broken book after its build, and what the build said."""
    folder = samples.write_book(tmp_path_factory.mktemp("broken"), broken)
    toc = (folder / "_toc.yml").read_text(encoding="utf-8")
    (folder / "_toc.yml").write_text(
        toc.replace(
            f"lessons/{samples.SECOND}", f"lessons/{samples.SECOND}\n      - file: lessons/99_unknown"
        )
    )
    built = samples.build(folder, "-n")
    assert built.returncode == 0, built.stdout + built.stderr
    return folder, built.stderr


@pytest.mark.parametrize(
    "warning",
    [
        "an image has no alt text",
        "cell transpose: no stored line for the claim transpose-is-free, blas-vs-python",
        "the camera cell camera would stand on the page",
        "cell bad-view shows an error that nothing explains",
        "the shot list names no-such-cell, which is no cell",
        "cell offset holds a solution region",
        "the catalog has no lesson of this name",
    ],
)
def test_a_broken_lesson_is_a_warning(broken_book, warning):
    assert warning in broken_book[1]


def test_a_mended_lesson_reaches_every_page_at_the_next_build(broken_book):
    folder, _ = broken_book
    ledger = folder / "_build" / "html" / "book" / "claims.html"
    assert "claim-blas-vs-python" not in ledger.read_text(encoding="utf-8")
    samples.write_notebooks(folder)
    rebuilt = samples.build(folder, "-n")
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    assert "WARNING" not in rebuilt.stderr.replace("WARNING: the catalog has no lesson of this name", "")
    assert "claim-blas-vs-python" in ledger.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "table, sentence",
    [
        ({"lessons/01_old": "lessons/nowhere"}, "leads to lessons/nowhere, which is no page"),
        ({"book/start": f"lessons/{samples.FIRST}"}, "book/start is a page of the book"),
    ],
)
def test_a_redirect_that_cannot_work_is_refused(monkeypatch, tmp_path, table, sentence):
    from types import SimpleNamespace

    from sphinx.errors import ExtensionError

    monkeypatch.syspath_prepend(samples.ROOT / "book" / "_ext")
    from course_pages.redirects import write_redirects

    app = SimpleNamespace(
        builder=SimpleNamespace(format="html"),
        config=SimpleNamespace(course_redirects=table, html_baseurl=""),
        env=SimpleNamespace(found_docs={"book/start", f"lessons/{samples.FIRST}"}),
        outdir=tmp_path,
    )
    with pytest.raises(ExtensionError, match=re.escape(sentence)):
        write_redirects(app, None)
    assert not list(Path(tmp_path).iterdir())


def test_a_repository_adds_colab_and_binder(monkeypatch):
    from types import SimpleNamespace

    monkeypatch.syspath_prepend(samples.ROOT / "book" / "_ext")
    from course_pages.notebook_links import notebook_links

    options = {"repository_url": "https://github.com/owner/name", "repository_branch": "main"}
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options=options))
    links = dict(notebook_links(app, "lessons/01_x"))
    assert (
        links["Open in Colab"]
        == "https://colab.research.google.com/github/owner/name/blob/main/lessons/01_x.ipynb"
    )
    assert (
        links["Open in Binder"]
        == "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/lessons/01_x.ipynb"
    )


@pytest.mark.parametrize("lines", [[], ["✔ a"], ["✔ a", "✔ b"]])
def test_claims_are_paired_with_their_lines_or_not_at_all(monkeypatch, lines):
    monkeypatch.syspath_prepend(samples.ROOT / "book" / "_ext")
    from course_pages.lesson_files import stated_claims

    source = 'verify("one", "a", True, unless=no)\nverify("two", "b", True, unless=no)'
    printed = sample_lessons.printed("".join(f"{line}\n" for line in lines))
    found = [stated.line for stated in stated_claims(sample_lessons.code("pair", "build", source, printed))]
    assert found == (lines if len(lines) == 2 else [None, None])
    failed = sample_lessons.raised("ClaimFailed", "two", "ClaimFailed: two")
    cell = sample_lessons.code("pair", "build", source, printed, failed)
    assert [stated.line for stated in stated_claims(cell)] == lines


def test_each_extension_may_read_and_write_in_parallel(monkeypatch):
    monkeypatch.syspath_prepend(samples.ROOT / "book" / "_ext")
    import course_pages

    assert course_pages.SAFE["parallel_read_safe"] and course_pages.SAFE["parallel_write_safe"]
    files = {
        file.stem
        for file in Path(course_pages.__file__).parent.glob("*.py")
        if "def setup(" in file.read_text()
    }
    assert files - {"__init__"} == set(course_pages.MODULES)
