"""Figures, drawings, players, the memory layout: bytes, limits, texts, and what each refuses."""

import io
import itertools
import json
import os
import random
import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from lesson_support import draw
from lesson_support.draw import cards, figures, player, style
from lesson_support.draw.canvas import number
from lesson_support.draw.layout import Layout
from lesson_support.draw.memory_figure import memory
from lesson_support.draw.states import States, merged
from lesson_support.errors import LessonError

matplotlib.use("agg")

ALT = "three cells of a storage, the middle one chosen"
SVG = "{http://www.w3.org/2000/svg}"


def _dots(place: int, extra: int = 0) -> draw.Scene:
    scene = draw.Scene(200, 60)
    scene.line(10, 30, 190, 30)
    for k in range(4):
        scene.circle(30 + 40 * k, 30, 9, fill="accent" if k == place else "surface")
    for k in range(extra):
        scene.rect(10 + 5 * k, 50, 4, 4)
    scene.text(100, 52, "four places")
    return scene


@pytest.fixture
def shown(monkeypatch):
    """What the calls of a test hand to the notebook: bundle and metadata, in order."""
    out = []
    for module in (figures, player, draw.strides_explorer.__globals__):
        if isinstance(module, dict):
            monkeypatch.setitem(module, "emit", lambda bundle, metadata=None: out.append((bundle, metadata)))
        else:
            monkeypatch.setattr(module, "emit", lambda bundle, metadata=None: out.append((bundle, metadata)))
    return out


@pytest.fixture
def plt():
    draw.use_style()
    import matplotlib.pyplot as pyplot

    yield pyplot
    pyplot.close("all")
    matplotlib.rcdefaults()


# --- the whole package -----------------------------------------------------------------------------------


def _python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_draw_loads_neither_torch_nor_matplotlib():
    heavy = _python(
        "import sys; from lesson_support import draw\n"
        "[getattr(draw, name) for name in draw.__all__]\n"
        "heavy = ('torch', 'matplotlib', 'numpy', 'IPython', 'ipywidgets')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert heavy == "[]\n"


def test_no_export_shares_its_modules_name():
    modules = {file.stem for file in style_folder().rglob("*.py")}
    assert not modules & set(draw.__all__)
    for name in draw.__all__:
        assert getattr(draw, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'sketch'"):
        _ = draw.sketch


def style_folder():
    from pathlib import Path

    return Path(style.__file__).parent


def test_two_processes_make_the_same_bytes():
    code = """
import hashlib, matplotlib
matplotlib.use("agg")
from lesson_support import draw
from lesson_support.draw.figures import png
from lesson_support.draw.player import player_html
from lesson_support.draw.states import States
draw.use_style()
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 3, 2], label="loss")
axes.legend()
scenes = [draw.memory(shape=(2, k), stride=(k, 1), storage=12) for k in range(1, 6)]
player = player_html(States.of(scenes, ""), {"k": list("12345")}, alt="a view of two rows that grows wider")
strides = draw.strides_html(target={"one": [0, 4], "two": [1, 2]})
for made in (png(figure)[0], player.encode(), strides.encode()):
    print(hashlib.sha256(made).hexdigest())
"""
    first, second = (_python(code, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first == second and len(set(first.split())) == 3


# --- colours ---------------------------------------------------------------------------------------------

# Machado et al. 2009, complete deficiencies, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def _lab(colour: str, deficiency) -> np.ndarray:
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(deficiency) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.0888], 1e-6))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_signal_colours_stay_apart(dark, deficiency):
    roles = style.roles(dark)
    seen = {role: _lab(roles[role], DEFICIENCIES[deficiency]) for role in ("accent", "second", "good", "bad")}
    distance = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in itertools.combinations(seen, 2)}
    assert min(distance.values()) > 15, distance


