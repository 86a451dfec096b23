"""From a pruning run to what its report says: the figures, in the order in which a reader asks for them."""

from functools import partial
from typing import Any

from lesson_support.pruning.outcome import Outcome
from lesson_support.pruning.reports import charts
from lesson_support.pruning.reports.blocks import (
    activity_blocks,
    latency_blocks,
    settings_table,
    share,
    signed,
    versions_table,
)
from lesson_support.pruning.reports.document import Block, Chart, Document, Paragraph, Section, Table

PER_CHART = 20  # layers in one chart of widths


def report_document(report: Outcome, *, statistics: Any = None) -> Document:
    """What there is to say about one run; `statistics` are those of the original model, for histograms."""
    sections = [
        Section("Asked and achieved", tuple(_achieved(report))),
        Section("Accuracy against MACs", tuple(_accuracy(report))) if report.accuracy else None,
        Section("Widths before and after", tuple(_widths(report))),
        Section("Groups left alone, and scores that were no help", tuple(_skipped(report))),
        Section("What the calibration data say", tuple(activity_blocks(statistics))) if statistics else None,
        Section("Latency", tuple(latency_blocks(report.latency))) if report.latency else None,
        Section("How it was made", (settings_table(report.settings), versions_table())),
    ]
    name = type(report.model).__name__
    return Document(
        title=f"{name} pruned by {report.settings.get('importance', 'an importance without a name')}",
        subtitle=f"{report.before.parameters:,} parameters before, {report.after.parameters:,} after",
        facts=_facts(report),
        sections=tuple(section for section in sections if section),
    )


def _facts(report: Outcome) -> tuple[tuple[str, str], ...]:
    left = report.after.macs / report.before.macs
    facts = [("MACs left", share(left)), ("parameters left", share(1 - report.achieved["parameters"]))]
    if report.accuracy:
        (first, before), (last, after) = list(report.accuracy.items())[0], list(report.accuracy.items())[-1]
        facts.append((f"accuracy, {first}", share(before)))
        if last != first:
            facts.append((f"accuracy, {last}", share(after)))
    return tuple(facts)


def _achieved(report: Outcome) -> list[Block]:
    channels = [sum(getattr(group, when) for group in report.groups) for when in ("before", "after")]
    counted = {
        "channels": channels,
        "parameters": [report.before.parameters, report.after.parameters],
        "MACs": [report.before.macs, report.after.macs],
    }
    asked, what = report.steps[-1].asked, report.settings.get("asked", "channels")
    rows = [
        (name, share(asked) if name.lower() == what.lower() else "",
         share(1 - after / before) if before else "", f"{before:,}", f"{after:,}")
        for name, (before, after) in counted.items()
    ]  # fmt: skip
    table = Table(("", "asked to go", "gone", "before", "after"), tuple(rows))
    note = Paragraph(
        "MACs are multiply-accumulates of convolutions and matrix products for one example. A share of the "
        "channels is not the same share of parameters or MACs: a weight between two pruned layers loses both "
        "its input and its output side."
    )
    return [table, note, *([_steps_table(report)] if len(report.steps) > 1 else [])]


def _steps_table(report: Outcome) -> Table:
    def maybe(value: float | None) -> str:
        return "" if value is None else share(value)

    rows = [
        (str(step.step), share(step.asked), share(step.channels), share(step.parameters), share(step.macs),
         maybe(step.accuracy), maybe(step.repaired))
        for step in report.steps
    ]  # fmt: skip
    head = ("step", "asked", "channels gone", "parameters gone", "MACs gone", "accuracy", "after repair")
    return Table(head, tuple(rows), words=0, caption="Step by step, shares of the original")


def _accuracy(report: Outcome) -> list[Block]:
    first = next(iter(report.accuracy.values()))
    rows = [
        (name, share(value), "" if name == next(iter(report.accuracy)) else signed(value - first))
        for name, value in report.accuracy.items()
    ]
    table = Table(("stage", "accuracy", "points from the original"), tuple(rows))
    alt = "Accuracy by stage: " + ", ".join(
        f"{name} {share(value)}" for name, value in report.accuracy.items()
    )
    labels = [(f"{name} {share(value)}", value) for name, value in list(report.accuracy.items())[1:]]
    draw = partial(charts.accuracy_by_macs, series={"": trajectory(report)}, labels=labels)
    return [table, Chart(draw, f"Accuracy against the share of the MACs left. {alt}", 2.8)]


def trajectory(report: Outcome) -> list[tuple[float, float]]:
    """(share of the MACs left, accuracy) from the original over every cut and repair to the last stage."""
    stages = list(report.accuracy.values())
    points = [(1.0, stages[0])]
    for step in report.steps:
        points += [(1 - step.macs, each) for each in (step.accuracy, step.repaired) if each is not None]
    left = report.after.macs / report.before.macs
    return points + [(left, each) for each in stages[1:] if (left, each) not in points]


def _widths(report: Outcome) -> list[Block]:
    layers = [
        (old.name, old.channels_out, new.channels_out)
        for old, new in zip(report.before.layers, report.after.layers, strict=True)
        if old.channels_out and old.macs
    ]
    blocks: list[Block] = []
    size = -(-len(layers) // max(1, -(-len(layers) // PER_CHART)))  # as even as such charts can be
    for start in range(0, len(layers), max(1, size)):
        part = layers[start : start + size]
        gone = "; ".join(f"{name} {after} of {before}" for name, before, after in part)
        blocks.append(
            Chart(
                partial(charts.widths, layers=part),
                f"Output channels that stay: {gone}",
                charts.widths_height(len(part)),
            )  # fmt: skip
        )
    return blocks


def _skipped(report: Outcome) -> list[Block]:
    rows = [(name, reason) for name, reason in report.skipped.items()]
    rows += [(group.name, str(problem)) for group in report.groups for problem in group.problems]
    if not rows:
        return [
            Paragraph("None: every group was free to shrink, and its scores put its channels in an order.")
        ]
    return [Table(("group", "what happened"), tuple(rows), words=2)]
