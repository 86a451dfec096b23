"""A box that narrows the table or list after it to the entries that hold every word typed."""

from docutils import nodes

_SCRIPT = """<script>(() => {
const box = document.currentScript.parentElement;
const field = box.querySelector("input"), said = box.querySelector("output");
const entries = () => {
  const next = box.nextElementSibling;
  return [...next.querySelectorAll("tbody tr, .filtered")];
};
box.hidden = false;
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const entry of entries()) {
    const text = entry.textContent.toLowerCase();
    entry.hidden = !words.every(word => text.includes(word));
    shown += !entry.hidden;
  }
  said.textContent = words.length ? `${shown} of ${entries().length}` : "";
});
})();</script>"""


def filter_box(what: str) -> nodes.raw:
    """The box; `what` names the entries, as in "filter claims"."""
    field = f'<label>Filter {what} <input type="search" autocomplete="off" spellcheck="false"></label>'
    return nodes.raw(
        "", f'<div class="filter-box" hidden>{field} <output></output>{_SCRIPT}</div>', format="html"
    )