@pytest.mark.parametrize("dark", [False, True])
def test_texts_have_contrast(dark):
    roles = style.roles(dark)
    pairs = [(role, "paper") for role in ("ink", "muted", "accent", "second", "good", "bad")]
    pairs += [("ink", f"{role}-soft") for role in ("accent", "second", "good", "bad")]
    pairs += [("ink", "surface"), ("muted", "surface"), ("paper", "accent")]
    pairs += [(f"on{step}", f"ramp{step}") for step in range(7)]
    weak = {pair: style.contrast(*(roles[role] for role in pair)) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}
    assert style.contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("dark", [False, True])
def test_the_ramp_runs_one_way(dark):
    roles = style.roles(dark)
    against = [style.contrast(roles[f"ramp{step}"], roles["paper"]) for step in range(7)]
    assert against == sorted(against)


# --- PNG figures -----------------------------------------------------------------------------------------


def test_a_figure_is_one_small_png_with_its_text(plt, shown):
    figure, axes = plt.subplots()
    axes.plot(range(5))
    assert draw.show(figure, alt=f"  {ALT}\n ") is None
    ((bundle, metadata),) = shown
    assert set(bundle) == {"image/png", "text/plain"}
    assert bundle["text/plain"] == ALT == metadata["image/png"]["alt"]
    image = Image.open(io.BytesIO(bundle["image/png"]))
    assert image.format == "PNG" and image.mode in ("RGB", "P") and image.info.keys() <= {"dpi"}
    assert metadata["image/png"]["width"] == pytest.approx(image.width / 2, abs=1)
    assert plt.get_fignums() == []


def test_a_figure_that_stays_large_is_refused(plt, shown):
    figure, axes = plt.subplots()
    axes.imshow(np.random.default_rng(0).random((300, 300, 3)))
    with pytest.raises(LessonError, match=r"takes \d+ KB as PNG; expected at most 60 KB"):
        draw.show(figure, alt=ALT)
    assert shown == []


def test_colours_are_reduced_before_a_figure_is_refused(plt):
    figure, axes = plt.subplots()
    axes.scatter(*np.random.default_rng(0).normal(size=(2, 3000)), s=6, alpha=0.4)
    made, _ = figures.png(figure)
    assert len(made) <= figures.LIMIT
    assert Image.open(io.BytesIO(made)).mode == "P"


def test_the_style_starts_from_the_defaults_each_time(plt):
    matplotlib.rcParams["axes.titlesize"] = 40
    matplotlib.rcParams["lines.marker"] = "x"
    draw.use_style()
    assert (matplotlib.rcParams["axes.titlesize"], matplotlib.rcParams["lines.marker"]) == (10.5, "None")
    assert matplotlib.rcParams["image.cmap"] == "lessons"


@pytest.mark.parametrize("alt", ["", "a plot", "loss-against-step-for-five", None, "x " * 4])
def test_a_drawing_without_words_is_refused(plt, shown, alt):
    figure, _ = plt.subplots()
    for call in (
        lambda: draw.show(figure, alt=alt),
        lambda: draw.show(_dots(0), alt=alt),
        lambda: draw.explore(_dots, place=range(2), alt=alt),
        lambda: draw.animate([_dots(0)], alt=alt),
    ):
        with pytest.raises(LessonError, match="expected a phrase of 20 characters"):
            call()
    assert shown == []


def test_show_takes_figures_and_scenes_only(plt, shown):
    with pytest.raises(LessonError, match="got list; expected a Matplotlib figure or a Scene"):
        draw.show([1], alt=ALT)
    figure, _ = plt.subplots()
    with pytest.raises(LessonError, match="caption for a Matplotlib figure"):
        draw.show(figure, alt=ALT, caption="A caption.")
    draw.show(_dots(1), alt=ALT, caption="Cells & more.")
    bundle, _ = shown[0]
    assert "Cells &amp; more." in bundle["text/html"] and bundle["text/plain"] == ALT


# --- SVG -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.5, "1.5"), (-0.001, "0"), (100, "100"), (1 / 3, "0.33"), (12345.678, "12345.68")],
)
def test_coordinates_are_short(value, text):
    assert number(value) == text


