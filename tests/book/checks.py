"""What is wrong with built pages, read from their files: each function gives a list of problems."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

_NAMED = ("og:title", "og:description", "og:type", "og:site_name")
# Pages that nobody is sent a link to.
_UNLISTED = {"search.html", "genindex.html"}


def pages(site: Path) -> Iterator[tuple[str, BeautifulSoup]]:
    """Each page of a site with its address from the root."""
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if not name.startswith(("_static/", "_sources/")):
            yield name, BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def broken_links(site: Path) -> list[str]:
    """Links to a file or an anchor that is not there."""
    read = dict(pages(site))
    anchors = {
        name: {tag.get("id") or tag.get("name") for tag in soup.find_all(True)} for name, soup in read.items()
    }
    problems = []
    for name, soup in read.items():
        for link in soup.find_all("a", href=True):
            if problem := _broken(site, name, link["href"], anchors):
                problems.append(f"{name}: {link['href']} ({problem})")
    return problems


def _broken(site: Path, name: str, address: str, anchors: dict[str, set]) -> str:
    target = urlsplit(address)
    if target.scheme or target.netloc or address == "#":
        return ""
    # The page for missing pages is shown at any address: its links are made by its script.
    if name == "404.html":
        return ""
    path = (site / name).parent / unquote(target.path) if target.path else site / name
    path = path.resolve()
    if not path.is_file():
        return "no such file"
    found = path.relative_to(site.resolve()).as_posix()
    if target.fragment and found in anchors and unquote(target.fragment) not in anchors[found]:
        return "no such anchor"
    return ""


def unsaid(site: Path) -> list[str]:
    """Pages without a title, a description or the tags of a social card."""
    problems, titles = [], {}
    for name, soup in pages(site):
        if soup.find("meta", {"name": "robots", "content": "noindex"}):
            continue
        title = soup.title.get_text().strip() if soup.title else ""
        if not title:
            problems.append(f"{name}: no title")
        elif title in titles and name != "index.html":
            problems.append(f"{name}: the title of {titles[title]}")
        titles.setdefault(title, name)
        if name in _UNLISTED:
            continue
        said = {
            tag.get("name") or tag.get("property"): tag.get("content", "") for tag in soup.find_all("meta")
        }
        problems += [f"{name}: no {tag}" for tag in ("description", *_NAMED) if not said.get(tag, "").strip()]
    return problems


def unread(site: Path) -> list[str]:
    """Images without alt text, drawings without a label."""
    problems = []
    for name, soup in pages(site):
        for image in soup.find_all("img"):
            if not image.get("alt", "").strip():
                problems.append(f"{name}: {image.get('src', 'an image')[:60]} has no alt text")
        for drawing in soup.find_all("svg"):
            if drawing.get("aria-hidden") != "true" and not drawing.get("aria-label", "").strip():
                problems.append(f"{name}: a drawing has no label")
    return problems


def foreign(site: Path) -> list[str]:
    """Files that a page would load from another host."""
    problems = []
    for name, soup in pages(site):
        loads = [tag["src"] for tag in soup.find_all(src=True)]
        loads += [tag["href"] for tag in soup.find_all("link", href=True) if "canonical" not in tag["rel"]]
        loads += re.findall(r"url\(\s*[\"']?([^\"')]+)", " ".join(tag.get_text() for tag in soup("style")))
        problems += [f"{name}: loads {one}" for one in loads if urlsplit(one).netloc]
    return problems
