"""A prediction is shown without its code, because the code holds the answer."""

from docutils import nodes

from lesson_support.authoring.calls import predictions

from . import SAFE
from .anchors import is_notebook
from .lesson_files import cells


def hide_answers(app, doctree):
    if not is_notebook(app, app.env.docname):
        return
    stored = cells(app.env, app.env.docname)
    for node in list(doctree.findall(nodes.container)):
        if node.get("nb_element") == "cell_code" and predictions(stored[node["cell_index"]].source):
            for part in [part for part in node.children if part.get("nb_element") == "cell_code_source"]:
                node.remove(part)


def setup(app):
    app.connect("doctree-read", hide_answers)
    return SAFE