def test_every_shape_is_well_formed_and_says_what_it_shows():
    scene = draw.Scene(300, 200)
    scene.rect(0, 0, 10, 10, fill=None, stroke="bad", dash=3)
    scene.circle(5, 5, 2)
    scene.line(0, 0, 5, 5)
    scene.path((0, 0), (1, 1), (2, 0), fill="good", closed=True)
    scene.arrow(0, 0, 50, 0, bend=10)
    scene.arrow(0, 0, 0, 50)
    scene.text(10, 10, 'a < b & "c"', anchor="start", bold=True, mono=True)
    for tone in (None, "quiet", "accent", "second", "good", "bad", 0, 6):
        scene.cell(0, 0, 20, 20, tone, tone=tone)
    with scene.group(5, 5, faded=True):
        scene.text(0, 0, "inside")
    scene.place(_dots(2), 10, 100)
    root = ElementTree.fromstring(scene.svg('says "this" & <that>'))
    assert root.get("aria-label") == 'says "this" & <that>' and root.get("role") == "img"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert 'a < b & "c"' in texts and "inside" in texts and "four places" in texts
    assert len(root.findall(f"{SVG}g")) == 2
    used = " ".join(element.get("class", "") for element in root.iter()).split()
    assert {name[2:] for name in used if name[1:2] == "-"} <= set(style.roles())


def test_an_arrow_bends_to_its_left():
    scene = draw.Scene(100, 100)
    scene.arrow(0, 50, 100, 50, bend=20)
    control = [float(part) for part in re.search(r"Q([\d.]+) ([\d.]+)", scene.shapes[0]).groups()]
    assert control == [50, 10], "twice the bend, upwards for an arrow to the right"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.rect(0, 0, 1, 1, fill="blue"), "colour 'blue'; expected a role"),
        (lambda s: s.cell(0, 0, 1, 1, tone=7), "tone 7; expected"),
        (lambda s: s.cell(0, 0, 1, 1, tone="loud"), "tone 'loud'; expected"),
        (lambda s: s.text(0, 0, "x", anchor="left"), "anchor 'left'; expected"),
        (lambda s: s.line(0, float("nan"), 1, 1), "coordinate nan; expected a finite"),
        (lambda s: s.arrow(1, 1, 1, 1), "same point"),
        (lambda s: s.path((0, 0)), "1 points; expected two or more"),
        (lambda s: draw.Scene(0, 10), "width 0"),
    ],
)
def test_a_mistake_in_a_drawing_is_named(call, words):
    with pytest.raises(LessonError, match=re.escape(words)):
        call(draw.Scene(10, 10))


# --- players ---------------------------------------------------------------------------------------------


def _states_of(svg: str) -> dict[int, list[str]]:
    """What each state shows: the shapes outside groups and those of its own groups, in order."""
    root = ElementTree.fromstring(svg)
    groups = [set(map(int, g.get("data-state").split())) for g in root.iter(f"{SVG}g") if g.get("data-state")]
    shown = {}
    for state in sorted(set().union(*groups)):
        shown[state] = [
            ElementTree.tostring(shape, encoding="unicode")
            for child in root
            for shape in (child if child.get("data-state") else [child])
            if not child.get("data-state") or str(state) in child.get("data-state").split()
        ]
    return shown


@pytest.mark.parametrize(
    "scenes",
    [[_dots(k) for k in range(4)], [_dots(k % 2, extra=k) for k in range(5)], [_dots(0), _dots(0), _dots(1)]],
)
def test_merged_states_show_exactly_their_own_scene(scenes):
    svg = merged(States.of(scenes, None), ALT, rest=1)
    for state, shapes in _states_of(svg).items():
        alone = ElementTree.fromstring(scenes[state].svg(ALT))
        assert shapes == [ElementTree.tostring(shape, encoding="unicode") for shape in alone], state
    hidden = [g.get("display") for g in ElementTree.fromstring(svg) if g.get("data-state")]
    states = [g.get("data-state").split() for g in ElementTree.fromstring(svg) if g.get("data-state")]
    assert hidden == [None if "1" in shown else "none" for shown in states]


