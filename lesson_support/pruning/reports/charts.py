"""The charts of a report, drawn into a Matplotlib figure or a part of one, in the colours of the course.

A chart knows neither page nor file: HTML and PDF show the same drawing.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from lesson_support.draw.style import CYCLE, PALETTE
from lesson_support.pruning.latency import Latency

MARKERS = "osD^vPX*<>"
BAR = 0.24  # inches that one layer takes in the chart of widths
BINS = 24


def accuracy_by_macs(
    figure, series: Mapping[str, Sequence[tuple[float, float]]], labels: Sequence[tuple[str, float]] = ()
) -> None:
    """Points (share of the MACs left, accuracy), joined in the order in which they came about.

    `labels` (text, accuracy) are written beside the points furthest to the right, the smallest models.
    """
    axes = figure.subplots()
    axes.grid(axis="both")
    for (name, points), number in zip(series.items(), count(), strict=False):
        colour, marker = PALETTE[CYCLE[number % len(CYCLE)]], MARKERS[number % len(MARKERS)]
        xs, ys = zip(*((100 * macs, 100 * accuracy) for macs, accuracy in points), strict=True)
        axes.plot(xs, ys, marker=marker, color=colour, label=name, linestyle="-", linewidth=1.4)
    smallest = 100 * min((macs for points in series.values() for macs, _ in points), default=0)
    for text, old, new in _spread([(text, 100 * y) for text, y in labels], apart=9):
        axes.annotate(text, (smallest, old), xytext=(12, 60 / 104 * (new - old)), textcoords="offset points",
                      va="center", size=9, annotation_clip=False)  # fmt: skip
    axes.set_xlabel("MACs left, %")
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(0, 104)
    axes.margins(x=0.06)
    axes.invert_xaxis()
    if len(series) > 1:
        axes.legend(loc="lower left")


def _spread(labels: Sequence[tuple[str, float]], apart: float) -> list[tuple[str, float, float]]:
    """(text, its height, a height near it) with at least `apart` between two, from the top down."""
    placed, top = [], 104.0
    for text, height in sorted(labels, key=lambda each: -each[1]):
        top = min(height, top)
        placed.append((text, height, top))
        top -= apart
    return placed


def widths_height(layers: int) -> float:
    return 0.75 + BAR * max(3, layers)


def widths(figure, layers: Sequence[tuple[str, int, int]]) -> None:
    """(layer, channels before, channels after): what stayed in full, what went as an outline."""
    axes = figure.subplots()
    positions = range(len(layers))
    before, after = [b for _, b, _ in layers], [a for _, _, a in layers]
    axes.barh(positions, before, height=0.66, facecolor=PALETTE["surface"], edgecolor=PALETTE["muted"],
              linewidth=0.7, label="before")  # fmt: skip
    axes.barh(positions, after, height=0.66, color=PALETTE["accent"], label="after")
    for position, old, new in zip(positions, before, after, strict=True):
        axes.annotate(f"{new} of {old}" if new < old else f"all {old}", (old, position), xytext=(4, 0),
                      textcoords="offset points", va="center", size=8.5, color=PALETTE["muted"])  # fmt: skip
    axes.set_yticks(positions, [name for name, _, _ in layers], size=8.5)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlim(0, 1.22 * max(before, default=1))
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x")
    axes.set_xlabel("output channels: filled after, outlined before")


def activity(figure, layers: Mapping[str, Sequence[float]]) -> None:
    """For each layer, how many of its inputs are how active on average; silent ones stand apart at 0."""
    panels = figure.subplots(len(layers), 1, squeeze=False)[:, 0]
    for axes, (name, values) in zip(panels, layers.items(), strict=True):
        alive, dead = [each for each in values if each > 0], sum(each <= 0 for each in values)
        top = max(alive, default=1.0)
        if alive:
            axes.hist(alive, bins=BINS, range=(0, top), color=PALETTE["accent"])
        axes.bar([-top / BINS], [dead], width=top / BINS, color=PALETTE["bad"], hatch="///",
                 edgecolor=PALETTE["paper"])  # fmt: skip
        if dead:
            axes.annotate(f"{dead} dead", (-top / BINS, dead), xytext=(0, 3), textcoords="offset points",
                          ha="left", size=9, color=PALETTE["bad"])  # fmt: skip
            axes.margins(y=0.25)
        axes.set_title(f"into {name}: {len(values)} inputs, {dead} never active", size=9.5)
        axes.set_ylabel("inputs")
        axes.yaxis.get_major_locator().set_params(integer=True)
    panels[-1].set_xlabel("mean absolute activation over the calibration data")


def latency(figure, measured: Latency) -> None:
    """Speed against the base by batch size, with the interval of each ratio; 1 means no faster."""
    axes = figure.subplots()
    names = [each for each in dict.fromkeys(row.model for row in measured.rows) if each != measured.base]
    batches = list(dict.fromkeys(row.batch for row in measured.rows))
    for name, number in zip(names, count(), strict=False):
        rows = [measured.of(name, batch) for batch in batches]
        shift = 0.12 * (number - (len(names) - 1) / 2)
        below, above = zip(*(_beside(row.low, row.ratio, row.high) for row in rows), strict=True)
        axes.errorbar([position + shift for position in range(len(batches))], [row.ratio for row in rows],
                      yerr=[below, above], fmt=MARKERS[number % len(MARKERS)],
                      color=PALETTE[CYCLE[number % len(CYCLE)]], capsize=4, linewidth=1.6,
                      label=name)  # fmt: skip
    axes.axhline(1, color=PALETTE["muted"], linewidth=1, linestyle="--")
    axes.set_xticks(range(len(batches)), [f"{batch:,}" for batch in batches])
    axes.set_xlim(-0.5, len(batches) - 0.5)
    # An interval that a busy machine has torn open runs out of the chart; the table has its ends.
    highest, largest = max(row.high for row in measured.rows), max(row.ratio for row in measured.rows)
    axes.set_ylim(0, 1.08 * min(highest, 2 * largest))
    axes.set_xlabel("batch size")
    axes.set_ylabel(f"× {measured.base}'s speed")
    if len(names) > 1:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handlelength=1)


def _beside(low: float, middle: float, high: float) -> tuple[float, float]:
    return max(0.0, middle - low), max(0.0, high - middle)


def bars(figure, rows: Iterable[tuple[str, Mapping[str, float]]]) -> None:
    """Accuracy by method, a mark for each stage on one line: the gap between stages is what tuning hides."""
    axes = figure.subplots()
    rows = list(rows)
    named = list(dict.fromkeys(stage for _, found in rows for stage in found))
    for stage, number in zip(named, count(), strict=False):
        xs = [100 * found[stage] for _, found in rows if stage in found]
        ys = [position for position, (_, found) in enumerate(rows) if stage in found]
        axes.plot(xs, ys, linestyle="", marker=MARKERS[number], color=PALETTE[CYCLE[number % len(CYCLE)]],
                  label=stage, markersize=7)  # fmt: skip
    for position, (_, found) in enumerate(rows):
        if found:
            line = [100 * min(found.values()), 100 * max(found.values())]
            axes.plot(line, [position] * 2, color=PALETTE["line"], linewidth=1.2, linestyle="-", zorder=0)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x")
    axes.set_xlim(-2, 102)
    axes.set_xlabel("accuracy, %")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, handlelength=1, columnspacing=1.2)
