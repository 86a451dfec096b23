"""What is published in `lesson_support.measured`, by device, each result with its provenance."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from lesson_support import measured
from lesson_support.measured.tables import html_table

from . import SAFE
from .pieces import paragraph

NOTHING = (
    "Nothing is published yet. `lessons bench` measures your machine, and `lessons bench --publish` in a "
    "checkout puts what it measured here."
)


class Measurements(SphinxDirective):
    """`{measurements}`: a section for each device."""

    def run(self):
        self.env.note_reread()
        sections = [self._device(measured.load_device(slug)) for slug in measured.devices()]
        return sections or [paragraph(NOTHING)]

    def _device(self, device):
        section = nodes.section(
            "", nodes.title("", device.device), ids=[f"device-{device.slug}"], names=[device.slug]
        )
        for name, record in sorted(device.records.items()):
            anchor = f"{device.slug}-{name.replace('/', '-')}"
            html = f'<div class="measured" id="{anchor}">{html_table(record)}</div>'
            section += nodes.raw("", html, format="html")
        return section


def setup(app):
    app.add_directive("measurements", Measurements)
    return SAFE
