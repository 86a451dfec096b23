"""Parts of a report that one run and a comparison of several share."""

import platform
from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lesson_support.pruning.latency import Latency
from lesson_support.pruning.reports import charts
from lesson_support.pruning.reports.document import Block, Chart, Paragraph, Table

SHOWN_LAYERS = 6  # histograms in a report
PER_HISTOGRAMS = 3  # layers in one chart of histograms
_PACKAGES = ("torch", "torch-pruning", "numpy")


def share(value: float) -> str:
    return f"{100 * value:.1f}%"


def signed(value: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}"


def activity_blocks(statistics: Any) -> list[Block]:
    """Histograms of a few layers after the first: those with most silent inputs, then some of each depth."""
    names = list(statistics.names)[1:]  # the first reads the image, which has no channel to remove
    found = {name: statistics.of(name) for name in names}
    means = {name: (each.absolute / max(1, each.count)).tolist() for name, each in found.items()}
    silent = {name: sum(value <= 0 for value in values) for name, values in means.items()}
    spread = [names[place * len(names) // SHOWN_LAYERS] for place in range(SHOWN_LAYERS)] if names else []
    wanted = [*sorted((name for name in names if silent[name]), key=lambda name: -silent[name]), *spread]
    chosen = list(dict.fromkeys(wanted))[:SHOWN_LAYERS]
    shown = [name for name in names if name in chosen]
    text = (
        f"The inputs of {len(shown)} of {len(means)} layers, as the original model produced them on the "
        "calibration data. An input that is never active can go without a trace."
    )
    blocks: list[Block] = [Paragraph(text)]
    for start in range(0, len(shown), PER_HISTOGRAMS):
        part = shown[start : start + PER_HISTOGRAMS]
        alt = "; ".join(f"{name} has {len(means[name])} inputs, {silent[name]} never active" for name in part)
        draw = partial(charts.activity, layers={name: means[name] for name in part})
        blocks.append(Chart(draw, f"Histograms of mean absolute activations: {alt}", 0.5 + 1.35 * len(part)))
    return blocks


def latency_blocks(measured: Latency) -> list[Block]:
    rows = [
        (row.model, f"{row.batch:,}", f"{row.milliseconds:.3g}", f"{row.ratio:.2f}",
         "" if row.model == measured.base else f"{row.low:.2f} to {row.high:.2f}")
        for row in measured.rows
    ]  # fmt: skip
    head = ("model", "batch", "ms", f"× {measured.base}'s speed", "98% interval")
    said = "; ".join(f"{row.model} at batch {row.batch} {row.ratio:.2f} times" for row in measured.rows)
    chart = Chart(partial(charts.latency, measured=measured), f"Speed against {measured.base}: {said}", 2.6)
    return [chart, Table(head, tuple(rows), caption=f"On {measured.conditions}")]


def settings_table(settings: Mapping[str, Any]) -> Table:
    rows = tuple((name.replace("_", " "), _plain(value)) for name, value in settings.items())
    return Table(("setting", "value"), rows or (("none", ""),), words=2, caption="Settings")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def versions_table() -> Table:
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return Table(("package", "version"), tuple(found.items()), words=2, caption="Versions")
