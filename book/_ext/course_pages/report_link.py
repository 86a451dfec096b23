"""Where to report an error: the repository's issues, or words where no repository is configured."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from . import SAFE
from .pieces import paragraph

UNKNOWN = "Report it in the repository that this copy came from."


class ReportLink(SphinxDirective):
    """`{report-link}`: a link if `repository.url` is set in `_config.yml`, else a sentence."""

    def run(self):
        repository = (self.config.html_theme_options.get("repository_url") or "").rstrip("/")
        if not repository:
            return [paragraph(UNKNOWN)]
        address = f"{repository}/issues"
        return [paragraph(["Report it at ", nodes.reference("", address, refuri=address), "."])]


def setup(app):
    app.add_directive("report-link", ReportLink)
    return SAFE
