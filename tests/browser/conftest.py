"""Chromium for tests that look at pages as a reader does; a page they open must stay silent and alone."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def _chromium() -> str:
    """Where Chromium is; without one a test is skipped, and under CI it fails."""
    named = os.environ.get("CHROMIUM")
    found = named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found:
        return found
    reason = "no Chromium: install it, or name it in CHROMIUM"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """One Chromium for the whole run."""
    path = _chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """`serve(folder)` serves a folder on this machine's loopback and gives its URL, which ends in a slash."""
    servers = []

    def start(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        # Closing must not wait for a connection that the browser keeps open.
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Watch:
    """Everything a page did that a reader's page must not do."""

    def __init__(self, page):
        self.problems: list[str] = []
        page.on("console", lambda message: message.type == "error" and self._note("console", message.text))
        page.on("pageerror", lambda error: self._note("script", str(error)))
        page.on("request", self._look_at)

    def _note(self, kind: str, text: str) -> None:
        self.problems.append(f"{kind}: {text}")

    def _look_at(self, request) -> None:
        target = urlsplit(request.url)
        if target.scheme in ("file", "data", "blob", "about"):
            return
        home = urlsplit(request.frame.page.main_frame.url)
        local = target.hostname == "127.0.0.1"
        # The first request of a page comes while the page is still blank.
        if local and (request.is_navigation_request() or target.netloc == home.netloc):
            return
        self._note("request", request.url)


@pytest.fixture
def watch() -> Callable:
    """`watch(page).problems` lists console errors, script errors and requests to other hosts."""
    return Watch


@pytest.fixture(scope="session")
def contexts(browser) -> Callable:
    """One context per set of options: slow to make, and `serve` gives each test an origin of its own."""
    made = {}

    def context(**options):
        key = repr(sorted(options.items()))
        if key not in made:
            made[key] = browser.new_context(**options)
            made[key].set_default_timeout(10_000)
        return made[key]

    return context


@pytest.fixture
def page(request, contexts) -> Iterator:
    """A fresh page, 1280 px wide; the test fails if it logs an error or asks another host for anything.

    `@pytest.mark.parametrize("page", [{"color_scheme": "dark"}], indirect=True)` sets what
    `browser.new_context` takes.
    """
    opened = contexts(
        **{"viewport": {"width": 1280, "height": 800}} | getattr(request, "param", {})
    ).new_page()
    watched = Watch(opened)
    yield opened
    opened.close()
    assert not watched.problems, "the page was not silent and alone:\n" + "\n".join(watched.problems)


@pytest.fixture
def explorer(page, serve, tmp_path):
    """`explorer(html, …)` opens a page of explorers."""

    def show(*cards: str, theme: str = "light"):
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>t</title>'
        text = (
            f'<!doctype html><html lang="en" data-theme="{theme}">{head}<link rel="icon" href="data:,"><body>'
        )
        (tmp_path / "page.html").write_text(text + "".join(cards), encoding="utf-8")
        page.goto(serve(tmp_path) + "page.html")
        return page

    return show
