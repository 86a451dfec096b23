"""What a page says about itself to search engines and to whoever is sent its link: description, social card.

Addresses in a social card have to be absolute, so without `html.baseurl` they are left out.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes

from . import SAFE
from .lesson_files import cells, entry_of

LIMIT = 160


def set_defaults(app, config):
    """Follow the system's light or dark mode on the first visit; the language of the text is English."""
    config.html_context.setdefault("default_mode", "auto")
    config.language = config.language or "en"


def add_meta(app, pagename, templatename, context, doctree):
    base = (app.config.html_baseurl or "").rstrip("/")
    title = app.env.titles[pagename].astext() if pagename in app.env.titles else context.get("title", "")
    site = app.config.html_title
    said = describe(app, pagename, doctree)
    tags = [
        ("name", "description", said),
        ("property", "og:title", title),
        ("property", "og:site_name", site),
    ]
    tags += [("property", "og:type", "article" if entry_of(pagename) else "website")]
    tags += [("property", "og:description", said)]
    image = app.config.course_social_image
    if base:
        tags.append(("property", "og:url", f"{base}/{app.builder.get_target_uri(pagename)}"))
    if base and image:
        address = f"{base}/_static/{Path(image).name}"
        tags += [
            ("property", "og:image", address),
            ("property", "og:image:alt", app.config.course_social_image_alt),
        ]
        tags.append(("name", "twitter:image", address))
    tags.append(("name", "twitter:card", "summary_large_image" if base and image else "summary"))
    html = "".join(
        f'\n    <meta {kind}="{name}" content="{escape(text)}" />' for kind, name, text in tags if text
    )
    context["metatags"] = context.get("metatags", "") + html


def describe(app, pagename: str, doctree) -> str:
    """The page's own `description`, a lesson's hook, or the first paragraph; cut at a word."""
    own = app.env.metadata.get(pagename, {}).get("description") if pagename in app.env.found_docs else None
    if own:
        return _short(own)
    if entry_of(pagename):
        hook = next((cell.source for cell in cells(app.env, pagename) if cell["id"] == "hook"), None)
        if hook:
            return _short(re.sub(r"[`*_$]|^#+ .*$", "", hook, flags=re.M))
    if doctree is None:
        return ""
    first = next((node for node in doctree.findall(nodes.paragraph) if node.astext().strip()), None)
    return _short(first.astext()) if first is not None else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= LIMIT:
        return text
    return text[: LIMIT - 1].rsplit(" ", 1)[0].rstrip(".,;:") + "…"


def setup(app):
    app.add_config_value("course_social_image", "", "html", str)
    app.add_config_value("course_social_image_alt", "", "html", str)
    app.connect("config-inited", set_defaults, priority=700)
    app.connect("html-page-context", add_meta)
    return SAFE
