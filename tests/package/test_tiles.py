"""The tiles explorer, Python's side: what it refuses, what it hands over, what paper keeps."""

import json
import re
from xml.etree import ElementTree

import pytest

from lesson_support import draw
from lesson_support.draw.cards import LIMIT
from lesson_support.draw.explorers import tiles
from lesson_support.errors import LessonError
from lesson_support.tensors.cache import ijp, ipj, matmul_loads
from tests.package.test_draw import _Card, style_folder

SVG = "{http://www.w3.org/2000/svg}"


def picture(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(re.search(r"<svg.*?</svg>", html, flags=re.S)[0])


def test_a_card_carries_all_it_needs_and_nothing_else():
    html = draw.tiles_html()
    card = _Card(html)
    assert card.open == [] and card.tags[0][1]["data-ecr-tiles"]
    assert card.tags[0][1]["aria-label"] == "Tiles explorer"
    assert "\n\n" not in html and len(html.encode()) < LIMIT / 3
    assert not any({"id", "src", "href", "onclick"} & attributes.keys() for _, attributes in card.tags)
    foreign = html.replace('xmlns="http://www.w3.org/2000/svg"', "").replace(
        '"http://www.w3.org/2000/svg"', ""
    )
    assert not re.search(r"https?:|//\w+\.|@import|url\(|fetch\(|XMLHttp|import\(|eval\(", foreign)
    assert html == draw.tiles_html() != draw.tiles_html(lines=17)


def test_the_script_is_small():
    assert (style_folder() / "explorers/tiles.js").stat().st_size <= 15_000


def test_the_script_gets_what_was_asked_for():
    html = draw.tiles_html(12, 4, 20, "blocked", 5)
    config = json.loads(next(each["data-config"] for _, each in _Card(html).tags if "data-config" in each))
    assert config == {"n": 12, "line": 4, "lines": 20, "order": "blocked", "tile": 5}


@pytest.mark.parametrize("n, line, lines", [(16, 4, 16), (8, 4, 8), (4, 2, 3), (12, 6, 30)])
def test_without_scripts_the_lines_and_the_plain_orders_are_drawn(n, line, lines):
    drawn = picture(draw.tiles_html(n, line, lines))
    assert len(list(drawn.iter(f"{SVG}rect"))) == 3 * n * n // line
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    for name, order in (("i-j-p", ijp), ("i-p-j", ipj)):
        total = matmul_loads(order(n, n, n), n, n, n, lines=lines, line=line).total
        assert f"{name}: {total:,} loads" in texts
        assert f"{name} loads {total:,} lines" in drawn.get("aria-label")


@pytest.mark.parametrize("n", [4, 8, 16])
def test_the_drawing_keeps_its_texts_inside(n):
    scene = tiles._still(n, 4, 12)
    assert 300 <= scene.width <= 360
    for text in ElementTree.fromstring(scene.svg("matrices in their cache lines")).iter(f"{SVG}text"):
        size = float(text.get("font-size"))
        # A character is at most 0.65 of its size wide in the fonts of the course.
        assert float(text.get("x")) + 0.65 * size * len(text.text) <= scene.width
        assert size <= float(text.get("y")) <= scene.height


def test_the_explorer_is_handed_over_with_its_words(monkeypatch):
    out = []
    monkeypatch.setattr(tiles, "emit", lambda bundle, metadata=None: out.append(bundle))
    draw.tiles_explorer(8, lines=8)
    (bundle,) = out
    assert bundle["text/html"] == draw.tiles_html(8, lines=8)
    assert bundle["text/plain"] == (
        "Tiles explorer: c += a b with matrices of 8 × 8 in cache lines of 4 elements and a cache of 8 "
        "lines; the order i-j-p loads 552 lines, i-p-j loads 160 lines"
    )


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"n": 20}, "got n=20 and lines of 4 elements; expected n from 4 to 16"),
        ({"n": 2, "line": 2}, "got n=2"),
        ({"n": 10}, "a multiple of a line"),
        ({"line": 1}, "lines of 1 elements"),
        ({"lines": 2}, "got a cache of 2 lines; expected 3 to 192"),
        ({"n": 8, "lines": 49}, "got a cache of 49 lines; expected 3 to 48"),
        ({"order": "kij"}, "got order 'kij' and tile 2; expected ijp, ipj or blocked"),
        ({"tile": 0}, "and a tile from 1 to 16"),
        ({"tile": 17}, "tile 17"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments, words):
    with pytest.raises(LessonError, match=re.escape(words)):
        draw.tiles_html(**arguments)
