"""Show a figure: Matplotlib's as one small PNG, a Scene as inline SVG, each with a text that replaces it."""

import io
from typing import TYPE_CHECKING

from lesson_support.draw.canvas import Scene
from lesson_support.draw.cards import card, described
from lesson_support.draw.output import emit
from lesson_support.draw.style import SHOWN_PER_INCH
from lesson_support.errors import LessonError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMIT = 60_000


def show(figure: "Figure | Scene", *, alt: str, caption: str | None = None) -> None:
    """Display `figure` and close it; `alt` says in words what a reader is meant to see in it.

    A PNG that stays above 60 KB after reducing its colours is refused. `caption` goes with a Scene; a PNG's
    caption is the text around it.
    """
    alt = described(alt)
    if isinstance(figure, Scene):
        emit({"text/html": scene_html(figure, alt=alt, caption=caption), "text/plain": alt})
        return
    if not hasattr(figure, "savefig"):
        raise LessonError(f"show() got {type(figure).__name__}; expected a Matplotlib figure or a Scene")
    if caption is not None:
        raise LessonError(
            "show() got a caption for a Matplotlib figure; expected it in the text around the figure"
        )
    import matplotlib.pyplot as plt

    image, width = png(figure)
    plt.close(figure)
    # The width keeps a dense image at its designed size on a laptop; a phone shrinks it to its column.
    emit({"image/png": image, "text/plain": alt}, {"image/png": {"alt": alt, "width": width}})


def scene_html(scene: Scene, *, alt: str, caption: str | None = None) -> str:
    """The card that shows one Scene, for an output or a page of the book."""
    from html import escape

    said = f'<p class="ecr-caption">{escape(caption)}</p>' if caption else ""
    return card(f'<div class="ecr-stage">{scene.svg(described(alt))}</div>{said}', kind="drawing")


def png(figure: "Figure") -> tuple[bytes, int]:
    """The figure's bytes, the same at every run, and the width in CSS pixels at which to show them."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.08)
    # Written anew it carries no version, which would change the bytes of an unchanged figure.
    image = Image.open(buffer).convert("RGB")
    shown = round(image.width * SHOWN_PER_INCH / _density(figure))
    smallest = _packed(image)
    for colours in (256, 128, 64):
        if len(smallest) <= LIMIT:
            break
        smallest = min(smallest, _packed(image.quantize(colours, dither=Image.Dither.NONE)), key=len)
    if len(smallest) > LIMIT:
        raise LessonError(
            f"the figure takes {len(smallest) / 1000:.0f} KB as PNG; expected at most {LIMIT // 1000} KB: "
            "draw fewer points, rasterise less, or split it"
        )
    return smallest, shown


def _packed(image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _density(figure: "Figure") -> float:
    import matplotlib as mpl

    chosen = mpl.rcParams["savefig.dpi"]
    return figure.dpi if chosen == "figure" else float(chosen)
