"""The palette and the Matplotlib style; every colour of the course is named here and nowhere else.

The four signal colours stay apart under deuteranopia, protanopia and tritanopia (tested), in light and in
dark, and each has at least 4.5:1 contrast with the paper. A drawing still never speaks by colour alone.
"""

# What Matplotlib uses, and what a light page shows. `*-soft` fills lie under `ink`.
PALETTE = {
    "ink": "#1d2530",
    "muted": "#586474",
    "line": "#c3cbd6",
    "paper": "#ffffff",
    "surface": "#f2f4f8",
    "accent": "#1a6bd0",
    "accent-soft": "#d9e8fc",
    "second": "#a34d00",
    "second-soft": "#fde5cb",
    "good": "#0b5a44",
    "good-soft": "#cfeee2",
    "bad": "#d4246f",
    "bad-soft": "#fcdce9",
}

DARK = {
    "ink": "#e4e9f0",
    "muted": "#a4afbd",
    "line": "#455161",
    "paper": "#14181e",
    "surface": "#212831",
    "accent": "#76a5f8",
    "accent-soft": "#1c3a68",
    "second": "#ffb75e",
    "second-soft": "#59380f",
    "good": "#5ae6c8",
    "good-soft": "#0f4a3d",
    "bad": "#f7628f",
    "bad-soft": "#621f3b",
}

# From "little" to "much" in seven steps; the dark one ends bright, so that "much" always stands out.
RAMP = ("#eaf2fd", "#cbdff8", "#a3c6f1", "#78abe8", "#5293de", "#1f62b4", "#0e4283")
DARK_RAMP = ("#1a2637", "#1d365a", "#234b82", "#2f65ac", "#4b86d2", "#7caeee", "#b8d6ff")

# Lines that follow each other in one plot; the dash repeats the distinction for readers without the colour.
CYCLE = ("accent", "second", "good", "bad", "muted")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace'


def roles(dark: bool = False) -> dict[str, str]:
    """Colours by the names that drawings use: the palette, `ramp0`…`ramp6`, the text `on0`…`on6` over it."""
    palette, ramp = (DARK, DARK_RAMP) if dark else (PALETTE, RAMP)
    named = dict(palette)
    for step, colour in enumerate(ramp):
        named[f"ramp{step}"] = colour
        named[f"on{step}"] = max((palette["ink"], palette["paper"]), key=lambda text: contrast(text, colour))
    return named


def contrast(first: str, second: str) -> float:
    """The WCAG contrast ratio of two `#rrggbb` colours, from 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def theme_css() -> str:
    """The colours as custom properties of `.ecr`: light, and dark wherever the page around says dark.

    The hosts, in turn: the book, JupyterLab, VS Code, Colab; a page that is none of them follows the system.
    Paper is light, so dark applies to screens only.
    """
    dark = _properties(roles(dark=True))
    hosts = (
        'html[data-theme="dark"] .ecr',
        'body[data-jp-theme-light="false"] .ecr',
        'body[data-vscode-theme-kind*="dark"] .ecr',
        "html[theme=dark] .ecr",
    )
    # Sphinx writes data-content_root: without its script such a page is light, whatever the system prefers.
    plain = (
        "html:not([data-theme],[data-content_root],[theme]) "
        "body:not([data-jp-theme-light],[data-vscode-theme-kind]) .ecr"
    )
    return (
        f".ecr{{{_properties(roles())};--sans:{SANS};--mono:{MONO}}}\n"
        f"@media screen{{{','.join(hosts)}{{{dark}}}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{{plain}{{{dark}}}}}"
    )


def _properties(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())


# A figure 4.8 inches wide is shown at 528 px on a laptop and at about 345 px on a phone.
# That makes 10 pt 15 px on the one and 10 px on the other.
WIDTH = 4.8
DOTS_PER_INCH = 220
SHOWN_PER_INCH = 110


def use_style() -> None:
    """Set Matplotlib up for the course: opaque light figures, legible on a phone, always the same bytes."""
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.colors import LinearSegmentedColormap

    if "lessons" not in mpl.colormaps:
        mpl.colormaps.register(LinearSegmentedColormap.from_list("lessons", RAMP))
    ink, muted, line = PALETTE["ink"], PALETTE["muted"], PALETTE["line"]
    mpl.rcParams.update(mpl.rcParamsDefault | {"backend": mpl.rcParams["backend"]})
    mpl.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.0),
            "figure.dpi": SHOWN_PER_INCH,
            "savefig.dpi": DOTS_PER_INCH,
            "figure.facecolor": PALETTE["paper"],
            "savefig.facecolor": PALETTE["paper"],
            "figure.constrained_layout.use": True,
            "font.family": ["DejaVu Sans"],
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.titlepad": 9,
            "axes.labelsize": 10,
            "xtick.labelsize": 9.5,
            "ytick.labelsize": 9.5,
            "legend.fontsize": 9.5,
            "legend.frameon": False,
            "legend.handlelength": 2.4,
            "text.color": ink,
            "axes.labelcolor": ink,
            "axes.titlecolor": ink,
            "axes.edgecolor": muted,
            "axes.linewidth": 0.9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "grid.color": line,
            "grid.linewidth": 0.6,
            "grid.alpha": 0.8,
            "xtick.color": muted,
            "ytick.color": muted,
            "xtick.labelcolor": ink,
            "ytick.labelcolor": ink,
            "lines.linewidth": 2.2,
            "lines.markersize": 5.5,
            "patch.linewidth": 0,
            "axes.prop_cycle": cycler(color=[PALETTE[role] for role in CYCLE]) + cycler(linestyle=DASHES),
            "image.cmap": "lessons",
            "svg.hashsalt": "lessons",
        }
    )
