"""What the theme leaves without a name for screen readers gets one: the arrows that unfold the sidebar."""

from functools import cache

from bs4 import BeautifulSoup

from . import SAFE


def name_arrows(app, pagename, templatename, context, doctree):
    if make := context.get("generate_toctree_html"):

        @cache
        def named(*arguments, **options):
            return _named(make(*arguments, **options))

        context["generate_toctree_html"] = named


def _named(found):
    """The sidebar's HTML, each arrow named after the page that stands before it."""
    soup = BeautifulSoup(str(found), "html.parser")
    for arrow in soup.select("details > summary"):
        page = arrow.find_parent("li").find("a")
        arrow["aria-label"] = f"Pages below {' '.join(page.get_text().split())}"
    return str(soup)


def setup(app):
    app.connect("html-page-context", name_arrows, priority=950)
    return SAFE
