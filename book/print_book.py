"""Print the built book as one PDF with bookmarks, page numbers and working links.

    python book/print_book.py _build/html _build/every-claim-runs.pdf

The articles of all pages, in the order of the table of contents, become one page that headless Chromium
prints. Chromium asks for files under an address that this program answers from the folder of pages: nothing
is served, and nothing is fetched from elsewhere.
"""

import argparse
import mimetypes
import os
import posixpath
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

HOST = "http://book.invalid/"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")
STYLE = """
@page { size: A4; margin: 18mm 16mm 20mm; }
html, body { background: #fff !important; }
body { font-size: 10.5pt; }
main.whole-book, .bd-content, .bd-article-container { display: block !important; max-width: none; }
article.bd-article { break-before: page; padding: 0 !important; }
article.bd-article.cover { break-before: auto; padding-top: 60mm !important; }
.cover h1 { font-size: 34pt; }
.cover p { font-size: 13pt; }
.contents ol { padding-left: 0; list-style: none; }
.contents li { margin: .15rem 0; }
.contents li li { margin-left: 1.2rem; }
.contents a { color: inherit; text-decoration: none; }
.contents .part { margin-top: .8rem; font-weight: 640; }
"""
FOOTER = (
    '<div style="width:100%;padding:0 16mm;font:8pt sans-serif;color:#586474;text-align:right">'
    '<span class="pageNumber"></span></div>'
)


def reading_order(site: Path) -> list[tuple[str, dict[str, str]]]:
    """The parts of the book, each with its pages and their names, from the navigation that a page carries."""
    first = site / front(site)
    soup = BeautifulSoup(first.read_text(encoding="utf-8"), "html.parser")
    parts: list[tuple[str, dict[str, str]]] = [("", {front(site): "The first page"})]
    for item in soup.select("nav.bd-links p.caption, nav.bd-links a.reference.internal"):
        if item.name == "p":
            parts.append((item.get_text().strip(), {}))
        elif item["href"] != "#":
            page = posixpath.normpath(posixpath.join(posixpath.dirname(front(site)), item["href"]))
            if all(page not in pages for _, pages in parts):
                parts[-1][1][page] = item.get_text().strip()
    return parts


