"""What a page says about itself to search engines and to whoever is sent its link: description, social card.

Addresses in a social card have to be absolute, so without `html.baseurl` they are left out.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes

from . import SAFE
from .lesson_files import EXERCISES, cells, entry_of

LIMIT = 160


def set_defaults(app, config):
    """Follow the system's light or dark mode on the first visit; the language of the text is English."""
    config.html_context.setdefault("default_mode", "auto")
    config.language = config.language or "en"


def add_meta(app, pagename, templatename, context, doctree):
    title = app.env.titles[pagename].astext() if pagename in app.env.titles else context.get("title", "")
    said = describe(app, pagename, doctree)
    address = app.builder.get_target_uri(pagename)
    context["metatags"] = context.get("metatags", "") + meta_tags(
        app.config, title, said, address, "article" if entry_of(pagename) else "website"
    )


def meta_tags(config, title: str, said: str, address: str, kind: str) -> str:
    """The tags of a page at `address` below the book's root, as HTML."""
    base = (config.html_baseurl or "").rstrip("/")
    tags = [
        ("name", "description", said),
        ("property", "og:title", title),
        ("property", "og:site_name", config.html_title),
        ("property", "og:type", kind),
        ("property", "og:description", said),
    ]
    image = config.course_social_image
    if base:
        tags.append(("property", "og:url", f"{base}/{address}"))
    if base and image:
        source = f"{base}/_static/{Path(image).name}"
        tags += [
            ("property", "og:image", source),
            ("property", "og:image:alt", config.course_social_image_alt),
            ("name", "twitter:image", source),
        ]
    tags.append(("name", "twitter:card", "summary_large_image" if base and image else "summary"))
    return "".join(
        f'\n    <meta {kind}="{name}" content="{escape(text)}" />' for kind, name, text in tags if text
    )


def describe(app, pagename: str, doctree) -> str:
    """The page's own `description`, a lesson's hook, whose exercise it is, or the first paragraph.

    It is cut at a word.
    """
    own = app.env.metadata.get(pagename, {}).get("description") if pagename in app.env.found_docs else None
    if own:
        return _short(own)
    if entry_of(pagename):
        hook = next((cell.source for cell in cells(app.env, pagename) if cell["id"] == "hook"), None)
        if hook:
            return _short(re.sub(r"[`*_$]|^#+ .*$", "", hook, flags=re.M))
    if exercise := entry_of(pagename, EXERCISES):
        return _short(f"Exercise of lesson {exercise.label}, {exercise.title}.")
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
