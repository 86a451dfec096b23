"""`404.html`, which a static host shows at any address that it does not have.

It may be shown at any depth, so nothing in it is relative to a file: the page needs no other file, and finds
the book's root by itself, from `html.baseurl` or by looking for one of the book's folders in the address.
"""

import json
from html import escape
from pathlib import Path

from . import SAFE
from .lesson_files import LESSONS

PAGE = Path(__file__).parent / "templates" / "not_found.html"


def write_not_found(app, exception):
    if exception or app.builder.format != "html":
        return
    builder = app.builder
    pages = sorted(app.env.found_docs)
    root = app.config.root_doc
    known = {
        "base": (app.config.html_baseurl or "").rstrip("/"),
        "folders": sorted({name.split("/")[0] for name in pages if "/" in name} | {"_static", "_sources"}),
        "lessons": {
            name.removeprefix(LESSONS)[:2]: [builder.get_target_uri(name), app.env.titles[name].astext()]
            for name in pages
            if name.startswith(LESSONS)
        },
        "home": builder.get_target_uri(root),
    }
    text = PAGE.read_text(encoding="utf-8")
    text = text.replace("{{site}}", escape(app.config.html_title))
    text = text.replace("{{known}}", json.dumps(known, sort_keys=True).replace("<", "\\u003c"))
    (Path(app.outdir) / "404.html").write_text(text, encoding="utf-8")


def setup(app):
    app.connect("build-finished", write_not_found)
    return SAFE
