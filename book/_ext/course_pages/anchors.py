"""Every cell of a notebook page can be linked to: its cell id is an id in the page.

A code cell has a container of its own to carry the id. Markdown leaves no trace of its cell, so each markdown
cell gets a comment in front when its notebook is read; the comment becomes an id of the section that the cell
opens, or a target.
"""

import json
import re

from docutils import nodes
from sphinx import addnodes

from . import SAFE
from .lesson_files import EXERCISES, LESSONS, cells, stated_claims

_MARK = re.compile(r"\s*<!-- cell ([a-zA-Z0-9_-]+) -->\s*")


def is_notebook(app, docname: str) -> bool:
    return docname.startswith((LESSONS, EXERCISES)) and str(app.env.doc2path(docname)).endswith(".ipynb")


def mark_cells(app, docname, source):
    """Put a comment with its id before each markdown cell."""
    if not is_notebook(app, docname):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and cell.get("id"):
            text = cell["source"]
            cell["source"] = f"<!-- cell {cell['id']} -->\n\n" + (
                text if isinstance(text, str) else "".join(text)
            )
    source[0] = json.dumps(notebook)


def set_anchors(app, doctree):
    """Turn comments into ids and give code cells theirs; a heading elsewhere that has one gets another."""
    docname = app.env.docname
    if not is_notebook(app, docname):
        return
    stored = cells(app.env, docname)
    carriers: dict[str, nodes.Element] = {}
    for node in list(doctree.findall(nodes.container)):
        if node.get("nb_element") == "cell_code":
            carriers[stored[node["cell_index"]]["id"]] = node
    for mark in list(doctree.findall(nodes.raw)):
        if found := _MARK.fullmatch(mark.astext()):
            carriers[found[1]] = _carrier(mark)
    _free_ids(doctree, carriers)
    for anchor, node in carriers.items():
        if anchor not in node["ids"]:
            node["ids"].append(anchor)
    claims = [claim.anchor for cell in stored for claim in stated_claims(cell)]
    _offer(app.env, doctree, [*carriers, *claims])


def _carrier(mark: nodes.raw) -> nodes.Element:
    """The section that the marked cell opens, else a target where the mark stood."""
    following = mark.next_node(descend=False, siblings=True, ascend=True)
    if isinstance(following, nodes.section):
        mark.parent.remove(mark)
        return following
    target = nodes.target()
    mark.replace_self(target)
    return target


def _free_ids(doctree, carriers) -> None:
    for section in doctree.findall(nodes.section):
        section["ids"] = [
            f"{anchor}-section" if carriers.get(anchor, section) is not section else anchor
            for anchor in section["ids"]
        ]


def _offer(env, doctree, anchors: list[str]) -> None:
    """Let Markdown link to cells and claims: `[…](#cell)` here, `[…](01_slug.ipynb#claim-…)` elsewhere."""
    known = env.metadata[env.docname].setdefault("myst_slugs", {})
    for anchor in anchors:
        known.setdefault(anchor, (0, anchor, anchor))
    for asked in list(doctree.findall(addnodes.pending_xref)):
        if asked["reftype"] == "myst" and asked["reftarget"] in anchors and asked.get("refdomain") != "doc":
            asked.replace_self(
                nodes.reference("", "", *asked.children, refid=asked["reftarget"], internal=True)
            )


def setup(app):
    app.connect("source-read", mark_cells)
    app.connect("doctree-read", set_anchors, priority=400)  # before Sphinx collects the headings' ids
    return SAFE
