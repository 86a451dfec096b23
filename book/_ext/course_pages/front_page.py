"""`index.html`: the book's address without a page leads to its first page and says what the book is.

Jupyter Book writes a bare redirect there, which has no title and no social card to show for the address that
people share.
"""

from html import escape
from pathlib import Path

from . import SAFE
from .page_meta import describe, meta_tags

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={first}">
<link rel="icon" href="data:,">{tags}
</head>
<body><p><a href="{first}">{title}</a></p></body>
</html>
"""


def write_front_page(app, exception):
    if exception or app.builder.format != "html":
        return
    root = app.config.root_doc
    first, title = app.builder.get_target_uri(root), app.config.html_title
    tags = meta_tags(app.config, title, describe(app, root, None), "", "website")
    page = PAGE.format(title=escape(title), first=escape(first), tags=tags)
    (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app):
    app.connect("build-finished", write_front_page, priority=950)  # after Jupyter Book's
    return SAFE
