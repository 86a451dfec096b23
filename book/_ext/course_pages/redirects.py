"""Old addresses keep working: `course_redirects` in `_config.yml` maps a former page to its replacement.

course_redirects: {lessons/01_tensors: lessons/01_tensor_mechanics}
"""

import json
import posixpath
from html import escape
from pathlib import Path

from sphinx.errors import ExtensionError

from . import SAFE

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="robots" content="noindex">
<link rel="canonical" href="{canonical}">
<script>location.replace({script} + location.search + location.hash)</script>
<meta http-equiv="refresh" content="0; url={relative}">
</head>
<body><p>This page is now <a href="{relative}">{title}</a>.</p></body>
</html>
"""


def write_redirects(app, exception):
    """One page per former address; a target that does not exist, or an address in use, ends the build."""
    if exception or app.builder.format != "html":
        return
    for old, new in app.config.course_redirects.items():
        if old in app.env.found_docs:
            raise ExtensionError(f"course_redirects: {old} is a page of the book: expected a former address")
        if new not in app.env.found_docs:
            raise ExtensionError(f"course_redirects: {old} leads to {new}, which is no page of the book")
        relative = posixpath.relpath(app.builder.get_target_uri(new), posixpath.dirname(old) or ".")
        base = (app.config.html_baseurl or "").rstrip("/")
        canonical = f"{base}/{app.builder.get_target_uri(new)}" if base else relative
        text = PAGE.format(
            title=escape(app.env.titles[new].astext()),
            canonical=escape(canonical),
            relative=escape(relative),
            script=json.dumps(relative).replace("<", "\\u003c"),
        )
        file = Path(app.outdir) / app.builder.get_target_uri(old)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def setup(app):
    app.add_config_value("course_redirects", {}, "html", dict)
    app.connect("build-finished", write_redirects)
    return SAFE
