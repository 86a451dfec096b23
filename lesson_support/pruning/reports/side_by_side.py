"""From a comparison to what its report says, to a table for the terminal, and to the files of a run."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from lesson_support.pruning.history import save_pruned
from lesson_support.pruning.report import Report
from lesson_support.pruning.reports import charts
from lesson_support.pruning.reports.blocks import (
    activity_blocks,
    latency_blocks,
    settings_table,
    share,
    signed,
    versions_table,
)
from lesson_support.pruning.reports.contents import report_document
from lesson_support.pruning.reports.document import Block, Chart, Document, Paragraph, Section, Table
from lesson_support.pruning.reports.report_html import write_page
from lesson_support.pruning.reports.report_pdf import write_pdf_pages
from lesson_support.pruning.scenarios.comparing import Comparison

BEFORE_TUNING = ("pruned", "re-estimated")


def comparison_table(comparison: Comparison) -> Table:
    """One row for each method: what is left, and the accuracy at every stage."""
    stages = _stages(comparison)[1:]
    rows = []
    for name, report in comparison.reports.items():
        found = tuple(share(report.accuracy[stage]) if stage in report.accuracy else "" for stage in stages)
        macs, parameters, channels = (
            1 - report.achieved[each] for each in ("macs", "parameters", "channels")
        )
        rows.append((_named(comparison, name), share(macs), *found, share(parameters), share(channels)))
    head = ("method", "MACs left", *stages, "parameters left", "channels left")
    original = next(iter(comparison.reports.values())).accuracy["original"]
    return Table(head, tuple(rows), caption=f"The original scores {share(original)} on the same images")


def comparison_document(comparison: Comparison) -> Document:
    """What there is to say about one scenario run."""
    first = next(iter(comparison.reports.values()))
    sections = [
        Section("Side by side", tuple(_side_by_side(comparison))),
        Section("What the controls say", tuple(Paragraph(text) for text in controls_say(comparison))),
        Section("Groups left alone", tuple(_left_alone(comparison))),
        Section("Latency", tuple(latency_blocks(comparison.latency))) if comparison.latency else None,
        Section("What the calibration data say", tuple(activity_blocks(comparison.statistics))),
        Section("How it was made", (_settings(comparison), versions_table())),
    ]
    (kind, amount), *_ = comparison.scenario.amount.items()
    facts = (
        ("channels to go" if kind == "ratio" else "MACs to stay", share(amount)),
        ("accuracy, original", share(first.accuracy["original"])),
        ("parameters, original", f"{first.before.parameters:,}"),
        ("MACs, original", f"{first.before.macs:,}"),
    )
    subtitle = f"run on {comparison.source}; {comparison.weights}"
    return Document(
        comparison.scenario.title, subtitle, facts, tuple(section for section in sections if section)
    )


def _side_by_side(comparison: Comparison) -> list[Block]:
    rows = [
        (
            _named(comparison, name),
            {stage: value for stage, value in report.accuracy.items() if stage != "original"},
        )
        for name, report in comparison.reports.items()
    ]
    alt = "Accuracy by method and stage: " + "; ".join(
        f"{name} " + ", ".join(f"{stage} {share(value)}" for stage, value in found.items())
        for name, found in rows
    )
    chart = Chart(partial(charts.bars, rows=rows), alt, 1.1 + 0.3 * len(rows))
    return [comparison_table(comparison), chart, *_unequal(comparison)]


def _unequal(comparison: Comparison) -> list[Block]:
    """A sentence where the methods left unequal MACs, so that their accuracies do not compare."""
    left = {name: 1 - report.achieved["macs"] for name, report in comparison.reports.items()}
    low, high = min(left, key=left.get), max(left, key=left.get)
    if left[high] - left[low] < 0.02:
        return []
    return [
        Paragraph(
            f"The models are not of one size: {low} leaves {share(left[low])} of the MACs and {high} "
            f"{share(left[high])}. Accuracies of models of unequal cost do not rank the methods; a scenario "
            "with macs in place of ratio makes them equal."
        )
    ]


def controls_say(comparison: Comparison) -> list[str]:
    """Whether the run tells methods from controls, at the stages before fine-tuning and after it."""
    said = []
    methods = [name for name in comparison.reports if name not in comparison.controls]
    for stage in _stages(comparison)[1:]:
        scores = {
            name: report.accuracy[stage]
            for name, report in comparison.reports.items()
            if stage in report.accuracy
        }
        best = max((name for name in scores if name in comparison.controls), key=scores.get, default=None)
        if best is None:
            continue
        behind = [name for name in methods if scores[name] <= scores[best]]
        spread = signed(max(scores.values()) - min(scores.values())).lstrip("+")
        verdict = f"{_listed(behind)} no better than it" if behind else "every method is ahead of it"
        said.append(
            f"{stage.capitalize()}: the best control is {best} with {share(scores[best])}; {verdict}. "
            f"Best and worst are {spread} points apart."
        )
    return said


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _left_alone(comparison: Comparison) -> list[Block]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, report in comparison.reports.items():
        for group, reason in _remarks(report):
            reasons.setdefault((group, reason), []).append(name)
    if not reasons:
        return [Paragraph("None.")]
    every = len(comparison.reports)
    rows = [
        (group, reason, "all" if len(names) == every else ", ".join(names))
        for (group, reason), names in reasons.items()
    ]
    return [Table(("group", "what happened", "methods"), tuple(rows), words=3)]


def _remarks(report: Report) -> list[tuple[str, str]]:
    found = list(report.skipped.items())
    return found + [(group.name, str(problem)) for group in report.groups for problem in group.problems]


def _settings(comparison: Comparison) -> Table:
    scenario, plan = comparison.scenario, comparison.plan
    return settings_table(
        {
            "scenario": scenario.name,
            "network": f"{scenario.model}, width {plan.width}",
            "data": comparison.source,
            "weights": comparison.weights,
            **scenario.amount,
            "scope": scenario.scope,
            "steps": scenario.steps,
            "calibration images": plan.calibration,
            "batch": plan.batch,
            "fine-tuning epochs": plan.tune_epochs,
            "fine-tuning rate": plan.tune_lr,
            "seed": comparison.seed,
        }
    )


def _stages(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(stage for report in comparison.reports.values() for stage in report.accuracy))


def _named(comparison: Comparison, name: str) -> str:
    return f"{name} (control)" if name in comparison.controls else name


def write_comparison(comparison: Comparison, folder: Path | str) -> tuple[Path, ...]:
    """comparison.html and .pdf, and for every method its page, its PDF and its pruned model (.pt)."""
    folder = Path(folder)
    document = comparison_document(comparison)
    written = [
        write_page(document, folder / "comparison.html"),
        write_pdf_pages(document, folder / "comparison.pdf"),
    ]
    for name, report in comparison.reports.items():
        own = report_document(report, statistics=comparison.statistics)
        written += [
            write_page(own, folder / f"{name}.html"),
            write_pdf_pages(own, folder / f"{name}.pdf"),
        ]
        save_pruned(report, folder / f"{name}.pt")
        written.append(folder / f"{name}.pt")
    return tuple(written)