def test_shapes_that_states_share_are_written_once():
    svg = merged(States.of([_dots(k) for k in range(4)], None), ALT, rest=0)
    assert svg.count("four places") == 1
    assert svg.count("<circle") == 8, "each of four dots once chosen and once not"


def test_explore_hands_over_one_player(shown):
    draw.explore(lambda k: (_dots(k), f"at {k}"), k=range(3), alt=ALT)
    ((bundle, _),) = shown
    assert set(bundle) == {"text/html", "text/plain"} and bundle["text/plain"] == ALT
    html = bundle["text/html"]
    assert re.findall(r"<p( data-on)?>(at \d)</p>", html) == [
        (" data-on", "at 0"),
        ("", "at 1"),
        ("", "at 2"),
    ]
    assert 'data-rest="0"' in html and 'max="2"' in html


def test_animate_rests_on_its_last_frame(shown):
    draw.animate((_dots(k) for k in range(3)), alt=ALT, caption="Dots.", pace=0.5)
    html = shown[0][0]["text/html"]
    assert 'data-rest="2"' in html and 'data-pace="500"' in html and html.count("Dots.") == 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: draw.explore(_dots, alt=ALT), "got the axes none; expected one or two"),
        (lambda: draw.explore(_dots, place=[], alt=ALT), "place (0 values)"),
        (lambda: draw.explore(_dots, a=[1], b=[1], c=[1], alt=ALT), "expected one or two"),
        (lambda: draw.explore(lambda k: "no scene", k=[0], alt=ALT), "state 0 is str; expected a Scene"),
        (lambda: draw.animate([], alt=ALT), "got no states"),
        (lambda: draw.animate([_dots(0)], alt=ALT, pace=0), "pace 0; expected seconds"),
    ],
)
def test_a_player_without_states_is_refused(shown, call, words):
    with pytest.raises(LessonError, match=re.escape(words)):
        call()
    assert shown == []