def _index(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser")


def _title(site: Path) -> str:
    return _index(site).title.get_text()


def front(site: Path) -> str:
    """The first page, which index.html leads to."""
    soup = _index(site)
    refresh = soup.find("meta", {"http-equiv": lambda value: value and value.lower() == "refresh"})
    return refresh["content"].partition("url=")[2]


def whole_book(site: Path) -> str:
    """One page that holds the articles of all pages."""
    parts = reading_order(site)
    order = [page for _, pages in parts for page in pages]
    read = {page: BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser") for page in order}
    articles = {page: _article(page, read[page], set(order)) for page in order}
    # The head of a page with formulas loads what formulas need; the first page's serves where none has any.
    model = next((page for page in order if read[page].select("script[src*=mathjax]")), order[0])
    title = _title(site)
    cover = _cover(title, read[order[0]])
    head = read[model].head
    _find_files(read[model], posixpath.dirname(model))
    for tag in head.select("title, meta[name=description], meta[property], link[rel=canonical]"):
        tag.decompose()
    inside = head.decode_contents() + f"<title>{title}</title><style>{STYLE}</style>"
    body = cover + _contents(parts) + "".join(map(str, articles.values()))
    scripts = "".join(
        str(tag) for tag in read[model].select("script[src*=mathjax]") if not tag.find_parent("head")
    )
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>{inside}</head>'
        f'<body><main class="whole-book bd-main"><div class="bd-content"><div class="bd-article-container">'
        f"{body}</div></div></main>{scripts}</body></html>"
    )


def anchor(page: str, name: str = "") -> str:
    """What an id of a page is called in the whole book, where ids of all pages meet."""
    return f"{page.removesuffix('.html').replace('/', '-')}--{name or 'top'}"


def _article(page: str, soup: BeautifulSoup, known: set[str]):
    """A page's article with its ids and links made good for the whole book."""
    article = soup.select_one("article.bd-article") or soup.select_one("main")
    folder = posixpath.dirname(page)
    _find_files(article, folder)
    for tag in article.find_all(id=True):
        tag["id"] = anchor(page, tag["id"])
    for tag in article.find_all(True):
        for name in REFERENCES:
            if name in tag.attrs:
                tag[name] = " ".join(anchor(page, one) for one in str(tag[name]).split())
        if tag.name == "input" and "name" in tag.attrs:
            tag["name"] = anchor(page, tag["name"])
    for link in article.find_all("a", href=True):
        target = urlsplit(link["href"])
        if target.scheme or target.netloc:
            continue
        leads = posixpath.normpath(posixpath.join(folder, target.path)) if target.path else page
        if leads in known:
            link["href"] = "#" + anchor(leads, unquote(target.fragment))
        else:
            del link["href"]  # a notebook to download: paper has none
    for tag in article.select("a.headerlink, .filter-box, .lesson-links, .first-steps, details.above-input"):
        if tag.name == "details":
            tag.attrs["open"] = ""
        else:
            tag.decompose()
    for fold in article.find_all("details"):
        fold.attrs["open"] = ""
    article.attrs["id"] = anchor(page)
    return article


def _find_files(soup, folder: str) -> None:
    """Make the addresses of files absolute: the whole book lies in no folder."""
    for tag in [*soup.find_all(src=True), *soup.find_all("link", href=True)]:
        name = "src" if "src" in tag.attrs else "href"
        if not urlsplit(tag[name]).scheme and not tag[name].startswith("data:"):
            tag[name] = HOST + posixpath.normpath(posixpath.join(folder, tag[name]))


def _cover(title: str, first: BeautifulSoup) -> str:
    said = first.find("meta", {"name": "description"})
    words = f"<h1>{title}</h1><p>{said['content'] if said else ''}</p>"
    return f'<article class="bd-article cover">{words}</article>'


def _contents(parts: list[tuple[str, dict[str, str]]]) -> str:
    lines = []
    for caption, pages in parts:
        lines.append(f'<li class="part">{caption}</li>' if caption else "")
        lines += [f'<li><a href="#{anchor(page)}">{name}</a></li>' for page, name in pages.items()]
    return f'<article class="bd-article contents"><h1>Contents</h1><ol>{"".join(lines)}</ol></article>'


def print_pdf(site: Path, target: Path) -> None:
    """Write the PDF; a formula that fails or a file that is missing ends it."""
    from playwright.sync_api import sync_playwright

    text, missing = whole_book(site), []

    def answer(route):
        path = unquote(urlsplit(route.request.url).path).lstrip("/")
        if path == "whole-book.html":
            route.fulfill(body=text, content_type="text/html; charset=utf-8")
        elif route.request.url.startswith(HOST) and (site / path).is_file():
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            route.fulfill(path=site / path, content_type=kind)
        else:
            missing.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(color_scheme="light", viewport={"width": 760, "height": 1080})
        page.route("**/*", answer)
        page.goto(f"{HOST}whole-book.html", timeout=300_000)
        page.evaluate("() => window.MathJax?.startup?.promise")
        wrong = page.locator("mjx-merror, [data-mjx-error]").count()
        if missing or wrong:
            sys.exit(f"the book cannot be printed: {wrong} broken formulas, missing: {', '.join(missing)}")
        page.emulate_media(media="print")
        page.pdf(
            path=target, prefer_css_page_size=True, print_background=True, outline=True, tagged=True,
            display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
        )  # fmt: skip
        browser.close()


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    return found or sys.exit("no Chromium: install it, or name it in CHROMIUM")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path, help="the folder of built pages, such as _build/html")
    parser.add_argument("target", type=Path, help="the PDF to write")
    chosen = parser.parse_args()
    if not (chosen.site / "index.html").is_file():
        sys.exit(
            f"{chosen.site} holds no index.html: expected the folder of a built book; make book builds it"
        )
    print_pdf(chosen.site, chosen.target)
    print(f"{chosen.target}: {chosen.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
