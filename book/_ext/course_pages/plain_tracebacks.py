"""Tracebacks are shown as text: ours are shortened, and a highlighter of whole ones colours wrong words."""

from docutils import nodes

from . import SAFE
from .anchors import is_notebook


def set_plain(app, doctree):
    if is_notebook(app, app.env.docname):
        for block in doctree.findall(nodes.literal_block):
            if "traceback" in block["classes"]:
                block["language"] = "none"


def setup(app):
    app.connect("doctree-read", set_plain)
    return SAFE
