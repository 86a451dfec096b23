"""A permalink on every claim of a lesson: its printed line becomes a box with the id `claim-<id>`."""

from docutils import nodes
from sphinx.util import logging

from . import SAFE
from .anchors import is_notebook
from .lesson_files import MARKS, cells, stated_claims

log = logging.getLogger(__name__)
_KIND = {"✔ ": "verified", "✘ ": "missed", "⚖ ": "judged"}


def link_claims(app, doctree):
    docname = app.env.docname
    if not is_notebook(app, docname):
        return
    stored = cells(app.env, docname)
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            _link_cell(node, stored[node["cell_index"]])


def _link_cell(node: nodes.container, cell) -> None:
    claims = stated_claims(cell)
    missing = [claim.call.claim for claim in claims if claim.line is None]
    if missing:
        log.warning("cell %s: no stored line for the claim %s", cell["id"], ", ".join(missing), location=node)
    waiting = [claim for claim in claims if claim.line]
    for block in list(node.findall(nodes.literal_block)):
        if waiting and {"output", "stream"} <= set(block["classes"]):
            place = block.parent.index(block)  # not replace_self, which would hand the block's classes on
            block.parent[place : place + 1] = list(_split(block, waiting))


def _split(block: nodes.literal_block, waiting: list):
    """The output in pieces: claims as boxes, what stands between them as it was."""
    plain: list[str] = []
    for line in [*block.astext().splitlines(), None]:
        is_claim = line is not None and line.startswith(MARKS) and waiting and waiting[0].line == line
        if plain and (is_claim or line is None):
            rest = nodes.literal_block("\n".join(plain), "\n".join(plain), **block.attributes)
            rest["classes"] = list(block["classes"])
            yield rest
            plain = []
        if is_claim:
            yield _box(waiting.pop(0))
        elif line is not None:
            plain.append(line)


def _box(claim) -> nodes.container:
    mark, said = claim.line[:1], claim.line[2:]
    name = f"Link to the claim {claim.call.claim}"
    # raw, so that the sign is neither searched nor spoken as part of the sentence
    sign = f'<a class="claim-link" href="#{claim.anchor}" title="{name}" aria-label="{name}">¶</a>'
    text = nodes.paragraph("", "", nodes.inline(text=mark, classes=["claim-mark"]), nodes.Text(f" {said} "))
    text += nodes.raw("", sign, format="html")
    return nodes.container(
        "", text, ids=[claim.anchor], classes=["claim", _KIND[claim.line[:2]]], is_div=True
    )


def setup(app):
    app.connect("doctree-read", link_claims)
    return SAFE
