"""The README's picture, drawn by the package as every figure is."""

from pathlib import Path

from lesson_support.draw import Scene, memory, svg_file
from lesson_support.paths import make_folder, write_whole

PICTURE = Path("book/_static/one-storage.svg")


def picture_text() -> str:
    """A tensor and its transpose over one storage, side by side."""
    rows = memory(shape=(3, 4), stride=(4, 1), storage=12)
    columns = memory(shape=(4, 3), stride=(1, 4), storage=12)
    gap = 30
    both = Scene(rows.width + gap + columns.width, max(rows.height, columns.height))
    both.place(rows)
    both.place(columns, rows.width + gap)
    return svg_file(
        both, alt="A tensor of shape 3 by 4 and its transpose over the same twelve cells of storage."
    )


def write_picture(course: Path) -> list[Path]:
    """Write the picture if it differs; the files written."""
    file = course / PICTURE
    if file.is_file() and file.read_text(encoding="utf-8") == picture_text():
        return []
    make_folder(file.parent, "the README's picture")
    write_whole(file, picture_text())
    return [file]