def test_a_player_over_its_limit_is_refused(shown):
    def crowd(k):
        scene = draw.Scene(300, 300)
        for place in range(400):
            scene.cell(place % 20, place // 20 + k, 9, 9, place + k)
        return scene

    with pytest.raises(LessonError, match=r"player takes \d+ KB; expected at most 150 KB"):
        draw.explore(crowd, k=range(8), alt=ALT)
    assert shown == []


# --- what a card may contain -----------------------------------------------------------------------------


class _Card(HTMLParser):
    """Collects tags with their attributes, and the open tags at the end."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag != "input":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _cards() -> dict[str, str]:
    values = {"k": [str(k) for k in range(3)]}
    return {
        "drawing": figures.scene_html(_dots(0), alt=ALT, caption="Dots."),
        "player": player.player_html(States.of([_dots(k) for k in range(3)], None), values, alt=ALT),
        "strides": draw.strides_html(target={"a": [[0, 4], [1, 5]]}),
    }


@pytest.mark.parametrize("kind", ["drawing", "player", "strides"])
def test_a_card_is_self_contained(kind):
    html = _cards()[kind]
    card = _Card(html)
    assert card.open == [] and card.tags[0][1][f"data-ecr-{kind}"]
    assert "\n\n" not in html, "a blank line would end raw HTML inside Markdown"
    assert not any("id" in attributes for _, attributes in card.tags), (
        "ids clash when a page shows a card twice"
    )
    assert not {"link", "img", "iframe", "object", "base"} & {tag for tag, _ in card.tags}
    assert not any({"src", "href", "onclick"} & attributes.keys() for _, attributes in card.tags)
    foreign = html.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//\w+\.|@import|url\(|fetch\(|XMLHttp|import\(|eval\(", foreign)


@pytest.mark.parametrize("kind", ["drawing", "player", "strides"])
def test_the_svg_of_a_card_is_well_formed(kind):
    for svg in re.findall(r"<svg.*?</svg>", _cards()[kind], flags=re.S):
        ElementTree.fromstring(svg)


def test_a_cards_name_follows_from_its_content():
    name = re.compile(r'data-ecr-drawing="(\w+)"')
    first, again, other = (name.search(figures.scene_html(_dots(k), alt=ALT)).group(1) for k in (0, 0, 1))
    assert first == again != other


def test_scripts_lose_comments_and_nothing_else():
    short = cards.asset("player.js")
    assert "//" not in short and "\n\n" not in short and short.endswith("})();")
    whole = (style_folder() / "player.js").read_text(encoding="utf-8")
    kept = [line.strip() for line in whole.splitlines() if line.strip() and not line.strip().startswith("//")]
    assert short.splitlines() == kept
    assert (style_folder() / "explorers/strides.js").stat().st_size <= 15_000


# --- the memory layout -----------------------------------------------------------------------------------


def _random_views(count: int):
    choose = random.Random(4)
    while count:
        dims = choose.randint(0, 3)
        shape = tuple(choose.randint(0, 4) for _ in range(dims))
        stride = tuple(choose.randint(0, 5) for _ in range(dims))
        offset = choose.randint(0, 3)
        storage = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) + 1
        if storage > 0:
            count -= 1
            yield shape, stride, offset, storage + choose.randint(0, 2)


def test_the_layout_addresses_what_torch_reads():
    for shape, stride, offset, storage in _random_views(200):
        cells = torch.arange(storage)
        view = torch.as_strided(cells, shape, stride, offset)
        assert Layout(shape, stride, offset, storage).addresses() == view.flatten().tolist()
        if view.numel() and view.max():
            with pytest.raises(LessonError, match="expected cells within"):
                Layout(shape, stride, offset, int(view.max()))


def _figure(scene: draw.Scene) -> ElementTree.Element:
    return ElementTree.fromstring(scene.svg(ALT))


def _cells(root: ElementTree.Element) -> tuple[set[int], list[int]]:
    """The storage cells drawn as meant, and the addresses in the grid below."""
    rects = list(root.iter(f"{SVG}rect"))
    title = next(float(t.get("y")) for t in root.iter(f"{SVG}text") if t.text.startswith("view["))
    meant, grid = set(), []
    for rect in rects:
        x, y, w, h = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        inside = [
            t.text
            for t in root.iter(f"{SVG}text")
            if x < float(t.get("x")) < x + w and y < float(t.get("y")) < y + h and t.text.isdecimal()
        ]
        assert len(inside) == 1, f"a cell shows {inside}"
        if y > title:
            grid.append(int(inside[0]))
        elif "f-ramp" in rect.get("class"):
            meant.add(int(inside[0]))
    return meant, grid


def test_the_figure_marks_the_cells_that_torch_reads():
    for shape, stride, offset, storage in _random_views(60):
        view = torch.as_strided(torch.arange(storage), shape, stride, offset)
        meant, grid = _cells(_figure(memory(shape=shape, stride=stride, offset=offset, storage=storage)))
        addresses = view.flatten().tolist()
        assert meant == set(addresses)
        if len(shape) < 3 or shape[0] <= 4:
            assert sorted(grid) == sorted(addresses), (shape, stride)


def test_tensors_and_arrays_tell_their_own_layout():
    x = torch.arange(24.0).view(4, 6)
    a = np.arange(24, dtype=np.int16).reshape(4, 6)
    for view, array in [(x, a), (x.T, a.T), (x[1:, ::2], a[1:, ::2]), (x[2, 3], a[2:3, 3:4].reshape(()))]:
        assert _figure(memory(view)).attrib == _figure(memory(array)).attrib
        assert memory(view).shapes == memory(array).shapes
    backwards = _figure(memory(a[0, ::-1]))
    assert "address = 5 − 1·i" in [text.text for text in backwards.iter(f"{SVG}text")]
    assert memory(torch.arange(3)).shapes == memory(shape=(3,), stride=(1,), storage=3).shapes


def test_a_repeated_cell_says_how_often():
    texts = [text.text for text in _figure(memory(torch.arange(2).expand(3, 2))).iter(f"{SVG}text")]
    assert texts.count("×3") == 2 and "2 of 2 cells read" in texts


@pytest.mark.parametrize("view", [torch.arange(12).view(3, 4).T, torch.arange(24).view(2, 3, 4)[:, 1:]])
def test_a_cell_has_the_shade_of_its_row(view):
    scene = memory(view)
    shade = re.compile(r'class="f-ramp(\d)')
    address = re.compile(r">(\d+)</text>")
    shades: dict[int, list[str]] = {}
    for box, text in itertools.pairwise(scene.shapes):
        if box.startswith("<rect") and shade.search(box):
            shades.setdefault(int(address.search(text).group(1)), []).append(shade.search(box).group(1))
    rows = [{tuple(shades[cell]) for cell in row} for row in view.reshape(-1, view.shape[-1]).tolist()]
    assert all(len(row) == 1 for row in rows), "one shade for all of a row"
    assert all(above == below for ((above, below),) in rows), "the same in storage and grid"
    assert len({shades for ((shades, _),) in rows}) == len(rows), "another one for every row"


def test_a_shortened_storage_still_shows_where_the_view_is():
    w = torch.empty(10_000_000)
    texts = [text.text for text in _figure(memory(w[5_000_000:5_000_004])).iter(f"{SVG}text")]
    assert {"0", "5000000", "5000003", "9999999"} <= set(texts)
    assert not any("of them read" in text for text in texts)
    texts = [text.text for text in _figure(memory(w[:5_000_000:1_000])).iter(f"{SVG}text")]
    hidden = [int(n.replace(",", "")) for text in texts for n in re.findall(r", ([\d,]+) of them read", text)]
    assert sum(hidden) == 5_000 - 6


def test_a_huge_storage_is_shortened_and_fits_a_phone():
    w = torch.empty(10_000_000)[:10]
    scene = memory(w)
    texts = [text.text for text in _figure(scene).iter(f"{SVG}text")]
    assert "10 of 10,000,000 cells read" in texts and any("more cells" in text for text in texts)
    drawn = sum(text.isdecimal() for text in texts)
    assert drawn < 100 and len(scene.svg(ALT)) < 15_000
    assert scene.width <= 340
    xs = [float(r.get("x")) + float(r.get("width")) for r in _figure(scene).iter(f"{SVG}rect")]
    assert max(xs) <= scene.width


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "expected one, or all of shape="),
        ({"shape": (2,), "stride": (1,)}, "expected one, or all of shape="),
        ({"shape": (2, 3), "stride": (1,), "storage": 9}, "as many strides as dimensions"),
        (
            {"shape": (2, 3), "stride": (3, 1), "storage": 5},
            "means cells 0 to 5; expected cells within 0 to 4",
        ),
        ({"shape": (3,), "stride": (-1,), "offset": 1, "storage": 5}, "means cells -1 to 1"),
        ({"shape": (-1,), "stride": (1,), "storage": 5}, "expected sizes of 0 or more"),
        ({"of": torch.zeros((1,) * 9)}, "9 dimensions; expected at most 8"),
        ({"of": [1, 2]}, "got list; expected a tensor"),
        ({"of": torch.zeros(200, 200)}, "40,000 elements; expected at most 10,000"),
        ({"of": np.zeros(4, dtype=[("a", "i1"), ("b", "i4")])["b"]}, "bytes apart"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(LessonError, match=re.escape(words)):
        memory(**arguments)


# --- the strides explorer, Python's side -----------------------------------------------------------------


def _config(html: str) -> dict:
    return json.loads(next(a["data-config"] for _, a in _Card(html).tags if "data-config" in a))


def test_the_examples_lie_within_the_storage():
    for storage, shape, stride, offset in [
        (12, (3, 4), (4, 1), 0),
        (7, (2, 3), (3, 1), 1),
        (3, (3,), (1,), 0),
    ]:
        presets = _config(draw.strides_html(storage, shape, stride, offset))["presets"]
        assert presets[0] == {
            "label": "start",
            "shape": list(shape),
            "stride": list(stride),
            "offset": offset,
        }
        for preset in presets:
            torch.as_strided(torch.arange(storage), preset["shape"], preset["stride"], preset["offset"])


def test_targets_of_any_view_are_accepted():
    for shape, stride, offset, storage in _random_views(100):
        view = torch.as_strided(torch.arange(storage), shape, stride, offset)
        if view.numel():
            (target,) = _config(
                draw.strides_html(storage, (1,), (1,), 0, view.tolist() if shape else [int(view)])
            )["targets"]
            assert target["cells"] == view.flatten().tolist()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([[0, 1], [2]], "rows of unequal length"),
        ([0, 1, 3], "no strided view"),
        ([3, 2, 1], "no strided view"),
        ([0, "a"], "something else than cells"),
        ({"good": [0, 1], "far": [10, 20]}, "expected cells within 0 to 11"),
        ({"empty": []}, "something else than cells"),
    ],
)
def test_a_target_that_no_view_shows_is_refused(target, words):
    with pytest.raises(LessonError, match=re.escape(words)):
        draw.strides_html(target=target)


def test_the_explorer_is_handed_over_with_its_words(shown):
    draw.strides_explorer()
    ((bundle, _),) = shown
    assert bundle["text/html"] == draw.strides_html()
    assert bundle["text/plain"].startswith("Strides explorer: a storage of 12 cells seen with shape (3, 4)")
    with pytest.raises(LessonError, match="storage of 97 cells; expected 1 to 96"):
        draw.strides_explorer(97)


# --- in a notebook and outside ---------------------------------------------------------------------------


def test_outside_a_notebook_the_words_are_printed():
    said = _python(
        "from lesson_support import draw\n"
        "draw.show(draw.memory(shape=(2,), stride=(1,), storage=2), alt='two cells, both of them read')"
    )
    assert said == "two cells, both of them read\n"


def test_a_kernel_gets_a_widget_beside_the_player(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv("LESSONS_STATIC", raising=False)
    frames = "[draw.memory(shape=(k,), stride=(1,), storage=3) for k in (1, 2)]"
    play = f"draw.animate({frames}, alt='a view that grows by steps')"
    explore = (
        "draw.explore(lambda i, j: draw.memory(shape=(i, j), stride=(2, 1), storage=9), i=[1, 2], j=[1, 2], "
        "alt='a view that grows in two ways')"
    )
    cells = [
        f"from lesson_support import draw\n{play}",
        explore,
        "import os; os.environ['LESSONS_STATIC'] = '1'\n" + play,
        "import sys; del os.environ['LESSONS_STATIC']; sys.modules['ipywidgets'] = None\n" + play,
        "import matplotlib.pyplot as plt\ndraw.use_style()\nfigure, axes = plt.subplots()\n"
        "draw.show(figure, alt='two axes and nothing in between')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert [len(out) for out in outputs] == [1] * 5, "one output each, and no figure twice"
    widget = "application/vnd.jupyter.widget-view+json"
    kinds = [set(out[0].data) for out in outputs]
    assert kinds[0] == kinds[1] == {widget, "text/html", "text/plain"}
    assert kinds[2] == kinds[3] == {"text/html", "text/plain"}
    assert outputs[0][0].data["text/html"] == outputs[2][0].data["text/html"]
    assert kinds[4] == {"image/png", "text/plain"}
    assert outputs[4][0].metadata["image/png"]["alt"] == outputs[4][0].data["text/plain"]


def test_the_widget_draws_the_state_its_sliders_say():
    from lesson_support.draw.widget import widget_view

    ipywidgets = pytest.importorskip("ipywidgets")
    states = States.of([(_dots(k % 4), f"state {k}") for k in range(6)], None)
    view = widget_view(states, {"i": ["a", "b"], "j": ["x", "y", "z"]}, alt=ALT, pace=1)
    model = view["application/vnd.jupyter.widget-view+json"]["model_id"]
    from ipywidgets.widgets.widget import _instances

    box = _instances[model]
    sliders, stage = box.children[0].children, box.children[1]
    assert "state 0" in stage.value
    sliders[0].value, sliders[1].value = 1, 2
    assert "state 5" in stage.value and _dots(1).svg(ALT) in stage.value
    ipywidgets.Widget.close_all()
