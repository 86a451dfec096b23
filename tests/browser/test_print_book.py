"""The book as one PDF: every page once, links inside, bookmarks, and nothing printed that is broken."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.book import samples

SCRIPT = samples.ROOT / "book" / "print_book.py"


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    return samples.sample_site(tmp_path_factory.getbasetemp())


@pytest.fixture
def print_book(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import print_book

    return print_book


def test_the_whole_book_holds_every_page_once_in_order(print_book, site):
    order = [page for _, pages in print_book.reading_order(site) for page in pages]
    built = {path.relative_to(site).as_posix() for path in site.glob("*/**/*.html")}
    built -= {page for page in built if page.startswith("_")} | {"lessons/01_former.html"}
    assert order[0] == "book/welcome.html" and set(order) == built and len(order) == len(built)
    phase = order.index("book/phases/01.html")
    assert order[phase + 1 : phase + 3] == [
        f"lessons/{samples.FIRST}.html",
        f"exercises/{samples.FIRST}.html",
    ]


def test_links_lead_to_anchors_of_the_whole_book(print_book, site):
    soup = BeautifulSoup(print_book.whole_book(site), "html.parser")
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    inside = [link["href"] for link in soup.find_all("a", href=re.compile("^#"))]
    assert len(inside) > 80 and [link for link in inside if link[1:] not in ids] == []
    others = [link["href"] for link in soup.find_all("a", href=re.compile("^[^#]"))]
    assert [link for link in others if not link.startswith(("https://", "http://"))] == []
    assert not [fold for fold in soup.find_all("details") if not fold.has_attr("open")]
    names = [{one["name"] for one in form.select("input")} for form in soup.select("form.lesson-predict")]
    assert all(len(one) == 1 for one in names) and len(set.union(*names)) == len(names)


@pytest.mark.browser
def test_the_pdf_has_bookmarks_and_no_link_to_nowhere(browser, site, tmp_path):
    target = tmp_path / "book.pdf"
    command = [sys.executable, SCRIPT, site, target]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pdf = target.read_bytes()
    assert pdf.startswith(b"%PDF") and b"/Outlines" in pdf and b"/Title (Every Claim Runs)" in pdf
    assert len(re.findall(rb"/Type /Page\b(?!s)", pdf)) > 30
    assert b"book.invalid" not in pdf


@pytest.mark.browser
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('<img src="../gone.png" alt="x">', "missing: http://book.invalid/gone.png"),
        ('<img src="https://cdn.invalid/a.png" alt="x">', "missing: https://cdn.invalid/a.png"),
        ("<mjx-merror>x</mjx-merror>", "1 broken formulas"),
    ],
)
def test_a_broken_page_is_not_printed(browser, site, tmp_path, broken, said):
    for part in ("index.html", "book/welcome.html"):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        shutil.copy(site / part, tmp_path / part)
    page = tmp_path / "book" / "welcome.html"
    text = page.read_text(encoding="utf-8")
    text = re.sub(r'<nav class="bd-links.*?</nav>', "", text, flags=re.S)
    text = re.sub(r'<link[^>]*rel="[^"]*"[^>]*>|<script[^>]*src=[^>]*>', "", text)
    page.write_text(text.replace("</article>", broken + "</article>"), encoding="utf-8")
    target = tmp_path / "book.pdf"
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, target], capture_output=True, text=True)
    assert done.returncode == 1 and said in done.stderr and not target.exists()


def test_a_folder_without_a_book_is_named(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "x.pdf"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"{tmp_path} holds no index.html: expected the folder of a built book; make book builds it"
    )
