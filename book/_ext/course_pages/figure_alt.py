"""Alt text: an image output takes it from its metadata; an image without any is a warning."""

from docutils import nodes
from sphinx.util import logging

from . import SAFE
from .anchors import is_notebook
from .lesson_files import cells

log = logging.getLogger(__name__)


def describe_images(app, doctree):
    docname = app.env.docname
    if is_notebook(app, docname):
        stored = cells(app.env, docname)
        for node in doctree.findall(nodes.container):
            if node.get("nb_element") == "cell_code":
                _describe_outputs(node, stored[node["cell_index"]])
    for image in doctree.findall(nodes.image):
        if not str(image.get("alt", "")).strip():
            log.warning(
                "an image has no alt text: expected what a reader is meant to see in it", location=image
            )


def _describe_outputs(node: nodes.container, cell) -> None:
    """Displayed outputs and their bundles of faces come in the same order."""
    shown = [output for output in cell.outputs if output.output_type in ("display_data", "execute_result")]
    bundles = [part for part in node.findall(nodes.container) if part.get("nb_element") == "mime_bundle"]
    for output, bundle in zip(shown, bundles, strict=False):
        for face in bundle.children:
            alt = output.metadata.get(face["mime_type"], {}).get("alt", "")
            for image in face.findall(nodes.image):
                if alt and face["mime_type"].startswith("image/"):
                    image["alt"] = alt


def setup(app):
    app.connect("doctree-read", describe_images)
    return SAFE
