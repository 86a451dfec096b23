"""What `prune` returns: the data of the run, and what can be done with them."""

from pathlib import Path
from typing import Any

from lesson_support.pruning.outcome import GroupReport, Outcome, StepReport
from lesson_support.training.classifying import refuse_stale

__all__ = ["GroupReport", "Report", "StepReport"]


class Report(Outcome):
    """The outcome of a run; `str(report)` is a short table, pages with charts are written on request."""

    def check_optimizer(self, optimizer) -> None:
        """Pruning makes new parameters: an optimizer that does not hold exactly these gets a LessonError."""
        refuse_stale(optimizer, self.model)

    def to_html(self, file: str | Path, *, statistics: Any = None) -> Path:
        """One self-contained HTML page; `statistics` of the original model's activations add histograms."""
        from lesson_support.pruning.reports.report_html import write_html

        return write_html(self, file, statistics=statistics)

    def to_pdf(self, file: str | Path, *, statistics: Any = None) -> Path:
        """A PDF of several pages; `statistics` as for `to_html`."""
        from lesson_support.pruning.reports.report_pdf import write_pdf

        return write_pdf(self, file, statistics=statistics)
