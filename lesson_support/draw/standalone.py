"""A drawing as a file of its own, for places that show images and no styles of ours, such as a README."""

import re

from lesson_support.draw.canvas import Scene
from lesson_support.draw.cards import described
from lesson_support.draw.style import MONO, SANS, roles


def svg_file(scene: Scene, *, alt: str) -> str:
    """`scene` as an SVG document that carries its colours, light and, where the system asks for it, dark."""
    picture = scene.svg(described(alt))
    used = sorted(
        set(re.findall(r"\b([fs])-([a-z0-9-]+)\b", " ".join(re.findall(r'class="([^"]*)"', picture))))
    )

    def paints(dark: bool) -> str:
        colours = roles(dark)
        properties = {"f": "fill", "s": "stroke"}
        return "".join(f".{kind}-{role}{{{properties[kind]}:{colours[role]}}}" for kind, role in used)

    style = (
        f"text{{font-family:{SANS}}}.m{{font-family:{MONO}}}.b{{font-weight:600}}{paints(False)}"
        f"@media (prefers-color-scheme:dark){{{paints(True)}}}"
    )
    opening, rest = picture.split(">", 1)
    return f"{opening}><style>{style}</style>{rest}\n"
